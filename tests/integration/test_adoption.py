"""What a killed engine was making is found again in the AWS stand-in by the names that the program gives."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from keyspaces_infra.adoption import Adoption, find_id
from keyspaces_infra.errors import AmbiguousError
from keyspaces_infra.recovery import take_up
from rehearsal.servers.aws import REGION

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.servers.aws import AwsStandIn


@pytest.fixture
def client(aws_stand_in: AwsStandIn) -> Callable[[str], Any]:
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    return lambda service: session.client(service, endpoint_url=aws_stand_in.endpoint_url)


@pytest.fixture
def name() -> str:
    return f"m{uuid.uuid4().hex[:12]}"


def test_a_key_is_found_by_its_name_tag_unless_it_is_going(client: Callable[[str], Any], name: str) -> None:
    kms, inputs = client("kms"), {"tags": {"Name": name}}
    assert find_id("aws:kms/key:Key", inputs, client=client) is None
    going, made = (
        kms.create_key(Tags=[{"TagKey": "Name", "TagValue": name}])["KeyMetadata"]["KeyId"] for _ in range(2)
    )
    with pytest.raises(AmbiguousError, match=f"2 of KMS key are called {name}"):
        find_id("aws:kms/key:Key", inputs, client=client)
    kms.schedule_key_deletion(KeyId=going, PendingWindowInDays=7)
    assert find_id("aws:kms/key:Key", inputs, client=client) == made


def test_a_key_without_its_tag_is_for_a_person(client: Callable[[str], Any]) -> None:
    with pytest.raises(AmbiguousError, match="without a tag Name"):
        find_id("aws:kms/key:Key", {}, client=client)


def test_the_parts_of_a_flag_are_found_by_name(client: Callable[[str], Any], name: str) -> None:
    appconfig = client("appconfig")
    assert find_id("aws:appconfig/application:Application", {"name": name}, client=client) is None
    application = appconfig.create_application(Name=name)["Id"]
    environment = appconfig.create_environment(ApplicationId=application, Name="e")["Id"]
    profile = appconfig.create_configuration_profile(ApplicationId=application, Name="flag", LocationUri="hosted")["Id"]
    strategy = appconfig.create_deployment_strategy(
        Name=name, DeploymentDurationInMinutes=0, GrowthFactor=100.0, ReplicateTo="NONE"
    )["Id"]
    found = {
        kind: find_id(kind, {"applicationId": application, **inputs}, client=client)
        for kind, inputs in {
            "aws:appconfig/application:Application": {"name": name},
            "aws:appconfig/environment:Environment": {"name": "e"},
            "aws:appconfig/configurationProfile:ConfigurationProfile": {"name": "flag"},
            "aws:appconfig/deploymentStrategy:DeploymentStrategy": {"name": name},
        }.items()
    }
    # As `pulumi import` takes them.
    assert list(found.values()) == [application, f"{environment}:{application}", f"{profile}:{application}", strategy]


def test_a_managed_policy_is_found_by_its_name_and_a_bucket_has_no_other_id(
    client: Callable[[str], Any], name: str
) -> None:
    iam = client("iam")
    document = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}}'
    iam.create_policy(PolicyName=f"{name}-other", PolicyDocument=document)
    assert find_id("aws:iam/policy:Policy", {"name": name}, client=client) is None
    arn = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
    assert find_id("aws:iam/policy:Policy", {"name": name}, client=client) == arn
    assert find_id("aws:s3/bucket:Bucket", {"bucket": name}, client=client) == name


def test_what_aws_takes_twice_is_made_again(client: Callable[[str], Any], name: str) -> None:
    assert find_id("aws:sqs/queue:Queue", {"name": name}, client=client) is Adoption.MADE_AGAIN
    assert find_id("aws:ec2/instance:Instance", {"name": name}, client=client) is Adoption.UNKNOWN_TYPE


def test_what_the_state_has_already_is_not_taken_up_twice(client: Callable[[str], Any], name: str) -> None:
    application = client("appconfig").create_application(Name=name)["Id"]
    kind = "aws:appconfig/application:Application"
    pending = {"type": "creating", "resource": {"urn": "urn::new", "type": kind, "inputs": {"name": name}}}
    taken = take_up({"resources": [], "pending_operations": [pending]}, client=client)
    assert [each["id"] for each in taken["resources"]] == [application]
    there = {"urn": "urn::old", "type": kind, "id": application}
    assert take_up({"resources": [there], "pending_operations": [pending]}, client=client)["resources"] == [there]
