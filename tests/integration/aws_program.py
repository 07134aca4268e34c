"""A Pulumi program with every type that the attached provider serves, in editions that differ in something of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REGION = "us-east-1"
NAME = "provider-test"
DEFAULT_TAGS = {"Project": "rehearsal", "Owner": "default"}
LAMBDA_MAY = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@dataclass(frozen=True, kw_only=True)
class Edition:
    """What one edition of the program says.

    Attributes:
        name: Everything that can be changed in place has it in it somewhere.
        number: As above, where a number is asked for.
        code: The function's zip file.
        layer: The layer's folder.
        source_account: Of the permission, which can only be made anew.
        log_group: The log group's name, as above.
    """

    name: str
    number: int
    code: Path
    layer: Path
    source_account: str = "000000000000"
    log_group: str = "/provider/test"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is there before the program: a topic, a bucket, and the stand-ins' addresses."""

    topic_arn: str
    bucket: str
    endpoints: Mapping[str, str]
    keyspace: str


def policy(*statements: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def declare(edition: Edition, around: Surroundings) -> None:
    provider = aws.Provider(
        "account",
        region=REGION,
        endpoints=[aws.ProviderEndpointArgs(**around.endpoints)],
        default_tags=aws.ProviderDefaultTagsArgs(tags=DEFAULT_TAGS),
        s3_use_path_style=True,
        skip_credentials_validation=True,
        skip_metadata_api_check=True,
        skip_requesting_account_id=True,
    )
    options = pulumi.ResourceOptions(provider=provider)
    queues = declare_queues(edition, options)
    key = declare_key(edition, options)
    role = declare_role(edition, options)
    function = declare_function(edition, options, role=role, failures=queues["failures"])
    declare_letters(edition, options)
    declare_triggers(edition, options, around=around, function=function, role=role, source=queues["source"])
    declare_watching(edition, options)
    declare_flag(edition, options)
    declare_table(edition, options, around)
    pulumi.export("key", key.key_id)


def declare_queues(edition: Edition, options: pulumi.ResourceOptions) -> dict[str, aws.sqs.Queue]:
    dead = aws.sqs.Queue("failures", name="failures", tags={"Edition": edition.name, "Owner": "own"}, opts=options)
    source = aws.sqs.Queue(
        "source",
        name="source",
        visibility_timeout_seconds=60 + edition.number,
        redrive_policy=dead.arn.apply(lambda arn: json.dumps({"maxReceiveCount": 3, "deadLetterTargetArn": arn})),
        opts=options,
    )
    allowed = {"Effect": "Allow", "Principal": "*", "Action": ["sqs:SendMessage"], "Sid": edition.name}
    aws.sqs.QueuePolicy(
        "source-policy",
        queue_url=source.id,
        policy=source.arn.apply(lambda arn: policy({**allowed, "Resource": arn})),
        opts=options,
    )
    return {"failures": dead, "source": source}


def declare_key(edition: Edition, options: pulumi.ResourceOptions) -> aws.kms.Key:
    key = aws.kms.Key(
        "key",
        description=f"key of edition {edition.name}",
        enable_key_rotation=True,
        deletion_window_in_days=7,
        tags={"Edition": edition.name},
        opts=options,
    )
    other = aws.kms.Key("other-key", deletion_window_in_days=7, opts=options)
    target = key if edition.number == 1 else other
    aws.kms.Alias("key-alias", name="alias/provider-test", target_key_id=target.key_id, opts=options)
    return key


def declare_role(edition: Edition, options: pulumi.ResourceOptions) -> aws.iam.Role:
    role = aws.iam.Role(
        "role",
        name="provider-test",
        assume_role_policy=policy(LAMBDA_MAY),
        description=f"role of edition {edition.name}",
        opts=options,
    )
    aws.iam.RolePolicy(
        "role-policy",
        name="send",
        role=role.name,
        policy=policy({"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Sid": edition.name}),
        opts=options,
    )
    return role


def declare_letters(edition: Edition, options: pulumi.ResourceOptions) -> None:
    allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*", "Sid": edition.name}
    aws.iam.Policy("managed-policy", name=NAME, policy=policy(allowed), opts=options)
    bucket = aws.s3.Bucket("letters", bucket=f"{NAME}-letters", tags={"Edition": edition.name}, opts=options)
    aws.s3.BucketPublicAccessBlock(
        "letters-block",
        bucket=bucket.bucket,
        block_public_acls=True,
        restrict_public_buckets=edition.number == 1,
        opts=options,
    )
    encrypted = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm={1: "AES256", 2: "aws:kms"}[edition.number]
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        "letters-encryption",
        bucket=bucket.bucket,
        rules=[
            aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(apply_server_side_encryption_by_default=encrypted)
        ],
        opts=options,
    )
    aws.s3.BucketLifecycleConfiguration(
        "letters-lifecycle",
        bucket=bucket.bucket,
        rules=[
            aws.s3.BucketLifecycleConfigurationRuleArgs(
                id="letters",
                status="Enabled",
                filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix="dead-letters/"),
                expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=30 + edition.number),
            )
        ],
        opts=options,
    )
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Sid": edition.name}
    aws.s3.BucketPolicy(
        "letters-policy",
        bucket=bucket.bucket,
        policy=bucket.arn.apply(lambda arn: policy({**denied, "Resource": f"{arn}/*"})),
        opts=options,
    )


def declare_function(
    edition: Edition, options: pulumi.ResourceOptions, *, role: aws.iam.Role, failures: aws.sqs.Queue
) -> aws.lambda_.Function:
    layer = aws.lambda_.LayerVersion(
        "layer",
        layer_name="provider-test",
        code=pulumi.FileArchive(str(edition.layer)),
        compatible_runtimes=["python3.12", "python3.11"],
        opts=options,
    )
    function = aws.lambda_.Function(
        "function",
        name="provider-test",
        role=role.arn,
        runtime="python3.11",
        handler="handler.handle",
        code=pulumi.FileArchive(str(edition.code)),
        layers=[layer.arn],
        environment=aws.lambda_.FunctionEnvironmentArgs(variables={"EDITION": edition.name, "Upper_case": "kept"}),
        memory_size=128 + edition.number,
        timeout=20,
        publish=True,
        reserved_concurrent_executions=5 + edition.number,
        logging_config=aws.lambda_.FunctionLoggingConfigArgs(log_format="JSON"),
        tags={"Edition": edition.name},
        opts=options,
    )
    alias = aws.lambda_.Alias(
        "alias",
        name="live",
        function_name=function.name,
        function_version=function.version,
        description=f"alias of edition {edition.name}",
        opts=options,
    )
    # Ministack goes by that of the unqualified function, whichever version or alias is invoked.
    for name, qualifier in (("invoke-config", alias.name), ("invoke-config-of-latest", None)):
        aws.lambda_.FunctionEventInvokeConfig(
            name,
            function_name=function.name,
            qualifier=qualifier,
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=60 + edition.number,
            destination_config=aws.lambda_.FunctionEventInvokeConfigDestinationConfigArgs(
                on_failure=aws.lambda_.FunctionEventInvokeConfigDestinationConfigOnFailureArgs(destination=failures.arn)
            ),
            opts=options,
        )
    return function


def declare_triggers(  # noqa: PLR0913 - each is a trigger's other end
    edition: Edition,
    options: pulumi.ResourceOptions,
    *,
    around: Surroundings,
    function: aws.lambda_.Function,
    role: aws.iam.Role,
    source: aws.sqs.Queue,
) -> None:
    aws.lambda_.EventSourceMapping(
        "mapping",
        function_name=function.name,
        event_source_arn=source.arn,
        batch_size=4 + edition.number,
        filter_criteria=aws.lambda_.EventSourceMappingFilterCriteriaArgs(
            filters=[aws.lambda_.EventSourceMappingFilterCriteriaFilterArgs(pattern=json.dumps({"body": {"a": [1]}}))]
        ),
        tags={"Edition": edition.name},
        opts=options,
    )
    permission = aws.lambda_.Permission(
        "permission",
        action="lambda:InvokeFunction",
        function=function.name,
        principal="s3.amazonaws.com",
        statement_id="bucket",
        source_arn=f"arn:aws:s3:::{around.bucket}",
        source_account=edition.source_account,
        opts=options,
    )
    aws.s3.BucketNotification(
        "bucket-notification",
        bucket=around.bucket,
        lambda_functions=[
            aws.s3.BucketNotificationLambdaFunctionArgs(
                lambda_function_arn=function.arn,
                events=["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
                filter_prefix=f"{edition.name}/",
            )
        ],
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[permission])),
    )
    aws.sns.TopicSubscription(
        "subscription",
        topic=around.topic_arn,
        protocol="sqs",
        endpoint=source.arn,
        raw_message_delivery=True,
        filter_policy=json.dumps({"edition": [edition.name]}),
        opts=options,
    )
    aws.scheduler.Schedule(
        "schedule",
        name="provider-test",
        description=f"schedule of edition {edition.name}",
        schedule_expression="rate(1 hour)",
        flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
        start_date="2030-01-01T00:00:00Z",
        target=aws.scheduler.ScheduleTargetArgs(arn=function.arn, role_arn=role.arn, input=json.dumps({"by": "clock"})),
        opts=options,
    )


def declare_watching(edition: Edition, options: pulumi.ResourceOptions) -> None:
    aws.cloudwatch.LogGroup(
        "logs", name=edition.log_group, retention_in_days={1: 1, 2: 3}[edition.number], tags={"A": "b"}, opts=options
    )
    alarm = aws.cloudwatch.MetricAlarm(
        "alarm",
        name="provider-test",
        namespace="AWS/Lambda",
        metric_name="Errors",
        statistic="Sum",
        period=60,
        evaluation_periods=edition.number,
        threshold=1.5,
        comparison_operator="GreaterThanThreshold",
        treat_missing_data="notBreaching",
        dimensions={"FunctionName": "provider-test"},
        opts=options,
    )
    metric = aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
        metric_name="Errors",
        namespace="AWS/Lambda",
        period=60,
        stat="Sum",
        dimensions={"FunctionName": "provider-test"},
    )
    of_queries = aws.cloudwatch.MetricAlarm(
        "alarm-of-queries",
        name="provider-test-of-queries",
        evaluation_periods=1,
        threshold=edition.number,
        comparison_operator="GreaterThanOrEqualToThreshold",
        metric_queries=[
            aws.cloudwatch.MetricAlarmMetricQueryArgs(id="rate", expression="errors * 2", return_data=True, label="x"),
            aws.cloudwatch.MetricAlarmMetricQueryArgs(id="errors", metric=metric),
        ],
        opts=options,
    )
    aws.cloudwatch.CompositeAlarm(
        "any-alarm",
        alarm_name="provider-test-any",
        alarm_description=edition.name,
        alarm_rule='ALARM("provider-test") OR ALARM("provider-test-of-queries")',
        opts=pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[alarm, of_queries])),
    )


def declare_flag(edition: Edition, options: pulumi.ResourceOptions) -> None:
    application = aws.appconfig.Application(
        "application", name="provider-test", description=edition.name, tags={"Edition": edition.name}, opts=options
    )
    aws.appconfig.Environment(
        "environment", name="test", application_id=application.id, description=edition.name, opts=options
    )
    aws.appconfig.ConfigurationProfile(
        "profile",
        name="flag",
        application_id=application.id,
        location_uri="hosted",
        description=edition.name,
        validators=[
            aws.appconfig.ConfigurationProfileValidatorArgs(type="JSON_SCHEMA", content=json.dumps({"type": "object"}))
        ],
        opts=options,
    )
    aws.appconfig.DeploymentStrategy(
        "strategy",
        name="provider-test-at-once",
        deployment_duration_in_minutes=0,
        growth_factor=90 + edition.number,
        replicate_to="NONE",
        description=edition.name,
        opts=options,
    )


def declare_table(edition: Edition, options: pulumi.ResourceOptions, around: Surroundings) -> None:
    keyspace = aws.keyspaces.Keyspace("keyspace", name=around.keyspace, tags={"Edition": edition.name}, opts=options)
    table = aws.keyspaces.Table(
        "table",
        keyspace_name=keyspace.name,
        table_name="t",
        schema_definition=aws.keyspaces.TableSchemaDefinitionArgs(
            columns=[aws.keyspaces.TableSchemaDefinitionColumnArgs(name="a", type="int")],
            partition_keys=[aws.keyspaces.TableSchemaDefinitionPartitionKeyArgs(name="a")],
        ),
        capacity_specification=aws.keyspaces.TableCapacitySpecificationArgs(
            throughput_mode="PROVISIONED", read_capacity_units=10, write_capacity_units=10
        ),
        opts=options,
    )
    target = aws.appautoscaling.Target(
        "scaling-target",
        service_namespace="cassandra",
        resource_id=pulumi.Output.concat("keyspace/", table.keyspace_name, "/table/", table.table_name),
        scalable_dimension="cassandra:table:WriteCapacityUnits",
        min_capacity=edition.number,
        max_capacity=100,
        tags={"Edition": edition.name},
        opts=options,
    )
    aws.appautoscaling.Policy(
        "scaling-policy",
        name="writes",
        policy_type="TargetTrackingScaling",
        service_namespace=target.service_namespace,
        resource_id=target.resource_id,
        scalable_dimension=target.scalable_dimension,
        target_tracking_scaling_policy_configuration=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
            target_value=60 + edition.number,
            predefined_metric_specification=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                predefined_metric_type="CassandraWriteCapacityUtilization"
            ),
        ),
        opts=options,
    )
