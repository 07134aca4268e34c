"""The consistency check as tasks: one that looks and records, one that is red where the stores are not in step."""

import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import Asset, BaseOperator

from keyspaces_migration.config import CheckEngine
from keyspaces_migration.errors import MigrationError
from keyspaces_provider import telemetry
from keyspaces_provider.check_by_lambda import CheckByLambda, Note
from keyspaces_provider.cloudwatch import put_check
from keyspaces_provider.comparison_function import LOOK_EVERY
from keyspaces_provider.flag import leader_for_check
from keyspaces_provider.hooks.cassandra import CassandraHook
from keyspaces_provider.hooks.keyspaces import KeyspacesHook
from keyspaces_provider.links import ReportLink
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.consistency.kinds import Verdict
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.results import CheckResult
    from keyspaces_migration.entrypoints.comparison_calls import Progress

_SEED_BITS = 32


class CheckNotPassedError(MigrationError):
    """The check is recorded, and its verdict is not PASS; the message says so, and why for each such table.

    Attributes:
        verdict: FAIL or INCONCLUSIVE.
    """

    def __init__(self, message: str, *, verdict: "Verdict") -> None:
        super().__init__(message)
        self.verdict = verdict


class CheckNotRecordedError(MigrationError):
    """The run has no recorded check, so nobody knows how the stores stand."""


class SeedError(MigrationError):
    """The seed given is no whole number from 0."""


def consistency_asset(migration: str) -> Asset:
    """The asset that is updated by every check of `migration`, whatever its verdict: the event's extra says which."""
    return Asset(f"keyspaces-migration/{migration}/consistency")


class ConsistencyCheckOperator(BaseOperator):
    """Compares every table of the migration in source, target and history, and records what it found.

    It reads and never writes, on all three. The source leads: the target's rows are compared with its rows. What could
    not be looked at is part of the verdict. The task is green when a check was made and recorded, whatever its
    verdict, so that a retry never asks again in the hope of a better one; `RequirePassOperator` judges.

    Where the file says `consistency.engine: LAMBDA`, the comparison Lambda reads the stores: the task calls it for one
    part of the check after the other, waits for each in the triggerer, holding no worker, and records what they come
    to exactly as if it had looked itself. A killed task leaves a call that ends by itself and is counted nowhere.

    Args:
        ledger_conn_id: Airflow connection of the ledger, where the run's migration file is.
        migration: The migration's name, for the asset.
        seed: Of all draws, as text from a template; empty or `None`: drawn at random. The ledger has it.
        look_every: How often to look for the result of a call.
    """

    template_fields = ("seed",)
    operator_extra_links = (ReportLink(),)
    ui_color = "#e6f4ea"

    def __init__(
        self,
        *,
        ledger_conn_id: str,
        migration: str,
        seed: int | str | None = None,
        look_every: timedelta = LOOK_EVERY,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(outlets=[consistency_asset(migration)], **kwargs)
        self.ledger_conn_id = ledger_conn_id
        self.migration = migration
        self.seed = seed
        self.look_every = look_every

    def execute(self, context: "Context") -> dict[str, Any]:
        """Check, record, keep and show the report.

        Returns:
            The check's summary, and the addresses of the report: as a page in HTML, in Markdown and in JSON.

        Raises:
            StoreError: a store can't be reached, or refused.
            HistoryUnreachableError: Snowflake can't be reached.
            ConsistencyError: a table, or its history, can't be compared as the migration file describes it.
            SeedError: the seed is not a number.
            CallTooLongError: by Lambda: a table can't be divided into calls that end in time.
            FunctionNotCalledError: by Lambda: it can't be called, or its results can't be looked at.
            ReportNotKeptError: the report could not be written.
            LedgerError: the ledger can't be reached, or holds no record of this run.
        """
        from keyspaces_migration.consistency.assembly import check_plan

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        plan = check_plan(run.migration, seed=seed_of(self.seed), now=_now(), leader=leader_for_check(run))
        self.log.info(
            "The %s leads; seed %s, %s rows of each table, or all where it has fewer; differences have %s s to settle",
            plan.leader.value,
            plan.seed,
            f"{plan.rows_wanted:,}",
            plan.settle_time_s,
        )
        if run.migration.consistency.engine is CheckEngine.LAMBDA:
            check = self._by_lambda(context, run)
            self._wait(check, check.begin(seed=plan.seed, leader=plan.leader))
        return self._record(context, run, self._check(run, plan))

    def resume(self, context: "Context", event: dict[str, Any], *, text: str, signature: str) -> dict[str, Any]:
        """Go on once a call has left something, or its time is over: with the next one, or with the record.

        `event` is a hint: what lies in S3 is looked at here. The rest is as for `execute`.

        Raises:
            NoteRefusedError: the note of how far the check is was not written by this try of the task.
        """
        self.log.info("The triggerer saw %s", event.get("found") or "nothing, and the time is over")
        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        check = self._by_lambda(context, run)
        progress = check.read(Note(text=text, signature=signature))
        following = check.go_on(progress)
        if following is not None:
            self._wait(check, following)
        return self._record(context, run, check.result(progress))

    def _by_lambda(self, context: "Context", run: MigrationRun) -> CheckByLambda:
        return CheckByLambda(run, attempt=context["ti"].try_number, look_every=self.look_every)

    def _wait(self, check: CheckByLambda, progress: "Progress") -> NoReturn:
        self.log.info("%s", check.describe(progress))
        note = check.note(progress)
        self.defer(
            trigger=check.trigger(progress),
            method_name="resume",
            kwargs={"text": note.text, "signature": note.signature},
            timeout=check.longest,
        )

    def _record(self, context: "Context", run: MigrationRun, result: "CheckResult") -> dict[str, Any]:
        from keyspaces_migration.consistency.recording import record_check

        record_check(run.ledger, result, dag_id=run.dag_id, run_id=run.run_id, attempt=context["ti"].try_number)
        emit_metrics(result, migration=run.migration.name)
        put_check(result, migration=run.migration)
        kept = self._keep(run, result)
        context["outlet_events"][consistency_asset(self.migration)].extra = result.summary()
        return {**result.summary(), **kept}

    def _check(self, run: MigrationRun, plan: "CheckPlan") -> "CheckResult":
        from keyspaces_migration.consistency.assembly import OpenStores, table_checks
        from keyspaces_migration.consistency.check import run_check
        from keyspaces_migration.consistency.recording import sweeps_go_on
        from keyspaces_provider.history import snowflake_connection

        migration, connections = run.migration, run.migration.connections
        with (
            CassandraHook(connections.source).session() as source,
            KeyspacesHook(connections.target).session() as target,
            snowflake_connection(connections.history) as history,
            history.cursor() as cursor,
        ):
            stores = OpenStores(source=source, target=target, history=cursor)
            checks = table_checks(
                migration,
                tables=migration.tables,
                plan=plan,
                stores=stores,
                settle=time.sleep,
                now=_now,
                sweeps=sweeps_go_on(run.ledger, migration.name),
            )
            return run_check(checks, plan=plan, now=_now)

    def _keep(self, run: MigrationRun, result: "CheckResult") -> dict[str, str]:
        from keyspaces_migration.consistency.pooling import current_epoch
        from keyspaces_migration.consistency.report import to_json, to_markdown
        from keyspaces_migration.consistency.trend import TREND, trend_plot, trend_points
        from keyspaces_migration.ledger import ReportKind
        from keyspaces_migration.ledger.checks import CheckLedger
        from keyspaces_migration.pages import html

        kind, migration = ReportKind.CONSISTENCY_CHECK, run.migration
        epoch = current_epoch(
            run.ledger, migration.name, tables=list(migration.tables), confidence=result.plan.confidence
        )
        title = f"Consistency of {migration.name}"
        page = to_markdown(result, title=title, epoch=epoch)
        self.log.info("%s", page)
        checks = CheckLedger(run.ledger)
        words, plot = trend_plot(trend_points(checks, checks.runs(migration.name)))
        with_plot = f"{page}\n## Checks over time\n\n![{words}]({TREND})\n"
        sent = html(with_plot, title=title, plots={TREND: (words, plot)})
        return {
            "html": run.keep_report(kind, name="consistency_check.html", media_type="text/html", content=sent),
            "markdown": run.keep_report(kind, name="consistency_check.md", media_type="text/markdown", content=page),
            "json": run.keep_report(
                kind, name="consistency_check.json", media_type="application/json", content=to_json(result, epoch=epoch)
            ),
        }


class RequirePassOperator(BaseOperator):
    """Fails unless the run's newest check in the ledger passed, and says why, table by table.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e8eef7"

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> str:
        """Read the verdict from the ledger.

        Returns:
            The verdict in one sentence.

        Raises:
            CheckNotPassedError: the verdict is FAIL or INCONCLUSIVE.
            CheckNotRecordedError: the run has recorded no check.
            LedgerError: the ledger can't be reached.
        """
        from keyspaces_migration.consistency.kinds import Verdict
        from keyspaces_migration.ledger.checks import CheckLedger

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        recorded = [
            check
            for check in CheckLedger(run.ledger).runs(run.migration.name)
            if (check.dag_id, check.run_id) == (run.dag_id, run.run_id)
        ]
        if not recorded:
            raise CheckNotRecordedError(
                f"Run {run.run_id} of {run.dag_id} has no check in the ledger: clear its task check, which makes one"
            )
        newest = recorded[-1]
        if newest.verdict is not Verdict.PASS:
            tables = CheckLedger(run.ledger).tables(dag_id=run.dag_id, run_id=run.run_id, attempt=newest.attempt)
            reasons = [table.sentence for table in tables if table.verdict is not Verdict.PASS]
            raise CheckNotPassedError(" ".join([newest.sentence, *reasons]), verdict=newest.verdict)
        self.log.info("%s", newest.sentence)
        return newest.sentence


def emit_metrics(result: "CheckResult", *, migration: str) -> None:
    """Hand a check's numbers to whatever Airflow's own metrics go to (StatsD, OpenTelemetry, or nowhere), as gauges."""
    from keyspaces_migration.consistency.metrics import metrics_of

    telemetry.emit_named(
        (each.name, each.value, {"migration": migration, "table": each.table}) for each in metrics_of(result)
    )


def seed_of(given: int | str | None) -> int:
    """The seed that a person gave, or one drawn at random where nobody did.

    Raises:
        SeedError: it is no whole number from 0.
    """
    text = "" if given is None else str(given).strip()
    if text in {"", "None"}:
        return secrets.randbits(_SEED_BITS)
    if not text.isdecimal():
        raise SeedError(f"seed is {text!r}; allowed is a whole number from 0, or nothing for one drawn at random")
    return int(text)


def _now() -> datetime:
    return datetime.now(UTC)
