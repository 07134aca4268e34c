"""Every type of the attached provider, by the real Pulumi engine, on a real ministack and a real control plane.

Each call of the engine takes seconds, so one test follows one stack through its whole life.
"""

from __future__ import annotations

import dataclasses
import json
import time
import uuid
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.keyspaces_control_plane.account import Account
from rehearsal.keyspaces_control_plane.process import ControlPlaneSettings, KeyspacesControlPlane
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until
from rehearsal.pulumi_aws_provider.catalog import RESOURCES
from rehearsal.pulumi_aws_provider.process import ProviderSettings, PulumiAwsProvider
from rehearsal.servers.aws import AwsStandIn
from tests.integration.aws_by_hand import change_by_hand
from tests.integration.aws_program import NAME, REGION, Edition, Surroundings
from tests.integration.aws_stack import AwsStack, is_described, own_strategy, queue_url, scaling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

BUCKET, ACCOUNT_ID = NAME, "000000000000"
ON_MINISTACK = ("lambda_", "sqs", "sns", "s3", "kms", "iam", "sts", "scheduler", "cloudwatch", "logs", "appconfig")
# These have nothing that can be changed in place, or nothing in this program: every other resource is changed.
UNCHANGED = {"other-key", "layer", "permission", "table"}
CLOUD_CONTROL = "aws:cloudcontrol/resource:Resource"  # test_provision.py has it
DEADLINE_S = 60
HANDLER = """
import json, os

def handle(event, context):
    if event.get("fail"):
        raise ValueError("asked to fail")
    return {"edition": os.environ["EDITION"], "kept": os.environ["Upper_case"], "code": "CODE"}
"""


@pytest.fixture
def aws_stack(local_keyspaces: LocalKeyspacesNode, tmp_path: Path) -> Iterator[AwsStack]:
    stand_in_port, provider_port, plane_port = free_ports(3)
    aws = AwsStandIn(home=tmp_path, port=stand_in_port, log=tmp_path / "aws.log")
    provider = PulumiAwsProvider(ProviderSettings(home=tmp_path, port=provider_port))
    account = Account(region=REGION, account_id=ACCOUNT_ID)
    plane = KeyspacesControlPlane(
        ControlPlaneSettings(home=tmp_path, port=plane_port, node=local_keyspaces.contact, account=account)
    )
    programs = (aws, provider, plane)
    try:
        for program in programs:
            program.launch()
        for program in programs:
            wait_until(program.why_not_healthy, name=program.name, log=program.log, timeout_s=60)
        yield AwsStack(
            home=tmp_path,
            provider=provider,
            url=aws.endpoint_url,
            around=Surroundings(
                topic_arn=f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:{NAME}",
                bucket=BUCKET,
                endpoints={
                    **dict.fromkeys(ON_MINISTACK, aws.endpoint_url),
                    **dict.fromkeys(("keyspaces", "appautoscaling"), plane.url),
                },
                keyspace=f"t{uuid.uuid4().hex[:12]}",
            ),
        )
    finally:
        for program in programs:
            program.stop()


def edition(home: Path, *, name: str, number: int) -> Edition:
    code, layer = home / f"{name}.zip", home / f"layer-{name}"
    with zipfile.ZipFile(code, "w") as file:
        file.writestr("handler.py", HANDLER.replace("CODE", name))
    (layer / "python").mkdir(parents=True)
    (layer / "python" / "shared.py").write_text(f"NAME = {name!r}\n")
    return Edition(name=name, number=number, code=code, layer=layer)


@pytest.mark.full
def test_every_type_is_made_read_changed_found_changed_and_deleted(aws_stack: AwsStack, tmp_path: Path) -> None:
    aws_stack.client("sns").create_topic(Name=NAME)
    aws_stack.client("s3").create_bucket(Bucket=BUCKET)
    before = inventory(aws_stack)
    one = edition(tmp_path, name="one", number=1)

    preview = aws_stack.preview(one)
    everything = set(preview.steps)
    assert set(preview.steps.values()) == {"create"}
    assert preview.types == {resource.token for resource in RESOURCES} - {CLOUD_CONTROL}
    assert inventory(aws_stack) == before
    assert aws_stack.up(one).steps == preview.steps
    is_as_said(aws_stack, one)
    the_function_works(aws_stack, one)
    assert set(aws_stack.preview(one).counts) == {"same"}
    nothing_differs(aws_stack, one)

    two = dataclasses.replace(edition(tmp_path, name="two", number=2), layer=one.layer)
    changed = dict.fromkeys(everything - UNCHANGED, "update")
    assert aws_stack.preview(two).steps == changed
    assert aws_stack.up(two).steps == changed
    is_as_said(aws_stack, two)
    the_function_works(aws_stack, two)
    nothing_differs(aws_stack, two)

    by_hand = change_by_hand(aws_stack)
    refreshed = aws_stack.refresh(two)
    assert refreshed.steps == by_hand
    put_right = {name: {"update": "update", "delete": "create"}[step] for name, step in by_hand.items()}
    assert aws_stack.preview(two).steps == put_right
    three = dataclasses.replace(
        two,
        layer=edition(tmp_path, name="three", number=3).layer,
        source_account="111122223333",
        log_group="/provider/test/anew",
    )
    replaced = aws_stack.up(three).steps
    assert {name for name, step in replaced.items() if "replace" in step} == {"layer", "logs"}
    is_as_said(aws_stack, three)
    nothing_differs(aws_stack, three)

    assert set(aws_stack.destroy(three).steps) == everything
    assert inventory(aws_stack) == before


def nothing_differs(stack: AwsStack, said: Edition) -> None:
    assert set(stack.refresh(said).counts) == {"same"}
    assert set(stack.preview(said).counts) == {"same"}


def is_as_said(stack: AwsStack, said: Edition) -> None:
    """Each thing as its own API tells it, with the default tags."""
    function_is_as_said(stack, said)
    triggers_are_as_said(stack, said)
    letters_are_as_said(stack, said)
    rest_is_as_said(stack, said)
    scaling_is_as_said(stack, said)


def function_is_as_said(stack: AwsStack, said: Edition) -> None:
    client = stack.client("lambda")
    found = client.get_function(FunctionName=NAME)
    configuration = found["Configuration"]
    assert configuration["MemorySize"] == 128 + said.number
    assert configuration["Environment"]["Variables"] == {"EDITION": said.name, "Upper_case": "kept"}
    assert found["Concurrency"]["ReservedConcurrentExecutions"] == 5 + said.number
    assert found["Tags"] == {"Project": "rehearsal", "Owner": "default", "Edition": said.name}
    assert configuration["LoggingConfig"]["LogFormat"] == "JSON"
    versions = client.list_versions_by_function(FunctionName=NAME)["Versions"]
    alias = client.get_alias(FunctionName=NAME, Name="live")
    assert (alias["FunctionVersion"], alias["Description"]) == (
        versions[-1]["Version"],
        f"alias of edition {said.name}",
    )
    (layer,) = configuration["Layers"]
    (latest,) = client.list_layer_versions(LayerName=NAME)["LayerVersions"]
    assert layer["Arn"] == latest["LayerVersionArn"]
    invocations = client.get_function_event_invoke_config(FunctionName=NAME, Qualifier="live")
    assert (invocations["MaximumRetryAttempts"], invocations["MaximumEventAgeInSeconds"]) == (0, 60 + said.number)
    (statement,) = json.loads(client.get_policy(FunctionName=NAME)["Policy"])["Statement"]
    assert statement["Condition"]["StringEquals"]["AWS:SourceAccount"] == said.source_account
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"] == f"arn:aws:s3:::{BUCKET}"


def triggers_are_as_said(stack: AwsStack, said: Edition) -> None:
    (mapping,) = stack.client("lambda").list_event_source_mappings(FunctionName=NAME)["EventSourceMappings"]
    assert (mapping["BatchSize"], mapping["State"]) == (4 + said.number, "Enabled")
    rules = stack.client("s3").get_bucket_notification_configuration(Bucket=BUCKET)["LambdaFunctionConfigurations"]
    assert [rule["Filter"]["Key"]["FilterRules"][0]["Value"] for rule in rules] == [f"{said.name}/"]
    sns = stack.client("sns")
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=stack.around.topic_arn)["Subscriptions"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])["Attributes"]
    assert json.loads(attributes["FilterPolicy"]) == {"edition": [said.name]}
    assert attributes["RawMessageDelivery"] == "true"
    schedule = stack.client("scheduler").get_schedule(Name=NAME)
    assert (schedule["Description"], schedule["State"]) == (f"schedule of edition {said.name}", "ENABLED")
    assert json.loads(schedule["Target"]["Input"]) == {"by": "clock"}
    sqs = stack.client("sqs")
    source = sqs.get_queue_attributes(QueueUrl=queue_url(stack, "source"), AttributeNames=["All"])["Attributes"]
    assert source["VisibilityTimeout"] == str(60 + said.number)
    assert json.loads(source["RedrivePolicy"])["maxReceiveCount"] == 3
    assert json.loads(source["Policy"])["Statement"][0]["Sid"] == said.name
    tags = sqs.list_queue_tags(QueueUrl=queue_url(stack, "failures"))["Tags"]
    assert tags == {"Project": "rehearsal", "Owner": "own", "Edition": said.name}


def letters_are_as_said(stack: AwsStack, said: Edition) -> None:
    iam, s3, bucket = stack.client("iam"), stack.client("s3"), f"{NAME}-letters"
    (policy,) = iam.list_policies(Scope="Local")["Policies"]
    version = {"PolicyArn": policy["Arn"], "VersionId": policy["DefaultVersionId"]}
    document = iam.get_policy_version(**version)["PolicyVersion"]["Document"]
    assert (policy["PolicyName"], document["Statement"][0]["Sid"]) == (NAME, said.name)
    tags = {each["Key"]: each["Value"] for each in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}
    assert tags == {"Project": "rehearsal", "Owner": "default", "Edition": said.name}
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert (block["BlockPublicAcls"], block["RestrictPublicBuckets"]) == (True, said.number == 1)
    (encryption,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    algorithm = encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
    assert algorithm == {1: "AES256", 2: "aws:kms"}[said.number]
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert (rule["Filter"], rule["Expiration"]) == ({"Prefix": "dead-letters/"}, {"Days": 30 + said.number})
    (denied,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert (denied["Sid"], denied["Resource"]) == (said.name, f"arn:aws:s3:::{bucket}/*")


def rest_is_as_said(stack: AwsStack, said: Edition) -> None:
    kms, iam = stack.client("kms"), stack.client("iam")
    key = kms.describe_key(KeyId="alias/provider-test")["KeyMetadata"]
    # The second edition points the alias at the other key.
    described = [each["KeyId"] for each in kms.list_keys()["Keys"] if is_described(kms, each["KeyId"], said.name)]
    assert (described == [key["KeyId"]]) is (said.number == 1)
    assert [kms.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"] for key_id in described] == [True]
    role = iam.get_role(RoleName=NAME)["Role"]
    assert role["Description"] == f"role of edition {said.name}"
    assert {tag["Key"] for tag in role["Tags"]} == {"Project", "Owner"}
    document = iam.get_role_policy(RoleName=NAME, PolicyName="send")["PolicyDocument"]
    assert document["Statement"][0]["Sid"] == said.name
    (group,) = stack.client("logs").describe_log_groups(logGroupNamePrefix="/provider/test")["logGroups"]
    assert group["logGroupName"] == said.log_group
    assert group["retentionInDays"] == {1: 1, 2: 3}[said.number]
    alarms = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix=NAME)["MetricAlarms"]
    kinds = {"AlarmNamePrefix": NAME, "AlarmTypes": ["CompositeAlarm"]}
    (composite,) = stack.client("cloudwatch").describe_alarms(**kinds)["CompositeAlarms"]
    assert composite["AlarmDescription"] == said.name
    assert composite["AlarmRule"] == 'ALARM("provider-test") OR ALARM("provider-test-of-queries")'
    alarm, of_queries = sorted(alarms, key=lambda each: str(each["AlarmName"]))
    assert (alarm["EvaluationPeriods"], alarm["Threshold"]) == (said.number, 1.5)
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": NAME}]
    assert of_queries["Threshold"] == said.number
    flags = stack.client("appconfig")
    (application,) = flags.list_applications()["Items"]
    (environment,) = flags.list_environments(ApplicationId=application["Id"])["Items"]
    (profile,) = flags.list_configuration_profiles(ApplicationId=application["Id"])["Items"]
    strategy = own_strategy(stack)
    assert {each["Description"] for each in (application, environment, strategy)} == {said.name}
    assert strategy["GrowthFactor"] == 90 + said.number
    whole = flags.get_configuration_profile(ApplicationId=application["Id"], ConfigurationProfileId=profile["Id"])
    assert (whole["Description"], whole["Validators"][0]["Type"]) == (said.name, "JSON_SCHEMA")


def scaling_is_as_said(stack: AwsStack, said: Edition) -> None:
    client, scaled = scaling(stack)
    (target,) = client.describe_scalable_targets(ServiceNamespace="cassandra", ResourceIds=[scaled])["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (said.number, 100)
    tags = client.list_tags_for_resource(ResourceARN=target["ScalableTargetARN"])["Tags"]
    assert tags == {"Project": "rehearsal", "Owner": "default", "Edition": said.name}
    (policy,) = client.describe_scaling_policies(ServiceNamespace="cassandra", ResourceId=scaled)["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60 + said.number


def the_function_works(stack: AwsStack, said: Edition) -> None:
    client = stack.client("lambda")
    answer = client.invoke(FunctionName=NAME, Qualifier="live", Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == {"edition": said.name, "kept": "kept", "code": said.name}
    asked = {"fail": said.name}
    client.invoke(FunctionName=NAME, InvocationType="Event", Payload=json.dumps(asked).encode())
    assert json.loads(failure(stack))["requestPayload"] == asked


def failure(stack: AwsStack) -> str:
    sqs, url, deadline = stack.client("sqs"), queue_url(stack, "failures"), time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2).get("Messages", ()):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return str(message["Body"])
    raise AssertionError(f"no failed invocation came to {url}")


def inventory(stack: AwsStack) -> dict[str, Any]:
    """How many of each kind of thing there are, keys that wait for their end left out."""
    kms, flags = stack.client("kms"), stack.client("appconfig")
    functions, scaling_client = stack.client("lambda"), scaling(stack)[0]
    keyspaces = stack.client("keyspaces", url=stack.around.endpoints["keyspaces"])
    notified = stack.client("s3").get_bucket_notification_configuration(Bucket=BUCKET)
    states = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] for key in kms.list_keys()["Keys"]]
    return {
        "functions": len(functions.list_functions()["Functions"]),
        "layers": len(functions.list_layers()["Layers"]),
        "mappings": len(functions.list_event_source_mappings()["EventSourceMappings"]),
        "roles": len(stack.client("iam").list_roles()["Roles"]),
        "managed policies": len(stack.client("iam").list_policies(Scope="Local")["Policies"]),
        "buckets": len(stack.client("s3").list_buckets()["Buckets"]),
        "keys": sum(state != "PendingDeletion" for state in states),
        "aliases": len([each for each in kms.list_aliases()["Aliases"] if "provider-test" in each["AliasName"]]),
        "queues": len(stack.client("sqs").list_queues().get("QueueUrls", ())),
        "subscriptions": len(stack.client("sns").list_subscriptions()["Subscriptions"]),
        "notifications": sorted(set(notified) - {"ResponseMetadata"}),
        "schedules": len(stack.client("scheduler").list_schedules()["Schedules"]),
        "log groups": len(stack.client("logs").describe_log_groups(logGroupNamePrefix="/provider")["logGroups"]),
        "alarms": len(stack.client("cloudwatch").describe_alarms()["MetricAlarms"]),
        "composite": len(stack.client("cloudwatch").describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]),
        "applications": len(flags.list_applications()["Items"]),
        "strategies": len(flags.list_deployment_strategies()["Items"]),
        "targets": len(scaling_client.describe_scalable_targets(ServiceNamespace="cassandra")["ScalableTargets"]),
        "policies": len(scaling_client.describe_scaling_policies(ServiceNamespace="cassandra")["ScalingPolicies"]),
        "own keyspace": [
            each["keyspaceName"]
            for each in keyspaces.list_keyspaces()["keyspaces"]
            if each["keyspaceName"] == stack.around.keyspace
        ],
    }
