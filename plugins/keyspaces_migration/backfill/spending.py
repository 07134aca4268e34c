"""What a load may spend, and what it has spent: one that gets dearer than was allowed stops.

Without an approval a load may spend what the migration file lets it, `backfill.budget.max_cost_usd`. An approval allows
what was spent until it was given, and the planned cost of what was left then, with a margin: the plan stands on a
sample of the rows. So a load that stopped goes on once it is approved anew. Either way a table with provisioned
capacity may take an hour longer, as that is paid by the hour, used or not.

What is spent is estimated as it is planned (`money`), from what finished splits consumed; it is checked between splits,
so each worker may overshoot by the split that it holds.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from keyspaces_migration.backfill.errors import OverBudgetError
from keyspaces_migration.backfill.money import spent_usd, write_cost_usd
from keyspaces_migration.capacity.wording import usd
from keyspaces_migration.ledger.backfill_records import RoughProgress
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.plan_records import LoadPlan, PlannedTable

OVER_PLAN = 1.2
"""How many times what was approved the rest of a load may cost."""
_BILLED_BY = timedelta(hours=1)


class Spending:
    """The money of one run."""

    def __init__(self, ledger: BackfillLedger, plan: LoadPlan) -> None:
        self._ledger = ledger
        self._plan = plan

    def spent_usd(self, *, now: datetime) -> float:
        """Return what finished splits have cost."""
        return self._spent(self._by_table(), at=now)

    def allowed_usd(self) -> float:
        """Return what all of the run may cost, by the newest approval that was verified for this very plan."""
        without_asking = self._plan.max_cost_usd + sum(map(_hour_usd, self._plan.tables))
        approved_at = self._ledger.plan_approved_at(self._plan)
        if approved_at is None:
            return without_asking
        before = self._by_table(finished_by=approved_at)
        rest = sum(_rest_usd(table, before.get(table.table)) for table in self._plan.tables)
        return max(without_asking, self._spent(before, at=approved_at) + rest)

    def is_over(self, *, now: datetime) -> bool:
        """Whether more is spent than allowed; never of a load that has ended, as nothing is left to stop."""
        return self._is_going_on() and self.spent_usd(now=now) > self.allowed_usd()

    def check(self, *, now: datetime) -> None:
        """Let a worker go on, or not.

        Raises:
            OverBudgetError: More is spent than allowed.
        """
        if self.is_over(now=now):
            spent, allowed = self.spent_usd(now=now), self.allowed_usd()
            raise OverBudgetError(
                f"The load has cost about {usd(spent)} so far, more than the {usd(allowed)} that it may cost (planned: "
                f"{usd(self._plan.cost_usd)}). It stopped between two splits; what is loaded stays, and is not loaded "
                "again. Look at the log of load for rows, units and throttles, then clear approval_needed and what "
                "follows it: approvers are asked, and the load goes on where it was"
            )

    def _is_going_on(self) -> bool:
        return any(found.rows_read < found.planned_rows for found in self._by_table().values())

    def _by_table(self, *, finished_by: datetime | None = None) -> dict[str, RoughProgress]:
        run = self._plan
        return self._ledger.rough_tables(dag_id=run.dag_id, run_id=run.run_id, finished_by=finished_by)

    def _spent(self, found: Mapping[str, RoughProgress], *, at: datetime) -> float:
        return sum(_spent_usd(table, found[table.table], at) for table in self._plan.tables if table.table in found)


def _spent_usd(table: PlannedTable, found: RoughProgress, at: datetime) -> float:
    if found.began_at is None:
        return 0.0
    is_done = found.rows_read >= found.planned_rows and found.ended_at is not None
    until = found.ended_at if is_done and found.ended_at is not None else at
    return spent_usd(table, units=found.usage.write_units, took=max(timedelta(), until - found.began_at))


def _rest_usd(table: PlannedTable, before: RoughProgress | None) -> float:
    left = 1 - before.rows_read / before.planned_rows if before is not None and before.planned_rows else 1.0
    rest = table.cost_usd * left
    return max(OVER_PLAN * rest, rest + _hour_usd(table))


def _hour_usd(table: PlannedTable) -> float:
    """An hour of a table's provisioned capacity; nothing on demand."""
    return write_cost_usd(
        is_on_demand=table.is_on_demand, units=0, capacity_units_per_s=table.capacity_units_per_s, took=_BILLED_BY
    )
