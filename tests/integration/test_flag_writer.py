"""The flag's writer against the AWS stand-in: what it deploys, what it refuses to overwrite, and how reads go back."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import boto3
import pytest

from keyspaces_migration.cutover.appconfig import (
    FlagBusyError,
    FlagChangedError,
    FlagMissingError,
    FlagNotDeployedError,
    FlagStore,
    Strategy,
)
from keyspaces_migration.cutover.flag_writer import FlagWriter, SourceStandsStillError
from keyspaces_migration.dual_write.errors import FlagFormatError
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.flag_reader import FlagAddress, FlagReader
from rehearsal.flag_parts import alarm_that_is_ok, flag_parts
from rehearsal.servers.aws import REGION, AwsStandIn

RECORD = FlagState(mode=WriteMode.RECORD, version=1)
DUAL = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=1_790_000_000_123_457, version=2)
FIVE = replace(DUAL, target_read_percent=5, version=3)
HALF = replace(DUAL, target_read_percent=50, version=4)
LEADS = replace(DUAL, mode=WriteMode.DUAL_TARGET_LEADS, target_read_percent=100, version=5)


def client(aws_stand_in: AwsStandIn, service: str) -> Any:
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    return session.client(service, endpoint_url=aws_stand_in.endpoint_url)


@pytest.fixture
def address() -> FlagAddress:
    return FlagAddress(application=f"migration-{uuid4()}", environment="rehearsal", profile="flag")


@pytest.fixture
def alarm(aws_stand_in: AwsStandIn, address: FlagAddress) -> str:
    """The ARN of an alarm that is OK."""
    return alarm_that_is_ok(client(aws_stand_in, "cloudwatch"), address.application)


def fire(aws_stand_in: AwsStandIn, address: FlagAddress) -> None:
    client(aws_stand_in, "cloudwatch").set_alarm_state(
        AlarmName=address.application, StateValue="ALARM", StateReason="a test"
    )


@pytest.fixture
def store(aws_stand_in: AwsStandIn, address: FlagAddress, alarm: str) -> Iterator[FlagStore]:
    """Of a flag whose parts are there, as `provision` makes them."""
    with flag_parts(client(aws_stand_in, "appconfig"), address, alarm_arns=(alarm,)) as made:
        yield made


@pytest.fixture
def writer(store: FlagStore) -> FlagWriter:
    return FlagWriter(store)


def read_by_applications(aws_stand_in: AwsStandIn, address: FlagAddress) -> FlagState:
    reader = FlagReader(client(aws_stand_in, "appconfigdata"), address)
    reader.refresh()
    return reader.current()


def test_what_provision_has_not_made_is_not_made_here(aws_stand_in: AwsStandIn, address: FlagAddress) -> None:
    appconfig = client(aws_stand_in, "appconfig")
    with pytest.raises(FlagMissingError, match="run provision"):
        FlagWriter(FlagStore(appconfig, address)).deploy(RECORD, expected_version=None)
    assert address.application not in {each["Name"] for each in appconfig.list_applications()["Items"]}


def test_what_is_deployed_is_what_the_applications_read(
    aws_stand_in: AwsStandIn, writer: FlagWriter, address: FlagAddress
) -> None:
    assert (writer.current(), writer.next_version()) == (None, 1)
    writer.deploy(RECORD, expected_version=None)
    assert writer.current() == RECORD
    writer.deploy(DUAL, expected_version=1)
    assert (writer.current(), writer.next_version()) == (DUAL, 3)
    assert read_by_applications(aws_stand_in, address) == DUAL


@pytest.mark.parametrize("expected", [None, 1, 3])
def test_a_flag_that_is_not_the_one_decided_on_is_not_overwritten(writer: FlagWriter, expected: int | None) -> None:
    writer.deploy(DUAL, expected_version=None)
    with pytest.raises(FlagChangedError, match="expected version"):
        writer.deploy(RECORD, expected_version=expected)
    assert writer.current() == DUAL


def test_a_version_made_between_the_look_and_the_write_is_noticed(
    aws_stand_in: AwsStandIn, store: FlagStore, writer: FlagWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.deploy(RECORD, expected_version=None)
    other = client(aws_stand_in, "appconfig")
    looked = store.deployments

    def then_somebody_else_writes(ids: Any) -> Any:
        found = list(looked(ids))
        other.create_hosted_configuration_version(
            ApplicationId=ids.application,
            ConfigurationProfileId=ids.profile,
            Content=json.dumps(RECORD.to_appconfig()).encode(),
            ContentType="application/json",
        )
        return iter(found)

    monkeypatch.setattr(store, "deployments", then_somebody_else_writes)
    with pytest.raises(FlagChangedError):
        writer.deploy(DUAL, expected_version=1)
    monkeypatch.undo()
    assert writer.current() == RECORD


def deploy_what_is_no_flag(aws_stand_in: AwsStandIn, store: FlagStore) -> None:
    ids = store.ids()
    hosted = client(aws_stand_in, "appconfig").create_hosted_configuration_version(
        ApplicationId=ids.application,
        ConfigurationProfileId=ids.profile,
        Content=b'{"version": "1", "flags": {}, "values": {}}',
        ContentType="application/json",
    )["VersionNumber"]
    store.start(ids, hosted, Strategy.AT_ONCE)


def test_what_is_no_flag_of_ours_is_an_error_and_no_absence(
    aws_stand_in: AwsStandIn, store: FlagStore, writer: FlagWriter, address: FlagAddress
) -> None:
    assert writer.current() is None
    deploy_what_is_no_flag(aws_stand_in, store)
    with pytest.raises(FlagFormatError, match=address.application):
        writer.current()


def test_a_canary_is_read_at_once_and_bakes_so_that_nothing_else_is_deployed_meanwhile(
    aws_stand_in: AwsStandIn, writer: FlagWriter, address: FlagAddress
) -> None:
    writer.deploy(DUAL, expected_version=None)
    made = writer.deploy(FIVE, expected_version=2, strategy=Strategy.CANARY)
    assert (made.state, made.bakes) == (FIVE, True)
    assert read_by_applications(aws_stand_in, address) == FIVE
    with pytest.raises(FlagBusyError, match="still bakes"):
        writer.deploy(HALF, expected_version=3)
    assert writer.current() == FIVE


def test_an_alarm_takes_a_baking_canary_back_with_nobody_looking_and_its_fate_tells(
    aws_stand_in: AwsStandIn, writer: FlagWriter, address: FlagAddress, alarm: str
) -> None:
    writer.deploy(DUAL, expected_version=None)
    writer.deploy(FIVE, expected_version=2, strategy=Strategy.CANARY)
    fire(aws_stand_in, address)
    assert read_by_applications(aws_stand_in, address) == DUAL
    fate = writer.fate(FIVE.version)
    assert fate is not None
    assert fate.was_taken_back
    assert "CLOUDWATCH_ALARM" in fate.why
    assert alarm in fate.why
    # A version that was taken back is not given again.
    assert (writer.current(), writer.next_version()) == (DUAL, 4)


def test_a_canary_is_not_put_in_force_while_an_alarm_fires(
    aws_stand_in: AwsStandIn, writer: FlagWriter, address: FlagAddress
) -> None:
    writer.deploy(DUAL, expected_version=None)
    fire(aws_stand_in, address)
    with pytest.raises(FlagNotDeployedError, match="CLOUDWATCH_ALARM"):
        writer.deploy(FIVE, expected_version=2, strategy=Strategy.CANARY)
    assert writer.current() == DUAL


@pytest.mark.parametrize("fires", [False, True])
def test_reads_go_back_from_a_baking_canary_whether_an_alarm_fires_or_not(
    aws_stand_in: AwsStandIn, writer: FlagWriter, address: FlagAddress, alarm: str, *, fires: bool
) -> None:
    writer.deploy(DUAL, expected_version=None)
    writer.deploy(FIVE, expected_version=2)
    writer.deploy(HALF, expected_version=3, strategy=Strategy.CANARY)
    if fires:
        fire(aws_stand_in, address)
    back = writer.lower()
    assert back is not None
    assert back.state == replace(DUAL, version=5)
    assert back.problem is None
    assert (writer.current(), read_by_applications(aws_stand_in, address)) == (back.state, back.state)
    assert writer.monitors() == (alarm,)


def test_reads_go_back_from_a_share_that_is_complete_while_an_alarm_fires(
    aws_stand_in: AwsStandIn, writer: FlagWriter, address: FlagAddress, alarm: str
) -> None:
    writer.deploy(LEADS, expected_version=None)
    fire(aws_stand_in, address)
    back = writer.lower()
    assert back is not None
    assert (back.before, back.state) == (LEADS, replace(DUAL, version=6))
    assert read_by_applications(aws_stand_in, address) == back.state
    assert writer.monitors() == (alarm,)


def test_lowering_what_is_low_changes_nothing_and_where_there_is_no_flag_it_says_so(writer: FlagWriter) -> None:
    assert writer.lower() is None
    writer.deploy(DUAL, expected_version=None)
    back = writer.lower()
    assert back is not None
    assert (back.before, back.state, back.problem) == (DUAL, DUAL, None)
    assert writer.current() == DUAL


@pytest.mark.parametrize("before", [FIVE, DUAL])
def test_reads_go_back_though_somebody_deployed_what_is_no_flag(
    aws_stand_in: AwsStandIn, store: FlagStore, writer: FlagWriter, address: FlagAddress, before: FlagState
) -> None:
    writer.deploy(before, expected_version=None)
    deploy_what_is_no_flag(aws_stand_in, store)
    back = writer.lower()
    assert back is not None
    assert back.state == replace(DUAL, version=before.version + 1)
    assert read_by_applications(aws_stand_in, address) == back.state


def test_reads_do_not_go_back_to_a_source_that_stands_still(writer: FlagWriter) -> None:
    only = replace(LEADS, mode=WriteMode.TARGET_ONLY)
    writer.deploy(only, expected_version=None)
    with pytest.raises(SourceStandsStillError, match="no longer gets writes"):
        writer.lower()
    assert writer.current() == only


def test_monitors_that_can_not_be_put_back_are_said_and_the_share_is_low_all_the_same(
    store: FlagStore, writer: FlagWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.deploy(FIVE, expected_version=None)
    put = store.set_monitors

    def only_away(ids: Any, monitors: list[dict[str, str]]) -> None:
        if monitors:
            raise ConnectionError("no route")
        put(ids, monitors)

    monkeypatch.setattr(store, "set_monitors", only_away)
    back = writer.lower()
    assert back is not None
    assert "no route" in str(back.problem)
    assert "run provision" in str(back.problem)
    assert writer.current() == replace(DUAL, version=4)
