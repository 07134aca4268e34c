"""Rollback: it lowers the share with no ledger, and only for somebody who typed the name."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.configuration import AIRFLOW_HOME

from keyspaces_migration.config import load_migration
from keyspaces_migration.cutover.flag_writer import Lowered, flag_address, lowered
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_provider.operators import rollback
from keyspaces_provider.operators.rollback import LowerShareOperator, NotConfirmedError
from rehearsal.notifications import read_messages
from rehearsal.servers.application import FLAG

FILE = Path(__file__).parents[4] / "dags" / "migrations" / "flights.yaml"
CONTEXT: Any = {
    "dag_run": SimpleNamespace(dag_id="flights.rollback", run_id="run"),
    "ti": SimpleNamespace(dag_id="flights.rollback", run_id="run", task_id="lower_share"),
}
RAISED = FlagState(
    mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=1_790_000_000_000_000, target_read_percent=100, version=3
)


class FlagInMemory:
    def __init__(self) -> None:
        self.state = RAISED
        self.problem: str | None = None

    def current(self) -> FlagState:
        return self.state

    def lower(self) -> Lowered:
        before = self.state
        self.state = lowered(before, version=before.version + 1)
        return Lowered(before=before, state=self.state, problem=self.problem)


@pytest.fixture
def flag(monkeypatch: pytest.MonkeyPatch) -> FlagInMemory:
    made = FlagInMemory()
    monkeypatch.setattr(rollback, "flag_writer", lambda _migration: made)
    return made


def lower(confirmation: str, *, file: Path = FILE, drain_s: str = "0") -> dict[str, Any]:
    operator = LowerShareOperator(
        task_id="lower",
        migration_file=str(file),
        confirmation=confirmation,
        drain_s=drain_s,
        ledger_conn_id="no_such_connection",
    )
    return operator.execute(CONTEXT)


def test_the_share_is_lowered_without_ledger_and_source_which_is_said(flag: FlagInMemory) -> None:
    said = lower("flights")
    assert flag.state.target_read_percent == 0
    assert (flag.state.mode, flag.state.barrier_us) == (RAISED.mode, RAISED.barrier_us)
    assert flag.state.version == RAISED.version + 1
    assert said["recorded"] is False
    assert said["lossless"] is True
    assert "the source led, so every acknowledged write is on it" in said["statement"]


def test_where_the_target_led_what_could_not_be_looked_at_stands_against_lossless(flag: FlagInMemory) -> None:
    flag.state = replace(RAISED, mode=WriteMode.DUAL_TARGET_LEADS)
    said = lower("flights", drain_s="0.1")
    assert flag.state == replace(RAISED, target_read_percent=0, version=4)
    assert said["lossless"] is False
    for what in ("the writers", "the dead letter queue", "the parked letters", "the checks"):
        assert any(f"{what} could not be looked at" in line for line in said["at_risk"]), what


def test_people_are_told_that_reads_went_back_and_whether_that_is_lossless(flag: FlagInMemory) -> None:
    folder = Path(AIRFLOW_HOME) / "notifications"
    before = len(read_messages(folder))
    lower("flights")
    (message,) = read_messages(folder)[before:]
    assert (message.kind, message.severity, message.task_id) == ("REVERSAL", "CRITICAL", "lower_share")
    assert f"All reads of flights go to the source, flag version {flag.state.version}" in message.text
    assert "Lossless: the source led, so every acknowledged write is on it" in message.text


def test_people_are_told_that_alarms_could_not_be_put_back(flag: FlagInMemory) -> None:
    folder, flag.problem = Path(AIRFLOW_HOME) / "notifications", "the alarms could not be put back"
    before = len(read_messages(folder))
    lower("flights")
    (message,) = read_messages(folder)[before:]
    assert "And the alarms could not be put back." in message.text


def test_the_share_is_lowered_though_nobody_can_be_told(flag: FlagInMemory, tmp_path: Path) -> None:
    file = tmp_path / "flights.yaml"
    file.write_text(FILE.read_text().replace("rehearsal.notifications.FileNotifier", "no.such.Notifier"))
    lower("flights", file=file)
    assert flag.state.target_read_percent == 0


@pytest.mark.parametrize("typed", ["", "Flights", "trains"])
def test_without_the_typed_name_nothing_is_lowered(flag: FlagInMemory, typed: str) -> None:
    with pytest.raises(NotConfirmedError, match="type flights"):
        lower(typed)
    assert flag.state == RAISED


def test_the_sample_application_reads_the_flag_that_the_stages_write() -> None:
    address = flag_address(load_migration(FILE))
    assert (address.application, address.environment, address.profile) == FLAG
