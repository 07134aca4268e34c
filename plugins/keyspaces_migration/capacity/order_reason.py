"""Why an order of the load is recommended, or none, in words for people."""

from enum import StrEnum

from keyspaces_migration.capacity.wording import hours_text
from keyspaces_migration.config.tables import LoadOrder


class OrderReason(StrEnum):
    """Why an order is recommended, or none."""

    ONE_LOAD_IN_TIME = "one_load_in_time"
    SECOND_LOAD_NO_SMALLER = "second_load_no_smaller"
    UNFROZEN_LISTS = "unfrozen_lists"
    BEYOND_DEADLINE = "beyond_deadline"
    THIN_MARGIN = "thin_margin"
    SHARED_BUDGET = "shared_budget"
    UNFROZEN_LISTS_LATE = "unfrozen_lists_late"
    NEITHER_FITS = "neither_fits"

    @property
    def order(self) -> LoadOrder | None:
        """The order that it speaks for."""
        return _ORDERS[self]

    def text(self, *, all_hours: float, second_hours: float, limit_hours: float) -> str:
        """Say it: with the hours that all of the table, and a second load, would take at the barrier."""
        return _TEXTS[self].format(
            all=hours_text(all_hours), second=hours_text(second_hours), limit=f"{limit_hours:.0f} h"
        )


_ORDERS = {
    OrderReason.ONE_LOAD_IN_TIME: LoadOrder.DUAL_WRITES_FIRST,
    OrderReason.SECOND_LOAD_NO_SMALLER: LoadOrder.DUAL_WRITES_FIRST,
    OrderReason.UNFROZEN_LISTS: LoadOrder.HISTORY_FIRST,
    OrderReason.BEYOND_DEADLINE: LoadOrder.HISTORY_FIRST,
    OrderReason.THIN_MARGIN: LoadOrder.HISTORY_FIRST,
    OrderReason.SHARED_BUDGET: LoadOrder.HISTORY_FIRST,
    OrderReason.UNFROZEN_LISTS_LATE: None,
    OrderReason.NEITHER_FITS: None,
}
_TEXTS = {
    OrderReason.ONE_LOAD_IN_TIME: (
        "all of it loads at the barrier in {all}, well within the {limit} allowed: one load instead of two"
    ),
    OrderReason.SECOND_LOAD_NO_SMALLER: (
        "a second load ({second}) would be no smaller than one of all ({all}), which ends within the {limit} allowed "
        "at the barrier; a version column in the history, or less time to the barrier, would make it smaller"
    ),
    OrderReason.UNFROZEN_LISTS: (
        "it has lists that aren't frozen, and a load at the barrier may double their elements: load it before dual "
        "writes; what changes after can't be loaded, so decide first whether the table moves by this migration"
    ),
    OrderReason.BEYOND_DEADLINE: (
        "all of it would take {all} at the barrier, and {limit} are allowed; before dual writes there is no clock, "
        "and what changed since loads in {second}"
    ),
    OrderReason.THIN_MARGIN: (
        "all of it would take {all} of the {limit} allowed at the barrier: too little room for a slower rate; "
        "what changed since loads in {second}"
    ),
    OrderReason.SHARED_BUDGET: (
        "alone it would load at the barrier in {all}, but not together with the other tables under one budget; "
        "what changed since loads in {second}"
    ),
    OrderReason.UNFROZEN_LISTS_LATE: (
        "it has lists that aren't frozen, so it can't be loaded at the barrier, and what changes since a load before "
        "it takes {second} of the {limit} allowed, and is refused: decide first whether the table moves "
        "by this migration"
    ),
    OrderReason.NEITHER_FITS: (
        "neither order ends within the {limit} allowed at the barrier: all of it takes {all}, a second load {second}. "
        "Raise the budget and the table's capacity, or shorten the time to the barrier"
    ),
}
