"""From a migration to its check: written once for the Airflow task and the comparison Lambda."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from snowflake.connector.errors import Error

from keyspaces_migration.consistency.check import WHOLE, TableCheck
from keyspaces_migration.consistency.history import HistoryReader
from keyspaces_migration.consistency.kinds import Leader, Store
from keyspaces_migration.consistency.pace import ReadPace
from keyspaces_migration.consistency.plan import BATCH_ROWS, CheckPlan
from keyspaces_migration.consistency.reading import StoreReader
from keyspaces_migration.consistency.shape import TableShape
from keyspaces_migration.consistency.unopened import Unopened, UnopenedHistory, UnopenedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from cassandra.cluster import Session

    from keyspaces_migration.config import Migration
    from keyspaces_migration.consistency.history import Cursor
    from keyspaces_migration.consistency.share import Share
    from keyspaces_migration.consistency.stores import HistoryRows, StoreRows
    from keyspaces_migration.consistency.units import SweepStart


@dataclass(frozen=True, kw_only=True)
class OpenStores:
    """The three stores, each opened by the caller, who closes it, or the reason why it is not.

    Attributes:
        source: Of Cassandra.
        target: Of Keyspaces.
        history: Of Snowflake.
    """

    source: Session | Unopened
    target: Session | Unopened
    history: Cursor | Unopened


def check_plan(migration: Migration, *, seed: int, now: datetime, leader: Leader = Leader.SOURCE) -> CheckPlan:
    """What the migration file asks a check to do that starts `now`, while `leader` leads."""
    asked, most = migration.consistency, read_rate(migration)
    return CheckPlan(
        seed=seed,
        confidence=asked.confidence,
        max_mismatch_rate=asked.max_mismatch_rate,
        tolerated_mismatch_rate=asked.tolerated_mismatch_rate,
        settle_time_s=asked.settle_time.total_seconds(),
        leader=leader,
        history_as_of=None if asked.history_lag is None else now - asked.history_lag,
        ttl_tolerance_s=asked.ttl_tolerance.total_seconds(),
        float_tolerance=asked.float_tolerance,
        show_write_times=asked.show_write_times,
        redact_values=asked.redact_values,
        sweep_rows=asked.sweep_rows,
        max_read_units_per_s=most,
        batch_rows=batch_rows(most),
    )


def read_rate(migration: Migration) -> int | None:
    """How many units a second a check may read of each store: half of the file's where a schedule reads as well."""
    most, function = migration.consistency.max_read_units_per_s, migration.comparison_lambda
    is_shared = function is not None and function.schedule is not None
    return max(1, most // 2) if most is not None and is_shared else most


def batch_rows(max_read_units_per_s: int | None) -> int:
    """How many rows to compare at a time.

    Under a rate, no more than a store may be read of in a tenth of a second: each store waits while the other is read,
    and what it could have been read of in a longer time would be lost.
    """
    return BATCH_ROWS if max_read_units_per_s is None else max(1, min(BATCH_ROWS, max_read_units_per_s // 10))


def table_checks(  # noqa: PLR0913 # all but the first by keyword
    migration: Migration,
    *,
    tables: Iterable[str],
    plan: CheckPlan,
    stores: OpenStores,
    settle: Callable[[float], None],
    now: Callable[[], datetime],
    sweeps: Mapping[str, SweepStart] = MappingProxyType({}),
    share: Share = WHOLE,
) -> list[TableCheck]:
    """One check for each of `tables`, which the migration has, in their order.

    Args:
        migration: Says how the tables are shaped and where they are.
        tables: Names of tables of the migration.
        plan: What to do.
        stores: The stores, open.
        settle: Waits the seconds it is given, as `time.sleep` does.
        now: The clock, with a time zone.
        sweeps: Where the sweep of a table goes on.
        share: Which part of each check is to be made.

    Raises:
        TableNotComparableError: A table has counters.
    """
    shapes = [TableShape.of(name, migration.tables[name]) for name in tables]
    source, target = migration.source.keyspace, migration.target.keyspace

    def pace() -> ReadPace:
        # One of each store and table: tables are checked one after the other.
        return ReadPace(units_per_s=plan.max_read_units_per_s, clock=time.monotonic, wait=settle)

    return [
        TableCheck(
            shape=shape,
            plan=plan,
            source=_rows(stores.source, store=Store.SOURCE, keyspace=source, shape=shape, pace=pace()),
            target=_rows(stores.target, store=Store.TARGET, keyspace=target, shape=shape, pace=pace()),
            history=_history_rows(stores.history, shape=shape),
            settle=settle,
            now=now,
            sweep=sweeps.get(shape.name),
            share=share,
        )
        for shape in shapes
    ]


def _rows(session: Session | Unopened, *, store: Store, keyspace: str, shape: TableShape, pace: ReadPace) -> StoreRows:
    if isinstance(session, Unopened):
        return UnopenedStore(session, store=store)
    return StoreReader(session, store=store, keyspace=keyspace, shape=shape, pace=pace)


def _history_rows(cursor: Cursor | Unopened, *, shape: TableShape) -> HistoryRows:
    if isinstance(cursor, Unopened):
        return UnopenedHistory(cursor)
    return HistoryReader(cursor, shape=shape, errors=(Error,))
