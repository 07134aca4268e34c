"""The plan of a backfill as a page that a person reads before anything is written."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from keyspaces_migration.backfill.deadline import MARGIN, MAX_AGE, barrier_moment, end_by
from keyspaces_migration.backfill.errors import Refusal
from keyspaces_migration.backfill.order_advice import order_advice
from keyspaces_migration.backfill.plan import BackfillPlan, TablePlan
from keyspaces_migration.capacity.wording import hours_text, usd
from keyspaces_migration.ledger.backfill_records import LoadMode
from keyspaces_migration.markdown import code, text
from keyspaces_migration.markdown import table as markdown_table

_HEADER = (
    "table",
    "order",
    "mode",
    "rows",
    "deleted keys",
    "bytes a row",
    "splits",
    "write units",
    "units/s",
    "takes",
    "costs",
)
_MODE = {
    LoadMode.FULL: "all",
    LoadMode.RELOAD: "reload",
    LoadMode.DELTA: "delta",
}
_WHY = {
    LoadMode.FULL: "every living key of the snapshot, as no load has written to the table yet",
    LoadMode.RELOAD: (
        "every key over what an earlier run loaded, nulls and deletes too; a delta needs a barrier, a version column "
        "and an earlier load of all that ended"
    ),
    LoadMode.DELTA: "keys that changed or were deleted since the last load of all",
}


def plan_report(plan: BackfillPlan, *, dry_run: bool = False) -> str:
    """Return the plan as a page."""
    lines = [
        f"# Backfill plan of {text(plan.migration)}",
        "",
        (
            f"{plan.rows:,} rows in {sum(len(each.splits) for each in plan.tables):,} splits; "
            f"{_takes(plan.duration)} at {plan.budget_units_per_s:,} write units a second; "
            f"{usd(plan.cost_usd)} for the writes (us-east-1's prices)."
        ),
        "",
        _decision(plan, dry_run=dry_run),
        "",
        *markdown_table(_HEADER, map(_row, plan.tables)),
        "## The clock",
        "",
        *_clock(plan),
        "",
        "## How each table is loaded",
        "",
        *(_how(each) for each in plan.tables),
        *(_no_deletion_column(each) for each in plan.tables if not each.tells_deleted),
        "",
        "## The order that is recommended",
        "",
        *_recommended(plan),
        "",
        "## What these figures are",
        "",
        (
            "Rows, splits and deleted keys are counted in the snapshots. Bytes a row are an estimate from up to 1,000 "
            "rows, and with them units, time and money. Units/s is the table's capacity within the budget, which all "
            "workers share. Money is that of the writes: of each on demand, else of the table's write capacity while "
            "it is loaded."
        ),
        "",
    ]
    return "\n".join(lines)


def refusal_report(refusals: Sequence[Refusal], *, migration: str, refused_at: datetime) -> str:
    """Return why nothing was planned, every reason of every table, as a page."""
    rows = [[code(each.table), text(each.reason.value), text(each.found), text(each.advice)] for each in refusals]
    return "\n".join(
        [
            f"# Backfill of {text(migration)}: refused",
            "",
            f"Nothing was recorded and nothing was written, {refused_at:%Y-%m-%d %H:%M:%S} UTC.",
            "",
            *markdown_table(["table", "reason", "what was found", "what to do"], rows),
        ]
    )


def _decision(plan: BackfillPlan, *, dry_run: bool) -> str:
    allowed = f"`backfill.budget.max_cost_usd` allows {usd(plan.max_cost_usd)}"
    found = (
        f"**{allowed}, so it is loaded only with an approval.**"
        if plan.needs_approval
        else f"{allowed}, so nobody has to approve it."
    )
    if dry_run:
        return f"{found} This was a dry run: nothing was recorded. To load, start a new run with `dry_run` off."
    return found


def _row(plan: TablePlan) -> list[str]:
    capacity = f"{plan.units_per_s:,} of {plan.capacity_units_per_s:,} {_capacity_kind(plan)}"
    return [
        code(plan.table),
        plan.order.value,
        _MODE[plan.mode],
        f"{plan.snapshot.rows:,}",
        f"{plan.snapshot.deleted:,}",
        f"{plan.row_bytes:,}",
        f"{len(plan.splits):,}",
        f"{plan.write_units:,}",
        capacity,
        _takes(plan.duration),
        usd(plan.cost_usd),
    ]


def _capacity_kind(plan: TablePlan) -> str:
    return "on demand" if plan.is_on_demand else "provisioned"


def _clock(plan: BackfillPlan) -> list[str]:
    barriers = {each.barrier_us for each in plan.tables if each.barrier_us is not None}
    if not barriers:
        return ["There is none: dual writes have not begun, and each row is stamped when it is written."]
    return [line for barrier_us in sorted(barriers) for line in _countdown(plan, barrier_us)]


def _countdown(plan: BackfillPlan, barrier_us: int) -> list[str]:
    end, deadline = plan.planned_at + plan.duration, end_by(barrier_us)
    slow = plan.planned_at + 2 * plan.duration
    rows = [
        ["barrier", _moment(barrier_moment(barrier_us)), ""],
        ["planned", _moment(plan.planned_at), f"{_takes(plan.planned_at - barrier_moment(barrier_us))} after it"],
        ["forecast end", _moment(end), f"at the planned rate; **{_takes(deadline - end)} of margin**"],
        ["at half the rate", _moment(slow), "in time" if slow <= deadline else "**too late**"],
        [
            "must end by",
            _moment(deadline),
            f"{_takes(MAX_AGE)} after the barrier, less {_takes(MARGIN)} for replays and slow ends",
        ],
    ]
    return [
        "Every write is stamped with the barrier, so that dual writes win; Keyspaces refuses older stamps.",
        "",
        *markdown_table(["", "UTC", ""], rows),
    ]


def _how(plan: TablePlan) -> str:
    stamp = "stamped when written" if plan.barrier_us is None else "stamped with the barrier"
    watermark = f", newest version {code(plan.snapshot.watermark)}" if plan.snapshot.watermark else ""
    return (
        f"- {code(plan.table)}: {_MODE[plan.mode]}: {_WHY[plan.mode]}; {stamp}. Snapshot "
        f"{code(plan.snapshot.address)} of {_moment(plan.snapshot.taken_at)} UTC{watermark}."
        f"{_reading(plan)}"
    )


def _reading(plan: TablePlan) -> str:
    if plan.unloaded_to is None:
        return " Read from it by queries."
    return f" Unloaded once to {code(plan.unloaded_to)} of the stage in backfill.unload, and read from there."


def _recommended(plan: BackfillPlan) -> Iterator[str]:
    """Yield a line for each sentence, with all tables that it is said of."""
    tables: dict[str, list[str]] = {}
    for name, advice in order_advice(plan).items():
        tables.setdefault(advice, []).append(code(name))
    for advice, names in tables.items():
        yield f"- {', '.join(names)}: {advice}"


def _no_deletion_column(plan: TablePlan) -> str:
    return (
        f"- {code(plan.table)}: **its history has no deleted_column in the migration file.** If the history keeps "
        "deleted rows, they come back to life with this load: check that it does not, or name the column."
    )


def _takes(duration: timedelta) -> str:
    return hours_text(duration / timedelta(hours=1)) if duration else "0 s"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
