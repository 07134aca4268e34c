"""Switches the application's writers to both stores, above a barrier.

The writers record the keys they touch (`record_mode`), all of them are waited for, the barrier is fixed in the ledger
and in the flag (`dual_mode`), all are waited for again, and what was recorded is copied to the target at its own
timestamps. The source leads: its answer is the application's, and reads stay there.

**Writers** is how many processes of the application write to these tables: until so many are registered, dual writes
are not switched on, as one that is not counted and still runs without the library would write to the source alone. The
assessment lists the source's live clients. Both sensors list in their log who is missing, and why; start the
application when `record_mode` is green.

Next: `historical_backfill`, within 48 hours of the barrier where the snapshot was not loaded before.
"""

from pathlib import Path

from airflow.sdk import DAG, Param

from keyspaces_provider.operators.dual_writes import (
    DualModeOperator,
    DualWritesStartedOperator,
    RecopyOperator,
    RecordModeOperator,
    WritersSensor,
)
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.stages import READ_ONLY_RETRIES, LoadedMigration, Stage, stage_dag, valid_migrations

POKE_INTERVAL_S = 10
AT_LEAST = "{{ params.expected_writers }}"
# No default: whoever starts it must know.
WRITERS = Param(
    type="integer",
    minimum=1,
    title="Writers",
    description="How many processes of the application write to these tables, all instances together. While there are "
    "fewer, the stage waits.",
)


def start_dual_writes(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.start_dual_writes`."""
    migration, ledger, file = loaded.migration, loaded.migration.connections.ledger, str(loaded.path)
    with stage_dag(
        migration,
        stage=Stage.START_DUAL_WRITES,
        summary="Writers record, the barrier is fixed, both stores get every write, what was recorded is copied",
        doc_md=__doc__ or "",
        params={"expected_writers": WRITERS},
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run",
            stage=Stage.START_DUAL_WRITES,
            migration_file=file,
            ledger_conn_id=ledger,
        )
        recording = RecordModeOperator(task_id="record_mode", migration_file=file, ledger_conn_id=ledger)
        all_record = WritersSensor(
            task_id="wait_for_record",
            ledger_conn_id=ledger,
            at_least=AT_LEAST,
            poke_interval=POKE_INTERVAL_S,
            **READ_ONLY_RETRIES,
        )
        dual = DualModeOperator(task_id="dual_mode", migration_file=file, ledger_conn_id=ledger, at_least=AT_LEAST)
        all_dual = WritersSensor(
            task_id="wait_for_dual",
            ledger_conn_id=ledger,
            at_least=AT_LEAST,
            poke_interval=POKE_INTERVAL_S,
            **READ_ONLY_RETRIES,
        )
        recopies = [
            RecopyOperator(task_id=f"recopy_{table}", table=table, migration_file=file, ledger_conn_id=ledger)
            for table in migration.tables
        ]
        started = DualWritesStartedOperator(task_id="dual_writes_started", ledger_conn_id=ledger)
        record >> recording >> all_record >> dual >> all_dual >> recopies >> started
    return dag


DAGS = [
    start_dual_writes(loaded)
    for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.START_DUAL_WRITES)
]
