"""What the tasks tell a monitoring system: metrics, log fields and attributes of traces, all through Airflow's own.

Where they go is Airflow's configuration: `[metrics]` (StatsD, Datadog, OpenTelemetry, or nowhere) and `[traces]`. The
core knows none of it. `Signal` is the whole list of metrics; docs/guides/observability.md shows it, and a test holds
both together. Telling is for watching alone: whatever goes wrong in it is logged once a process, and fails no task.
"""

import logging
import time
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from keyspaces_migration.backfill.load import LoadedSplit
    from keyspaces_migration.config import Migration
    from keyspaces_migration.events.watch import Queue
    from keyspaces_migration.ledger.backfill_records import ClaimedSplit
    from keyspaces_migration.ledger.repair_records import RepairStep

PREFIX = "keyspaces_migration."
"""Of every metric's name, under Airflow's own prefix, and of attributes of spans."""

log = logging.getLogger(__name__)
_failed: set[str] = set()
"""What could not be told by this process, and was said."""


class Kind(Enum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Signal(Enum):
    """A metric: its name after `keyspaces_migration.`, its kind, its tags, and what it counts or measures."""

    SPLITS_FINISHED = ("backfill.splits_finished", Kind.COUNTER, "migration, table, slot", "splits that were loaded")
    ROWS_WRITTEN = ("backfill.rows_written", Kind.COUNTER, "migration, table, slot", "rows written to the target")
    ROWS_EXPIRED = ("backfill.rows_expired", Kind.COUNTER, "migration, table, slot", "rows left out as expired")
    ROWS_DEAD = ("backfill.rows_dead", Kind.COUNTER, "migration, table, slot", "rows that can't be written")
    WRITE_UNITS = ("backfill.write_units", Kind.COUNTER, "migration, table, slot", "write units that the target took")
    THROTTLED_UNITS = (
        "backfill.throttled_units",
        Kind.COUNTER,
        "migration, table, slot",
        "write units that were throttled, and sent again",
    )
    COUNTS_AGREE = ("backfill.counts_agree", Kind.GAUGE, "migration", "1 where a load's counts add up, else 0")

    CHECK_PASSED = ("consistency.passed", Kind.GAUGE, "migration, table", "1 where the verdict is PASS, else 0")
    CHECK_VERDICT = (
        "consistency.verdict",
        Kind.GAUGE,
        "migration, table",
        "1 for PASS, 0 for INCONCLUSIVE, -1 for FAIL",
    )
    CHECK_BOUND = (
        "consistency.row_bound",
        Kind.GAUGE,
        "migration, table",
        "upper bound of the share of rows out of line; none where nothing was compared",
    )
    CHECK_COMPARED = ("consistency.rows_compared", Kind.GAUGE, "migration, table", "rows that the check compared")
    CHECK_BLIND = (
        "consistency.could_not_look",
        Kind.GAUGE,
        "migration, table",
        "what the check could not look at, in the draws' own units",
    )
    CHECK_OUT_OF_LINE = ("consistency.rows_out_of_line", Kind.GAUGE, "migration, table", "rows out of line")
    CHECK_OUT_SOURCE = (
        "consistency.rows_out_of_line_source",
        Kind.GAUGE,
        "migration, table",
        "of these, in the source",
    )
    CHECK_OUT_TARGET = (
        "consistency.rows_out_of_line_target",
        Kind.GAUGE,
        "migration, table",
        "of these, in the target",
    )
    CHECK_OUT_HISTORY = (
        "consistency.rows_out_of_line_history",
        Kind.GAUGE,
        "migration, table",
        "of these, in the history",
    )
    CHECK_UNITS_SOURCE = ("consistency.read_units_source", Kind.GAUGE, "migration, table", "read units of the source")
    CHECK_UNITS_TARGET = ("consistency.read_units_target", Kind.GAUGE, "migration, table", "read units of the target")

    LETTERS_REPLAYED = ("letters.replayed", Kind.GAUGE, "migration", "letters that a replay brought to their store")
    LETTERS_PARKED_BY_RUN = ("letters.parked_by_run", Kind.GAUGE, "migration", "letters that this replay parked")
    LETTERS_PARKED = ("letters.parked", Kind.GAUGE, "migration", "letters that are parked, in all")
    LETTERS_LEFT = ("letters.left_in_queue", Kind.GAUGE, "migration", "letters that a replay left in the queue")
    LETTERS_OLDEST = ("letters.oldest_age_s", Kind.GAUGE, "migration", "age of the oldest letter seen, in seconds")
    LETTERS_QUEUED = ("letters.queue_depth", Kind.GAUGE, "migration", "letters in the queue")

    ROWS_REPAIRED = ("repair.rows", Kind.COUNTER, "migration, step, outcome", "planned rows, by what became of them")

    CRITERIA_MISSING = ("cutover.criteria_missing", Kind.GAUGE, "migration", "criteria of readiness that are not met")
    READS_ON_TARGET = (
        "cutover.target_read_percent",
        Kind.GAUGE,
        "migration",
        "share of reads on the target by the flag, in percent",
    )
    CANARY_BREACHES = ("cutover.canary_breaches", Kind.GAUGE, "migration, step", "limits that a canary step breaks")
    REVERSALS = ("cutover.reversals", Kind.COUNTER, "migration", "times that all reads were taken back")
    REVERSED_AT = (
        "cutover.reversed_at_s",
        Kind.GAUGE,
        "migration",
        "when all reads were taken back last, in seconds since 1970",
    )

    DRIFTED = ("provision.drifted", Kind.GAUGE, "migration", "resources that others have changed")
    CONDITIONS = ("watch.conditions", Kind.GAUGE, "migration", "conditions that last, of which people are told")

    def __init__(self, short: str, kind: Kind, tags: str, meaning: str) -> None:
        self.short = short
        self.kind = kind
        self.tags = tuple(tags.split(", "))
        self.meaning = meaning

    @property
    def metric(self) -> str:
        """The name that Airflow is given; it puts `[metrics] statsd_prefix` or `otel_prefix` before it."""
        return f"{PREFIX}{self.short}"


def emit(signal: Signal, value: float, **tags: str | int) -> None:
    """Tell one number. Raises nothing.

    Args:
        signal: What it is.
        value: To set a gauge to, or to add to a counter; a counter takes no less than 0.
        tags: Those of the signal, each.
    """
    with _never_failing(signal.metric):
        if set(tags) != set(signal.tags):
            raise ValueError(f"it has the tags {', '.join(signal.tags)}, and got {', '.join(tags) or 'none'}")
        _send(signal, value, {name: str(tag) for name, tag in tags.items()})


def emit_named(numbers: "Iterable[tuple[str, float, Mapping[str, str]]]") -> None:
    """Tell the core's numbers, which have the names of signals already. Raises nothing.

    Args:
        numbers: Name, value and tags of each.
    """
    with _never_failing("the numbers of the core"):
        for name, value, tags in numbers:
            with _never_failing(name):
                _send(_BY_NAME[name], value, tags)


def split_begun(split: "ClaimedSplit") -> None:
    """From now on this task's log lines say which split they are about. Raises nothing."""
    bind(split=split.split.number + 1)


def split_finished(loaded: "LoadedSplit", *, migration: str, slot: int) -> None:
    """Tell what a split came to, as metrics and as an event of the task's span. Raises nothing."""
    tags: dict[str, str | int] = {"migration": migration, "table": loaded.claimed.table.table_name, "slot": slot}
    numbers = {
        Signal.SPLITS_FINISHED: 1,
        Signal.ROWS_WRITTEN: loaded.counts.written,
        Signal.ROWS_EXPIRED: loaded.counts.expired,
        Signal.ROWS_DEAD: loaded.counts.dead,
        Signal.WRITE_UNITS: loaded.usage.write_units,
        Signal.THROTTLED_UNITS: loaded.usage.throttled_units,
    }
    for signal, value in numbers.items():
        emit(signal, value, **tags)
    with _never_failing("the event of a split"):
        _span().add_event(f"{PREFIX}split_finished", {each.short: value for each, value in numbers.items()})
    _unbind("split")


def queue_seen(queue: "Queue | None", *, migration: str) -> None:
    """Tell how many letters are in the queue, and how old; nothing where nobody knows. Raises nothing."""
    if queue is None:
        return
    emit(Signal.LETTERS_QUEUED, queue.letters, migration=migration)
    if queue.oldest_age is not None:
        emit(Signal.LETTERS_OLDEST, queue.oldest_age.total_seconds(), migration=migration)


def rows_repaired(counts: "Mapping[str, int]", *, step: "RepairStep", migration: str) -> None:
    """Tell what became of a plan's rows, by outcome. Raises nothing."""
    for outcome, count in counts.items():
        emit(Signal.ROWS_REPAIRED, count, migration=migration, step=step.value, outcome=outcome)


def reads_taken_back(*, migration: str) -> None:
    """Tell that all reads go to the source, and when. Raises nothing.

    The moment is for alarms: each process counts from nothing, so that a series of the count may stand at 1 for good,
    and never be seen to rise.
    """
    emit(Signal.REVERSALS, 1, migration=migration)
    emit(Signal.REVERSED_AT, time.time(), migration=migration)
    emit(Signal.READS_ON_TARGET, 0, migration=migration)


def bind_run(migration: "Migration", **more: str) -> None:
    """Give this task's log lines and its span the migration; what an earlier task of the process bound is taken off.

    Airflow itself binds dag_id, task_id, run_id, try_number and map_index.

    Args:
        migration: Its name is bound.
        more: Such as the stage.
    """
    _unbind("table", "slot", "split")
    bind(migration=migration.name, **more)


def bind(**fields: str | int) -> None:
    """Give this task's log lines and its span more fields. Raises nothing.

    Lines of JSON carry them, the core's own too, as Airflow's log merges structlog's context variables into all.
    """
    with _never_failing("log fields"):
        from structlog.contextvars import bind_contextvars

        bind_contextvars(**fields)
        _span().set_attributes({f"{PREFIX}{name}": value for name, value in fields.items()})


def _unbind(*names: str) -> None:
    with _never_failing("log fields"):
        from structlog.contextvars import unbind_contextvars

        unbind_contextvars(*names)


def _send(signal: Signal, value: float, tags: "Mapping[str, str]") -> None:
    from airflow.sdk.observability import stats

    if signal.kind is Kind.GAUGE:
        stats.gauge(signal.metric, float(value), tags=dict(tags))
    else:
        stats.incr(signal.metric, int(value), tags=dict(tags))


def _span() -> Any:  # noqa: ANN401 - OpenTelemetry's, where Airflow has it
    """The task's span; one that records nothing where Airflow sends no traces."""
    from opentelemetry import trace

    return trace.get_current_span()


@contextmanager
def _never_failing(what: str) -> "Iterator[None]":
    try:
        yield
    except Exception as error:  # noqa: BLE001 -- a backend of anybody's: no task may fail for a number
        if what not in _failed:
            _failed.add(what)
            log.warning("Could not tell %s (%s: %s); said once. The task goes on", what, type(error).__name__, error)


_BY_NAME = {signal.metric: signal for signal in Signal}
