"""Which order suits each table, as far as a plan can tell: it knows how long all of it takes, and not what changes.

`assess` knows that too (`capacity.order`): where the two differ, its recommendation is the better one.
"""

from collections.abc import Mapping
from datetime import timedelta

from keyspaces_migration.backfill.deadline import MARGIN, MAX_AGE
from keyspaces_migration.backfill.plan import BackfillPlan, TablePlan
from keyspaces_migration.capacity.wording import hours_text
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.ledger.backfill_records import LoadMode

_ALLOWED = MAX_AGE - MARGIN
_COMFORTABLE = _ALLOWED / 2
"""Loading all at the barrier is recommended up to here: it then ends in time at half of the planned rate."""


def order_advice(plan: BackfillPlan) -> Mapping[str, str]:
    """Return a sentence for each table: the order that is recommended, and why."""
    return {each.table: _advice(each, together=plan.duration) for each in plan.tables}


def _advice(table: TablePlan, *, together: timedelta) -> str:
    if table.mode is not LoadMode.FULL:
        return f"it was loaded before, so {table.order.value} is decided; this load brings what is missing."
    order, why = _recommended(table, together=together)
    agrees = "as the file says" if order is table.order else f"the file says {table.order.value}"
    return f"{order.value} ({agrees}): {why}."


def _recommended(table: TablePlan, *, together: timedelta) -> tuple[LoadOrder, str]:
    takes, allowed = _text(table.duration), _text(_ALLOWED)
    if table.has_unfrozen_lists:
        return LoadOrder.HISTORY_FIRST, (
            "it has lists that aren't frozen, and a load at the barrier may double their elements"
        )
    if table.duration > _ALLOWED:
        return LoadOrder.HISTORY_FIRST, (
            f"all of it takes {takes}, and {allowed} are allowed at the barrier; before dual writes there is no clock"
        )
    if table.duration > _COMFORTABLE:
        return LoadOrder.HISTORY_FIRST, (
            f"all of it takes {takes} of the {allowed} allowed at the barrier: too little room for a slower rate"
        )
    if together > _COMFORTABLE:
        return LoadOrder.HISTORY_FIRST, (
            f"alone it takes {takes}, but with the other tables under one budget {_text(together)} of the {allowed} "
            "allowed at the barrier"
        )
    return LoadOrder.DUAL_WRITES_FIRST, (
        f"with all tables it takes {_text(together)} at the barrier, well within the {allowed} allowed: one load "
        "instead of two"
    )


def _text(duration: timedelta) -> str:
    return hours_text(duration / timedelta(hours=1)) if duration else "0 s"
