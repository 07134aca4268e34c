"""Moves reads to the target, once the migration is ready and people have approved.

`readiness` waits until every criterion is met, and logs each time what is not. The approvers see the criteria as a
table. `raise_share` verifies their answers and judges every criterion again in the call that moves all reads, and
`watch` waits until every writer reads on the target. The source still leads, and gets every write.

To go back: `rollback`, at any time.
"""

from pathlib import Path

from airflow.sdk import DAG

from keyspaces_provider.operators.approval import approval_gates
from keyspaces_provider.operators.cutover import (
    CutoverEvidenceOperator,
    CutoverFinishedOperator,
    RaiseShareOperator,
    ReadinessSensor,
)
from keyspaces_provider.operators.dual_writes import WritersSensor
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.stages import READ_ONLY_RETRIES, LoadedMigration, Stage, stage_dag, valid_migrations

POKE_INTERVAL_S = 10
READINESS_TIMEOUT_S = 30 * 24 * 3600


def cutover(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.cutover`."""
    migration, ledger = loaded.migration, loaded.migration.connections.ledger
    with stage_dag(
        migration,
        stage=Stage.CUTOVER,
        summary="Readiness, approval with the evidence, then all reads go to the target",
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
        evidence = CutoverEvidenceOperator(task_id="evidence", ledger_conn_id=ledger)
        gates = approval_gates(
            migration, ledger_conn_id=ledger, subject=f"Move all reads of {migration.name} to the target"
        )
        raise_share = RaiseShareOperator(task_id="raise_share", migration_file=str(loaded.path), ledger_conn_id=ledger)
        watch = WritersSensor(
            task_id="watch", ledger_conn_id=ledger, poke_interval=POKE_INTERVAL_S, **READ_ONLY_RETRIES
        )
        finished = CutoverFinishedOperator(task_id="cutover_finished", ledger_conn_id=ledger)
        record >> ready >> evidence >> gates >> raise_share >> watch >> finished
    return dag


DAGS = [cutover(loaded) for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.CUTOVER)]
