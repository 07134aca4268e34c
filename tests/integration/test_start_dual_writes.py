"""The start of dual writes over a real flag, ledger and writer: where it broke off, it goes on; and it begins once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.dual_write.errors import BarrierRefusedError
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.lifecycle import Milestone, Stage
from keyspaces_provider.flag import FlagNotReadyError, change_flag
from keyspaces_provider.ledger import ledger_from_connection
from keyspaces_provider.operators import dual_writes
from keyspaces_provider.operators.dual_writes import (
    DualModeOperator,
    DualWritesStartedOperator,
    RecordModeOperator,
    WritersSensor,
)
from tests.integration.flag_world import LEDGER, SOURCE, FlagWorld, flag_world, stores_of, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from keyspaces_migration.cutover.flag_writer import FlagWriter
    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.servers.aws import AwsStandIn


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    with stores_of(cassandra_node) as opened:
        yield opened


class Starting(FlagWorld):
    """A migration that was provisioned, with a run of the stage under way."""

    def __init__(self, *, file: Path, **parts: Any) -> None:
        text = file.read_text()
        file.write_text(text.replace("source:\n  keyspace: flights", f"source:\n  keyspace: {SOURCE}", 1))
        super().__init__(stage=Stage.START_DUAL_WRITES, file=file, **parts)
        at = datetime.now(UTC) - timedelta(minutes=10)
        self.start_runs(
            (Stage.ASSESS, "a", (Milestone.ASSESSED,)), (Stage.PROVISION, "p", (Milestone.PROVISIONED,)), at=at
        )
        self.start_run("one")

    def start_run(self, run_id: str) -> None:
        self.run_id = run_id
        self.start_runs((self.stage, run_id, ()), at=datetime.now(UTC))

    def task(self, operator: Any, **given: Any) -> Any:
        return operator(task_id="task", ledger_conn_id=LEDGER, **given)

    def record_mode(self) -> dict[str, Any]:
        found: dict[str, Any] = self.task(RecordModeOperator, migration_file=str(self.file)).execute(self.context)
        return found

    def dual_mode(self, *, at_least: int = 1) -> dict[str, Any]:
        operator = self.task(DualModeOperator, migration_file=str(self.file), at_least=at_least)
        found: dict[str, Any] = operator.execute(self.context)
        return found

    def have_arrived(self, *, at_least: int = 1) -> bool:
        found: bool = self.task(WritersSensor, at_least=at_least).poke(self.context)
        return found

    @property
    def barrier_us(self) -> int | None:
        return FlagLedger(ledger_from_connection(LEDGER)).barrier_us(self.migration.name)


@pytest.fixture
def starting(
    tmp_path: Path,
    cassandra_node: CassandraNode,
    aws_stand_in: AwsStandIn,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Starting]:
    # No control plane is here to be asked; tests/integration/operators/test_dual_write_tables.py has one.
    monkeypatch.setattr(dual_writes, "require_ready_tables", lambda _: None)
    parts: dict[str, Any] = {"folder": tmp_path, "node": cassandra_node, "aws_stand_in": aws_stand_in}
    with flag_world(Starting, session=session, monkeypatch=monkeypatch, **parts) as made:
        yield made


def test_what_broke_off_goes_on_with_the_barrier_that_is_fixed(
    starting: Starting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert starting.record_mode()["mode"] == "RECORD"
    with starting.reader() as reader, starting.writer(tmp_path, reader):
        wait_for(starting.have_arrived)
        assert not starting.have_arrived(at_least=2)

        def die_after(run: Any, writer: FlagWriter, state: FlagState, *, expected_version: int | None) -> None:
            change_flag(run, writer, state, expected_version=expected_version)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(dual_writes, "change_flag", die_after)
            with pytest.raises(KeyboardInterrupt):
                starting.dual_mode()
        fixed_us = starting.barrier_us
        assert fixed_us is not None
        # The task is cleared; then a new run is triggered.
        again = starting.dual_mode()
        assert (again["barrier_us"], starting.barrier_us) == (str(fixed_us), fixed_us)
        starting.start_run("two")
        assert starting.record_mode() == {"mode": "DUAL_SOURCE_LEADS", "version": again["version"]}
        wait_for(starting.have_arrived)
        assert starting.dual_mode() == again
        starting.task(DualWritesStartedOperator).execute(starting.context)
        with pytest.raises(FlagNotReadyError, match="Beginning again"):
            starting.record_mode()


def test_after_dual_writes_the_source_alone_is_no_beginning(starting: Starting, tmp_path: Path) -> None:
    starting.record_mode()
    with starting.reader() as reader, starting.writer(tmp_path, reader):
        wait_for(starting.have_arrived)
        starting.dual_mode()
        found = starting.flag.current()
        assert found is not None
        by_hand = replace(found, mode=WriteMode.SOURCE_ONLY, barrier_us=None, version=found.version + 1)
        starting.flag.deploy(by_hand, expected_version=found.version)
        starting.start_run("two")
        with pytest.raises(FlagNotReadyError, match="is recorded nowhere"):
            starting.record_mode()


def test_a_run_that_changed_nothing_yet_may_be_begun_again(starting: Starting, tmp_path: Path) -> None:
    first = starting.record_mode()
    starting.start_run("two")
    assert starting.record_mode() == first
    with starting.reader() as reader, starting.writer(tmp_path, reader):
        wait_for(starting.have_arrived)
        with pytest.raises(BarrierRefusedError, match="1 writers are registered; at least 2"):
            starting.dual_mode(at_least=2)
        starting.dual_mode()
