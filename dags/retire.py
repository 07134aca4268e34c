"""Lets go of the source, once the cutover has stood for long enough and people have approved.

`evidence` refuses unless `cutover.retire_after` has passed since the cutover, the target leads and is read alone,
every writer is there with nothing unsent, no letter waits or is parked, and the newest check, begun after the cutover,
has passed. The approvers see this as a table, with the capacity that is proposed by what was used, and what can't be
undone. `retire` verifies their answers and judges every criterion again in the call that ends dual writes; `writers`
waits until every writer has arrived; `report` keeps what the migration was, before and after.

After it there is no way back to the source. The capacity, and the end of the comparison Lambda with its schedule, are a
change of the migration file that the report spells out: make it, then run `provision`.
"""

from pathlib import Path

from airflow.sdk import DAG

from keyspaces_provider.operators.approval import approval_gates
from keyspaces_provider.operators.dual_writes import WritersSensor
from keyspaces_provider.operators.retire import (
    RETIRE_TASK,
    FinalReportOperator,
    RetireEvidenceOperator,
    RetireOperator,
    retire_subject,
)
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.stages import READ_ONLY_RETRIES, LoadedMigration, Stage, stage_dag, valid_migrations

POKE_INTERVAL_S = 10


def retire(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.retire`."""
    migration, ledger = loaded.migration, loaded.migration.connections.ledger
    with stage_dag(
        migration,
        stage=Stage.RETIRE,
        summary="Dual writes end after an approval: the target alone is written to; the report of before and after",
        doc_md=__doc__ or "",
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run", stage=Stage.RETIRE, migration_file=str(loaded.path), ledger_conn_id=ledger
        )
        evidence = RetireEvidenceOperator(task_id="evidence", ledger_conn_id=ledger)
        gates = approval_gates(migration, ledger_conn_id=ledger, subject=retire_subject(migration))
        act = RetireOperator(task_id=RETIRE_TASK, migration_file=str(loaded.path), ledger_conn_id=ledger)
        writers = WritersSensor(
            task_id="writers", ledger_conn_id=ledger, poke_interval=POKE_INTERVAL_S, **READ_ONLY_RETRIES
        )
        report = FinalReportOperator(task_id="report", ledger_conn_id=ledger)
        record >> evidence >> gates >> act >> writers >> report
    return dag


DAGS = [retire(loaded) for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.RETIRE)]
