"""The reports of a backfill, in Markdown."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from keyspaces_migration.assessment.markdown import code, text
from keyspaces_migration.assessment.markdown import table as markdown_table
from keyspaces_migration.backfill.deadline import barrier_moment, end_by
from keyspaces_migration.backfill.plan import BackfillPlan, TablePlan
from keyspaces_migration.backfill.verify import TableCounts, Verification
from keyspaces_migration.capacity.wording import hours_text
from keyspaces_migration.ledger.backfill_records import DeadLetter, LoadMode, TableProgress

_SHOWN_LETTERS = 20
_COUNTS_HEADER = (
    "table",
    "snapshot",
    "read",
    "written",
    "expired",
    "dead letters",
    "on the target",
    "splits",
    "took",
    "rows/s",
)
_STRATEGY = {
    LoadMode.FULL: "every living key of the snapshot",
    LoadMode.RELOAD: "every key over what an earlier run loaded, nulls and deletes too",
    LoadMode.DELTA: "keys that changed or were deleted since the last load of all",
}


def plan_report(plan: BackfillPlan) -> str:
    """Return the plan as a page that a person reads before anything is written."""
    lines = [
        f"# Backfill plan of {text(plan.migration)}",
        "",
        (
            f"{plan.rows:,} rows in {sum(len(each.splits) for each in plan.tables)} splits; "
            f"{_hours(plan.duration)} hours at {plan.budget_units_per_s:,} write units a second; "
            f"{plan.cost_usd:.2f} USD for the writes (us-east-1's prices)."
        ),
        "",
        f"**This costs more than {plan.max_cost_usd:g} USD, so it starts only with an approval.**"
        if plan.needs_approval
        else f"The budget is {plan.max_cost_usd:g} USD.",
        "",
        *markdown_table(
            ["table", "rows", "deleted keys", "splits", "bytes a row", "write units", "hours", "USD"],
            map(_plan_row, plan.tables),
        ),
        "## How each table is loaded",
        "",
        *(_how(each) for each in plan.tables),
        *(_no_deletion_column(each) for each in plan.tables if not each.tells_deleted),
        "",
        (
            "Rows, splits and deleted keys are counted in the snapshots. Bytes a row are an estimate from up to 1,000 "
            "rows, and with them units, hours and money."
        ),
        "",
    ]
    return "\n".join(lines)


def load_report(
    verification: Verification, letters: Sequence[DeadLetter], *, migration: str, finished_at: datetime
) -> str:
    """Return what a run did, as a page."""
    verdict = "The counts agree." if verification.agrees else "**The counts do not agree.**"
    lines = [
        f"# Backfill of {text(migration)}",
        "",
        f"{verdict} Counted at {finished_at:%Y-%m-%d %H:%M:%S} UTC, run {code(verification.run_id)}.",
        "",
        *markdown_table(
            _COUNTS_HEADER,
            map(_counts_row, verification.tables),
        ),
        *(
            f"- {code(each.progress.table.table_name)}: {text(problem)}"
            for each in verification.tables
            for problem in each.problems
        ),
    ]
    if letters:
        shown = [[code(each.key_json), text(each.reason)] for each in letters[:_SHOWN_LETTERS]]
        rest = len(letters) - len(shown)
        lines += ["", "## Rows that could not be written", "", *markdown_table(["key", "reason"], shown)]
        lines += [f"And {rest} more, in the ledger's table dead_letters."] if rest else []
    return "\n".join([*lines, ""])


def _plan_row(plan: TablePlan) -> list[str]:
    return [
        code(plan.table),
        f"{plan.snapshot.rows:,}",
        f"{plan.snapshot.deleted:,}",
        str(len(plan.splits)),
        str(plan.row_bytes),
        f"{plan.write_units:,}",
        _hours(plan.duration),
        f"{plan.cost_usd:.4f}",
    ]


def _how(plan: TablePlan) -> str:
    stamp = "stamped when written"
    if plan.barrier_us is not None:
        stamp = (
            f"stamped with the barrier ({barrier_moment(plan.barrier_us):%Y-%m-%d %H:%M:%S} UTC), so that dual writes "
            f"win; to end by {end_by(plan.barrier_us):%Y-%m-%d %H:%M} UTC"
        )
    watermark = f", newest version {code(plan.snapshot.watermark)}" if plan.snapshot.watermark else ""
    return (
        f"- {code(plan.table)}: order {plan.order}, {_STRATEGY[plan.mode]}, {stamp}. Snapshot "
        f"{code(plan.snapshot.address)} of {plan.snapshot.taken_at:%Y-%m-%d %H:%M:%S} UTC{watermark}."
        f"{_reading(plan)}"
    )


def _reading(plan: TablePlan) -> str:
    if plan.unloaded_to is None:
        return " Read from it by queries."
    return f" Unloaded once to {code(plan.unloaded_to)} of the stage in backfill.unload, and read from there."


def _no_deletion_column(plan: TablePlan) -> str:
    return (
        f"- {code(plan.table)}: **its history has no deleted_column in the migration file.** If the history keeps "
        "deleted rows, they come back to life with this load: check that it does not, or name the column."
    )


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
        *_pace(progress),
    ]


def _pace(progress: TableProgress) -> list[str]:
    if progress.took is None:
        return ["-", "-"]
    took_s = progress.took.total_seconds()
    rate = f"{progress.counts.written / took_s:,.0f}" if took_s else "-"
    return [hours_text(took_s / 3600), rate]


def _hours(duration: timedelta) -> str:
    return f"{duration / timedelta(hours=1):.2f}"
