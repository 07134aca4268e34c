"""The plan of a repair, and what became of it, as Markdown that a person reads."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from keyspaces_migration.ledger.repair_records import RepairOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from keyspaces_migration.ledger.repair_records import PlannedRepair, RepairedRow, RepairPlan

_SHOWN_ROWS = 100
_TIMESTAMPS = (
    "Timestamps: the leader's own, unless the follower's cell is newer or the leader's is older than 47 h; never the "
    "time of the repair, so that whatever is written meanwhile wins."
)
_WOULD = {
    RepairOutcome.WRITTEN: "would be written",
    RepairOutcome.IN_LINE: "is the same by now",
    RepairOutcome.PARKED: "would be parked",
    RepairOutcome.COULD_NOT_LOOK: "could not be looked at",
}


def plan_report(plan: RepairPlan, preview: Sequence[RepairedRow], *, dry_run: bool) -> str:
    """The plan, with what would become of each row as it stands now.

    Args:
        plan: What is to be repaired.
        preview: What `Repairer.preview` said, row by row.
        dry_run: Whether the run ends here.
    """
    kinds = Counter(f"{row.table}: {_words(row.kind.value)}" for row in plan.rows)
    would = Counter(_WOULD.get(seen.outcome, _words(seen.outcome.value)) for seen in preview)
    lines = [
        f"# Repair of {plan.migration}: plan",
        "",
        _head(plan, "This is a dry run: nothing is written." if dry_run else "It waits for an approval."),
        "",
        *_left_out(plan),
        _TIMESTAMPS,
        "",
        *_counted("Found by the check", kinds),
        *_counted("As the rows stand now", would),
        *_table(
            ("table", "key", "found", "columns", "now"),
            [_planned(row, seen) for row, seen in zip(plan.rows, preview, strict=True)],
        ),
    ]
    return "\n".join(lines) + "\n"


def result_report(plan: RepairPlan, rows: Sequence[RepairedRow]) -> str:
    """What became of each row, after it was looked at again; those that are not in line come first."""
    counts = Counter(row.outcome for row in rows)
    lines = [
        f"# Repair of {plan.migration}",
        "",
        _in_line(plan, rows),
        "",
        *_left_out(plan),
        *_counted("What became of them", Counter({_words(key.value): count for key, count in counts.items()})),
        *_table(
            ("table", "key", "outcome", "cells written", "why"),
            [
                (row.table, _code(row.key), _words(row.outcome.value), str(row.cells), row.reason)
                for row in sorted(rows, key=lambda each: each.outcome.is_good)
            ],
        ),
    ]
    return "\n".join(lines) + "\n"


def _in_line(plan: RepairPlan, rows: Sequence[RepairedRow]) -> str:
    good = sum(row.outcome.is_good for row in rows)
    by = f"the rows were found by the check {plan.check_run_id} (attempt {plan.check_attempt})"
    return f"{good:,} of {len(rows):,} rows are the same in both stores now; {by}."


def sentence(rows: Sequence[RepairedRow]) -> str:
    """The counts in one line."""
    counts = Counter(row.outcome for row in rows)
    return ", ".join(f"{counts[each]:,} {_words(each.value)}" for each in RepairOutcome if counts[each]) or "no rows"


def _head(plan: RepairPlan, end: str) -> str:
    leader, follower = plan.leader.store.value, plan.leader.follower.value
    return (
        f"{len(plan.rows):,} rows of the {follower}, found out of line by the check {plan.check_run_id} (attempt "
        f"{plan.check_attempt}), are to be brought in line with the {leader}, which leads. {end}"
    )


def _left_out(plan: RepairPlan) -> list[str]:
    lines = []
    if plan.over_cap:
        cap = f"the cap of {plan.max_rows:,} (`consistency.repair.max_rows`, or the run's `max_rows`)"
        lines += [
            f"{plan.over_cap:,} more rows are beyond {cap}: repair them with further runs, after a new check.",
            "",
        ]
    if plan.not_listed:
        why = "were counted by the check and not recorded by key: a new check after this repair finds them."
        lines += [f"Up to {plan.not_listed:,} rows {why}", ""]
    return lines


def _planned(row: PlannedRepair, seen: RepairedRow) -> tuple[str, ...]:
    would = _WOULD.get(seen.outcome, _words(seen.outcome.value))
    now = f"{would}: {seen.reason}" if seen.reason else would
    return row.table, _code(row.key), _words(row.kind.value), ", ".join(row.columns) or "the row", now


def _counted(title: str, counts: Counter[str]) -> list[str]:
    found = [f"- {count:,} {what}" for what, count in counts.items()] or ["- none"]
    return [f"## {title}", "", *found, ""]


def _table(heads: Sequence[str], rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    shown = [_line(heads), _line(["---"] * len(heads)), *map(_line, rows[:_SHOWN_ROWS])]
    more = len(rows) - _SHOWN_ROWS
    return [*shown, "", *([f"{more:,} more rows are in the ledger."] if more > 0 else [])]


def _line(cells: Iterable[str]) -> str:
    escaped = (cell.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _code(key: object) -> str:
    text = json.dumps(key, ensure_ascii=False).replace("`", "'")
    return f"`{text}`"


def _words(name: str) -> str:
    return name.replace("_", " ")
