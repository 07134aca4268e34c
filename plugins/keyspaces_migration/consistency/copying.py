"""Copies rows of the leader to the follower by the replay rule: what a repair, and the replay of old letters, do.

Each row is read twice in both stores, with the settle time between. A row that is the same by then, or whose leader
changed, is left alone: what is being written needs no repair. What is written carries the timestamps of the replay
rule (`repair_cells`), which lie below those of anything written now: a newer write always wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cassandra import ConsistencyLevel

from keyspaces_migration.consistency.kinds import Leader, Store
from keyspaces_migration.consistency.repair_cells import Cell, CellComparer, RowParkedError
from keyspaces_migration.dual_write.statements import mutation_statement, select_cells, select_range_keys
from keyspaces_migration.dual_write.store import delivery_failures
from keyspaces_migration.ledger.repair_records import RepairOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cassandra.cluster import Session

    from keyspaces_migration.consistency.repair_cells import Cells
    from keyspaces_migration.dual_write.bounds import Bound
    from keyspaces_migration.dual_write.mutation import Mutation
    from keyspaces_migration.dual_write.shape import TableShape
    from keyspaces_migration.dual_write.statements import Statement

# As the check reads: Keyspaces has no QUORUM, and on the source it sees what was acknowledged anywhere.
_CONSISTENCY = {Store.SOURCE: ConsistencyLevel.QUORUM, Store.TARGET: ConsistencyLevel.LOCAL_QUORUM}


class CellStore:
    """One of the two stores, read and written cell by cell. The session stays its owner's; errors are the driver's."""

    def __init__(self, session: Session, *, store: Store, keyspace: str) -> None:
        self._session = session
        self._level = _CONSISTENCY[store]
        self._keyspace = keyspace

    def read(self, shape: TableShape, key: Mapping[str, Any]) -> Cells | None:
        """What a key stands for; None where there is no row."""
        row = self._execute(select_cells(self._keyspace, shape, key)).one()
        if row is None:
            return None
        return {name: _cell(shape, name, row, number) for number, name in enumerate(shape.written_columns(key))}

    def keys(self, shape: TableShape, key: Mapping[str, Any], bounds: Sequence[Bound]) -> Iterator[dict[str, Any]]:
        """Yield the primary keys of a range's rows, page by page."""
        for row in self._execute(select_range_keys(self._keyspace, shape, key, bounds)):
            # A partition of static columns only comes as a row whose clustering key is null.
            if row[-1] is not None:
                yield dict(zip(shape.primary_key, row, strict=True))

    def write(self, mutation: Mutation) -> None:
        """Carry a write out and wait for the acknowledgement; its time to live is what is left by now."""
        self._execute(mutation_statement(self._keyspace, mutation))

    def _execute(self, statement: Statement) -> Any:  # noqa: ANN401 # the driver's result set has no type
        # The driver keeps what it has prepared, by text.
        prepared = self._session.prepare(statement.cql)
        prepared.consistency_level = self._level
        # Every timestamp is bound: sent twice, it does what it does sent once.
        prepared.is_idempotent = True
        return self._session.execute(prepared.bind(statement.values))


def _cell(shape: TableShape, name: str, row: Any, number: int) -> Cell:  # noqa: ANN401 # as above
    value = getattr(row, f"v{number}")
    if not shape.columns[name].is_frozen:
        return Cell(value=value)
    return Cell(value=value, written_us=getattr(row, f"w{number}"), ttl_s=getattr(row, f"t{number}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row, or a partition's static columns by the partition key alone."""

    table: str
    key: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What became of a row.

    Attributes:
        outcome: WRITTEN, IN_LINE, PARKED, STILL_DIFFERENT, CHANGED_MEANWHILE, COULD_NOT_LOOK or NOT_WRITTEN.
        reason: Why, where it is not one of the first two.
        cells: Of the follower that were set or deleted; a deleted row counts as one.
        error: Of the store, where it is one of the last two.
    """

    outcome: RepairOutcome
    reason: str = ""
    cells: int = 0
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """A row as both stores have it, or what already became of it."""

    row: Row
    leader: Cells | None = None
    follower: Cells | None = None
    outcome: Copied | None = None


class RowCopier:
    """Brings rows of a follower in line with the leader. Memory holds the rows given, as both stores have them."""

    def __init__(  # noqa: PLR0913 # all by keyword
        self,
        *,
        shapes: Mapping[str, TableShape],
        source: CellStore,
        target: CellStore,
        leader: Leader,
        settle: Callable[[], None],
        now_us: Callable[[], int],
    ) -> None:
        """Keep what is needed.

        Args:
            shapes: Of the tables, by name.
            source: Cassandra.
            target: Keyspaces.
            leader: Whose rows are right; the other store is the only one that is ever written.
            settle: Waits the settle time.
            now_us: The clock, in microseconds since 1970.
        """
        self.shapes = shapes
        self.leader, self.follower = (source, target) if leader is Leader.SOURCE else (target, source)
        self._settle = settle
        self._now_us = now_us
        self._comparers = {name: CellComparer(shape) for name, shape in shapes.items()}

    def preview(self, rows: Sequence[Row]) -> tuple[Copied, ...]:
        """Say what `copy` would do to each row as it stands now, at one look; `WRITTEN` is what would be."""
        return tuple(look.outcome or self._write(look, send=False) for look in map(self._look, rows))

    def copy(self, rows: Sequence[Row]) -> tuple[Copied, ...]:
        """Write what is out of line, and say what became of each row, in their order."""
        return self._twice(rows, self._write)

    def look(self, rows: Sequence[Row]) -> tuple[Copied, ...]:
        """Say how each row stands at two looks: IN_LINE, STILL_DIFFERENT, and so on; nothing is written."""
        return self._twice(rows, self._still_differs)

    def _twice(self, rows: Sequence[Row], act: Callable[[_Looked], Copied]) -> tuple[Copied, ...]:
        first = [self._look(row) for row in rows]
        if any(look.outcome is None for look in first):
            self._settle()
        return tuple(look.outcome or self._settled(look, act) for look in first)

    def _look(self, row: Row) -> _Looked:
        """Read a row in both stores; what is the same needs no second look."""
        try:
            # The follower first: a write reaches the leader before it, so it is never seen ahead.
            follower = self.follower.read(self.shapes[row.table], row.key)
            leader = self.leader.read(self.shapes[row.table], row.key)
        except delivery_failures() as error:
            return _Looked(row=row, outcome=_failed(RepairOutcome.COULD_NOT_LOOK, error))
        same = self._comparers[row.table].same(leader, follower)
        outcome = Copied(outcome=RepairOutcome.IN_LINE) if same else None
        return _Looked(row=row, leader=leader, follower=follower, outcome=outcome)

    def _settled(self, before: _Looked, act: Callable[[_Looked], Copied]) -> Copied:
        now = self._look(before.row)
        if now.outcome is not None:
            return now.outcome
        if not self._comparers[before.row.table].unchanged(before.leader, now.leader):
            why = "the leader's row changed while it was looked at"
            return Copied(outcome=RepairOutcome.CHANGED_MEANWHILE, reason=why)
        return act(now)

    def _write(self, look: _Looked, *, send: bool = True) -> Copied:
        comparer = self._comparers[look.row.table]
        try:
            writes = comparer.writes(look.row.key, look.leader, look.follower, now_us=self._now_us())
        except RowParkedError as error:
            return Copied(outcome=RepairOutcome.PARKED, reason=str(error))
        sent = 0
        try:
            for write in writes:
                if send:
                    self.follower.write(write)
                sent += max(1, len(write.columns))
        except delivery_failures() as error:
            return _failed(RepairOutcome.NOT_WRITTEN, error, cells=sent)
        return Copied(outcome=RepairOutcome.WRITTEN, cells=sent)

    @staticmethod
    def _still_differs(look: _Looked) -> Copied:
        missing = look.follower is None or look.leader is None
        why = (
            "the follower may hold a delete, or an insert, that is newer than what the leader has: CQL does not tell "
            "when it was"
        )
        return Copied(outcome=RepairOutcome.STILL_DIFFERENT, reason=why if missing else "")


def _failed(outcome: RepairOutcome, error: Exception, *, cells: int = 0) -> Copied:
    return Copied(outcome=outcome, reason=f"{type(error).__name__}: {error}", cells=cells, error=error)
