"""A ledger with records in every table that is signed, and how each of them is read."""

from __future__ import annotations

import datetime as dt
from hashlib import sha256
from typing import TYPE_CHECKING

from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.consistency.kinds import Draw, Leader, MismatchKind, Store, Verdict
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.store import StoreName
from keyspaces_migration.ledger import ApprovalRecord, Ledger, ReportKind, RunConfiguration
from keyspaces_migration.ledger.audit import audit
from keyspaces_migration.ledger.backfill_records import BackfillTable, DeadLetter, LoadMode, PlannedSplit, SplitCounts
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.canaries import CanaryLedger
from keyspaces_migration.ledger.canary_records import CanaryEvent, CanaryRecord
from keyspaces_migration.ledger.check_records import CheckCoverage, CheckedTable, CheckRun, MismatchRecord
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.ledger.letter_records import LetterOutcome, LetterRecord
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.ledger.plan_records import LoadPlan, PlannedTable
from keyspaces_migration.ledger.repair_records import (
    PlannedRepair,
    RepairedRow,
    RepairOutcome,
    RepairPlan,
    RepairResult,
    RepairStep,
)
from keyspaces_migration.ledger.repairs import RepairLedger
from keyspaces_migration.ledger.stacks import DriftLook, StackLedger
from keyspaces_migration.ledger.sweeps import SweepLedger, SweepRecord
from keyspaces_migration.lifecycle import Milestone, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = dt.datetime(2026, 11, 26, 12, 30, 15, 123456, tzinfo=dt.UTC)
MIGRATION, DAG, RUNS = "flights", "flights.historical_backfill", ("one", "two")
MINUTE = dt.timedelta(minutes=1)
SPLITS = tuple(
    PlannedSplit(number=number, of=2, first_bucket=number * 2048, end_bucket=(number + 1) * 2048, planned_rows=10)
    for number in range(2)
)


def fill(ledger: Ledger, *, migration: str = MIGRATION) -> None:
    """Two runs with one record each in every table; of the first run's splits one is done and one is pending."""
    dag_id = f"{migration}.historical_backfill"
    for number, run_id in enumerate(RUNS):
        _run(ledger, migration, dag_id, run_id)
        _check(ledger, dag_id, run_id)
        FlagLedger(ledger).fix_barrier(1_000_000 + number, dag_id=dag_id, run_id=run_id, now=NOW)
        state = FlagState(mode=WriteMode.RECORD, barrier_us=None, target_read_percent=0, version=number + 1)
        FlagLedger(ledger).record_change(state, dag_id=dag_id, run_id=run_id, now=NOW)
        CanaryLedger(ledger).record(_canary_event(dag_id, run_id))
        SweepLedger(ledger).record([_sweep(dag_id, run_id)])
        StackLedger(ledger).record_look(DriftLook(dag_id=dag_id, run_id=run_id, drifted=number, looked_at=NOW))
        _backfill(ledger, dag_id, run_id)
        _repair(ledger, dag_id, run_id)
        _letters(ledger, dag_id, run_id)


def _sweep(dag_id: str, run_id: str) -> SweepRecord:
    return SweepRecord(
        dag_id=dag_id,
        run_id=run_id,
        attempt=1,
        table_name="weather",
        from_token=-(1 << 63),
        to_token=5,
        began_at=NOW,
        is_end=False,
        recorded_at=NOW,
    )


def _run(ledger: Ledger, migration: str, dag_id: str, run_id: str) -> None:
    text = f'{{"name":"{migration}","run":"{run_id}"}}'
    run = {"dag_id": dag_id, "run_id": run_id}
    ledger.record_run(
        RunConfiguration(
            migration=migration,
            stage=Stage.HISTORICAL_BACKFILL,
            digest=sha256(text.encode()).hexdigest(),
            canonical_json=text,
            recorded_at=NOW,
            recorded_by="alice",
            **run,
        )
    )
    ledger.add_milestone(Milestone.ASSESSED, **run, reached_at=NOW)
    report = {"media_type": "text/markdown", "path": f"s3://bucket/{run_id}.md", "sha256": "a" * 64}
    ledger.record_report(ReportKind.EVIDENCE, **run, **report, created_at=NOW)
    ledger.record_approval(
        ApprovalRecord(
            **run,
            task_id="apply",
            evidence_digest="b" * 64,
            approved_by=("alice", "bob"),
            approved_at=NOW,
            verified_at=NOW,
        )
    )


def _check(ledger: Ledger, dag_id: str, run_id: str) -> None:
    counts = {"history_agrees": 1, "history_older": 2, "history_undated": 3, "history_wrong": 4}
    looked = {"wanted": 9, "compared": 9, "mismatched": 1, "could_not_look": 0, "compared_rows": 9}
    of_rows = {"mismatched_rows": 1, "transient_rows": 0}
    CheckLedger(ledger).record(
        CheckRun(
            dag_id=dag_id,
            run_id=run_id,
            attempt=1,
            verdict=Verdict.FAIL,
            sentence="One row differs.",
            leader=Leader.SOURCE,
            seed=7,
            confidence=0.99,
            # Whole numbers come back from a column of floats as floats.
            max_mismatch_rate=1,
            tolerated_mismatch_rate=0,
            settle_time_s=1.5,
            history_as_of=None,
            started_at=NOW,
            finished_at=NOW + MINUTE,
        ),
        tables=[
            CheckedTable(
                table_name="weather",
                verdict=Verdict.FAIL,
                sentence="One row differs.",
                row_bound=1e-4,
                window_bound=None,
                partitions=5,
                **counts,
            )
        ],
        coverage=[CheckCoverage(table_name="weather", draw=Draw.HISTORY_KEYS, population=99, **looked, **of_rows)],
        mismatches=[
            MismatchRecord(
                table_name="weather",
                kind=MismatchKind.VALUE_DIFFERS,
                store=Store.TARGET,
                draw=Draw.HISTORY_KEYS,
                key={"origin": "ŌSA"},
                columns=("temp",),
                values={"temp": [1, 2]},
                seen_at=NOW,
                confirmed_at=NOW + MINUTE,
            )
        ],
    )


def _backfill(ledger: Ledger, dag_id: str, run_id: str) -> None:
    backfills = BackfillLedger(ledger)
    table = BackfillTable(
        dag_id=dag_id,
        run_id=run_id,
        table_name="weather",
        snapshot='"A"."B"."S"',
        mode=LoadMode.FULL,
        barrier_us=None,
        rows=20,
        deleted=1,
        watermark="2",
        snapshot_at=NOW,
        planned_at=NOW,
    )
    backfills.record_table(table, SPLITS)
    backfills.record_plan(plan_of(table))
    claimed = backfills.claim(dag_id=dag_id, run_id=run_id, worker="a", now=NOW, lease=MINUTE)
    assert claimed is not None
    counts = SplitCounts(rows_read=10, written=7, expired=2, dead=1)
    letter = DeadLetter(key_json="{}", reason="column temp: 1 is no text", row_json="{}")
    backfills.finish(claimed, counts, dead_letters=[letter], now=NOW)


def _repair(ledger: Ledger, dag_id: str, run_id: str) -> None:
    row = PlannedRepair(table="weather", kind=MismatchKind.VALUE_DIFFERS, key={"origin": "ŌSA"}, columns=("temp",))
    RepairLedger(ledger).record_plan(
        RepairPlan(
            migration=dag_id.partition(".")[0],
            configuration="c" * 64,
            dag_id=dag_id,
            run_id=run_id,
            check_dag_id=dag_id,
            check_run_id=run_id,
            check_attempt=1,
            leader=Leader.SOURCE,
            rows=(row,),
            max_rows=10,
            over_cap=0,
            not_listed=0,
            planned_at=NOW,
        )
    )
    repaired = RepairedRow(table=row.table, key=row.key, outcome=RepairOutcome.WRITTEN, cells=1)
    RepairLedger(ledger).record_result(
        RepairResult(dag_id=dag_id, run_id=run_id, step=RepairStep.REPAIR, attempt=1, rows=(repaired,), finished_at=NOW)
    )


def a_letter(
    letter_id: str, outcome: LetterOutcome = LetterOutcome.PARKED, *, body: str = "{}", reason: str = "too old"
) -> LetterRecord:
    """A letter of a write to `weather`."""
    return LetterRecord(
        letter_id=letter_id,
        outcome=outcome,
        reason_class=ReasonClass.TIMEOUT,
        reason=reason,
        table_name="weather",
        store=StoreName.TARGET,
        writer_id="host/app/0",
        key_json='{"origin":"ŌSA"}',
        timestamp_us=1_790_000_000_000_000,
        cells=1,
        sent_at=NOW,
        body=None if outcome is LetterOutcome.REPLAYED else body,
        body_sha256=sha256(body.encode()).hexdigest(),
    )


def _canary_event(dag_id: str, run_id: str) -> CanaryRecord:
    return CanaryRecord(
        dag_id=dag_id,
        run_id=run_id,
        step=1,
        target_read_percent=5,
        event=CanaryEvent.RAISED,
        flag_version=8,
        base_version=7,
        seen="{}",
        reason=None,
        at=NOW,
    )


def _letters(ledger: Ledger, dag_id: str, run_id: str) -> None:
    letters = [a_letter(f"{run_id} parked"), a_letter(f"{run_id} replayed", LetterOutcome.REPLAYED)]
    LetterLedger(ledger).record(letters, dag_id=dag_id, run_id=run_id, now=NOW)


def plan_of(table: BackfillTable, *, cost_usd: float = 2.5) -> LoadPlan:
    """A plan of one table that costs so much, where 5 USD are allowed."""
    planned = PlannedTable(
        table=table.table_name,
        order=LoadOrder.HISTORY_FIRST,
        mode=table.mode,
        barrier_us=table.barrier_us,
        snapshot=table.snapshot,
        watermark=table.watermark,
        rows=table.rows,
        deleted=table.deleted,
        splits=len(SPLITS),
        row_bytes=100,
        write_units=20,
        units_per_s=10,
        capacity_units_per_s=4000,
        is_on_demand=True,
        cost_usd=cost_usd,
    )
    return LoadPlan(
        migration=table.dag_id.partition(".")[0],
        configuration="c" * 64,
        dag_id=table.dag_id,
        run_id=table.run_id,
        max_write_units_per_s=10,
        max_cost_usd=5,
        tables=(planned,),
        planned_at=table.planned_at,
    )


def audit_of(ledger: Ledger) -> None:
    """Raise the first finding of an audit, for what no other reader reads."""
    with ledger.database.reading() as connection:
        if bad := audit(connection, ledger.chains).bad:
            raise bad[0]


_RUN = {"dag_id": DAG, "run_id": RUNS[0]}
_CHECK = {**_RUN, "attempt": 1}
READERS: dict[str, Callable[[Ledger], object]] = {
    "run_configurations": lambda ledger: ledger.latest_digest(MIGRATION),
    "milestones": lambda ledger: ledger.milestones(MIGRATION),
    "reports": lambda ledger: ledger.reports(MIGRATION),
    "approvals": lambda ledger: ledger.approvals(MIGRATION),
    "check_runs": lambda ledger: CheckLedger(ledger).runs(MIGRATION),
    "checked_tables": lambda ledger: CheckLedger(ledger).tables(dag_id=DAG, run_id=RUNS[0], attempt=1),
    "check_coverage": lambda ledger: CheckLedger(ledger).coverage(dag_id=DAG, run_id=RUNS[0], attempt=1),
    "mismatches": lambda ledger: CheckLedger(ledger).mismatches(dag_id=DAG, run_id=RUNS[0], attempt=1),
    "backfill_tables": lambda ledger: BackfillLedger(ledger).latest_whole(MIGRATION, "weather"),
    "backfill_plans": lambda ledger: BackfillLedger(ledger).plan(dag_id=DAG, run_id=RUNS[0]),
    "backfill_splits": lambda ledger: BackfillLedger(ledger).progress(dag_id=DAG, run_id=RUNS[0]),
    "repair_plans": lambda ledger: RepairLedger(ledger).plan(dag_id=DAG, run_id=RUNS[0]),
    "repair_results": lambda ledger: RepairLedger(ledger).results(dag_id=DAG, run_id=RUNS[0]),
    "letter_batches": lambda ledger: LetterLedger(ledger).counts(MIGRATION),
    "letters": lambda ledger: LetterLedger(ledger).parked(MIGRATION),
    "barriers": lambda ledger: FlagLedger(ledger).barrier_us(MIGRATION),
    "flag_changes": lambda ledger: FlagLedger(ledger).changes(MIGRATION),
    "canary_events": lambda ledger: CanaryLedger(ledger).records(MIGRATION),
    "sweeps": lambda ledger: SweepLedger(ledger).newest(MIGRATION),
    "drift_looks": lambda ledger: StackLedger(ledger).newest_look(MIGRATION),
}
"""How each table is read by what relies on it."""
