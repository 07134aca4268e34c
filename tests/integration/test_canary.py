"""A canary over real stand-ins: a writer that reads on the target, the flag under an alarm, the signed ledger."""

from __future__ import annotations

import json
import sqlite3
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.approval import ApprovalRefusedError
from keyspaces_migration.consistency.kinds import Leader, Verdict
from keyspaces_migration.cutover.attempt import AttemptRefusedError
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.shadow import ShadowSettings
from keyspaces_migration.ledger.canaries import CanaryLedger
from keyspaces_migration.ledger.canary_records import CanaryEvent
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.errors import LedgerSignatureError
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.ledger.looks import LookLedger, ReadinessLook
from keyspaces_migration.ledger.stacks import DriftLook, StackLedger
from keyspaces_migration.ledger.sweeps import SweepLedger, SweepRecord
from keyspaces_migration.lifecycle import Milestone, Stage
from keyspaces_provider.cutover import NotReadyError
from keyspaces_provider.ledger import ledger_from_connection
from keyspaces_provider.operators.cutover import (
    CanaryReversedError,
    CanarySensor,
    CutoverEvidenceOperator,
    CutoverFinishedOperator,
    RaiseShareOperator,
    ReadinessSensor,
    StepNotRaisedError,
    TargetLeadsOperator,
)
from keyspaces_provider.operators.guard import FlagGuardOperator, FlagNotOursError
from keyspaces_provider.operators.watch import WatchOperator
from keyspaces_provider.run import recorded_run
from tests.checks import a_check
from tests.integration.flag_world import LEDGER, TARGET, FlagWorld, flag_world, stores_of, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from keyspaces_migration.dual_write.writer import DualWriter
    from keyspaces_migration.ledger import Ledger
    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.servers.aws import AwsStandIn

ROWS = 60


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    with stores_of(cassandra_node) as opened:
        yield opened


class Canary(FlagWorld):
    """A migration that is ready for its cutover, in two steps, with a writer at work."""

    live: DualWriter

    def __init__(self, **parts: Any) -> None:
        file: Path = parts["file"]
        text = file.read_text().replace("canary_steps: [10, 50, 100]", "canary_steps: [50, 100]")
        text = text.replace("bake_time: PT30S", "bake_time: PT1S").replace(
            "min_compared_reads: 100", f"min_compared_reads: {ROWS}"
        )
        file.write_text(text)
        super().__init__(stage=Stage.CUTOVER, **parts)
        state = self.base
        self._record(state)
        self.flag.deploy(state, expected_version=None)
        self._put_metrics()

    @property
    def ledger(self) -> Ledger:
        return ledger_from_connection(LEDGER)

    def _record(self, state: FlagState) -> None:
        at, name = datetime.now(UTC) - timedelta(minutes=10), self.migration.name
        self.start_runs(
            (Stage.ASSESS, "a", (Milestone.ASSESSED,)),
            (Stage.PROVISION, "p", (Milestone.PROVISIONED,)),
            (Stage.DRIFT, "f", ()),
            (Stage.START_DUAL_WRITES, "d", (Milestone.DUAL_WRITES_STARTED,)),
            (Stage.HISTORICAL_BACKFILL, "h", (Milestone.BACKFILL_COMPLETE,)),
            (Stage.CONSISTENCY_CHECK, "check-1", ()),
            (Stage.CONSISTENCY_CHECK, "check-2", ()),
            (Stage.CUTOVER, self.run_id, ()),
            at=at,
        )
        look = DriftLook(dag_id=f"{name}.drift", run_id="f", drifted=0, looked_at=datetime.now(UTC))
        StackLedger(self.ledger).record_look(look)
        FlagLedger(self.ledger).record_change(state, dag_id=f"{name}.start_dual_writes", run_id="d", now=at)
        self.check("check-1")
        self.check("check-2")
        SweepLedger(self.ledger).record(
            [
                SweepRecord(
                    dag_id=f"{name}.consistency_check",
                    run_id="check-2",
                    attempt=1,
                    table_name=table,
                    from_token=-(1 << 63),
                    to_token=(1 << 63) - 1,
                    began_at=datetime.now(UTC),
                    is_end=True,
                    recorded_at=datetime.now(UTC),
                )
                for table in self.migration.tables
            ]
        )

    def check(self, run_id: str, **changed: Any) -> None:
        """Record a check of a moment ago."""
        now = datetime.now(UTC)
        fields = {"leader": Leader.SOURCE, "started_at": now, "finished_at": now, **changed}
        found = a_check(dag_id=f"{self.migration.name}.consistency_check", run_id=run_id, **fields)
        CheckLedger(self.ledger).record(found, tables=(), coverage=(), mismatches=())

    def _put_metrics(self) -> None:
        point = {
            "MetricName": "SuccessfulRequestCount",
            "Dimensions": [
                {"Name": "Keyspace", "Value": self.migration.target.keyspace},
                {"Name": "TableName", "Value": "planes"},
                {"Name": "Operation", "Value": "SELECT"},
            ],
            "Timestamp": datetime.now(UTC) - timedelta(minutes=2),
            "Value": 5_000.0,
        }
        self.client("cloudwatch").put_metric_data(Namespace="AWS/Cassandra", MetricData=[point])

    def use(self) -> None:
        """Write rows, and read each."""
        for number in range(ROWS):
            self.live.insert("notes", {"name": str(number), "kind": "k"})
        for number in range(ROWS):
            self.live.read("notes", {"name": str(number)})

    def is_ready(self) -> bool:
        return bool(ReadinessSensor(task_id="readiness", ledger_conn_id=LEDGER).poke(self.context))

    def ask(self) -> None:
        """Wait until it is ready, keep the evidence, and approve it."""
        wait_for(self.is_ready)
        CutoverEvidenceOperator(task_id="evidence", ledger_conn_id=LEDGER).execute(self.context)
        self.approve(recorded_run(self.context, ledger_conn_id=LEDGER).evidence())

    def raise_to(self, percent: int) -> dict[str, Any]:
        operator = RaiseShareOperator(
            task_id=f"raise_to_{percent}", percent=percent, migration_file=str(self.file), ledger_conn_id=LEDGER
        )
        return operator.execute(self.context)

    def watch(self, percent: int) -> bool:
        """One look of a worker that knows nothing of the looks before."""
        sensor = CanarySensor(
            task_id=f"watch_{percent}", percent=percent, migration_file=str(self.file), ledger_conn_id=LEDGER
        )
        return sensor.poke(self.context)

    def bake(self, percent: int) -> None:
        """Use it until the step has baked."""

        def has_baked() -> bool:
            self.use()
            return self.watch(percent)

        wait_for(has_baked)

    def lead(self) -> dict[str, Any]:
        operator = TargetLeadsOperator(task_id="target_leads", migration_file=str(self.file), ledger_conn_id=LEDGER)
        return operator.execute(self.context)

    def guard(self) -> dict[str, Any]:
        operator = FlagGuardOperator(task_id="guard", migration_file=str(self.file), ledger_conn_id=LEDGER)
        return operator.execute(self.context)

    def watched(self) -> ReadinessLook | None:
        """How the criteria stood at the newest look, after one by the watch."""
        WatchOperator(task_id="watch", migration_file=str(self.file), ledger_conn_id=LEDGER).execute(self.context)
        return LookLedger(self.ledger).newest(self.migration.name)

    def events(self) -> list[tuple[int, CanaryEvent]]:
        return [
            (each.target_read_percent, each.event) for each in CanaryLedger(self.ledger).records(self.migration.name)
        ]

    def deploy_by_hand(self, **changed: Any) -> FlagState:
        current = self.flag.current()
        assert current is not None
        state = replace(current, version=self.flag.next_version(), **changed)
        self.flag.deploy(state, expected_version=current.version)
        return state

    @property
    def percent(self) -> int:
        state = self.flag.current()
        assert state is not None
        return state.target_read_percent


@pytest.fixture
def canary(
    tmp_path: Path,
    cassandra_node: CassandraNode,
    aws_stand_in: AwsStandIn,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Canary]:
    parts: dict[str, Any] = {"folder": tmp_path, "node": cassandra_node, "aws_stand_in": aws_stand_in}
    with ExitStack() as stack:
        made: Canary = stack.enter_context(flag_world(Canary, session=session, monkeypatch=monkeypatch, **parts))
        reader = stack.enter_context(made.reader())
        shadow = ShadowSettings(share=1, settle_s=0.2)
        made.live = stack.enter_context(made.writer(tmp_path, reader, shadow=shadow))
        yield made


@pytest.mark.full  # the end-to-end test goes this way in any case
def test_a_canary_goes_up_by_steps_and_the_target_leads(canary: Canary) -> None:
    canary.ask()
    canary.raise_to(50)
    with pytest.raises(AttemptRefusedError, match="needs the finished bake of step 1"):
        canary.raise_to(100)
    canary.bake(50)
    canary.raise_to(100)
    with pytest.raises(AttemptRefusedError, match="needs the finished bake of step 2"):
        canary.lead()
    canary.bake(100)
    assert canary.lead()["mode"] == "DUAL_TARGET_LEADS"
    CutoverFinishedOperator(task_id="cutover_finished", ledger_conn_id=LEDGER).execute(canary.context)
    assert canary.events() == [
        (percent, event)
        for percent in (50, 100)
        for event in (CanaryEvent.RAISED, CanaryEvent.ARRIVED, CanaryEvent.BAKED)
    ]
    assert canary.guard()["went_back"] is False


def test_the_watch_keeps_for_the_status_page_how_the_criteria_stand(canary: Canary) -> None:
    canary.set_alarm("ALARM")
    look = canary.watched()
    assert look is not None
    assert [each.criterion for each in look.findings if each.state != "met"] == ["alarms"]
    canary.set_alarm("OK")
    again = canary.watched()
    assert again is not None
    assert [each.criterion for each in again.findings if each.state != "met"] == []
    assert again.looked_at > look.looked_at


def test_the_watch_looks_no_more_once_the_target_leads(canary: Canary) -> None:
    recorded_run(canary.context, ledger_conn_id=LEDGER).reach(Milestone.CUTOVER_FINISHED)
    assert canary.watched() is None


def test_a_look_that_fails_leaves_the_one_before_and_turns_the_watch_not_red(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = canary.watched()
    assert look is not None
    monkeypatch.delenv("AIRFLOW_CONN_FLIGHTS_CASSANDRA")
    assert canary.watched() == look


def test_a_task_that_ran_twice_raises_once(canary: Canary) -> None:
    canary.ask()
    first = canary.raise_to(50)
    assert canary.raise_to(50) == first
    assert canary.events() == [(50, CanaryEvent.RAISED)]


def test_without_an_answer_and_unready_nothing_is_raised(canary: Canary) -> None:
    wait_for(canary.is_ready)
    with pytest.raises(ApprovalRefusedError):
        canary.raise_to(50)
    with pytest.raises(StepNotRaisedError):
        canary.watch(50)
    canary.ask()
    canary.set_alarm("ALARM")
    with pytest.raises(NotReadyError, match="alarms: unmet"):
        canary.raise_to(50)
    assert canary.percent == 0


def test_a_row_that_differs_takes_all_reads_back(canary: Canary) -> None:
    canary.ask()
    canary.raise_to(50)
    canary.use()
    canary.session.execute(f"UPDATE {TARGET}.notes SET kind = 'spoilt' WHERE name = '7'")

    def goes_back() -> bool:
        canary.live.read("notes", {"name": "7"})
        try:
            canary.watch(50)
        except CanaryReversedError as error:
            assert "compared reads differ between the stores" in str(error)  # noqa: PT017 -- it comes at a look of many
            return True
        return False

    wait_for(goes_back)
    assert canary.percent == 0
    with pytest.raises(AttemptRefusedError, match="was taken back at 50 %"):
        canary.raise_to(50)
    with pytest.raises(CanaryReversedError):
        canary.watch(50)


def test_an_alarm_takes_it_back_while_nobody_looks_and_the_next_look_ends_the_attempt(canary: Canary) -> None:
    canary.ask()
    canary.raise_to(50)
    canary.set_alarm("ALARM")
    assert canary.percent == 0
    with pytest.raises(CanaryReversedError, match="AppConfig took the step back"):
        canary.watch(50)
    with pytest.raises(AttemptRefusedError, match="was taken back"):
        canary.raise_to(50)


def test_what_appconfig_took_back_before_anybody_looked_is_not_raised_again(canary: Canary) -> None:
    canary.ask()
    canary.raise_to(50)
    canary.set_alarm("ALARM")
    assert canary.percent == 0
    canary.set_alarm("OK")
    with pytest.raises(AttemptRefusedError, match="AppConfig took the step at 50 % back"):
        canary.raise_to(50)


def test_a_watch_that_can_not_go_on_takes_reads_back_without_the_ledger(
    canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary.ask()
    canary.raise_to(50)
    nowhere = {"conn_type": "sqlite", "host": "/nowhere/ledger.db"}
    monkeypatch.setenv(f"AIRFLOW_CONN_{LEDGER.upper()}", json.dumps(nowhere))
    with pytest.raises(Exception, match="ledger"):
        canary.watch(50)
    assert canary.percent == 0


def test_a_bake_written_into_the_ledger_by_hand_lets_nothing_through(canary: Canary, tmp_path: Path) -> None:
    canary.ask()
    canary.raise_to(50)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database, database:
        database.execute(
            "INSERT INTO canary_events (dag_id, run_id, step, target_read_percent, event, flag_version, base_version, "
            "seen, at) SELECT dag_id, run_id, step, target_read_percent, 'baked', flag_version, base_version, seen, at "
            "FROM canary_events"
        )
    with pytest.raises(LedgerSignatureError):
        canary.raise_to(100)
    assert canary.percent == 50


def test_the_guard_watches_a_canary_that_no_task_watches(canary: Canary) -> None:
    canary.ask()
    canary.raise_to(50)
    assert canary.guard()["went_back"] is False
    canary.start_runs((Stage.CONSISTENCY_CHECK, "check-3", ()), at=datetime.now(UTC))
    canary.check("check-3", verdict=Verdict.FAIL)
    found = canary.guard()
    assert (found["went_back"], found["found"]) == (True, "the newest consistency check failed")
    assert canary.percent == 0
    assert canary.events()[-1] == (50, CanaryEvent.REVERSED)
    assert canary.guard()["went_back"] is False


def test_the_guard_ends_an_attempt_that_appconfig_took_back_while_no_task_looked(canary: Canary) -> None:
    canary.ask()
    canary.raise_to(50)
    canary.set_alarm("ALARM")
    assert canary.percent == 0
    assert "AppConfig took the step back" in canary.guard()["found"]
    assert canary.events()[-1] == (50, CanaryEvent.REVERSED)


@pytest.mark.parametrize(
    "changed",
    [
        {"target_read_percent": 100},
        {"target_read_percent": 100, "mode": WriteMode.DUAL_TARGET_LEADS},
    ],
)
def test_the_guard_takes_back_what_was_raised_by_hand(canary: Canary, changed: dict[str, Any]) -> None:
    canary.deploy_by_hand(**changed)
    found = canary.guard()
    assert found["went_back"] is True
    assert "somebody else changed it" in found["found"]
    assert canary.percent == 0
    assert canary.guard()["went_back"] is False
    # It is recorded, so that the cutover may go on from there.
    wait_for(canary.is_ready)


def test_the_guard_says_what_moves_no_read_and_leaves_it(canary: Canary) -> None:
    state = canary.deploy_by_hand()
    with pytest.raises(FlagNotOursError, match="No read went to the target for it"):
        canary.guard()
    assert canary.flag.current() == state
