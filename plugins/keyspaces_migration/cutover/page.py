"""What the approvers of a cutover are shown, as Markdown tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from keyspaces_migration.config import Migration
from keyspaces_migration.config.durations import format_duration
from keyspaces_migration.cutover.criteria import Readiness, cell
from keyspaces_migration.cutover.facts import Facts
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.ledger import Ledger
from keyspaces_migration.ledger.check_records import CheckCoverage, CheckedTable
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.lifecycle import Milestone, Stage


@dataclass(frozen=True, kw_only=True)
class Provisioned:
    """Who applied the last plan, and when."""

    at: datetime
    triggered_by: str | None
    approved_by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Behind:
    """What the page tells beside the criteria.

    Attributes:
        facts: That the criteria were judged by.
        tables: Verdicts of the newest check.
        coverage: What it looked at.
        provisioned: The last provision; None where the ledger has none.
        monthly_cost: What the target costs a month at the use that was seen, in words.
    """

    facts: Facts
    tables: Sequence[CheckedTable]
    coverage: Sequence[CheckCoverage]
    provisioned: Provisioned | None
    monthly_cost: str


def read_behind(ledger: Ledger, migration: Migration, *, facts: Facts, monthly_cost: str) -> Behind:
    """Read from the ledger what the page tells. Errors are the ledger's."""
    checks = CheckLedger(ledger)
    newest = facts.checks[-1] if facts.checks else None
    tables: Sequence[CheckedTable] = ()
    coverage: Sequence[CheckCoverage] = ()
    if newest is not None:
        tables = checks.tables(dag_id=newest.dag_id, run_id=newest.run_id, attempt=newest.attempt)
        coverage = checks.coverage(dag_id=newest.dag_id, run_id=newest.run_id, attempt=newest.attempt)
    return Behind(
        facts=facts,
        tables=tables,
        coverage=coverage,
        provisioned=_provisioned(ledger, migration),
        monthly_cost=monthly_cost,
    )


def cutover_page(*, title: str, migration: Migration, base: FlagState, readiness: Readiness, behind: Behind) -> str:
    """The page."""
    cutover = migration.cutover
    steps = " → ".join(f"{percent} %" for percent in cutover.canary_steps)
    what = (
        f"{base.target_read_percent} % → {steps}, from flag version {base.version}; then the target leads. Each step "
        f"bakes for {format_duration(cutover.bake_time)} and until {cutover.min_compared_reads:,} reads were compared; "
        "a breach takes all reads back by itself. Approval and every criterion are judged again in the call that "
        "raises each step. The source keeps getting every write, and `rollback` moves reads back at once."
    )
    parts = [
        f"# {title}",
        what,
        f"## Criteria\n\n{readiness.markdown()}",
        f"## Newest check\n\n{_check(behind)}",
        f"## Letters, throttles, lag\n\n{_traffic(behind.facts)}",
        f"## Target\n\n{_target(behind)}",
    ]
    return "\n\n".join(parts) + "\n"


def _check(behind: Behind) -> str:
    if not behind.tables:
        return "There is none."
    looked: dict[str, list[str]] = {}
    for each in behind.coverage:
        looked.setdefault(each.table_name, []).append(f"{each.compared:,} of {each.wanted:,} by {each.draw.value}")
    rows = [
        (
            table.table_name,
            table.verdict.value,
            ", ".join(looked.get(table.table_name, ())) or "nothing",
            _rate(table.row_bound),
            _rate(table.window_bound),
        )
        for table in behind.tables
    ]
    return _table(("Table", "Verdict", "Compared", "Rows that differ, at most", "Windows that differ, at most"), rows)


def _traffic(facts: Facts) -> str:
    letters, outside = facts.letters, facts.outside
    counted = (
        "not known"
        if letters is None
        else f"{letters.replayed} replayed, {letters.parked} parked, {letters.closed} closed"
    )
    queue = "not known" if outside.queue is None else f"{outside.queue.letters} in the queue"
    throttled = outside.throttling
    share = None if throttled is None else throttled.share
    throttles = (
        "not known"
        if throttled is None or share is None
        else (
            f"{share:.3%} of {throttled.throttled + throttled.successful:,} requests, of an hour or since the last load"
        )
    )
    writers = outside.writers
    lag = (
        "not known"
        if writers is None
        else (
            ", ".join(f"{each.writer_id} {each.follower_lag.total_seconds():.1f} s" for each in writers) or "no writer"
        )
    )
    return _table(
        ("What", "Observed"), [("Letters", f"{counted}; {queue}"), ("Throttles", throttles), ("Follower's lag", lag)]
    )


def _target(behind: Behind) -> str:
    found = behind.provisioned
    provisioned = (
        "the ledger has none"
        if found is None
        else (
            f"{found.at:%Y-%m-%d %H:%M:%S} UTC, triggered by {found.triggered_by or 'nobody known'}, approved by "
            f"{', '.join(found.approved_by) or 'nobody: nothing was to be done'}"
        )
    )
    return _table(("What", "Observed"), [("Last provision", provisioned), ("Cost a month", behind.monthly_cost)])


def _provisioned(ledger: Ledger, migration: Migration) -> Provisioned | None:
    reached = [each for each in ledger.milestones(migration.name) if each.milestone is Milestone.PROVISIONED]
    if not reached:
        return None
    last = reached[-1]
    run = ledger.run_configuration(dag_id=last.dag_id, run_id=last.run_id)
    approvals = [
        each for each in ledger.approvals(migration.name) if (each.dag_id, each.run_id) == (last.dag_id, last.run_id)
    ]
    if run.stage is not Stage.PROVISION:
        return Provisioned(at=last.reached_at, triggered_by=run.recorded_by, approved_by=())
    people = approvals[-1].approved_by if approvals else ()
    return Provisioned(at=last.reached_at, triggered_by=run.recorded_by, approved_by=people)


def _rate(bound: float | None) -> str:
    return "no bound" if bound is None else f"{bound:.2g}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| {' | '.join(cell(each) for each in row)} |" for row in rows]
    return "\n".join(lines)
