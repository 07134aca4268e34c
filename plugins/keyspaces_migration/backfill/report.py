"""What a load did, as a page."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from keyspaces_migration.backfill.letter_classes import letter_classes
from keyspaces_migration.backfill.money import spent_usd
from keyspaces_migration.backfill.verify import TableCounts, Verification
from keyspaces_migration.capacity.wording import hours_text, usd
from keyspaces_migration.ledger.backfill_records import DeadLetter, TableProgress
from keyspaces_migration.ledger.plan_records import LoadPlan
from keyspaces_migration.markdown import code, text
from keyspaces_migration.markdown import table as markdown_table

_COUNTS_HEADER = ("table", "snapshot", "read", "written", "expired", "dead letters", "on the target", "splits")
_PACE_HEADER = ("table", "took", "planned", "rows/s", "write units/s", "throttled", "spent", "planned cost")


def load_report(
    verification: Verification,
    letters: Mapping[str, Sequence[DeadLetter]],
    *,
    plan: LoadPlan,
    finished_at: datetime,
) -> str:
    """Return what a run did; `letters` are the dead letters of each table."""
    verdict = "The counts agree." if verification.agrees else "**The counts do not agree.**"
    lines = [
        f"# Backfill of {text(plan.migration)}",
        "",
        f"{verdict} Counted at {finished_at:%Y-%m-%d %H:%M:%S} UTC, run {code(verification.run_id)}.",
        "",
        *markdown_table(_COUNTS_HEADER, map(_counts_row, verification.tables)),
        *_problems(verification),
        "## Pace and money",
        "",
        *markdown_table(_PACE_HEADER, (_pace_row(each.progress, plan) for each in verification.tables)),
        (
            "From the first split's claim to the last one's end, pauses included. Units are those of each split's last "
            "attempt, by what was sent: what an attempt that was killed had sent is not in them. Money is that of the "
            "writes, at us-east-1's prices."
        ),
        *_dead_letters(letters),
    ]
    return "\n".join([*lines, ""])


def load_facts(verification: Verification, plan: LoadPlan, *, finished_at: datetime) -> dict[str, Any]:
    """Return what whoever waits for a load wants to know: JSON values, few and small."""
    spent = {each.progress.table.table_name: _spent(each.progress, plan) for each in verification.tables}
    return {
        **verification.summary(),
        "migration": plan.migration,
        "modes": {table.table: table.mode.value for table in plan.tables},
        "barrier_us": max((table.barrier_us or 0 for table in plan.tables), default=0) or None,
        "finished_at": finished_at.isoformat(timespec="seconds"),
        "planned_usd": round(plan.cost_usd, 4),
        "spent_usd": round(sum(spent.values()), 4),
    }


def _problems(verification: Verification) -> Iterator[str]:
    for each in verification.tables:
        for problem in each.problems:
            yield f"- {code(each.progress.table.table_name)}: {text(problem)}"
    if not verification.agrees:
        yield ""


def _counts_row(counts: TableCounts) -> list[str]:
    progress = counts.progress
    found = "not compared" if counts.target_rows is None else f"{counts.target_rows:,}"
    return [
        code(progress.table.table_name),
        f"{progress.table.rows:,}",
        f"{progress.counts.rows_read:,}",
        f"{progress.counts.written:,}",
        f"{progress.counts.expired:,}",
        f"{progress.counts.dead:,}",
        found,
        f"{progress.done} of {progress.splits}",
    ]


def _pace_row(progress: TableProgress, plan: LoadPlan) -> list[str]:
    planned, usage = plan.table(progress.table.table_name), progress.usage
    answered = usage.write_units + usage.throttled_units
    took_s = progress.took.total_seconds() if progress.took else 0.0
    return [
        code(planned.table),
        hours_text(took_s / 3600) if took_s else "-",
        hours_text(planned.write_units / planned.units_per_s / 3600) if planned.write_units else "-",
        f"{progress.counts.written / took_s:,.0f}" if took_s else "-",
        f"{usage.write_units / took_s:,.0f} of {planned.units_per_s:,}" if took_s else "-",
        f"{usage.throttled_units / answered:.2%}" if answered else "-",
        usd(_spent(progress, plan)),
        usd(planned.cost_usd),
    ]


def _spent(progress: TableProgress, plan: LoadPlan) -> float:
    if progress.took is None:
        return 0.0
    planned = plan.table(progress.table.table_name)
    return spent_usd(planned, units=progress.usage.write_units, took=progress.took)


def _dead_letters(letters: Mapping[str, Sequence[DeadLetter]]) -> Iterator[str]:
    rows = [
        [code(name), text(each.shape), f"{each.count:,}", code(letter.key_json), text(letter.reason)]
        for name, of_table in letters.items()
        for each in letter_classes(of_table)
        for letter in each.examples
    ]
    if rows:
        yield from ("", "## Rows that could not be written", "")
        yield from markdown_table(["table", "kind", "rows", "example: key", "reason"], rows)
        yield "Up to three examples of a kind; all are in the ledger's table dead_letters."
