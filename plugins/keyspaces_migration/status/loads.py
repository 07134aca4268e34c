"""The newest backfill: its splits as a map, its rate, when it will end, and its money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyspaces_migration.backfill.deadline import end_by
from keyspaces_migration.backfill.money import spent_usd
from keyspaces_migration.ledger.backfill_records import LoadMode, RoughProgress, SplitState
from keyspaces_migration.ledger.plan_records import LoadPlan, PlannedTable

MOST_CELLS = 300
"""A table's map has at most so many cells: of more splits, neighbours share one."""

_WORST_FIRST = (SplitState.FAILED, SplitState.PENDING, SplitState.CLAIMED, SplitState.DONE)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Neighbouring splits, from `first` to `last` by number; `state` is that of the one that is behind most."""

    first: int
    last: int
    state: SplitState


@dataclass(frozen=True, kw_only=True)
class TableLoad:
    """How far the load of a table is.

    Attributes:
        table: Its name.
        mode: What the load brings over.
        cells: The map.
        splits: How many splits there are in each state.
        rows: That were planned.
        rows_done: By finished splits.
        rows_per_s: Since the first split was claimed; None before anything is finished.
        ends_at: At that rate; None where it is not known, or all is done.
        cost_usd: So far, of the writes alone; None without a plan.
        planned_usd: Of all its writes; None without a plan.
        finished_at: When the last split ended; None before.
    """

    table: str
    mode: LoadMode
    cells: tuple[Cell, ...]
    splits: Mapping[SplitState, int]
    rows: int
    rows_done: int
    rows_per_s: float | None
    ends_at: datetime | None
    cost_usd: float | None
    planned_usd: float | None
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Load:
    """A run of the backfill.

    Attributes:
        run_id: Airflow's id of the run.
        tables: In the order of planning.
        must_end_by: Of a load that is stamped with the barrier; None where there is no such clock.
        approved_at: When its plan was approved; None without an approval, needed or not.
        needs_approval: Whether its plan costs more than the file lets it without asking.
    """

    run_id: str
    tables: tuple[TableLoad, ...]
    must_end_by: datetime | None
    approved_at: datetime | None
    needs_approval: bool

    @property
    def is_over(self) -> bool:
        """Whether every table's last split has ended."""
        return all(table.finished_at is not None for table in self.tables)


def load_of(
    plan: LoadPlan,
    *,
    states: Mapping[str, Sequence[SplitState]],
    progress: Mapping[str, RoughProgress],
    approved_at: datetime | None,
    now: datetime,
) -> Load:
    """Return how far a run is.

    Args:
        plan: What was planned.
        states: Of each table's splits, by number; empty where none are recorded yet.
        progress: Of each table.
        approved_at: When the plan was approved.
        now: With a time zone.
    """
    barriers = [each.barrier_us for each in plan.tables if each.barrier_us is not None]
    return Load(
        run_id=plan.run_id,
        tables=tuple(
            _table(each, states=states.get(each.table, ()), progress=progress.get(each.table), now=now)
            for each in plan.tables
        ),
        must_end_by=end_by(min(barriers)) if barriers else None,
        approved_at=approved_at,
        needs_approval=plan.needs_approval,
    )


def cells_of(states: Sequence[SplitState]) -> tuple[Cell, ...]:
    """Return the map of a table's splits, given by number from 1."""
    size = -(-len(states) // MOST_CELLS)
    return tuple(
        Cell(
            first=start + 1,
            last=min(start + size, len(states)),
            state=min(states[start : start + size], key=_WORST_FIRST.index),
        )
        for start in range(0, len(states), size or 1)
    )


def _table(
    planned: PlannedTable, *, states: Sequence[SplitState], progress: RoughProgress | None, now: datetime
) -> TableLoad:
    seen = progress or RoughProgress(planned_rows=planned.rows, rows_read=0)
    is_done = bool(states) and all(state is SplitState.DONE for state in states)
    until = seen.ended_at if is_done else now
    took = until - seen.began_at if until is not None and seen.began_at is not None else timedelta()
    rate = seen.rows_read / took.total_seconds() if seen.rows_read and took > timedelta() else None
    left = max(0, planned.rows - seen.rows_read)
    return TableLoad(
        table=planned.table,
        mode=planned.mode,
        cells=cells_of(states),
        splits={state: sum(each is state for each in states) for state in SplitState},
        rows=planned.rows,
        rows_done=seen.rows_read,
        rows_per_s=rate,
        ends_at=now + timedelta(seconds=left / rate) if rate and not is_done else None,
        cost_usd=spent_usd(planned, units=seen.usage.write_units, took=took),
        planned_usd=planned.cost_usd,
        finished_at=seen.ended_at if is_done else None,
    )
