"""The flag's writer against the AWS stand-in: what it deploys, and what it refuses to overwrite."""

import json
from typing import Any
from uuid import uuid4

import boto3
import pytest

from keyspaces_migration.cutover.flag_writer import AT_ONCE, FlagChangedError, FlagMissingError, FlagWriter
from keyspaces_migration.dual_write.errors import FlagFormatError
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.flag_reader import FlagAddress, FlagReader
from rehearsal.servers.aws import REGION, AwsStandIn

RECORD = FlagState(mode=WriteMode.RECORD, version=1)
DUAL = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=1_790_000_000_123_457, version=2)


def client(aws_stand_in: AwsStandIn, service: str) -> Any:
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    return session.client(service, endpoint_url=aws_stand_in.endpoint_url)


@pytest.fixture
def address() -> FlagAddress:
    return FlagAddress(application=f"migration-{uuid4()}", environment="rehearsal", profile="flag")


@pytest.fixture
def writer(aws_stand_in: AwsStandIn, address: FlagAddress) -> FlagWriter:
    """Of a flag whose parts are there, as `provision` makes them."""
    appconfig = client(aws_stand_in, "appconfig")
    application = appconfig.create_application(Name=address.application)["Id"]
    appconfig.create_environment(ApplicationId=application, Name=address.environment)
    appconfig.create_configuration_profile(
        ApplicationId=application, Name=address.profile, LocationUri="hosted", Type="AWS.AppConfig.FeatureFlags"
    )
    appconfig.create_deployment_strategy(
        Name=f"{address.application}{AT_ONCE}",
        DeploymentDurationInMinutes=0,
        GrowthFactor=100.0,
        FinalBakeTimeInMinutes=0,
        ReplicateTo="NONE",
    )
    return FlagWriter(appconfig, address)


def test_what_provision_has_not_made_is_not_made_here(aws_stand_in: AwsStandIn, address: FlagAddress) -> None:
    appconfig = client(aws_stand_in, "appconfig")
    with pytest.raises(FlagMissingError, match="run provision"):
        FlagWriter(appconfig, address).deploy(RECORD, expected_version=None)
    assert address.application not in {each["Name"] for each in appconfig.list_applications()["Items"]}


def test_what_is_deployed_is_what_the_applications_read(
    aws_stand_in: AwsStandIn, writer: FlagWriter, address: FlagAddress
) -> None:
    assert writer.current() is None
    writer.deploy(RECORD, expected_version=None)
    assert writer.current() == RECORD
    writer.deploy(DUAL, expected_version=1)
    assert writer.current() == DUAL
    reader = FlagReader(client(aws_stand_in, "appconfigdata"), address)
    reader.refresh()
    assert reader.current() == DUAL


@pytest.mark.parametrize("expected", [None, 1, 3])
def test_a_flag_that_is_not_the_one_decided_on_is_not_overwritten(writer: FlagWriter, expected: int | None) -> None:
    writer.deploy(DUAL, expected_version=None)
    with pytest.raises(FlagChangedError, match="expected version"):
        writer.deploy(RECORD, expected_version=expected)
    assert writer.current() == DUAL


def test_a_version_made_between_the_look_and_the_write_is_noticed(
    aws_stand_in: AwsStandIn, writer: FlagWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.deploy(RECORD, expected_version=None)
    other = client(aws_stand_in, "appconfig")
    looked = writer._deployed

    def then_somebody_else_writes(ids: Any) -> FlagState | None:
        found = looked(ids)
        other.create_hosted_configuration_version(
            ApplicationId=ids.application,
            ConfigurationProfileId=ids.profile,
            Content=json.dumps(RECORD.to_appconfig()).encode(),
            ContentType="application/json",
        )
        return found

    monkeypatch.setattr(writer, "_deployed", then_somebody_else_writes)
    with pytest.raises(FlagChangedError):
        writer.deploy(DUAL, expected_version=1)
    monkeypatch.undo()
    assert writer.current() == RECORD


def test_what_is_no_flag_of_ours_is_an_error_and_no_absence(
    aws_stand_in: AwsStandIn, writer: FlagWriter, address: FlagAddress
) -> None:
    assert writer.current() is None
    raw = client(aws_stand_in, "appconfig")
    ids = writer._ids()
    version = raw.create_hosted_configuration_version(
        ApplicationId=ids.application,
        ConfigurationProfileId=ids.profile,
        Content=b'{"version": "1", "flags": {}, "values": {}}',
        ContentType="application/json",
    )["VersionNumber"]
    writer._start(ids, version)
    with pytest.raises(FlagFormatError, match=address.application):
        writer.current()
