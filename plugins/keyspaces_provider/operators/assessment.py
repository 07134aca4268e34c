"""The assessment of a source as a task."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider.estimate_request import EstimateParameters
from keyspaces_provider.hooks.cassandra import CassandraHook
from keyspaces_provider.run import MigrationRun, recorded_run
from keyspaces_provider.statement_lines import statement_lines

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.assessment import Assessment


class AssessOperator(BaseOperator):
    """Assesses the migration's source keyspace, and keeps the report as a page, as Markdown, and for programs.

    It reads and never writes, on source and history alike. A history that can't be reached does not fail the task:
    the report says that it could not be looked at, and why. A source that can't be reached does.

    Args:
        ledger_conn_id: Airflow connection of the ledger, where the run's migration file is.
        include_history: Whether to look at the history's shape; a template may give `True` or `False` as text.
        sample_rows: Rows to read of each table for the estimate, about; 0 leaves the estimate out.
        load: Each table's load in place of what is measured: `{"table": {"writes_per_s": 120, "reads_per_s": 900}}`, or
            that as JSON.
        prices: Address of a YAML file of prices in place of those of us-east-1 that the package has.
        utilisation: The share of provisioned capacity that the mean load uses, from 0.05 to 1.
        hours_to_barrier: What passes between the end of a load before dual writes and the barrier.
        statements: Address of a file or log of the applications' statements, such as s3://bucket/audit.log.gz.
        statements_format: One of `keyspaces_migration.statements.Format`; empty to find it by the first lines.
    """

    template_fields = (
        "include_history",
        "sample_rows",
        "load",
        "prices",
        "utilisation",
        "hours_to_barrier",
        "statements",
        "statements_format",
    )
    ui_color = "#e6f4ea"

    def __init__(  # noqa: PLR0913 # all by keyword
        self,
        *,
        ledger_conn_id: str,
        include_history: bool | str = True,
        sample_rows: int | str = 10_000,
        load: Any = "{}",  # noqa: ANN401 # JSON
        prices: str = "",
        utilisation: float | str = 0.7,
        hours_to_barrier: float | str = 24,
        statements: str = "",
        statements_format: str = "",
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id
        self.include_history = include_history
        self.sample_rows = sample_rows
        self.load = load
        self.prices = prices
        self.utilisation = utilisation
        self.hours_to_barrier = hours_to_barrier
        self.statements = statements
        self.statements_format = statements_format

    def execute(self, context: "Context") -> dict[str, str]:
        """Assess, keep and show the report, and reach the milestone `assessed`.

        Returns:
            The verdict, and the addresses of the report as HTML, Markdown and JSON.

        Raises:
            StoreError: the source can't be reached, or refused.
            AssessmentError: the keyspace is not there, its schema can't be read, or a load was given for no table.
            EstimateParameterError: a parameter is none of those allowed.
            StatementsNotReadError: the file of statements can't be opened, or its format is none of those known.
            MigrationFileError: the file of prices can't be read or breaks a rule.
            ReportNotKeptError: the report could not be written.
            LedgerError: the ledger can't be reached, or holds no record of this run.
        """
        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        assessment = self._assess(run)
        kept = self._keep(run, assessment)
        run.reach(Milestone.ASSESSED)
        self.log.info("Verdict: %s. The report is kept: %s", assessment.verdict.value, kept["html"])
        return {"verdict": assessment.verdict.value, **kept}

    def _assess(self, run: MigrationRun) -> "Assessment":
        from keyspaces_migration.assessment import assess
        from keyspaces_provider.history import SnowflakeHistory

        connections, keyspace = run.migration.connections, run.migration.source.keyspace
        parameters = EstimateParameters(
            sample_rows=self.sample_rows,
            load=self.load,
            prices=self.prices,
            utilisation=self.utilisation,
            hours_to_barrier=self.hours_to_barrier,
        )
        # Before anything is asked of the source: a parameter that can't be used is known at once.
        request = parameters.request(run.migration, run_id=run.run_id, conn_id=connections.aws)
        history = SnowflakeHistory(conn_id=connections.history) if self._looks_at_history() else None
        self.log.info("Looking at keyspace %s behind connection %s", keyspace, connections.source)
        opened = statement_lines(self.statements, format_name=self.statements_format, conn_id=connections.aws)
        with opened as statements, CassandraHook(connections.source).session() as session:
            return assess(
                session,
                keyspace=keyspace,
                history=history,
                now=datetime.now(UTC),
                request=request,
                statements=statements,
            )

    def _keep(self, run: MigrationRun, assessment: "Assessment") -> dict[str, str]:
        from keyspaces_migration.assessment import as_json, markdown
        from keyspaces_migration.assessment.plots import plots
        from keyspaces_migration.ledger import ReportKind
        from keyspaces_migration.pages import html

        def keep(name: str, media_type: str, content: str) -> str:
            return run.keep_report(ReportKind.ASSESSMENT, name=name, media_type=media_type, content=content)

        drawn = plots(assessment.estimate) if assessment.estimate else {}
        page = markdown(assessment, plots={name: shows for name, (shows, _) in drawn.items()})
        self.log.info("%s", page)
        for name, (_, svg) in drawn.items():
            keep(name, "image/svg+xml", svg)
        title = f"Assessment of {run.migration.name}"
        return {
            "html": keep("assessment.html", "text/html", html(page, title=title, plots=drawn)),
            "markdown": keep("assessment.md", "text/markdown", page),
            "json": keep("assessment.json", "application/json", as_json(assessment)),
        }

    def _looks_at_history(self) -> bool:
        if isinstance(self.include_history, bool):
            return self.include_history
        known = {"true": True, "false": False}
        if self.include_history.lower() not in known:
            raise ValueError(f"include_history is {self.include_history!r}; it is True or False")
        return known[self.include_history.lower()]
