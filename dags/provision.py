"""Makes the target in Amazon Keyspaces from the migration file: keyspace, tables, capacity, tags, protection.

`preview` asks Pulumi's engine what is missing and shows it as a plan. Where something would change, approvers see the
plan at `approve_1` … and type the migration's name; `apply` verifies their answers in Airflow's own record, previews
once more, and applies exactly what was approved. A plan that would delete or replace a keyspace or a table is refused,
whoever approves. Then it waits until every table is ACTIVE, compares the live schema with the file, and keeps the
stack's outputs: names and addresses of the queue, the flag and the comparison Lambda.

Run it again after a change of the file, or when `drift` is red: what others have changed is part of the plan. When
nothing changes, nobody is asked. A run that finds another at work waits for it; what a killed one has left is taken up.

Next: `historical_backfill` or `start_dual_writes`.
"""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from keyspaces_provider.operators.approval import approval_gates
from keyspaces_provider.operators.provision import (
    ApplyOperator,
    ApprovalNeededOperator,
    CompareSchemaOperator,
    PreviewOperator,
)
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.operators.stack import OutputsOperator
from keyspaces_provider.sensors.keyspaces import TablesActiveSensor
from keyspaces_provider.stages import READ_ONLY_RETRIES, LoadedMigration, Stage, stage_dag, valid_migrations


def provision(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.provision`."""
    migration = loaded.migration
    ledger = migration.connections.ledger
    with stage_dag(
        migration,
        stage=Stage.PROVISION,
        summary="Keyspace and tables in Amazon Keyspaces from the migration file: preview, approval, apply, compare",
        doc_md=__doc__ or "",
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run",
            stage=Stage.PROVISION,
            migration_file=str(loaded.path),
            ledger_conn_id=ledger,
        )
        preview = PreviewOperator(task_id="preview", ledger_conn_id=ledger)
        needed = ApprovalNeededOperator(task_id="approval_needed", ledger_conn_id=ledger, otherwise="apply")
        gates = approval_gates(
            migration, ledger_conn_id=ledger, subject=f"Apply the provision plan of {migration.name}"
        )
        # Gates that were skipped because nothing changes do not hold it up; it looks for itself.
        apply = ApplyOperator(
            task_id="apply", migration_file=str(loaded.path), ledger_conn_id=ledger, trigger_rule="none_failed"
        )
        active = TablesActiveSensor(
            task_id="tables_active",
            ledger_conn_id=ledger,
            look_every=timedelta(seconds=10),
            timeout=timedelta(hours=1),
            **READ_ONLY_RETRIES,
        )
        compare = CompareSchemaOperator(task_id="compare_schema", ledger_conn_id=ledger, **READ_ONLY_RETRIES)
        outputs = OutputsOperator(task_id="outputs", ledger_conn_id=ledger, **READ_ONLY_RETRIES)
        record >> preview >> needed >> gates >> apply >> active >> compare >> outputs
        needed >> apply
    return dag


DAGS = [provision(loaded) for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.PROVISION)]
