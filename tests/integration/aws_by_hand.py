"""Changes past Pulumi of everything in aws_program, for a refresh to find."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.integration.aws_program import NAME
from tests.integration.aws_stack import AwsStack, is_described, own_strategy, queue_url, scaling

if TYPE_CHECKING:
    from collections.abc import Callable


def change_by_hand(stack: AwsStack) -> dict[str, str]:
    """Change something of every type, or delete what can't be changed; what a refresh must say of each."""
    changes: dict[str, Callable[[], object]] = {
        **changes_of_functions(stack),
        **changes_of_triggers(stack),
        **changes_of_letters(stack),
        **changes_of_the_rest(stack),
    }
    for change in changes.values():
        change()
    deleted = ("permission", "role-policy", "letters-block", "letters-policy")
    return {name: "delete" if name in deleted else "update" for name in changes}


def changes_of_functions(stack: AwsStack) -> dict[str, Callable[[], object]]:
    client = stack.client("lambda")
    live = {"FunctionName": NAME, "Qualifier": "live"}
    return {
        "function": lambda: client.update_function_configuration(FunctionName=NAME, Timeout=7),
        "alias": lambda: client.update_alias(FunctionName=NAME, Name="live", Description="by hand"),
        "invoke-config": lambda: client.put_function_event_invoke_config(**live, MaximumRetryAttempts=1),
        "invoke-config-of-latest": lambda: client.put_function_event_invoke_config(
            FunctionName=NAME, MaximumRetryAttempts=2
        ),
        "permission": lambda: client.remove_permission(FunctionName=NAME, StatementId="bucket"),
        "mapping": lambda: client.update_event_source_mapping(
            UUID=client.list_event_source_mappings(FunctionName=NAME)["EventSourceMappings"][0]["UUID"], BatchSize=1
        ),
    }


def changes_of_triggers(stack: AwsStack) -> dict[str, Callable[[], object]]:
    sqs, sns, scheduler = stack.client("sqs"), stack.client("sns"), stack.client("scheduler")
    schedule = scheduler.get_schedule(Name=NAME)
    kept = {name: schedule[name] for name in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=stack.around.topic_arn)["Subscriptions"]
    source = queue_url(stack, "source")
    return {
        "source": lambda: sqs.set_queue_attributes(QueueUrl=source, Attributes={"VisibilityTimeout": "5"}),
        "source-policy": lambda: sqs.set_queue_attributes(
            QueueUrl=source, Attributes={"Policy": json.dumps({"Statement": [{"Sid": "ByHand", "Effect": "Deny"}]})}
        ),
        "failures": lambda: sqs.untag_queue(QueueUrl=queue_url(stack, "failures"), TagKeys=["Project"]),
        "bucket-notification": lambda: stack.client("s3").put_bucket_notification_configuration(
            Bucket=stack.around.bucket, NotificationConfiguration={}
        ),
        "subscription": lambda: sns.set_subscription_attributes(
            SubscriptionArn=subscriptions[0]["SubscriptionArn"],
            AttributeName="RawMessageDelivery",
            AttributeValue="false",
        ),
        "schedule": lambda: scheduler.update_schedule(**kept, State="DISABLED"),
    }


def changes_of_letters(stack: AwsStack) -> dict[str, Callable[[], object]]:
    iam, s3, bucket = stack.client("iam"), stack.client("s3"), {"Bucket": f"{NAME}-letters"}
    (policy,) = iam.list_policies(Scope="Local")["Policies"]
    statement = {"Sid": "ByHand", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    rule = {"ID": "letters", "Status": "Enabled", "Filter": {"Prefix": "dead-letters/"}, "Expiration": {"Days": 1}}
    return {
        "managed-policy": lambda: iam.create_policy_version(
            PolicyArn=policy["Arn"], PolicyDocument=document, SetAsDefault=True
        ),
        "letters": lambda: s3.delete_bucket_tagging(**bucket),
        "letters-block": lambda: s3.delete_public_access_block(**bucket),
        "letters-encryption": lambda: s3.delete_bucket_encryption(**bucket),
        "letters-lifecycle": lambda: s3.put_bucket_lifecycle_configuration(
            **bucket, LifecycleConfiguration={"Rules": [rule]}
        ),
        "letters-policy": lambda: s3.delete_bucket_policy(**bucket),
    }


def changes_of_the_rest(stack: AwsStack) -> dict[str, Callable[[], object]]:
    kms, iam, flags, logs = (stack.client(name) for name in ("kms", "iam", "appconfig", "logs"))
    cloudwatch, (scaling_client, scaled) = stack.client("cloudwatch"), scaling(stack)
    (key_id,) = [key["KeyId"] for key in kms.list_keys()["Keys"] if is_described(kms, key["KeyId"], "two")]
    (application,) = flags.list_applications()["Items"]
    (environment,) = flags.list_environments(ApplicationId=application["Id"])["Items"]
    (profile,) = flags.list_configuration_profiles(ApplicationId=application["Id"])["Items"]
    alarm = {"EvaluationPeriods": 9, "Period": 60, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1.5}
    dimension = {"ServiceNamespace": "cassandra", "ResourceId": scaled}
    writes = {**dimension, "ScalableDimension": "cassandra:table:WriteCapacityUnits"}
    tracking = {
        "TargetValue": 20.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "CassandraWriteCapacityUtilization"},
    }
    return {
        "key": lambda: kms.disable_key_rotation(KeyId=key_id),
        "key-alias": lambda: kms.update_alias(AliasName="alias/provider-test", TargetKeyId=key_id),
        "role": lambda: iam.update_role_description(RoleName=NAME, Description="by hand"),
        "role-policy": lambda: iam.delete_role_policy(RoleName=NAME, PolicyName="send"),
        "logs": lambda: logs.delete_retention_policy(logGroupName="/provider/test"),
        "alarm": lambda: cloudwatch.put_metric_alarm(
            AlarmName=NAME, Namespace="AWS/Lambda", MetricName="Errors", Statistic="Sum", **alarm
        ),
        "any-alarm": lambda: cloudwatch.put_composite_alarm(
            AlarmName=f"{NAME}-any", AlarmRule=f'ALARM("{NAME}")', AlarmDescription="by hand"
        ),
        "alarm-of-queries": lambda: cloudwatch.disable_alarm_actions(AlarmNames=[f"{NAME}-of-queries"]),
        "application": lambda: flags.update_application(ApplicationId=application["Id"], Description="by hand"),
        "environment": lambda: flags.update_environment(
            ApplicationId=application["Id"], EnvironmentId=environment["Id"], Description="by hand"
        ),
        "profile": lambda: flags.update_configuration_profile(
            ApplicationId=application["Id"], ConfigurationProfileId=profile["Id"], Validators=[]
        ),
        "strategy": lambda: flags.update_deployment_strategy(
            DeploymentStrategyId=own_strategy(stack)["Id"], GrowthFactor=10
        ),
        "scaling-target": lambda: scaling_client.register_scalable_target(**writes, MaxCapacity=200),
        "scaling-policy": lambda: scaling_client.put_scaling_policy(
            **writes,
            PolicyName="writes",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=tracking,
        ),
    }
