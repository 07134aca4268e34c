"""Compares source, target and history, says which store is out of line, and how sure that is. It changes nothing.

`check` draws rows of each table at random from the history, windows of both stores' token rings, the widest
partitions and the newest writes, sweeps another part of the ring, and reads them in both stores at no more than
`consistency.max_read_units_per_s`; a difference counts only if it is still there after the migration file's settle
time. How many rows are drawn follows from `confidence` and `max_mismatch_rate`: 46,050 clean rows rule out 1 wrong
row in 10,000 at 99 %; of a smaller table all rows are compared. It leaves the verdict with its bound and every
mismatch in the ledger, a report (in the log of `check`; as a page, which the task links to, in Markdown and in JSON),
and an event of the asset `keyspaces-migration/<migration>/consistency`.

Where the file says `consistency.engine: LAMBDA`, the comparison Lambda reads the stores: `check` calls it for one table
or part of a large one after the other, waits in the triggerer, and records what they come to as if it had looked
itself. A call that leaves no result in time, or one that is not its own, makes the verdict INCONCLUSIVE; the report
names the queue and the log to look into.

The source is taken to lead, after the cutover too: the report names the store that leads.

`verdict` is red unless the verdict is PASS. FAIL: the report names the store and the keys, and `repair` can mend them.
INCONCLUSIVE: not enough could be looked at; the report says what, and why.

It runs on the schedule of the migration file and by hand. Before dual writes are on and the backfill is complete, and
after the migration is retired, a scheduled run skips with the reason, and one started by hand fails with it.
"""

from pathlib import Path

from airflow.sdk import DAG, Param

from keyspaces_provider.operators.consistency import ConsistencyCheckOperator, RequirePassOperator
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.stages import READ_ONLY_RETRIES, LoadedMigration, Stage, stage_dag, valid_migrations

PARAMS = {
    "seed": Param(
        default=None,
        type=["null", "integer"],
        minimum=0,
        title="Seed",
        description="Decides which rows are drawn: the same seed over the same data draws the same. Empty: at random.",
    ),
}


def consistency_check(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.consistency_check`."""
    migration = loaded.migration
    with stage_dag(
        migration,
        stage=Stage.CONSISTENCY_CHECK,
        summary="Source, target and history compared: verdict with its statistical bound, and every mismatch",
        doc_md=__doc__ or "",
        params=PARAMS,
        schedule=migration.consistency.schedule,
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run",
            stage=Stage.CONSISTENCY_CHECK,
            migration_file=str(loaded.path),
            ledger_conn_id=migration.connections.ledger,
        )
        check = ConsistencyCheckOperator(
            task_id="check",
            ledger_conn_id=migration.connections.ledger,
            migration=migration.name,
            seed="{{ params.seed }}",
            **READ_ONLY_RETRIES,
        )
        verdict = RequirePassOperator(task_id="verdict", ledger_conn_id=migration.connections.ledger)
        record >> check >> verdict
    return dag


DAGS = [
    consistency_check(loaded)
    for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.CONSISTENCY_CHECK)
]
