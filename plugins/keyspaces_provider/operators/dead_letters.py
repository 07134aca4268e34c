"""The replay of dead letters as tasks: empty the queue, close by approval what nothing can be done about, judge."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator, BaseOperator

from keyspaces_migration.errors import MigrationError
from keyspaces_provider import telemetry
from keyspaces_provider.approvals import gate_ids, require_approval
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.flag import flag_writer
from keyspaces_provider.hooks.cassandra import CassandraHook
from keyspaces_provider.hooks.keyspaces import KeyspacesHook
from keyspaces_provider.letters import client, look_at_queue, queue_url
from keyspaces_provider.links import ReportLink
from keyspaces_provider.operators.run import ActsInRun
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.config import Migration
    from keyspaces_migration.consistency.kinds import Leader
    from keyspaces_migration.ledger.letter_records import LetterCounts, LetterRecord
    from keyspaces_migration.letters.drain import Drained
    from keyspaces_migration.letters.replay import Replayer

VALID_FOR = timedelta(hours=24)
"""How long an answer counts; the letters that it is for must still be parked, with the very same content."""


class NoQueueError(MigrationError):
    """There is no dead letter queue, so nobody knows what letters there are."""


class NotDrainedError(MigrationError):
    """Letters are parked, or were left in the queue: the report says which, why, and what to do."""


def closing_subject(migration: "Migration") -> str:
    """What approvers are asked."""
    return f"Dead letters of {migration.name}: parked writes are given up"


class ReplayLettersOperator(ActsInRun):
    """Replays parked letters where asked to, then takes every letter off the queue, into the stores and the ledger.

    It writes to the store that lacks a write, at the write's own timestamp, or copies what the leader has by then. It
    has no retries: what it leaves in the queue is there for the next run, and what was done is done again unchanged.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
        retry_parked: Which parked letters are tried again, as text from a template: `all`, ids with commas, or nothing.
    """

    template_fields = ("retry_parked",)
    operator_extra_links = (ReportLink(),)

    def __init__(self, *, retry_parked: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.retry_parked = retry_parked

    def execute(self, context: "Context") -> dict[str, Any]:
        """Empty the queue.

        Returns:
            Letters by what became of them, and the addresses of the report in HTML, Markdown and JSON.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            ParkedChoiceError: `retry_parked` names what is not parked; nothing was done.
            NoQueueError: there is no queue: run `provision`.
            LettersUnavailableError: SQS does not answer. What was done is recorded.
            StoreError: a store can't be reached; nothing was done.
            LedgerError: the ledger can't be read or written, or is not as it was signed.
        """
        from keyspaces_migration.ledger.letters import LetterLedger
        from keyspaces_migration.letters.book import RunBook
        from keyspaces_migration.letters.drain import Drain
        from keyspaces_migration.letters.parked import choose
        from keyspaces_migration.letters.report import sentence
        from keyspaces_migration.letters.sqs_inbox import SqsInbox

        run = self.unchanged_run(context)
        migration, letters = run.migration, LetterLedger(run.ledger)
        retried = choose(self.retry_parked, letters.parked(migration.name), name="retry_parked")
        sqs = client("sqs", migration)
        inbox = SqsInbox(
            sqs=sqs,
            s3=client("s3", migration),
            queue_url=require_queue(migration, sqs),
            bucket=migration.dead_letters.payload_bucket,
        )
        book = RunBook(letters, migration=migration.name, dag_id=run.dag_id, run_id=run.run_id, now=_now)
        with replayer(migration, leader_of(migration)) as replays:
            drain = Drain(migration=migration.name, shapes=replays.shapes, inbox=inbox, replayer=replays, book=book)
            done = drain.run(retried=retried, progress=lambda so_far: self.log.info("%s", sentence(so_far)))
        counts = letters.counts(migration.name)
        self._emit(done, counts, migration)
        return {**_numbers(done, counts), **_keep(run, done, letters.parked(migration.name), counts)}

    def _emit(self, done: "Drained", counts: "LetterCounts", migration: "Migration") -> None:
        from keyspaces_migration.letters.metrics import metrics_of

        queue = look_at_queue(migration)
        depth = None if queue is None else queue.letters
        numbers = metrics_of(done, counts=counts, depth=depth, now=_now())
        telemetry.emit_named((each.name, each.value, {"migration": migration.name}) for each in numbers)


class PlanClosingOperator(BaseBranchOperator):
    """Leads a run that is to close parked letters to the gates, with the letters as evidence; otherwise ends here.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
        close_parked: Which, as text from a template: `all`, ids with commas, or nothing.
        close_reason: Why nothing is to be done about them.
    """

    template_fields = ("close_parked", "close_reason")

    def __init__(
        self,
        *,
        ledger_conn_id: str,
        close_parked: str,
        close_reason: str,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id
        self.close_parked = close_parked
        self.close_reason = close_reason

    def choose_branch(self, context: "Context") -> list[str] | None:
        """The gates, or nothing.

        Raises:
            ParkedChoiceError: an id is of no parked letter, or no reason is given.
            LedgerError: the ledger can't be read, or is not as it was signed.
        """
        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        letters, evidence = closing_evidence(run, self.close_parked, self.close_reason)
        if not letters:
            self.log.info("Nothing is to be closed.")
            return None
        self.log.info("%s", evidence.page)
        run.keep_evidence(evidence)
        return list(gate_ids(run.migration))


class CloseLettersOperator(ActsInRun):
    """Closes the letters whose closing was approved: they stay in the ledger, and no longer stand against the cutover.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
        close_parked: As of `PlanClosingOperator`.
        close_reason: The same.
    """

    template_fields = ("close_parked", "close_reason")

    def __init__(self, *, close_parked: str, close_reason: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.close_parked = close_parked
        self.close_reason = close_reason

    def execute(self, context: "Context") -> dict[str, int]:
        """Verify, close.

        Returns:
            How many letters were closed.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            ParkedChoiceError: a letter is no longer parked; nothing was done.
            ApprovalRefusedError: the answers at the gates do not allow it; nothing was done.
            ApprovalUnreadableError: Airflow's record of them could not be read; nothing was done.
            LedgerError: the ledger can't be read or written, or is not as it was signed.
        """
        from keyspaces_migration.ledger.letters import LetterLedger
        from keyspaces_migration.letters.parked import closed

        run = self.unchanged_run(context)
        letters, evidence = closing_evidence(run, self.close_parked, self.close_reason)
        approval = require_approval(run, task_id=self.task_id, evidence_digest=evidence.digest, valid_for=VALID_FOR)
        records = closed(letters, reason=self.close_reason, by=approval.approved_by)
        done = LetterLedger(run.ledger).record(records, dag_id=run.dag_id, run_id=run.run_id, now=_now())
        self.log.info("%d letters are closed", len(done))
        return {"closed": len(done)}


class RequireDrainedOperator(BaseOperator):
    """Is red while letters are parked, or were left in the queue, and says how many.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e8eef7"

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> dict[str, int]:
        """Look at ledger and queue.

        Returns:
            How many letters are parked and how many are in the queue: none.

        Raises:
            NotDrainedError: some are.
            NoQueueError: there is no queue.
            LedgerError: the ledger can't be read, or is not as it was signed.
        """
        from keyspaces_migration.ledger.letters import LetterLedger

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        parked = LetterLedger(run.ledger).counts(run.migration.name).parked
        queue = look_at_queue(run.migration)
        if queue is None:
            raise _no_queue(run.migration)
        if parked or queue.letters:
            raise NotDrainedError(
                f"{parked:,} letters are parked, and about {queue.letters:,} are in the queue {queue.name}. The report "
                "of the task replay says which, why, and what to do; letters that were left are tried by the next run"
            )
        return {"parked": parked, "in_queue": queue.letters}


def closing_evidence(run: MigrationRun, asked: str | None, reason: str) -> "tuple[tuple[LetterRecord, ...], Evidence]":
    """The parked letters that are to be closed, as they are now, and what approvers are shown of them.

    Raises:
        ParkedChoiceError: an id is of no parked letter, or no reason is given.
        LedgerError: the ledger can't be read, or is not as it was signed.
    """
    from keyspaces_migration.ledger.letters import LetterLedger
    from keyspaces_migration.letters.parked import choose, closing_facts
    from keyspaces_migration.letters.report import closing_page

    migration = run.migration
    letters = choose(asked, LetterLedger(run.ledger).parked(migration.name), name="close_parked")
    given = "" if str(reason).strip() == "None" else str(reason).strip()
    facts = closing_facts(letters, reason=given, migration=migration.name, configuration=migration.digest)
    title = closing_subject(migration)
    return letters, Evidence(title=title, facts=facts, page=closing_page(letters, reason=given, title=title))


def require_queue(migration: "Migration", sqs: Any) -> str:  # noqa: ANN401 - boto3's clients have no types
    """The queue's address.

    Raises:
        NoQueueError: there is none.
    """
    url = queue_url(migration, sqs)
    if url is None:
        raise _no_queue(migration)
    return url


def leader_of(migration: "Migration") -> "Leader | None":
    """The store that leads by the flag; None where the mode is not a dual one, or no flag is deployed."""
    from keyspaces_migration.consistency.kinds import Leader

    state = flag_writer(migration).current()
    if state is None or not state.mode.is_dual:
        return None
    return Leader.TARGET if state.mode.target_leads else Leader.SOURCE


@contextmanager
def replayer(migration: "Migration", leader: "Leader | None") -> Iterator["Replayer"]:
    """A replayer over sessions of its own.

    Raises:
        StoreError: a store can't be reached.
    """
    from keyspaces_migration.consistency.copying import CellStore, RowCopier
    from keyspaces_migration.consistency.kinds import Store as Side
    from keyspaces_migration.dual_write.clock import system_now_us
    from keyspaces_migration.dual_write.shape import TableShape
    from keyspaces_migration.dual_write.store import Store, StoreName, Stores
    from keyspaces_migration.letters.replay import Replayer

    settle_s = migration.consistency.settle_time.total_seconds()
    shapes = {name: TableShape.from_migration(name, table) for name, table in migration.tables.items()}
    with (
        CassandraHook(migration.connections.source).session() as source,
        KeyspacesHook(migration.connections.target).session() as target,
    ):
        copier = None
        if leader is not None:
            copier = RowCopier(
                shapes=shapes,
                source=CellStore(source, store=Side.SOURCE, keyspace=migration.source.keyspace),
                target=CellStore(target, store=Side.TARGET, keyspace=migration.target.keyspace),
                leader=leader,
                settle=lambda: time.sleep(settle_s),
                now_us=system_now_us,
            )
        yield Replayer(
            stores=Stores(
                source=Store(name=StoreName.SOURCE, session=source, keyspace=migration.source.keyspace),
                target=Store(name=StoreName.TARGET, session=target, keyspace=migration.target.keyspace),
            ),
            shapes=shapes,
            copier=copier,
            leader=leader,
            now_us=system_now_us,
        )


def _keep(
    run: MigrationRun, done: "Drained", parked: "tuple[LetterRecord, ...]", counts: "LetterCounts"
) -> dict[str, str]:
    from keyspaces_migration.ledger import ReportKind
    from keyspaces_migration.letters.report import to_json, to_markdown
    from keyspaces_migration.pages import html

    kind, title = ReportKind.LETTERS, f"Dead letters of {run.migration.name}"
    page = to_markdown(done, parked=parked, counts=counts, title=title)
    sent, data = html(page, title=title, plots={}), to_json(done, parked=parked, counts=counts)
    return {
        "html": run.keep_report(kind, name="letters.html", media_type="text/html", content=sent),
        "markdown": run.keep_report(kind, name="letters.md", media_type="text/markdown", content=page),
        "json": run.keep_report(kind, name="letters.json", media_type="application/json", content=data),
    }


def _numbers(done: "Drained", counts: "LetterCounts") -> dict[str, Any]:
    from keyspaces_migration.ledger.letter_records import LetterOutcome

    return {
        "replayed": done.of(LetterOutcome.REPLAYED),
        "parked": done.of(LetterOutcome.PARKED),
        "came_again": done.again,
        "left_in_queue": len(done.left),
        "parked_in_all": counts.parked,
    }


def _no_queue(migration: "Migration") -> NoQueueError:
    return NoQueueError(
        f"The account has no dead letter queue of {migration.name}, so nobody knows what letters there are. Run "
        f"{migration.name}.provision, which makes it"
    )


def _now() -> datetime:
    return datetime.now(UTC)
