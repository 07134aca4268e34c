"""Rollback: it lowers the share with no ledger, and only for somebody who typed the name."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.configuration import AIRFLOW_HOME

from keyspaces_migration.config import load_migration
from keyspaces_migration.cutover.flag_writer import flag_address
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_provider.operators import cutover
from keyspaces_provider.operators.cutover import LowerShareOperator, NotConfirmedError
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

    def current(self) -> FlagState:
        return self.state

    def deploy(self, state: FlagState, *, expected_version: int) -> None:
        assert expected_version == self.state.version
        self.state = state


@pytest.fixture
def flag(monkeypatch: pytest.MonkeyPatch) -> FlagInMemory:
    made = FlagInMemory()
    monkeypatch.setattr(cutover, "flag_writer", lambda _migration: made)
    return made


def lower(confirmation: str) -> dict[str, Any]:
    operator = LowerShareOperator(
        task_id="lower", migration_file=str(FILE), confirmation=confirmation, ledger_conn_id="no_such_connection"
    )
    return operator.execute(CONTEXT)


def test_the_share_is_lowered_without_ledger_and_source_which_is_said(flag: FlagInMemory) -> None:
    said = lower("flights")
    assert flag.state.target_read_percent == 0
    assert (flag.state.mode, flag.state.barrier_us) == (RAISED.mode, RAISED.barrier_us)
    assert flag.state.version == RAISED.version + 1
    assert said["recorded"] is False
    assert said["lossless"] is False
    assert "could not be looked at" in said["at_risk"][0]


def test_people_are_told_that_reads_went_back_and_whether_that_is_lossless(flag: FlagInMemory) -> None:
    folder = Path(AIRFLOW_HOME) / "notifications"
    before = len(read_messages(folder))
    lower("flights")
    (message,) = read_messages(folder)[before:]
    assert (message.kind, message.severity, message.task_id) == ("REVERSAL", "CRITICAL", "lower_share")
    assert f"All reads of flights go to the source, flag version {flag.state.version}" in message.text
    assert "Not known to be lossless: the writers could not be looked at" in message.text


def test_the_share_is_lowered_though_nobody_can_be_told(flag: FlagInMemory, tmp_path: Path) -> None:
    file = tmp_path / "flights.yaml"
    file.write_text(FILE.read_text().replace("rehearsal.notifications.FileNotifier", "no.such.Notifier"))
    LowerShareOperator(
        task_id="lower", migration_file=str(file), confirmation="flights", ledger_conn_id="no_such_connection"
    ).execute(CONTEXT)
    assert flag.state.target_read_percent == 0


@pytest.mark.parametrize("typed", ["", "Flights", "trains"])
def test_without_the_typed_name_nothing_is_lowered(flag: FlagInMemory, typed: str) -> None:
    with pytest.raises(NotConfirmedError, match="type flights"):
        lower(typed)
    assert flag.state == RAISED


def test_the_sample_application_reads_the_flag_that_the_stages_write() -> None:
    address = flag_address(load_migration(FILE))
    assert (address.application, address.environment, address.profile) == FLAG
