"""What the attached provider says of a difference in the types that it describes, and of the default tags."""

from __future__ import annotations

import inspect
import io
import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import pulumi_aws
import pytest
from botocore.exceptions import ClientError

from rehearsal.pulumi_aws_provider import tagging
from rehearsal.pulumi_aws_provider.account import ConfigurationError, connect
from rehearsal.pulumi_aws_provider.archives import ARCHIVE, read_zip
from rehearsal.pulumi_aws_provider.catalog import RESOURCES
from rehearsal.pulumi_aws_provider.comparison import as_given
from rehearsal.pulumi_aws_provider.endpoints import read_endpoints
from rehearsal.pulumi_aws_provider.managed import Managed, made
from rehearsal.pulumi_aws_provider.resources import PartlyMadeError
from rehearsal.pulumi_aws_provider.services import (
    app_config,
    auto_scaling,
    bucket,
    bucket_notification,
    event_source,
    function,
    function_access,
    iam,
    iam_policy,
    kms,
    layer,
    logs,
    metric_alarm,
    queue,
    scheduler,
    subscription,
)
from rehearsal.pulumi_aws_provider.shapes import NotServedError, camel, from_api, to_api
from rehearsal.pulumi_aws_provider.structs import SIGNATURE, UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.pulumi_aws_provider.description import Description

MANAGED = [resource for resource in RESOURCES if isinstance(resource, Managed)]
URL = "http://127.0.0.1:1"


def diff(description: Description, old: dict[str, Any], /, **change: Any) -> dict[str, bool]:
    """Inputs that differ once some are changed (None removes), and whether each replaces."""
    new = {name: value for name, value in {**old, **change}.items() if value is not None}
    return {found.path: found.replaces for found in Managed(description).diff(old, new)}


def archive(path: Path | str, *, content: str) -> dict[str, str]:
    return {SIGNATURE: ARCHIVE, "path": str(path), "hash": content}


def pulumi_class(token: str) -> Any:
    module, _, name = token.removeprefix("aws:").partition("/")
    python_name = {"lambda": "lambda_"}.get(module, module)
    return getattr(getattr(pulumi_aws, python_name), name.rpartition(":")[2])


@pytest.mark.parametrize("managed", MANAGED, ids=lambda managed: str(managed.token))
def test_every_property_is_one_of_pulumi_aws(managed: Managed) -> None:
    kind, said = pulumi_class(managed.token), managed.description
    assert kind.__init__.__module__.startswith("pulumi_aws.")
    arguments = set(inspect.signature(kind._internal_init).parameters)
    outputs = {name for name, value in inspect.getmembers(kind) if isinstance(value, property)}
    snake = {pulumi_aws_name(kind, name): name for name in (*said.served, *said.computed)}
    assert set(snake) <= outputs
    assert {pulumi_aws_name(kind, name) for name in said.served} <= arguments
    assert managed.taggable is ("tags" in arguments)


def pulumi_aws_name(kind: Any, name: str) -> str:
    """The name in Python of a property, which pulumi_aws keeps on the getter."""
    for candidate, value in inspect.getmembers(kind):
        if isinstance(value, property) and getattr(value.fget, "_pulumi_name", candidate) == name:
            return candidate
    return f"no property {name}"


@pytest.mark.parametrize("managed", MANAGED, ids=lambda managed: str(managed.token))
def test_descriptions_are_of_what_they_serve(managed: Managed) -> None:
    said = managed.description
    served, tops = set(said.served), {path.partition(".")[0] for path in (*said.filled_in, *said.defaults)}
    for names in (said.required, said.replacing, said.remembered, said.alike, tops):
        assert set(names) <= served
    assert not served & set(said.computed)
    assert said.source.startswith("internal/service/")


QUEUE: dict[str, Any] = {"name": "q", "redrivePolicy": '{"maxReceiveCount": 3, "deadLetterTargetArn": "a"}'}
STATEMENT = {"Effect": "Allow", "Action": ["sqs:*"], "Resource": ["b", "a"]}
POLICY = json.dumps({"Statement": [STATEMENT]})
ROLE: dict[str, Any] = {"name": "r", "assumeRolePolicy": POLICY}
TRACKING = {"targetValue": 60, "predefinedMetricSpecification": {"predefinedMetricType": "x"}}
SCALED = {"serviceNamespace": "cassandra", "resourceId": "keyspace/k/table/t", "scalableDimension": "d"}


@pytest.mark.parametrize(
    ("description", "old", "change", "path"),
    [
        (queue.QUEUE, QUEUE, {"name": "x"}, "name"),
        (queue.QUEUE, QUEUE, {"fifoQueue": True}, "fifoQueue"),
        (queue.QUEUE_POLICY, {"queueUrl": "u", "policy": POLICY}, {"queueUrl": "x"}, "queueUrl"),
        (subscription.TOPIC_SUBSCRIPTION, {"topic": "t", "endpoint": "e"}, {"endpoint": "x"}, "endpoint"),
        (bucket_notification.BUCKET_NOTIFICATION, {"bucket": "b"}, {"bucket": "x"}, "bucket"),
        (bucket.BUCKET, {"bucket": "b"}, {"bucket": "x"}, "bucket"),
        (bucket.LIFECYCLE, {"bucket": "b"}, {"bucket": "x"}, "bucket"),
        (iam_policy.POLICY, {"name": "p", "policy": POLICY}, {"description": "x"}, "description"),
        (iam.ROLE, ROLE, {"path": "/x/"}, "path"),
        (iam.ROLE_POLICY, {"role": "r", "name": "p"}, {"role": "x"}, "role"),
        (kms.KEY, {}, {"keyUsage": "SIGN_VERIFY"}, "keyUsage"),
        (kms.ALIAS, {"name": "alias/a"}, {"name": "alias/x"}, "name"),
        (scheduler.SCHEDULE, {"name": "s"}, {"groupName": "g"}, "groupName"),
        (logs.LOG_GROUP, {"name": "l"}, {"logGroupClass": "DELIVERY"}, "logGroupClass"),
        (metric_alarm.METRIC_ALARM, {"name": "a"}, {"name": "x"}, "name"),
        (app_config.ENVIRONMENT, {"applicationId": "a"}, {"applicationId": "x"}, "applicationId"),
        (app_config.CONFIGURATION_PROFILE, {"locationUri": "hosted"}, {"type": "x"}, "type"),
        (app_config.DEPLOYMENT_STRATEGY, {"replicateTo": "NONE"}, {"replicateTo": "x"}, "replicateTo"),
        (auto_scaling.TARGET, SCALED, {"resourceId": "x"}, "resourceId"),
        (auto_scaling.POLICY, {**SCALED, "name": "p"}, {"name": "x"}, "name"),
        (function.FUNCTION, {"name": "f"}, {"packageType": "Image"}, "packageType"),
        (function_access.ALIAS, {"functionName": "f"}, {"functionName": "x"}, "functionName"),
        (function_access.PERMISSION, {"principal": "p"}, {"principal": "x"}, "principal"),
        (function_access.EVENT_INVOKE_CONFIG, {"functionName": "f"}, {"qualifier": "q"}, "qualifier"),
        (event_source.EVENT_SOURCE_MAPPING, {"eventSourceArn": "a"}, {"eventSourceArn": "x"}, "eventSourceArn"),
        (layer.LAYER_VERSION, {"layerName": "l"}, {"description": "x"}, "description"),
    ],
)
def test_what_forces_a_new_resource_makes_it_anew(
    description: Description, old: dict[str, Any], change: dict[str, Any], path: str
) -> None:
    assert diff(description, old, **change) == {path: True}


@pytest.mark.parametrize(
    ("description", "old", "change", "path"),
    [
        (queue.QUEUE, QUEUE, {"visibilityTimeoutSeconds": 31}, "visibilityTimeoutSeconds"),
        (queue.QUEUE, {**QUEUE, "kmsMasterKeyId": "k"}, {"kmsMasterKeyId": None}, "kmsMasterKeyId"),
        (iam.ROLE, ROLE, {"assumeRolePolicy": POLICY.replace("Allow", "Deny")}, "assumeRolePolicy"),
        (iam.ROLE, {**ROLE, "description": "d"}, {"description": None}, "description"),
        (function.FUNCTION, {"code": archive("/a", content="1")}, {"code": archive("/a", content="2")}, "code"),
        (function.FUNCTION, {"name": "f"}, {"reservedConcurrentExecutions": 0}, "reservedConcurrentExecutions"),
        (
            function_access.EVENT_INVOKE_CONFIG,
            {"functionName": "f"},
            {"maximumRetryAttempts": 0},
            "maximumRetryAttempts",
        ),
        (event_source.EVENT_SOURCE_MAPPING, {"functionName": "f"}, {"enabled": False}, "enabled"),
        (
            auto_scaling.POLICY,
            {"targetTrackingScalingPolicyConfiguration": TRACKING},
            {"targetTrackingScalingPolicyConfiguration": {**TRACKING, "targetValue": 70}},
            "targetTrackingScalingPolicyConfiguration",
        ),
    ],
)
def test_what_can_be_changed_in_place_is(
    description: Description, old: dict[str, Any], change: dict[str, Any], path: str
) -> None:
    assert diff(description, old, **change) == {path: False}


ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"


@pytest.mark.parametrize(
    ("description", "old", "change"),
    [
        (queue.QUEUE, QUEUE, {"redrivePolicy": '{"deadLetterTargetArn":"a","maxReceiveCount":3}'}),
        (queue.QUEUE, QUEUE, {"redrivePolicy": None}),
        (queue.QUEUE, QUEUE, {"delaySeconds": 0, "visibilityTimeoutSeconds": 30, "fifoQueue": False}),
        (iam.ROLE, ROLE, {"assumeRolePolicy": json.dumps({"Statement": {**STATEMENT, "Action": "sqs:*"}})}),
        (iam.ROLE, ROLE, {"assumeRolePolicy": json.dumps({"Statement": [{**STATEMENT, "Resource": ["a", "b"]}]})}),
        (kms.KEY, {"policy": POLICY, "description": "made by AWS"}, {"policy": None, "description": None}),
        (kms.ALIAS, {"targetKeyId": "1"}, {"targetKeyId": "arn:aws:kms:us-east-1:000000000000:key/1"}),
        (function.FUNCTION, {"code": archive("/a", content="1")}, {"code": archive("/b", content="1")}),
        (function.FUNCTION, {"vpcConfig": {"subnetIds": ["a", "b"]}}, {"vpcConfig": {"subnetIds": ["b", "a"]}}),
        (
            function.FUNCTION,
            {"vpcConfig": {"subnetIds": ["a"], "vpcId": "v", "ipv6AllowedForDualStack": False}},
            {"vpcConfig": {"subnetIds": ["a"]}},
        ),
        (function.FUNCTION, {"environment": {"variables": {}}}, {"environment": None}),
        (function_access.ALIAS, {"functionName": "f"}, {"functionName": ARN}),
        (
            event_source.EVENT_SOURCE_MAPPING,
            {"functionName": ARN, "batchSize": 10},
            {"functionName": "f", "batchSize": None},
        ),
        (metric_alarm.METRIC_ALARM, {"alarmActions": ["a", "b"]}, {"alarmActions": ["b", "a"]}),
        (
            metric_alarm.METRIC_ALARM,
            {"metricQueries": [{"id": "a"}]},
            {"metricQueries": [{"id": "a", "returnData": False}]},
        ),
        (
            bucket_notification.BUCKET_NOTIFICATION,
            {"queues": [{"queueArn": "q", "events": ["a", "b"], "id": "made by S3"}]},
            {"queues": [{"queueArn": "q", "events": ["b", "a"]}]},
        ),
        (scheduler.SCHEDULE, {"groupName": "default", "state": "ENABLED"}, {"groupName": None, "state": None}),
        (auto_scaling.TARGET, {**SCALED, "roleArn": "made by AWS"}, {"roleArn": None}),
    ],
)
def test_what_means_the_same_is_no_difference(
    description: Description, old: dict[str, Any], change: dict[str, Any]
) -> None:
    assert diff(description, old, **change) == {}


def test_an_id_that_is_not_known_yet_makes_anew_what_it_replaces() -> None:
    assert diff(app_config.ENVIRONMENT, {"applicationId": "a"}, applicationId=UNKNOWN) == {"applicationId": True}


def test_a_refresh_shows_a_change_by_hand_and_not_what_aws_filled_in() -> None:
    given = {"loggingConfig": {"logFormat": "JSON"}, "timeout": 3, "environment": {"variables": {"A": "1"}}}
    live = {
        "loggingConfig": {"logFormat": "JSON", "logGroup": "/aws/lambda/f", "systemLogLevel": "INFO"},
        "timeout": 3,
        "memorySize": 128,
        "tracingConfig": {"mode": "PassThrough"},
        "environment": {"variables": {"A": "2", "B": "3"}},
    }
    shown = as_given(function.FUNCTION, live, given)
    assert shown == {**given, "environment": live["environment"]}


def test_a_published_version_is_unknown_before_it_is_published() -> None:
    old, new = {"name": "f", "handler": "a.a", "publish": True}, {"name": "f", "handler": "a.b", "publish": True}
    assert "version" in Managed(function.FUNCTION).unsettled(old, new)
    assert "version" not in Managed(function.FUNCTION).unsettled(old | {"publish": False}, new | {"publish": False})
    assert list(Managed(function.FUNCTION).unsettled(old, {**old, "tags": {"a": "b"}})) == []


def failures(description: Description, /, **inputs: Any) -> set[str]:
    return {failure.path for failure in Managed(description).check(inputs)}


def test_what_is_missing_not_served_or_not_readable_is_refused(tmp_path: Path) -> None:
    assert failures(iam.ROLE, assumeRolePolicy=POLICY) == {"name"}
    assert failures(iam.ROLE, name=UNKNOWN, assumeRolePolicy=UNKNOWN) == set()
    assert failures(iam.ROLE, **ROLE, managedPolicyArns=["a"]) == {"managedPolicyArns"}
    good = {"name": "f", "role": "r", "handler": "a.b", "runtime": "python3.11"}
    assert failures(function.FUNCTION, **good) == {"code"}
    assert failures(function.FUNCTION, **good, code=archive(tmp_path, content="1")) == set()
    assert failures(function.FUNCTION, **good, code=archive(tmp_path / "none", content="1")) == {"code"}
    assert failures(function.FUNCTION, name="f", role="r", s3Bucket="b", s3Key="k") == {"handler", "runtime"}
    assert failures(function.FUNCTION, name="f", role="r", imageUri="i", packageType="Image") == set()


def test_default_tags_are_in_tags_all_and_not_in_tags() -> None:
    defaults = {"Owner": "default", "Project": "p"}
    inputs = tagging.with_default_tags({"tags": {"Owner": "own"}}, defaults)
    assert inputs == {"tags": {"Owner": "own"}, "tagsAll": {"Owner": "own", "Project": "p"}}
    assert tagging.all_tags(inputs) == inputs["tagsAll"]
    read = tagging.as_properties(inputs["tagsAll"], inputs, defaults)
    assert read == inputs
    by_hand = {"Owner": "own", "Project": "other"}
    assert tagging.as_properties(by_hand, inputs, defaults) == {"tags": by_hand, "tagsAll": by_hand}
    assert tagging.with_default_tags({"tags": {"a": UNKNOWN}}, defaults)["tagsAll"] == UNKNOWN
    assert tagging.with_default_tags({"name": "n"}, {}) == {"name": "n"}


def test_changed_default_tags_are_a_change_in_place() -> None:
    old = tagging.with_default_tags(ROLE, {"a": "1"})
    new = tagging.with_default_tags(ROLE, {"a": "2"})
    assert [(found.path, found.replaces) for found in Managed(iam.ROLE).diff(old, new)] == [("tagsAll", False)]


def test_names_of_the_api_and_of_pulumi() -> None:
    names = ("KMSKeyArn", "UUID", "OKActions", "S3Key", "CodeSha256", "Arn", "logGroupName", "URI")
    assert [camel(name) for name in names] == [
        "kmsKeyArn", "uuid", "okActions", "s3Key", "codeSha256", "arn", "logGroupName", "uri",
    ]  # fmt: skip
    client = connect({"region": "us-east-1", "endpoints": json.dumps([{"lambda": URL}])}).client("lambda")
    said = {"name": "f", "kmsKeyArn": "k", "environment": {"variables": {"Keep_me": "x"}}, "code": "not a member of it"}
    request = to_api(client, "UpdateFunctionConfiguration", said, renamed={"name": "FunctionName"})
    assert request == {"FunctionName": "f", "KMSKeyArn": "k", "Environment": {"Variables": {"Keep_me": "x"}}}
    back = from_api(client, "UpdateFunctionConfiguration", request, renamed={"name": "FunctionName"})
    assert back == {"name": "f", "kmsKeyArn": "k", "environment": {"variables": {"Keep_me": "x"}}}
    with pytest.raises(NotServedError, match="nonsense"):
        to_api(client, "UpdateFunctionConfiguration", {"vpcConfig": {"nonsense": 1}})


def test_every_service_has_the_address_that_the_program_gives_it() -> None:
    given = {"lambda": f"{URL}1", "cloudwatchlogs": f"{URL}2", "appautoscaling": f"{URL}3", "s3": f"{URL}4"}
    endpoints = json.dumps([given, {"kms": ""}])
    assert read_endpoints({"endpoints": endpoints}) == {
        "lambda": f"{URL}1",
        "logs": f"{URL}2",
        "application-autoscaling": f"{URL}3",
        "s3": f"{URL}4",
    }
    account = connect(
        {
            "region": "us-east-1",
            "endpoints": endpoints,
            "s3UsePathStyle": "true",
            "defaultTags": json.dumps({"tags": {"a": "b"}}),
        }
    )
    assert account.default_tags == {"a": "b"}
    assert account.client("logs").meta.endpoint_url == f"{URL}2"
    assert account.client("logs") is account.client("logs")
    assert account.client("s3").meta.config.s3["addressing_style"] == "path"
    with pytest.raises(ConfigurationError, match="no kms"):
        account.client("kms")


def test_one_address_beyond_loopback_is_enough_to_refuse() -> None:
    endpoints = json.dumps([{"lambda": URL, "never-heard-of": "https://sqs.us-east-1.amazonaws.com"}])
    with pytest.raises(ConfigurationError, match=r"never-heard-of.*loopback only"):
        connect({"region": "us-east-1", "endpoints": endpoints})


def test_a_failure_once_a_resource_is_there_keeps_it() -> None:
    error = ClientError({"Error": {"Code": "Throttling", "Message": "slow down"}}, "PutFunctionConcurrency")
    with pytest.raises(PartlyMadeError, match="slow down") as caught, made("f"):
        raise error
    assert caught.value.resource_id == "f"


def test_a_folder_makes_the_same_zip_file_whenever_it_is_read(tmp_path: Path) -> None:
    source = tmp_path / "inner" / "a.py"
    source.parent.mkdir()
    source.write_text("x = 1\n")
    first = read_zip(archive(tmp_path, content="1"))
    os.utime(source, (10_000, 10_000))
    assert read_zip(archive(tmp_path, content="1")) == first
    (entry,) = zipfile.ZipFile(io.BytesIO(first)).infolist()
    assert (entry.filename, entry.date_time) == ("inner/a.py", (1980, 1, 1, 0, 0, 0))
