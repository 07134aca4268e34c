"""What an application's CQL writes: INSERT, UPDATE, DELETE and batches of them, as writes that both stores take.

Where Keyspaces differs, one statement becomes several writes: static columns are written apart from others, and a batch
one by one. What would not be the same in both stores, or not the same when sent twice, is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.cursor import UnreadableError
from keyspaces_migration.dual_write.bounds import Bound, Comparison
from keyspaces_migration.dual_write.cql_values import Constant, MarkedCursor, Value, bound
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.mutation import MutationKind
from keyspaces_migration.dual_write.refusals import refuse_unrepeatable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from keyspaces_migration.cql.cursor import TableName
    from keyspaces_migration.dual_write.shape import TableShape

TTL = "[ttl]"
"""What the driver, too, calls the marker of USING TTL."""


@dataclass(frozen=True, kw_only=True)
class BoundWrite:
    """A write with its values, as the writer takes it."""

    table: str
    kind: MutationKind
    key: dict[str, Any]
    columns: dict[str, Any]
    bounds: tuple[Bound, ...] = ()
    ttl_s: int | None = None


@dataclass(frozen=True, kw_only=True)
class WriteTemplate:
    """A write whose values are bound later."""

    shape: TableShape
    kind: MutationKind
    key: Mapping[str, Value]
    columns: Mapping[str, Value]
    bounds: tuple[tuple[str, Comparison, Value], ...] = ()
    ttl: Value | None = None

    def bind(self, values: Sequence[object], *, unset: object) -> BoundWrite | None:
        """Return the write with its values; None where nothing is left of it.

        Args:
            values: In the order of the statement's markers.
            unset: The value that stands for none: its column is left as it is.
        """
        columns = {name: given for name, value in self.columns.items() if (given := bound(value, values)) is not unset}
        if self.kind is MutationKind.UPDATE and not columns:
            return None
        ttl = None if self.ttl is None else bound(self.ttl, values)
        return BoundWrite(
            table=self.shape.name,
            kind=self.kind,
            key={name: bound(value, values) for name, value in self.key.items()},
            columns=columns,
            bounds=tuple(
                Bound(column=column, comparison=comparison, value=bound(value, values))
                for column, comparison, value in self.bounds
            ),
            ttl_s=None if ttl is unset else ttl,
        )


@dataclass(frozen=True, kw_only=True)
class CompiledWrites:
    """What a statement writes; `markers` names what is bound to it, in order."""

    writes: tuple[WriteTemplate, ...]
    markers: tuple[str, ...]


def compile_writes(cql: str, *, tables: Mapping[str, TableShape], keyspaces: Collection[str]) -> CompiledWrites:
    """Understand an INSERT, UPDATE, DELETE or batch.

    Args:
        cql: One statement. Values are markers (`?`, `:name`), or plain numbers, texts, booleans and null.
        tables: The migration's tables by name.
        keyspaces: Names by which a table's keyspace may be called.

    Raises:
        WriteRefusedError: It can't be dual-written; the message says why, and what to do.
    """
    reader = _Reader(cql, tables=tables, keyspaces=keyspaces)
    try:
        return CompiledWrites(writes=tuple(reader.statement()), markers=tuple(reader.at.markers))
    except UnreadableError as error:
        raise WriteRefusedError(f"{error}. The statement: {cql.strip()}") from error


class _Reader:
    def __init__(self, cql: str, *, tables: Mapping[str, TableShape], keyspaces: Collection[str]) -> None:
        self._cql, self._tables, self._keyspaces = cql, tables, keyspaces
        self.at = MarkedCursor(cql)

    def statement(self) -> Iterator[WriteTemplate]:
        if self.at.accept("BEGIN"):
            yield from self._batch()
        else:
            yield from self._write()
        while self.at.accept_symbol(";"):
            pass
        if self.at.peek().text:
            raise self.at.unreadable("the end of the statement")

    def _batch(self) -> Iterator[WriteTemplate]:
        if not self.at.accept("UNLOGGED"):
            self.at.accept("LOGGED")
        self.at.expect("BATCH")
        self._refuse_timestamp()
        while not self.at.accept("APPLY", "BATCH"):
            yield from self._write()
            self.at.accept_symbol(";")

    def _write(self) -> list[WriteTemplate]:
        for word, read in (("INSERT", self._insert), ("UPDATE", self._update), ("DELETE", self._delete)):
            if self.at.accept(word):
                return read()
        raise self.at.unreadable("INSERT, UPDATE, DELETE or BEGIN BATCH")

    def _insert(self) -> list[WriteTemplate]:
        self.at.expect("INTO")
        shape = self._table()
        self.at.expect_symbol("(")
        names = self._several(lambda: self._column(shape))
        self.at.expect("VALUES")
        self.at.expect_symbol("(")
        remaining = iter(names)
        values = self._several(lambda: self.at.value(next(remaining, "a column that is not named")))
        if len(names) != len(values):
            raise UnreadableError(f"{len(names)} columns and {len(values)} values")
        given = dict(zip(names, values, strict=True))
        key = {name: given.pop(name) for name in shape.primary_key if name in given}
        return self._by_kind(shape, MutationKind.INSERT, key, given, self._using())

    def _update(self) -> list[WriteTemplate]:
        shape = self._table()
        ttl = self._using()
        self.at.expect("SET")
        columns: dict[str, Value] = {}
        while True:
            name = self._column(shape)
            if not self.at.accept_symbol("="):
                raise self.at.unreadable(f"= after {name}: a part of a column can't be written; write the whole of it")
            columns[name] = self.at.value(name)
            if not self.at.accept_symbol(","):
                break
        key, bounds = self._where(shape)
        if bounds:
            raise UnreadableError("an UPDATE of a range of rows")
        return self._by_kind(shape, MutationKind.UPDATE, key, columns, ttl)

    def _delete(self) -> list[WriteTemplate]:
        removed = []
        while not self.at.accept("FROM"):
            removed.append(self.at.name())
            self.at.accept_symbol(",")
        shape = self._table()
        self._refuse_timestamp()
        key, bounds = self._where(shape)
        if removed:
            self._refuse_strangers(shape, removed)
            return self._by_kind(shape, MutationKind.UPDATE, key, dict.fromkeys(removed, Constant(None)), None)
        if key.keys() == set(shape.primary_key) and not bounds:
            kind = MutationKind.DELETE_ROW
        elif key.keys() == set(shape.partition_keys) and not bounds:
            kind = MutationKind.DELETE_PARTITION
        else:
            kind = MutationKind.DELETE_RANGE
        return [WriteTemplate(shape=shape, kind=kind, key=key, columns={}, bounds=tuple(bounds))]

    def _by_kind(
        self,
        shape: TableShape,
        kind: MutationKind,
        key: Mapping[str, Value],
        columns: Mapping[str, Value],
        ttl: Value | None,
    ) -> list[WriteTemplate]:
        """The write, with static columns as a write of their own."""
        static = {name: value for name, value in columns.items() if name in shape.static_columns}
        others = {name: value for name, value in columns.items() if name not in static}
        whole = WriteTemplate(shape=shape, kind=kind, key=key, columns=others, ttl=ttl)
        if not static:
            return [whole]
        partition = {name: value for name, value in key.items() if name in shape.partition_keys}
        apart = replace(whole, kind=MutationKind.UPDATE, key=partition, columns=static)
        is_row = bool(key.keys() - partition.keys())
        return [apart, whole] if others or (is_row and kind is MutationKind.INSERT) else [apart]

    def _where(self, shape: TableShape) -> tuple[dict[str, Value], list[tuple[str, Comparison, Value]]]:
        self.at.expect("WHERE")
        key: dict[str, Value] = {}
        bounds: list[tuple[str, Comparison, Value]] = []
        while True:
            name = self._column(shape)
            symbol = self.at.accept_symbol("=", "<=", ">=", "<", ">")
            if not symbol:
                raise self.at.unreadable(
                    f"=, <, <=, > or >= after {name}: write the rows of other conditions one by one"
                )
            if symbol == "=":
                key[name] = self.at.value(name)
            else:
                bounds.append((name, Comparison(symbol), self.at.value(name)))
            if not self.at.accept("AND"):
                return key, bounds

    def _using(self) -> Value | None:
        if not self.at.accept("USING"):
            return None
        if not self.at.accept("TTL"):
            self._refuse_timestamp(said=True)
        ttl = self.at.value(TTL)
        if self.at.accept("AND"):
            self._refuse_timestamp(said=True)
        return ttl

    def _refuse_timestamp(self, *, said: bool = False) -> None:
        if said or self.at.accept("USING"):
            raise UnreadableError(
                "USING TIMESTAMP: the writer gives every write its timestamp, above the barrier and the same in both "
                "stores; leave it out"
            )

    def _table(self) -> TableShape:
        named: TableName = self.at.table()
        shape = self._tables.get(named.name)
        if shape is None or (named.keyspace and named.keyspace not in self._keyspaces):
            known = ", ".join(sorted(self._tables))
            raise UnreadableError(f"table {named} is not one of the migration's: {known}")
        refuse_unrepeatable(self._cql, shape)
        return shape

    def _column(self, shape: TableShape) -> str:
        name = self.at.name()
        self._refuse_strangers(shape, [name])
        return name

    def _refuse_strangers(self, shape: TableShape, names: Sequence[str]) -> None:
        if strange := [name for name in names if name not in shape.columns]:
            raise UnreadableError(f"table {shape.name} has no column {', '.join(strange)}")

    def _several(self, read: Callable[[], Any]) -> list[Any]:
        found = [read()]
        while self.at.accept_symbol(","):
            found.append(read())
        self.at.expect_symbol(")")
        return found
