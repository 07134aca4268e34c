"""Moves reads to the target, once the migration is ready and people have approved.

`readiness` waits until every criterion is met, and logs each time what is not. The approvers see the criteria as a
table. Then the share of partitions that are read on the target goes up step by step. `raise_to_…` verifies the answers,
judges every criterion again and looks for the finished bake of the step before, in the call that raises. `watch_…`
compares shadow reads, errors, times, throttles and alarms while the step bakes, and takes all reads back when one of
them stands against it; AWS does so by itself for the alarms. After the last step `target_leads` makes the target's
answer the caller's. The source gets every write until `retire`.

To go back: `rollback`, at any time.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from keyspaces_provider.operators.approval import approval_gates
from keyspaces_provider.operators.cutover import (
    CanarySensor,
    CutoverEvidenceOperator,
    CutoverFinishedOperator,
    RaiseShareOperator,
    ReadinessSensor,
    TargetLeadsOperator,
)
from keyspaces_provider.operators.dual_writes import WritersSensor
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.stages import READ_ONLY_RETRIES, LoadedMigration, Stage, stage_dag, valid_migrations

POKE_INTERVAL_S = 10
READINESS_TIMEOUT_S = 30 * 24 * 3600
WATCH_TIMEOUT_S = 30 * 24 * 3600


def cutover(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.cutover`."""
    migration, ledger = loaded.migration, loaded.migration.connections.ledger
    with stage_dag(
        migration,
        stage=Stage.CUTOVER,
        summary="Readiness, approval with the evidence, then reads go to the target step by step, and it leads",
        doc_md=__doc__ or "",
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run", stage=Stage.CUTOVER, migration_file=str(loaded.path), ledger_conn_id=ledger
        )
        ready = ReadinessSensor(
            task_id="readiness",
            ledger_conn_id=ledger,
            poke_interval=POKE_INTERVAL_S,
            timeout=READINESS_TIMEOUT_S,
            **READ_ONLY_RETRIES,
        )
        # It only looks, and a criterion may flap between the sensor's look and its own.
        evidence = CutoverEvidenceOperator(task_id="evidence", ledger_conn_id=ledger, **READ_ONLY_RETRIES)
        gates = approval_gates(
            migration, ledger_conn_id=ledger, subject=f"Move all reads of {migration.name} to the target"
        )
        before: list[Any] = gates
        for percent in migration.cutover.canary_steps:
            raised = RaiseShareOperator(
                task_id=f"raise_to_{percent}",
                percent=percent,
                migration_file=str(loaded.path),
                ledger_conn_id=ledger,
            )
            watch = CanarySensor(
                task_id=f"watch_{percent}",
                percent=percent,
                migration_file=str(loaded.path),
                ledger_conn_id=ledger,
                poke_interval=migration.cutover.watch.interval.total_seconds(),
                timeout=WATCH_TIMEOUT_S,
                **READ_ONLY_RETRIES,
            )
            before >> raised >> watch
            before = [watch]
        leads = TargetLeadsOperator(task_id="target_leads", migration_file=str(loaded.path), ledger_conn_id=ledger)
        writers = WritersSensor(
            task_id="writers", ledger_conn_id=ledger, poke_interval=POKE_INTERVAL_S, **READ_ONLY_RETRIES
        )
        finished = CutoverFinishedOperator(task_id="cutover_finished", ledger_conn_id=ledger)
        record >> ready >> evidence >> gates
        before >> leads >> writers >> finished
    return dag


DAGS = [cutover(loaded) for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.CUTOVER)]
