"""Dual writers whose clocks are apart, that write, change and delete the same rows all the while."""

from __future__ import annotations

import random
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from typing_extensions import override

from keyspaces_migration.dual_write.bounds import Bound, Comparison
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.statements import select_range_keys
from keyspaces_migration.dual_write.store import Store, StoreName, deletes_by_row
from keyspaces_migration.dual_write.writer import DualWriter, WriterSettings
from rehearsal.conflicts.table import DAY, ROWS_A_PARTITION, TABLE, customer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cassandra.cluster import Session
    from cassandra.query import BoundStatement

    from keyspaces_migration.dual_write.mutation import Mutation
    from keyspaces_migration.dual_write.shape import TableShape
    from keyspaces_migration.dual_write.store import Stores

ONLY_DELETED_EVERY = 3
"""Of so many partitions one is only ever deleted from."""
_HOT = 60
_PAUSE_S = 0.025
_DRAIN_S = 60.0


def only_deleted(name: str) -> bool:
    """Whether nothing is ever written to a partition, only deleted from it."""
    return int(name.rpartition("-")[2]) % ONLY_DELETED_EVERY == 0


@dataclass
class Flag:
    """The flag that all writers obey."""

    state: FlagState = field(default_factory=lambda: FlagState(mode=WriteMode.SOURCE_ONLY, version=1))

    def current(self) -> FlagState:
        """Return it."""
        return self.state

    def refresh(self) -> None:
        """Nothing is cached."""


class ForgetfulStore(Store):
    """A target that keeps no delete of a row which it does not have yet.

    Whether Amazon Keyspaces keeps one is not documented. It forgets only where nothing is written any more: a writer
    whose clock lags behind may otherwise bring a row back on such a store, with no backfill near.
    """

    def __init__(self, *, session: Session, keyspace: str, shape: TableShape) -> None:
        super().__init__(name=StoreName.TARGET, session=session, keyspace=keyspace)
        self._shape = shape

    @override
    def apply(self, mutation: Mutation, *, bound: BoundStatement | None = None) -> None:
        if not mutation.deletes or not only_deleted(mutation.key["customer"]):
            super().apply(mutation, bound=bound)
        elif mutation.kind.deletes_many:
            for smaller in [*deletes_by_row(self, self._shape, mutation)]:
                self.apply(smaller)
        elif self.execute(select_range_keys(self.keyspace, self._shape, mutation.key, ())).one() is not None:
            super().apply(mutation, bound=bound)


class Writers:
    """Several writers, each in a thread of its own with a clock of its own."""

    def __init__(  # noqa: PLR0913 - what they need
        self,
        *,
        stores: Stores,
        shape: TableShape,
        flag: Flag,
        migration: str,
        folder: Path,
        clocks_s: Sequence[float],
        partitions: int,
    ) -> None:
        self._flag = flag
        self._partitions = partitions
        self._stop = threading.Event()
        self._stack = ExitStack()
        self._failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self.done: dict[str, int] = {}
        self._lock = threading.Lock()
        self.writers = [
            DualWriter(
                WriterSettings(
                    migration=migration,
                    writer_id=f"conflicts/{number}",
                    journal_folder=folder / f"writer-{number}",
                    heartbeat_interval_s=0.5,
                ),
                stores=stores,
                tables=[shape],
                flag=flag,
                now_us=_clock(ahead_s),
            )
            for number, ahead_s in enumerate(clocks_s)
        ]

    def __enter__(self) -> Self:
        """Begin to write."""
        for number, writer in enumerate(self.writers):
            self._stack.enter_context(writer)
            thread = threading.Thread(target=self._work, args=(writer, random.Random(number)), daemon=True)  # noqa: S311
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End, both stores having everything."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        unsent = sum(writer.drain(timeout_s=_DRAIN_S) for writer in self.writers)
        self._stack.close()
        if self._failures:
            raise self._failures[0]
        if unsent and error[0] is None:
            raise RuntimeError(f"{unsent} writes are in one store only after {_DRAIN_S:.0f} s")

    def check(self) -> None:
        """Raise what ended a writer."""
        if self._failures:
            raise self._failures[0]

    def _work(self, writer: DualWriter, chance: random.Random) -> None:
        try:
            while not self._stop.wait(_PAUSE_S):
                name = self._act(writer, chance)
                with self._lock:
                    self.done[name] = self.done.get(name, 0) + 1
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody looks
            self._failures.append(error)

    def _act(self, writer: DualWriter, chance: random.Random) -> str:
        # Half of what happens, happens to few partitions, so that writers meet.
        among = min(_HOT, self._partitions) if chance.random() < 0.5 else self._partitions  # noqa: PLR2004
        name = customer(chance.randrange(among))
        partition = {"customer": name, "day": DAY}
        recorded = self._flag.current().mode is not WriteMode.SOURCE_ONLY
        if only_deleted(name):
            return _delete_something(writer, chance, partition, with_partitions=recorded)
        return _write_something(writer, chance, partition, with_partitions=recorded)


def _clock(ahead_s: float) -> Callable[[], int]:
    return lambda: system_now_us() + int(ahead_s * 1e6)


def _write_something(
    writer: DualWriter, chance: random.Random, partition: dict[str, Any], *, with_partitions: bool
) -> str:
    # Row 0 goes only with its partition: the history is made of rows, and can't tell of a static value without one.
    row = {**partition, "n": chance.randrange(1, ROWS_A_PARTITION + 5)}
    value = chance.randrange(10**9)
    kind = chance.choices(list(_WRITES), list(_WRITES.values()))[0]
    match kind if with_partitions or kind not in _OF_A_PARTITION else "insert":
        case "update":
            writer.update(TABLE, row, {"amount": value})
        case "null":
            writer.update(TABLE, row, {"kind": None, "tags": {f"t{value}"}})
        case "null all":
            writer.update(TABLE, row, {"kind": None, "tags": None, "amount": None})
        case "delete row":
            writer.delete_row(TABLE, row)
        case "delete range":
            low = chance.randrange(1, ROWS_A_PARTITION)
            writer.delete_range(TABLE, partition, _between(low, low + 4))
        case "delete partition":
            writer.delete_partition(TABLE, partition)
        case "static":
            writer.insert(TABLE, {**partition, "n": 0, "kind": f"zero-{value}"})
            writer.update(TABLE, partition, {"s": f"s-{value}" if value % 4 else None})
        case _:
            cells = {"kind": f"new-{value}", "amount": value, "tags": {f"t{value}", "new"}}
            writer.insert(TABLE, {**row, **{name: cells[name] for name in chance.sample(sorted(cells), 2)}})
    return kind


_WRITES = {
    "insert": 6,
    "update": 6,
    "null": 2,
    "null all": 2,
    "delete row": 2,
    "delete range": 2,
    "delete partition": 1,
    "static": 2,
}
"""How often each is made."""
_OF_A_PARTITION = {"delete partition", "static"}


def _delete_something(
    writer: DualWriter, chance: random.Random, partition: dict[str, Any], *, with_partitions: bool
) -> str:
    row = {**partition, "n": chance.randrange(1, ROWS_A_PARTITION)}
    match chance.randrange(40):
        case 2 if with_partitions:
            writer.delete_partition(TABLE, partition)
            return "only delete partition"
        case 0:
            writer.delete_range(TABLE, partition, (Bound(column="n", comparison=Comparison.ABOVE, value=row["n"]),))
            return "only delete range"
        case 1:
            writer.delete_range(TABLE, partition, _between(row["n"], row["n"] + 3))
            return "only delete range"
        case number if number < 11:  # noqa: PLR2004
            writer.delete_row(TABLE, row)
            return "only delete row"
    writer.update(TABLE, row, {"kind": None})
    return "only null"


def _between(low: int, high: int) -> tuple[Bound, Bound]:
    return (
        Bound(column="n", comparison=Comparison.FROM, value=low),
        Bound(column="n", comparison=Comparison.BELOW, value=high),
    )
