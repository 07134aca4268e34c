"""The unloading of a large history, as a task between the plan of a backfill and its load."""

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from keyspaces_provider.history import snowflake_connection
from keyspaces_provider.object_files import unloaded_storage
from keyspaces_provider.operators.run import ActsInRun

if TYPE_CHECKING:
    from airflow.sdk import Context


class UnloadTableOperator(ActsInRun):
    """Unloads one table's snapshot to the stage of `backfill.unload`; safe to run again after any end, a kill included.

    A table that is planned to be read by queries is left alone. Nothing is written to the target.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger, where the plan is kept.
        table: The table.
    """

    template_fields = ("table",)

    def __init__(self, *, table: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.table = table

    def execute(self, context: "Context") -> dict[str, Any]:
        """Unload, or find that it was done already.

        Returns:
            The table; and where its files are, how many there are, and their rows, if it is read from files.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            UnloadDiffersError: what Snowflake wrote is not what was planned, or not where the workers look.
            HistoryUnreachableError: Snowflake can't be reached.
            BackfillError: see `keyspaces_migration.backfill.unload_table`.
        """
        from snowflake.connector import Error

        from keyspaces_migration.backfill import History, Target, unload_folder, unload_table
        from keyspaces_migration.ledger.backfills import BackfillLedger

        run = self.unchanged_run(context)
        unload, ledger = run.migration.backfill.unload, BackfillLedger(run.ledger)
        done: dict[str, Any] = {"table": self.table}
        for planned in ledger.tables(dag_id=run.dag_id, run_id=run.run_id):
            folder = unload_folder(unload, snapshot=planned.snapshot, rows=planned.rows)
            if planned.table_name != self.table or unload is None or folder is None:
                continue
            with snowflake_connection(run.migration.connections.history) as connection, connection.cursor() as cursor:
                manifest = unload_table(
                    History(cursor=cursor, database_error=Error),
                    unloaded_storage(unload.path),
                    unload=unload,
                    target=Target.of(run.migration, self.table),
                    table=planned,
                    splits=ledger.splits(dag_id=run.dag_id, run_id=run.run_id, table=self.table),
                    folder=folder,
                    attempt=uuid4().hex[:12],
                )
            done |= {"folder": manifest.folder, "files": manifest.files, "rows": planned.rows}
        self.log.info("%s", done)
        return done
