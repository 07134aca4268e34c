"""The assessment of a source as a task."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider.hooks.cassandra import CassandraHook
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.assessment import Assessment


class AssessOperator(BaseOperator):
    """Assesses the migration's source keyspace, and keeps the report beside a machine-readable twin.

    It reads and never writes, on source and history alike. A history that can't be reached does not fail the task:
    the report says that it could not be looked at, and why. A source that can't be reached does.

    Args:
        ledger_conn_id: Airflow connection of the ledger, where the run's migration file is.
        include_history: Whether to look at the history's shape; a template may give `True` or `False` as text.
    """

    template_fields = ("include_history",)
    ui_color = "#e6f4ea"

    def __init__(self, *, ledger_conn_id: str, include_history: bool | str = True, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id
        self.include_history = include_history

    def execute(self, context: "Context") -> dict[str, str]:
        """Assess, keep and show the report, and reach the milestone `assessed`.

        Returns:
            The verdict, and the addresses of the report in Markdown and in JSON.

        Raises:
            StoreError: the source can't be reached, or refused.
            AssessmentError: the keyspace is not there, or its schema can't be read.
            ReportNotKeptError: the report could not be written.
            LedgerError: the ledger can't be reached, or holds no record of this run.
        """
        from keyspaces_migration.assessment import as_json, markdown
        from keyspaces_migration.ledger import ReportKind

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        assessment = self._assess(run)
        page = markdown(assessment)
        self.log.info("%s", page)
        kept = {
            "markdown": run.keep_report(
                ReportKind.ASSESSMENT, name="assessment.md", media_type="text/markdown", content=page
            ),
            "json": run.keep_report(
                ReportKind.ASSESSMENT,
                name="assessment.json",
                media_type="application/json",
                content=as_json(assessment),
            ),
        }
        run.reach(Milestone.ASSESSED)
        self.log.info("Verdict: %s. The report is kept: %s", assessment.verdict.value, kept["markdown"])
        return {"verdict": assessment.verdict.value, **kept}

    def _assess(self, run: MigrationRun) -> "Assessment":
        from keyspaces_migration.assessment import assess
        from keyspaces_provider.history import SnowflakeHistory

        connections, keyspace = run.migration.connections, run.migration.source.keyspace
        history = SnowflakeHistory(conn_id=connections.history) if self._looks_at_history() else None
        self.log.info("Looking at keyspace %s behind connection %s", keyspace, connections.source)
        with CassandraHook(connections.source).session() as session:
            return assess(session, keyspace=keyspace, history=history, now=datetime.now(UTC))

    def _looks_at_history(self) -> bool:
        if isinstance(self.include_history, bool):
            return self.include_history
        known = {"true": True, "false": False}
        if self.include_history.lower() not in known:
            raise ValueError(f"include_history is {self.include_history!r}; it is True or False")
        return known[self.include_history.lower()]
