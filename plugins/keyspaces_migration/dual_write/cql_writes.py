"""What an application's CQL writes: INSERT, UPDATE, DELETE and batches of them, as writes that both stores take.

Where Keyspaces differs, one statement becomes several writes: static columns are written apart from others, and a batch
one by one. What would not be the same in both stores, or not the same when sent twice, is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from keyspaces_migration.cql.cursor import UnreadableError
from keyspaces_migration.cql.types import MapOf
from keyspaces_migration.dual_write.bounds import Bound, Comparison
from keyspaces_migration.dual_write.cql_elements import ElementTemplate, elements_of
from keyspaces_migration.dual_write.cql_values import Constant, MarkedCursor, Value, bound
from keyspaces_migration.dual_write.elements import ElementChange, ElementSign
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.mutation import MutationKind
from keyspaces_migration.dual_write.refusals import refuse_unrepeatable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from keyspaces_migration.cql.cursor import TableName
    from keyspaces_migration.dual_write.shape import TableShape

_Part = TypeVar("_Part")
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
    elements: dict[str, ElementChange] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class WriteTemplate:
    """A write whose values are bound later."""

    shape: TableShape
    kind: MutationKind
    key: Mapping[str, Value]
    columns: Mapping[str, Value]
    bounds: tuple[tuple[str, Comparison, Value], ...] = ()
    ttl: Value | None = None
    elements: Mapping[str, ElementTemplate] = field(default_factory=dict)

    def bind(self, values: Sequence[object], *, unset: object) -> BoundWrite | None:
        """Return the write with its values; None where nothing is left of it.

        Args:
            values: In the order of the statement's markers.
            unset: The value that stands for none: its column is left as it is.
        """
        columns = {name: given for name, value in self.columns.items() if (given := bound(value, values)) is not unset}
        changes = {name: template.bind(values, unset=unset) for name, template in self.elements.items()}
        elements = {name: change for name, change in changes.items() if change is not None}
        if self.kind is MutationKind.UPDATE and not columns and not elements:
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
            elements=elements,
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
        return _by_kind(WriteTemplate(shape=shape, kind=MutationKind.INSERT, key=key, columns=given, ttl=self._using()))

    def _update(self) -> list[WriteTemplate]:
        shape = self._table()
        ttl = self._using()
        self.at.expect("SET")
        columns: dict[str, Value] = {}
        elements: dict[str, ElementTemplate] = {}
        while True:
            name = self._column(shape)
            if name in columns or name in elements:
                raise UnreadableError(f"{name} is written twice; make it two statements")
            change = self._element_change(shape, name)
            if change is not None:
                elements[name] = change
            elif self.at.accept_symbol("="):
                columns[name] = self.at.value(name)
            else:
                raise self.at.unreadable(f"= after {name}")
            if not self.at.accept_symbol(","):
                break
        key, bounds = self._where(shape)
        if bounds:
            raise UnreadableError("an UPDATE of a range of rows")
        return _by_kind(
            WriteTemplate(shape=shape, kind=MutationKind.UPDATE, key=key, columns=columns, ttl=ttl, elements=elements)
        )

    def _element_change(self, shape: TableShape, name: str) -> ElementTemplate | None:
        """`c = c + …`, `c += …`, the same with -, or `c[key] = value`, after the column's name; None: none of them."""
        if isinstance(shape.columns[name], MapOf) and self.at.accept_symbol("["):
            key = self.at.value(f"key({name})")
            self.at.expect_symbol("]")
            self.at.expect_symbol("=")
            return ElementTemplate(sign=ElementSign.ADD, given=((key, self.at.value(f"value({name})")),))
        symbol = self.at.accept_symbol("+=", "-=")
        if self.at.at_symbol("=") and self.at.at_name(ahead=1) and self.at.peek(2).text in {"+", "-"}:
            self.at.expect_symbol("=")
            if (other := self._column(shape)) != name:
                raise UnreadableError(f"{name} is set from {other}: read it, and write the value")
            symbol = self.at.take().text
        if not symbol:
            return None
        return ElementTemplate(sign=ElementSign(symbol[0]), given=elements_of(self.at, name))

    def _delete(self) -> list[WriteTemplate]:
        removed: list[str] = []
        keys: dict[str, tuple[Value, ...]] = {}
        while not self.at.accept("FROM"):
            name = self.at.name()
            if self.at.accept_symbol("["):
                keys[name] = (*keys.get(name, ()), self.at.value(f"key({name})"))
                self.at.expect_symbol("]")
            else:
                removed.append(name)
            self.at.accept_symbol(",")
        shape = self._table()
        self._refuse_timestamp()
        key, bounds = self._where(shape)
        if removed or keys:
            self._refuse_strangers(shape, [*removed, *keys])
            if twice := sorted({*removed} & {*keys}):
                raise UnreadableError(f"{', '.join(twice)} is deleted whole and in part")
            taken = {name: ElementTemplate(sign=ElementSign.REMOVE, given=found) for name, found in keys.items()}
            nulls = dict.fromkeys(removed, Constant(None))
            return _by_kind(
                WriteTemplate(shape=shape, kind=MutationKind.UPDATE, key=key, columns=nulls, elements=taken)
            )
        if key.keys() == set(shape.primary_key) and not bounds:
            kind = MutationKind.DELETE_ROW
        elif key.keys() == set(shape.partition_keys) and not bounds:
            kind = MutationKind.DELETE_PARTITION
        else:
            kind = MutationKind.DELETE_RANGE
        return [WriteTemplate(shape=shape, kind=kind, key=key, columns={}, bounds=tuple(bounds))]

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


def _by_kind(whole: WriteTemplate) -> list[WriteTemplate]:
    """The write, with static columns as a write of their own."""
    shape = whole.shape
    static, others = _apart(whole.columns, shape.static_columns)
    static_elements, other_elements = _apart(whole.elements, shape.static_columns)
    if not static and not static_elements:
        return [whole]
    row = replace(whole, columns=others, elements=other_elements)
    partition = {name: value for name, value in whole.key.items() if name in shape.partition_keys}
    apart = replace(whole, kind=MutationKind.UPDATE, key=partition, columns=static, elements=static_elements)
    is_row = bool(whole.key.keys() - partition.keys())
    has_more = bool(others) or bool(other_elements) or (is_row and whole.kind is MutationKind.INSERT)
    return [apart, row] if has_more else [apart]


def _apart(of: Mapping[str, _Part], names: Collection[str]) -> tuple[dict[str, _Part], dict[str, _Part]]:
    """Those with one of the names, and the others."""
    named = {name: part for name, part in of.items() if name in names}
    return named, {name: part for name, part in of.items() if name not in named}
