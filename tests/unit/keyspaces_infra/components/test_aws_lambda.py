"""A Lambda function: what is asked of AWS for each variant, and what is refused before."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
import pytest

from keyspaces_infra.components.aws_lambda.arguments import Architecture
from keyspaces_infra.components.aws_lambda.destinations import Destination
from keyspaces_infra.components.aws_lambda.variants import (
    ImageLambda,
    ImageLambdaArgs,
    S3Code,
    ZipLambda,
    ZipLambdaArgs,
)
from keyspaces_infra.components.errors import ComponentArgumentError
from keyspaces_infra.components.place import Place
from keyspaces_infra.components.policies import Statement
from tests.unit.keyspaces_infra.pulumi_recorder import declared

if TYPE_CHECKING:
    from tests.unit.keyspaces_infra.pulumi_recorder import Recorder

PLACE = Place(account_id="123456789012", region="eu-central-1")
FUNCTION = "aws:lambda/function:Function"
ROLE = "aws:iam/role:Role"
RIGHTS = "aws:iam/rolePolicy:RolePolicy"
KEY = "aws:kms/key:Key"
QUEUE = "aws:sqs/queue:Queue"
INVOKE_CONFIG = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
OWN_KEY = "arn:kms/key:compare"
OWN_QUEUE = "arn:sqs/queue:compare-dead-letters"
LOGS = {
    "Sid": "Logs",
    "Effect": "Allow",
    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": ["arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/compare:*"],
}
OWN_KEY_USE = {
    "Sid": "Key",
    "Effect": "Allow",
    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
    "Resource": [OWN_KEY],
}


def zip_args(**changes: Any) -> ZipLambdaArgs:
    given: dict[str, Any] = {
        "name": "compare",
        "place": PLACE,
        "code": S3Code(bucket="artefacts", key="compare.zip", object_version="v1"),
        "runtime": "python3.13",
        "handler": "app.handle",
    }
    return ZipLambdaArgs(**given | changes)


def asked_for(**changes: Any) -> Recorder:
    return declared(lambda: ZipLambda(zip_args(**changes)))


def policy_of(recorder: Recorder, name: str = "compare") -> Any:
    document = json.loads(recorder.inputs(RIGHTS, name)["policy"])
    assert document["Version"] == "2012-10-17"
    return document["Statement"]


def test_a_zip_in_a_bucket() -> None:
    recorder = asked_for(
        description="Compares rows.",
        memory_mib=1024,
        timeout_s=900,
        architecture=Architecture.X86_64,
        environment={"TABLE": "weather"},
        reserved_concurrency=5,
        layers=["arn:layer:1"],
        tags={"Team": "data"},
    )
    function = recorder.inputs(FUNCTION, "compare")
    assert function == {
        "name": "compare",
        "description": "Compares rows.",
        "packageType": "Zip",
        "s3Bucket": "artefacts",
        "s3Key": "compare.zip",
        "s3ObjectVersion": "v1",
        "runtime": "python3.13",
        "handler": "app.handle",
        "layers": ["arn:layer:1"],
        "architectures": ["x86_64"],
        "memorySize": 1024,
        "timeout": 900,
        "reservedConcurrentExecutions": 5,
        "environment": {"variables": {"TABLE": "weather"}},
        "kmsKeyArn": OWN_KEY,
        "role": "arn:iam/role:compare",
        "publish": True,
        "tags": {"Team": "data"},
    }


def test_a_zip_of_this_machine() -> None:
    code = pulumi.AssetArchive({"app.py": pulumi.StringAsset("def handle(event, context): return event")})
    function = asked_for(code=code).inputs(FUNCTION, "compare")
    assert list(function["code"].assets) == ["app.py"]
    assert "s3Bucket" not in function


def test_an_image_has_neither_runtime_nor_layers() -> None:
    args = ImageLambdaArgs(name="compare", place=PLACE, image_uri="repo@sha256:1", command=["app.handle"])
    function = declared(lambda: ImageLambda(args)).inputs(FUNCTION, "compare")
    assert function["packageType"] == "Image"
    assert function["imageUri"] == "repo@sha256:1"
    assert function["imageConfig"] == {"commands": ["app.handle"]}
    assert not {"runtime", "handler", "layers"} & set(function)
    assert "layers" not in {each.name for each in fields(ImageLambdaArgs)}


def test_an_image_keeps_its_own_entry_point_unless_told_otherwise() -> None:
    plain = ImageLambdaArgs(name="compare", place=PLACE, image_uri="repo@sha256:1")
    assert "imageConfig" not in declared(lambda: ImageLambda(plain)).inputs(FUNCTION, "compare")


def test_without_variables_no_key_is_given_which_aws_would_forget() -> None:
    function = asked_for().inputs(FUNCTION, "compare")
    assert "kmsKeyArn" not in function
    assert "environment" not in function


def test_the_role_may_do_exactly_this_and_is_lambdas_alone() -> None:
    recorder = asked_for()
    assert policy_of(recorder) == [
        LOGS,
        OWN_KEY_USE,
        {"Sid": "OnFailureSend", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [OWN_QUEUE]},
    ]
    assert json.loads(recorder.inputs(ROLE, "compare")["assumeRolePolicy"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Assume",
                "Effect": "Allow",
                "Action": ["sts:AssumeRole"],
                "Principal": {"Service": "lambda.amazonaws.com"},
            }
        ],
    }
    assert len(recorder.of_type(RIGHTS)) == 1


def test_given_destinations_and_statements_are_added_and_nothing_else() -> None:
    secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:history-AbCdEf"
    recorder = asked_for(
        on_failure=Destination(queue_arn="arn:failed", key_arn="arn:failed-key"),
        on_success=Destination(queue_arn="arn:done"),
        statements=[Statement(sid="Secret", actions=["secretsmanager:GetSecretValue"], resources=[secret])],
    )
    assert policy_of(recorder)[2:] == [
        {"Sid": "OnFailureSend", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["arn:failed"]},
        {
            "Sid": "OnFailureKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": ["arn:failed-key"],
        },
        {"Sid": "OnSuccessSend", "Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["arn:done"]},
        {"Sid": "Secret", "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": [secret]},
    ]
    assert not recorder.of_type(QUEUE)
    assert recorder.inputs(INVOKE_CONFIG, "compare")["destinationConfig"] == {
        "onFailure": {"destination": "arn:failed"},
        "onSuccess": {"destination": "arn:done"},
    }


def test_only_a_function_in_a_vpc_may_make_interfaces_and_its_code_may_not() -> None:
    interfaces = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    recorder = asked_for(subnet_ids=["subnet-1", "subnet-2"], security_group_ids=["sg-1"])
    assert recorder.inputs(FUNCTION, "compare")["vpcConfig"] == {
        "subnetIds": ["subnet-1", "subnet-2"],
        "securityGroupIds": ["sg-1"],
    }
    assert policy_of(recorder)[3:] == [
        {"Sid": "Interfaces", "Effect": "Allow", "Action": interfaces, "Resource": ["*"]},
        {
            "Sid": "InterfacesNotForCode",
            "Effect": "Deny",
            "Action": interfaces,
            "Resource": ["*"],
            "Condition": {
                "ArnEquals": {"lambda:SourceFunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:compare"}
            },
        },
    ]


def test_the_key_is_the_accounts_and_for_the_functions_log_group() -> None:
    recorder = asked_for()
    key = recorder.inputs(KEY, "compare")
    assert key["enableKeyRotation"] is True
    assert json.loads(key["policy"])["Statement"] == [
        {
            "Sid": "Account",
            "Effect": "Allow",
            "Action": ["kms:*"],
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Resource": ["*"],
        },
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Action": ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Principal": {"Service": "logs.eu-central-1.amazonaws.com"},
            "Resource": ["*"],
            "Condition": {
                "ArnEquals": {
                    "kms:EncryptionContext:aws:logs:arn": (
                        "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/compare"
                    )
                }
            },
        },
    ]
    alias = recorder.inputs("aws:kms/alias:Alias", "compare")
    assert alias == {"name": "alias/compare", "targetKeyId": "compare-key"}
    assert recorder.inputs(QUEUE, "compare-dead-letters")["kmsMasterKeyId"] == OWN_KEY


def test_logs_end_and_are_encrypted() -> None:
    group = asked_for(log_retention_days=90).inputs("aws:cloudwatch/logGroup:LogGroup", "compare")
    assert group == {"name": "/aws/lambda/compare", "retentionInDays": 90, "kmsKeyId": OWN_KEY, "tags": {}}


def test_the_alias_is_what_failures_are_configured_for() -> None:
    recorder = asked_for(maximum_event_age_s=60, maximum_retries=0)
    assert recorder.inputs("aws:lambda/alias:Alias", "compare") == {
        "name": "live",
        "functionName": "compare",
        "functionVersion": "7",
    }
    assert recorder.inputs(INVOKE_CONFIG, "compare") == {
        "functionName": "compare",
        "qualifier": "live",
        "maximumEventAgeInSeconds": 60,
        "maximumRetryAttempts": 0,
        "destinationConfig": {"onFailure": {"destination": OWN_QUEUE}},
    }


def test_the_function_waits_for_its_rights_and_its_log_group() -> None:
    waits_for = asked_for().asked[(FUNCTION, "compare")].dependencies
    for needed in ("rolePolicy:RolePolicy::compare", "logGroup:LogGroup::compare"):
        assert any(urn.endswith(needed) for urn in waits_for)


def test_errors_throttles_and_old_letters_raise_alarms() -> None:
    watched = {
        asked.name: (asked.inputs["namespace"], asked.inputs["metricName"], asked.inputs["dimensions"])
        for asked in asked_for().of_type(ALARM)
    }
    assert watched == {
        "compare-errors": ("AWS/Lambda", "Errors", {"FunctionName": "compare"}),
        "compare-throttles": ("AWS/Lambda", "Throttles", {"FunctionName": "compare"}),
        "compare-dead-letters-age": (
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            {"QueueName": "compare-dead-letters"},
        ),
    }


def test_every_resource_stands_under_the_function_and_uses_its_provider() -> None:
    def program() -> None:
        provider = aws.Provider("elsewhere", region="eu-west-1")
        ZipLambda(zip_args(), opts=pulumi.ResourceOptions(provider=provider))

    asked = declared(program).asked
    made = [each for (typ, _), each in asked.items() if typ.startswith("aws:")]
    assert len(made) == 14
    assert all("keyspaces-migration:index:ZipLambda" in each.parent for each in made)
    assert all("aws::elsewhere" in each.provider for each in made)


def test_a_value_that_only_aws_knows_may_be_given() -> None:
    def program() -> None:
        topic = aws.sns.Topic("told")
        args = zip_args(
            environment={"TOPIC": topic.arn},
            statements=[Statement(sid="Tell", actions=["sns:Publish"], resources=[topic.arn])],
        )
        ZipLambda(args)

    recorder = declared(program)
    assert recorder.inputs(FUNCTION, "compare")["environment"] == {"variables": {"TOPIC": "arn:sns/topic:told"}}
    assert policy_of(recorder)[-1]["Resource"] == ["arn:sns/topic:told"]


REFUSED = [
    ({"name": "a" * 65}, r"LambdaArgs\.name: found 'a+', allowed is 1 to 64"),
    ({"name": "has space"}, r"LambdaArgs\.name: found 'has space'"),
    ({"description": "d" * 257}, r"function compare\.description: found 257, allowed is at most 256"),
    ({"memory_mib": 127}, r"memory_mib: found 127, allowed is 128 to 10240"),
    ({"memory_mib": 10241}, r"memory_mib: found 10241"),
    ({"timeout_s": 0}, r"timeout_s: found 0, allowed is 1 to 900"),
    ({"timeout_s": 901}, r"timeout_s: found 901"),
    ({"reserved_concurrency": -1}, r"reserved_concurrency: found -1"),
    ({"log_retention_days": 31}, r"log_retention_days: found 31, allowed is 1, 3, 5"),
    ({"maximum_event_age_s": 59}, r"maximum_event_age_s: found 59, allowed is 60 to 21600"),
    ({"maximum_event_age_s": 21601}, r"maximum_event_age_s: found 21601"),
    ({"maximum_retries": 3}, r"maximum_retries: found 3, allowed is 0 to 2"),
    ({"maximum_retries": -1}, r"maximum_retries: found -1"),
    ({"layers": ["arn:layer"] * 6}, r"layers: found 6, allowed is at most 5"),
    ({"runtime": ""}, r"runtime: found ''"),
    ({"handler": ""}, r"handler: found ''"),
    ({"subnet_ids": ["subnet-1"]}, r"security_group_ids: found \(\).*Give security_group_ids"),
    ({"security_group_ids": ["sg-1"]}, r"subnet_ids: found \(\).*Give subnet_ids"),
    ({"subnet_ids": ["s"] * 17, "security_group_ids": ["sg"]}, r"subnet_ids: found 17, allowed is at most 16"),
    ({"subnet_ids": ["s"], "security_group_ids": ["sg"] * 6}, r"security_group_ids: found 6, allowed is at most 5"),
    ({"statements": [Statement(sid="Logs", actions=["s3:GetObject"])]}, r"statements: found '2 of the sid Logs'"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_what_aws_would_refuse_is_refused_where_it_is_written(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentArgumentError, match=message):
        zip_args(**changes)


ALLOWED: list[dict[str, Any]] = [
    {"name": "a" * 64},
    {"description": "d" * 256},
    {"memory_mib": 128},
    {"memory_mib": 10240},
    {"timeout_s": 1},
    {"reserved_concurrency": 0},
    {"maximum_event_age_s": 60},
    {"maximum_event_age_s": 21600},
    {"maximum_retries": 2},
    {"layers": ["arn:layer"] * 5},
]


@pytest.mark.parametrize("changes", ALLOWED)
def test_a_limit_itself_is_allowed(changes: dict[str, Any]) -> None:
    assert zip_args(**changes)


@pytest.mark.parametrize("account", ["12345", "12345678901x"])
def test_an_account_has_12_digits(account: str) -> None:
    with pytest.raises(ComponentArgumentError, match=rf"Place\.account_id: found '{account}'"):
        Place(account_id=account, region="eu-central-1")


def test_a_statement_is_named_as_a_policy_allows() -> None:
    with pytest.raises(ComponentArgumentError, match=r"Statement\.sid: found 'has-dash'"):
        Statement(sid="has-dash", actions=["s3:GetObject"])


def test_arguments_are_frozen_and_given_by_name() -> None:
    with pytest.raises(AttributeError):
        zip_args().memory_mib = 512  # type: ignore[misc]
    with pytest.raises(TypeError):
        Place("123456789012", "eu-central-1")  # type: ignore[call-arg]
