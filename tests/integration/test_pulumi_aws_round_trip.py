"""What a program can say of a type comes back from ministack as it was said, also after changes; without an engine."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.ports import free_ports
from rehearsal.processes import wait_until
from rehearsal.pulumi_aws_provider import tagging
from rehearsal.pulumi_aws_provider.account import Account
from rehearsal.pulumi_aws_provider.catalog import RESOURCES
from rehearsal.pulumi_aws_provider.managed import Managed
from rehearsal.pulumi_aws_provider.resources import AlreadyThereError
from rehearsal.servers.aws import REGION, AwsStandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = {resource.token: resource for resource in RESOURCES if isinstance(resource, Managed)}
SERVICES = ("lambda", "sqs", "sns", "s3", "kms", "iam", "sts", "scheduler", "cloudwatch", "logs", "appconfig", "ec2")
BUCKET, DEFAULT_TAGS = "round-trip", {"Project": "p"}
POLICY = json.dumps({"Statement": [{"Effect": "Allow", "Action": ["sqs:*"], "Resource": ["*"]}]})
# A bucket always has a configuration of what it notifies, and one of its encryption.
ALWAYS_THERE = {
    "aws:s3/bucketNotification:BucketNotification",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
}
NOBODY = "arn:aws:iam::000000000000:role/nobody"


@dataclass(frozen=True, kw_only=True)
class World:
    """What resources need around them: a key, a queue, a topic, a function and an alias of it."""

    account: Account
    key_arn: str
    queue_arn: str
    topic_arn: str
    function_arn: str


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    home = tmp_path_factory.mktemp("round-trip")
    aws = AwsStandIn(home=home, port=free_ports(1)[0], log=home / "aws.log")
    aws.launch()
    try:
        wait_until(aws.why_not_healthy, name=aws.name, log=aws.log, timeout_s=60)
        yield Account(region=REGION, endpoints=dict.fromkeys(SERVICES, aws.endpoint_url), default_tags=DEFAULT_TAGS)
    finally:
        aws.stop()


@pytest.fixture(scope="module")
def world(account: Account, tmp_path_factory: pytest.TempPathFactory) -> World:
    archive = tmp_path_factory.mktemp("code") / "code.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("handler.py", "def handle(event, context):\n    return event\n")
    s3 = account.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="code.zip", Body=archive.read_bytes())
    function = {"name": "around", "role": NOBODY, "runtime": "python3.11", "handler": "handler.handle"}
    lambda_token, code = "aws:lambda/function:Function", {"s3Bucket": BUCKET, "s3Key": "code.zip"}
    alias = {"name": "live", "functionName": "around", "functionVersion": "1"}
    made = World(
        account=account,
        key_arn=make(account, "aws:kms/key:Key", {})["arn"],
        queue_arn=make(account, "aws:sqs/queue:Queue", {"name": "around"})["arn"],
        topic_arn=str(account.client("sns").create_topic(Name="around")["TopicArn"]),
        function_arn=make(account, lambda_token, {**function, **code, "publish": True})["arn"],
    )
    make(account, "aws:lambda/alias:Alias", alias)
    return made


def make(account: Account, token: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a new resource."""
    inputs = checked(TYPES[token], inputs)
    found = TYPES[token].read(account, TYPES[token].create(account, inputs), inputs)
    assert found is not None
    return found.outputs


def checked(resource: Managed, inputs: dict[str, Any]) -> dict[str, Any]:
    whole = {name: value for name, value in inputs.items() if value is not None}
    whole = tagging.with_default_tags(whole, DEFAULT_TAGS) if resource.taggable else whole
    assert list(resource.check(whole)) == []
    return whole


def comes_back(world: World, token: str, inputs: dict[str, Any], **change: Any) -> None:
    """Make it, change it, change it back: what is read is what was said, each time. Then delete it, twice."""
    resource, account = TYPES[token], world.account
    first, second = checked(resource, inputs), checked(resource, {**inputs, **change})
    resource_id = resource.create(account, first)
    said = [first]
    for wanted in (second, first) if change else ():
        assert list(resource.diff(said[-1], wanted))
        resource.update(account, resource_id, said[-1], wanted)
        said.append(wanted)
        found = resource.read(account, resource_id, wanted)
        assert found is not None
        assert (found.inputs, list(resource.diff(found.inputs, wanted))) == (wanted, [])
    found = resource.read(account, resource_id, first)
    assert found is not None
    assert found.inputs == first
    for _ in range(2):
        resource.delete(account, resource_id, found.outputs)
    gone = resource.read(account, resource_id, first)
    assert gone is None or token in ALWAYS_THERE


def test_keys_and_roles(world: World) -> None:
    key = {"description": "d", "enableKeyRotation": True, "rotationPeriodInDays": 100, "deletionWindowInDays": 8}
    comes_back(world, "aws:kms/key:Key", {**key, "policy": POLICY}, enableKeyRotation=False, isEnabled=False)
    comes_back(world, "aws:kms/alias:Alias", {"name": "alias/round", "targetKeyId": world.key_arn})
    role = {"name": "round", "assumeRolePolicy": POLICY, "path": "/p/", "maxSessionDuration": 7200, "description": "d"}
    boundary = {"permissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess", "tags": {"a": "b"}}
    unbound = {"permissionsBoundary": None, "maxSessionDuration": None, "description": None, "tags": {"c": "d"}}
    comes_back(world, "aws:iam/role:Role", {**role, **boundary}, **unbound)
    make(world.account, "aws:iam/role:Role", {"name": "around", "assumeRolePolicy": POLICY})
    inline = {"role": "around", "name": "round", "policy": POLICY}
    comes_back(world, "aws:iam/rolePolicy:RolePolicy", inline, policy=POLICY.replace("Allow", "Deny"))


def test_managed_policies(world: World) -> None:
    policy = {"name": "round", "path": "/p/", "description": "d", "policy": POLICY, "tags": {"a": "b"}}
    token = "aws:iam/policy:Policy"
    comes_back(world, token, policy, policy=POLICY.replace("Allow", "Deny"), tags={"c": "d"})
    comes_back(world, token, {"name": "round", "policy": POLICY})


def test_a_managed_policy_changes_more_often_than_iam_keeps_versions(world: World) -> None:
    resource, account = TYPES["aws:iam/policy:Policy"], world.account
    said = checked(resource, {"name": "often", "policy": POLICY})
    arn = resource.create(account, said)
    for number in range(7):
        wanted = {**said, "policy": POLICY.replace("sqs:*", f"sqs:{number}*")}
        resource.update(account, arn, said, wanted)
        said = wanted
    found = resource.read(account, arn, said)
    assert found is not None
    assert found.inputs == said
    # As a person does it: it is no change of what was said.
    account.client("iam").create_role(RoleName="writer", AssumeRolePolicyDocument=POLICY)
    account.client("iam").attach_role_policy(RoleName="writer", PolicyArn=arn)
    attached = resource.read(account, arn, said)
    assert attached is not None
    assert (attached.inputs, attached.outputs["attachmentCount"]) == (said, 1)
    with pytest.raises(ClientError) as caught:
        resource.delete(account, arn, attached.outputs)
    assert caught.value.response["Error"]["Code"] == "DeleteConflict"


def test_buckets(world: World) -> None:
    token = "aws:s3/bucket:Bucket"
    comes_back(world, token, {"bucket": "letters", "tags": {"a": "b"}}, forceDestroy=True, tags={"c": "d"})
    bucket = {"bucket": make(world.account, token, {"bucket": "letters"})["bucket"]}
    block = {"blockPublicAcls": True, "blockPublicPolicy": True, "ignorePublicAcls": True}
    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    comes_back(world, token, {**bucket, **block}, blockPublicAcls=None, restrictPublicBuckets=True)
    keys = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": world.key_arn}
    encrypted = {"applyServerSideEncryptionByDefault": keys, "bucketKeyEnabled": True}
    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    plain = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    comes_back(world, token, {**bucket, "rules": [encrypted]}, rules=plain)
    rule = {"id": "r", "status": "Enabled", "filter": {"prefix": "p/"}, "expiration": {"days": 90}}
    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    comes_back(world, token, {**bucket, "rules": [rule]}, rules=[{**rule, "expiration": {"days": 60}}])
    token = "aws:s3/bucketPolicy:BucketPolicy"
    comes_back(world, token, {**bucket, "policy": POLICY}, policy=POLICY.replace("Allow", "Deny"))


@pytest.mark.parametrize("emptied", [True, False])
def test_a_bucket_with_something_in_it_goes_only_where_that_was_said(world: World, *, emptied: bool) -> None:
    resource, account = TYPES["aws:s3/bucket:Bucket"], world.account
    made = make(account, resource.token, {"bucket": f"full-{emptied}".lower(), "forceDestroy": emptied})
    account.client("s3").put_object(Bucket=made["bucket"], Key="letter", Body=b"{}")
    if emptied:
        resource.delete(account, made["bucket"], made)
        assert resource.read(account, made["bucket"], {}) is None
    else:
        with pytest.raises(ClientError) as caught:
            resource.delete(account, made["bucket"], made)
        assert caught.value.response["Error"]["Code"] == "BucketNotEmpty"


def test_a_bucket_that_is_there_is_not_taken_over(world: World) -> None:
    with pytest.raises(AlreadyThereError, match=BUCKET):
        TYPES["aws:s3/bucket:Bucket"].create(world.account, {"bucket": BUCKET})


def test_queues_and_subscriptions(world: World) -> None:
    redrive = json.dumps({"deadLetterTargetArn": world.queue_arn, "maxReceiveCount": 3})
    numbers = {"delaySeconds": 3, "receiveWaitTimeSeconds": 2, "maxMessageSize": 2048, "visibilityTimeoutSeconds": 0}
    encrypted = {"kmsMasterKeyId": world.key_arn, "kmsDataKeyReusePeriodSeconds": 600}
    queue = {"name": "round", "redrivePolicy": redrive, **numbers, **encrypted}
    comes_back(world, "aws:sqs/queue:Queue", queue, kmsMasterKeyId=None, delaySeconds=None, tags={"a": "b"})
    fifo = {"name": "round.fifo", "fifoQueue": True, "contentBasedDeduplication": True}
    comes_back(world, "aws:sqs/queue:Queue", fifo, contentBasedDeduplication=False)
    subscription = {
        "topic": world.topic_arn,
        "protocol": "sqs",
        "endpoint": world.queue_arn,
        "filterPolicy": json.dumps({"x": {"y": ["1"]}}),
        "filterPolicyScope": "MessageBody",
        "redrivePolicy": json.dumps({"deadLetterTargetArn": world.queue_arn}),
    }
    without = {"filterPolicy": None, "redrivePolicy": None, "rawMessageDelivery": True}
    comes_back(world, "aws:sns/topicSubscription:TopicSubscription", subscription, **without)


def test_functions_and_layers(world: World) -> None:
    ec2 = world.account.client("ec2")
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]][:2]
    groups = [each["GroupId"] for each in ec2.describe_security_groups()["SecurityGroups"]][:1]
    code = {"s3Bucket": BUCKET, "s3Key": "code.zip"}
    layer = {"layerName": "round", **code, "compatibleRuntimes": ["python3.12", "python3.11"], "licenseInfo": "MIT"}
    comes_back(world, "aws:lambda/layerVersion:LayerVersion", layer)
    optional = {
        "kmsKeyArn": world.key_arn,
        "vpcConfig": {"subnetIds": subnets[::-1], "securityGroupIds": groups},
        "environment": {"variables": {"A": "b"}},
        "layers": [make(world.account, "aws:lambda/layerVersion:LayerVersion", layer)["arn"]],
        "deadLetterConfig": {"targetArn": world.queue_arn},
        "description": "d",
        "reservedConcurrentExecutions": 0,
        "timeout": 9,
    }
    function = {
        "name": "round",
        "role": NOBODY,
        "runtime": "python3.11",
        "handler": "handler.handle",
        "architectures": ["arm64"],
        "ephemeralStorage": {"size": 1024},
        "loggingConfig": {"logFormat": "JSON", "applicationLogLevel": "WARN", "logGroup": "/round"},
        "tracingConfig": {"mode": "Active"},
        **code,
        **optional,
    }
    comes_back(world, "aws:lambda/function:Function", function, **dict.fromkeys(optional), publish=True)
    image = {"name": "round", "role": NOBODY, "packageType": "Image", "imageConfig": {"commands": ["a"]}}
    repository = "000000000000.dkr.ecr.us-east-1.amazonaws.com/round"
    token = "aws:lambda/function:Function"
    comes_back(world, token, {**image, "imageUri": f"{repository}:1"}, imageUri=f"{repository}:2", imageConfig=None)


@pytest.mark.parametrize(
    "said",
    [
        {"sourceArn": "arn:aws:s3:::b", "sourceAccount": "000000000000"},
        {"qualifier": "live"},
        {"principal": "arn:aws:iam::000000000000:root"},
        {"principal": "*", "principalOrgId": "o-1234567890"},
    ],
)
def test_permissions(world: World, said: dict[str, str]) -> None:
    common = {"action": "lambda:InvokeFunction", "principal": "s3.amazonaws.com", "statementId": "round"}
    comes_back(world, "aws:lambda/permission:Permission", {**common, "function": "around", **said})
    comes_back(world, "aws:lambda/permission:Permission", {**common, "function": world.function_arn, **said})


def test_what_belongs_to_a_function(world: World) -> None:
    alias = {"name": "round", "functionName": world.function_arn, "functionVersion": "1", "description": "d"}
    comes_back(world, "aws:lambda/alias:Alias", alias, description=None)
    destinations = {name: {"destination": world.queue_arn} for name in ("onFailure", "onSuccess")}
    token = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
    comes_back(world, token, {"functionName": "around"}, maximumRetryAttempts=1, destinationConfig=destinations)
    comes_back(world, token, {"functionName": world.function_arn, "qualifier": "live", "maximumEventAgeInSeconds": 60})
    optional = {
        "functionResponseTypes": ["ReportBatchItemFailures"],
        "scalingConfig": {"maximumConcurrency": 5},
        "maximumBatchingWindowInSeconds": 3,
        "filterCriteria": {"filters": [{"pattern": "{}"}]},
    }
    mapping = {"functionName": "around", "eventSourceArn": world.queue_arn, "enabled": False, **optional}
    changed = {**dict.fromkeys(optional), "enabled": True, "tags": {"a": "b"}}
    comes_back(world, "aws:lambda/eventSourceMapping:EventSourceMapping", mapping, **changed)


def test_schedules_and_notifications(world: World) -> None:
    target = {"arn": world.function_arn, "roleArn": NOBODY}
    retries = {"maximumRetryAttempts": 0, "maximumEventAgeInSeconds": 100}
    schedule = {
        "name": "round",
        "groupName": "default",
        "scheduleExpression": "cron(0 1 * * ? *)",
        "scheduleExpressionTimezone": "Europe/Paris",
        "state": "DISABLED",
        "flexibleTimeWindow": {"mode": "FLEXIBLE", "maximumWindowInMinutes": 5},
        "endDate": "2031-01-01T00:00:00Z",
        "target": {**target, "deadLetterConfig": {"arn": world.queue_arn}, "retryPolicy": retries},
    }
    plainer = {"state": None, "scheduleExpressionTimezone": None, "endDate": None, "target": {**target, "input": "x"}}
    comes_back(world, "aws:scheduler/schedule:Schedule", schedule, **plainer)
    functions = {"lambdaFunctionArn": world.function_arn, "filterPrefix": "p", "filterSuffix": "s"}
    notification = {
        "bucket": BUCKET,
        "eventbridge": True,
        "lambdaFunctions": [{**functions, "events": ["s3:ObjectRemoved:*", "s3:ObjectCreated:*"]}],
        "queues": [{"queueArn": world.queue_arn, "events": ["s3:ObjectCreated:*"], "id": "mine"}],
        "topics": [{"topicArn": world.topic_arn, "events": ["s3:ObjectCreated:Put"]}],
    }
    comes_back(world, "aws:s3/bucketNotification:BucketNotification", notification, eventbridge=None, topics=None)


def test_alarms_and_log_groups(world: World) -> None:
    actions = {name: [world.topic_arn] for name in ("alarmActions", "okActions", "insufficientDataActions")}
    common = {"name": "round", "evaluationPeriods": 3, "comparisonOperator": "LessThanThreshold"}
    alarm = {
        **common,
        **actions,
        "datapointsToAlarm": 2,
        "namespace": "N",
        "metricName": "M",
        "extendedStatistic": "p99",
        "period": 30,
        "threshold": 0,
        "unit": "Seconds",
        "actionsEnabled": False,
        "alarmDescription": "d",
    }
    token = "aws:cloudwatch/metricAlarm:MetricAlarm"
    comes_back(world, token, alarm, unit=None, alarmActions=None, actionsEnabled=True, threshold=2.5, tags={"a": "b"})
    metric = {"metricName": "M", "namespace": "N", "period": 60, "stat": "Average"}
    queries = [{"id": "e", "expression": "BAND(m)", "returnData": True}, {"id": "m", "metric": metric}]
    comes_back(world, token, {**common, "thresholdMetricId": "e", "metricQueries": queries}, evaluationPeriods=1)
    group = {"name": "/round", "kmsKeyId": world.key_arn, "retentionInDays": 5, "logGroupClass": "INFREQUENT_ACCESS"}
    comes_back(world, "aws:cloudwatch/logGroup:LogGroup", group, retentionInDays=None, tags={"a": "b"})


def test_app_config(world: World) -> None:
    named = {"name": "round", "description": "d"}
    comes_back(world, "aws:appconfig/application:Application", named, name="other", description=None)
    account = world.account
    resource = TYPES["aws:appconfig/application:Application"]
    own = {**named, "applicationId": resource.create(account, named)}
    monitor = {"alarmArn": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:a", "alarmRoleArn": NOBODY}
    environment = {**own, "monitors": [monitor]}
    comes_back(world, "aws:appconfig/environment:Environment", environment, description=None, monitors=None)
    validators = [{"type": "LAMBDA", "content": world.function_arn}]
    profile = {**own, "locationUri": "hosted", "validators": validators, "kmsKeyIdentifier": world.key_arn}
    token = "aws:appconfig/configurationProfile:ConfigurationProfile"
    comes_back(world, token, profile, validators=None, description=None)
    growth = {"growthFactor": 12.5, "growthType": "EXPONENTIAL", "finalBakeTimeInMinutes": 2}
    strategy = {**named, **growth, "deploymentDurationInMinutes": 0, "replicateTo": "NONE"}
    token = "aws:appconfig/deploymentStrategy:DeploymentStrategy"
    comes_back(world, token, strategy, growthType=None, finalBakeTimeInMinutes=None)


@pytest.mark.parametrize(
    ("token", "inputs", "code"),
    [
        ("aws:iam/role:Role", {"name": "twice", "assumeRolePolicy": POLICY}, "EntityAlreadyExists"),
        ("aws:iam/policy:Policy", {"name": "twice", "policy": POLICY}, "EntityAlreadyExists"),
        ("aws:cloudwatch/logGroup:LogGroup", {"name": "/twice"}, "ResourceAlreadyExistsException"),
        ("aws:kms/alias:Alias", {"name": "alias/twice", "targetKeyId": None}, "AlreadyExistsException"),
        (
            "aws:lambda/function:Function",
            {
                "name": "twice",
                "role": NOBODY,
                "runtime": "python3.11",
                "handler": "a.b",
                "s3Bucket": BUCKET,
                "s3Key": "code.zip",
            },
            "ResourceConflictException",
        ),
    ],
)
def test_what_is_there_is_not_made_again(world: World, token: str, inputs: dict[str, Any], code: str) -> None:
    inputs = {name: world.key_arn if value is None else value for name, value in inputs.items()}
    make(world.account, token, inputs)
    with pytest.raises(ClientError) as caught:
        TYPES[token].create(world.account, inputs)
    assert caught.value.response["Error"]["Code"] == code


def test_an_alarm_that_is_there_is_not_overwritten(world: World) -> None:
    alarm = {"name": "twice", "evaluationPeriods": 1, "comparisonOperator": "LessThanThreshold", "threshold": 1}
    inputs = {**alarm, "namespace": "N", "metricName": "M", "statistic": "Sum", "period": 60}
    make(world.account, "aws:cloudwatch/metricAlarm:MetricAlarm", inputs)
    with pytest.raises(AlreadyThereError, match="twice"):
        TYPES["aws:cloudwatch/metricAlarm:MetricAlarm"].create(world.account, inputs)
