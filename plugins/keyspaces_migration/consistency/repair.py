"""Repairs rows of the follower from the leader, and looks whether they took.

Each row is read twice in both stores, with the settle time between. A row that is the same by then, or whose leader
changed, is left alone: what is being written needs no repair. What is written carries the timestamps of the replay
rule, which lie below those of anything written now: a newer write always wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cassandra import ConsistencyLevel

from keyspaces_migration.consistency.kinds import Leader, Store
from keyspaces_migration.consistency.repair_cells import Cell, CellComparer, CellWrite, RowParkedError
from keyspaces_migration.consistency.repair_keys import KeyNotReadBackError, key_of
from keyspaces_migration.dual_write.statements import mutation_statement, select_cells, update_cells
from keyspaces_migration.dual_write.store import delivery_failures
from keyspaces_migration.ledger.repair_records import RepairedRow, RepairOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cassandra.cluster import Session

    from keyspaces_migration.consistency.repair_cells import Cells
    from keyspaces_migration.dual_write.shape import TableShape
    from keyspaces_migration.dual_write.statements import Statement
    from keyspaces_migration.ledger.repair_records import PlannedRepair

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

    def write(self, shape: TableShape, write: CellWrite) -> None:
        """Carry a write out and wait for the acknowledgement."""
        mutation = write.mutation
        if write.ttl_s is None:
            self._execute(mutation_statement(self._keyspace, mutation))
            return
        of_cells = {"timestamp_us": mutation.timestamp_us, "ttl_s": write.ttl_s}
        self._execute(update_cells(self._keyspace, shape, mutation.key, mutation.columns, **of_cells))

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
class _Looked:
    """A planned row as both stores have it, or what already became of it."""

    row: PlannedRepair
    key: Mapping[str, Any] | None = None
    leader: Cells | None = None
    follower: Cells | None = None
    outcome: RepairedRow | None = None


class Repairer:
    """Repairs rows of a follower, and looks at them again. Memory holds the rows planned, as both stores have them."""

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
        self._shapes = shapes
        self._leader, self._follower = (source, target) if leader is Leader.SOURCE else (target, source)
        self._settle = settle
        self._now_us = now_us
        self._comparers = {name: CellComparer(shape) for name, shape in shapes.items()}

    def preview(self, rows: Sequence[PlannedRepair]) -> tuple[RepairedRow, ...]:
        """Say what `repair` would do to each row as it stands now, at one look; `WRITTEN` is what would be."""
        return tuple(look.outcome or self._write(look, send=False) for look in map(self._look, rows))

    def repair(self, rows: Sequence[PlannedRepair]) -> tuple[RepairedRow, ...]:
        """Write what is still out of line, and say what became of each row, in their order."""
        return self._twice(rows, self._write)

    def check_again(self, rows: Sequence[PlannedRepair], *, done: Sequence[RepairedRow]) -> tuple[RepairedRow, ...]:
        """Say how each row stands now; nothing is written.

        Args:
            rows: As planned.
            done: What `repair` said of them, in the same order; empty where nobody knows, as after it was killed.
        """
        before = done or [_outcome(row, RepairOutcome.WRITTEN) for row in rows]
        seen = self._twice(rows, self._still_differs)
        return tuple(_of_both(one, other) for one, other in zip(before, seen, strict=True))

    def _twice(self, rows: Sequence[PlannedRepair], act: Callable[[_Looked], RepairedRow]) -> tuple[RepairedRow, ...]:
        first = [self._look(row) for row in rows]
        if any(look.outcome is None for look in first):
            self._settle()
        return tuple(look.outcome or self._settled(look, act) for look in first)

    def _look(self, row: PlannedRepair) -> _Looked:
        """Read a row in both stores; what is the same needs no second look."""
        try:
            key = key_of(row.key, self._shapes[row.table].columns)
            # The follower first: a write reaches the leader before it, so it is never seen ahead.
            follower = self._follower.read(self._shapes[row.table], key)
            leader = self._leader.read(self._shapes[row.table], key)
        except KeyNotReadBackError as error:
            return _Looked(row=row, outcome=_outcome(row, RepairOutcome.PARKED, str(error)))
        except delivery_failures() as error:
            return _Looked(row=row, outcome=_outcome(row, RepairOutcome.COULD_NOT_LOOK, _text(error)))
        same = self._comparers[row.table].same(leader, follower)
        outcome = _outcome(row, RepairOutcome.IN_LINE) if same else None
        return _Looked(row=row, key=key, leader=leader, follower=follower, outcome=outcome)

    def _settled(self, before: _Looked, act: Callable[[_Looked], RepairedRow]) -> RepairedRow:
        now = self._look(before.row)
        if now.outcome is not None:
            return now.outcome
        if not self._comparers[before.row.table].unchanged(before.leader, now.leader):
            why = "the leader's row changed while it was looked at"
            return _outcome(before.row, RepairOutcome.CHANGED_MEANWHILE, why)
        return act(now)

    def _write(self, look: _Looked, *, send: bool = True) -> RepairedRow:
        row, key = look.row, look.key or {}
        shape, comparer = self._shapes[row.table], self._comparers[row.table]
        try:
            writes = comparer.writes(key, look.leader, look.follower, now_us=self._now_us())
        except RowParkedError as error:
            return _outcome(row, RepairOutcome.PARKED, str(error))
        sent = 0
        try:
            for write in writes:
                if send:
                    self._follower.write(shape, write)
                sent += max(1, len(write.mutation.columns))
        except delivery_failures() as error:
            return _outcome(row, RepairOutcome.NOT_WRITTEN, _text(error), cells=sent)
        return _outcome(row, RepairOutcome.WRITTEN, cells=sent)

    @staticmethod
    def _still_differs(look: _Looked) -> RepairedRow:
        missing = look.follower is None or look.leader is None
        why = (
            "the follower may hold a delete, or an insert, that is newer than what the leader has: CQL does not tell "
            "when it was"
        )
        return _outcome(look.row, RepairOutcome.STILL_DIFFERENT, why if missing else "")


def _of_both(done: RepairedRow, seen: RepairedRow) -> RepairedRow:
    """What became of a row, by what was done to it and how it stands now."""
    was_sent = done.outcome is RepairOutcome.WRITTEN
    match seen.outcome:
        case RepairOutcome.IN_LINE:
            outcome = RepairOutcome.REPAIRED if was_sent else RepairOutcome.IN_LINE
            return RepairedRow(table=done.table, key=done.key, outcome=outcome, cells=done.cells)
        case RepairOutcome.STILL_DIFFERENT if not was_sent and done.outcome is not RepairOutcome.IN_LINE:
            return done
    return RepairedRow(table=done.table, key=done.key, outcome=seen.outcome, reason=seen.reason, cells=done.cells)


def _outcome(row: PlannedRepair, outcome: RepairOutcome, reason: str = "", *, cells: int = 0) -> RepairedRow:
    return RepairedRow(table=row.table, key=row.key, outcome=outcome, reason=reason, cells=cells)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
