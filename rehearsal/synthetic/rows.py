"""Made-up rows of one table: few wide partitions and many narrow ones, and what the history knows beside them."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from keyspaces_migration.config.table_rules import MAX_CLUSTERING_KEY_BYTES, MAX_PARTITION_KEY_BYTES
from keyspaces_migration.cql.json_codec import canonical_text, encode_value
from keyspaces_migration.cql.types import Scalar, ScalarName
from rehearsal.synthetic.roles import Facts, Role
from rehearsal.synthetic.values import key_room, large_value, made_key, made_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from keyspaces_migration.config import Table

NULL_SHARE = 0.12
DELETED_SHARE = EXPIRED_SHARE = 0.01
REPEATED_SHARE = 0.2
OWN_LIFE_SHARE = 0.3
MOST_VERSIONS = 4
WIDE_PARTS = (8, 16, 32)
"""One partition holds an eighth of the rows, another a sixteenth, a third a thirty-second; the others a few each."""
MOST_NARROW = 6
LARGE_EVERY = 300
LARGE_BYTES = 4_000
TRIES = 20
POOL = 12
"""How many values there are of each column of a key but its last."""
OLDEST = dt.timedelta(days=30)
LIFE_H = (12, 30 * 24)
"""The shortest and the longest time to live of a row's own: longer than a rehearsal takes."""


class Kind(Enum):
    """What became of a row. The source has the living ones alone."""

    LIVING = "living"
    DELETED = "deleted"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row with what the history knows of it.

    Attributes:
        values: By column, in the migration file's order, nulls included; statics are those of its partition.
        versions: How often it was written.
        written_at: The last time.
        own_end: When it expires by a time to live of its own; None for one without.
    """

    values: Mapping[str, Any]
    kind: Kind
    versions: int
    written_at: dt.datetime
    own_end: dt.datetime | None

    def ends_at(self, table: Table) -> dt.datetime | None:
        """When it expires, also by the table's default; None for never."""
        if self.own_end is not None or table.default_ttl is None or table.history.write_time_column is None:
            return self.own_end
        return self.written_at + table.default_ttl


@dataclass(frozen=True, kw_only=True)
class SyntheticTable:
    """A table's made-up data; equal arguments make equal rows.

    Attributes:
        wanted: How many rows it shall have. It has fewer where its key has not as many values.
        seed: Chooses the rows.
        began: The moment from which lives are reckoned, so that source and history agree.
    """

    name: str
    table: Table
    wanted: int
    seed: int
    began: dt.datetime

    @cached_property
    def facts(self) -> Facts:
        """What there is to know of the table."""
        return Facts.of(self.table)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """All rows, those of a partition one after another."""
        return tuple(_RowMaker(self).rows())

    @cached_property
    def living(self) -> tuple[Row, ...]:
        """Those that the source has."""
        return tuple(row for row in self.rows if row.kind is Kind.LIVING)

    def partitions(self) -> Iterator[list[Row]]:
        """The living rows, a partition at a time."""
        partition: list[Row] = []
        for row in self.living:
            if partition and self.partition_of(row) != self.partition_of(partition[0]):
                yield partition
                partition = []
            partition.append(row)
        if partition:
            yield partition

    def partition_of(self, row: Row) -> tuple[Any, ...]:
        """The values of a row's partition key."""
        return tuple(row.values[name] for name in self.table.schema_.partition_keys)


class _RowMaker:
    def __init__(self, of: SyntheticTable) -> None:
        self._of = of
        self._rng = random.Random(f"{of.seed} {of.name}")  # noqa: S311 -- data, not a secret
        self._facts = of.facts
        self._ttl = of.table.default_ttl
        schema = of.table.schema_
        self._types = schema.column_types
        self._partition_keys, self._statics = schema.partition_keys, schema.static_columns
        self._clustering = tuple(key.name for key in schema.clustering_keys)
        self._roles = {column: role for role, column in self._facts.owners.items()}
        self._wide = tuple(
            name
            for name in self._facts.regular
            if self._types[name] in {Scalar(ScalarName.TEXT), Scalar(ScalarName.BLOB)} and name not in self._roles
        )
        self._pools: dict[str, list[Any]] = {}
        self._room = {
            **dict.fromkeys(schema.partition_keys, key_room(len(schema.partition_keys), MAX_PARTITION_KEY_BYTES)),
            **dict.fromkeys(self._clustering, key_room(max(1, len(self._clustering)), MAX_CLUSTERING_KEY_BYTES)),
        }

    def rows(self) -> Iterator[Row]:
        """Yield so many rows, or until the key has no more values."""
        partitions: set[str] = set()
        left, sizes = self._of.wanted, self._sizes()
        while left > 0:
            key = self._unused(self._partition_keys, partitions)
            if key is None:
                return
            for row in self._partition(key, min(left, next(sizes))):
                yield row
                left -= 1

    def _sizes(self) -> Iterator[int]:
        wide = [self._of.wanted // part for part in WIDE_PARTS if self._of.wanted // part > MOST_NARROW]
        yield from wide if self._clustering else ()
        while True:
            yield self._rng.randint(1, MOST_NARROW) if self._clustering else 1

    def _partition(self, key: dict[str, Any], size: int) -> Iterator[Row]:
        taken: set[str] = set()
        statics = {name: self._cell(name) for name in self._statics}
        for number in range(size):
            clustering = self._unused(self._clustering, taken) if self._clustering else {}
            if clustering is None:
                return
            kind = Kind.LIVING if number == 0 and self._clustering else self._kind()
            yield self._row({**key, **clustering}, statics, kind)

    def _kind(self) -> Kind:
        chance = self._rng.random()
        if Role.DELETED in self._facts.named and chance < DELETED_SHARE:
            return Kind.DELETED
        if self._facts.expires and DELETED_SHARE <= chance < DELETED_SHARE + EXPIRED_SHARE:
            return Kind.EXPIRED
        return Kind.LIVING

    def _row(self, key: dict[str, Any], statics: dict[str, Any], kind: Kind) -> Row:
        given = {**key, **statics, **{name: self._cell(name) for name in self._facts.regular}}
        row = Row(
            values={name: given[name] for name in self._types},
            kind=kind,
            versions=self._versions(),
            written_at=self._written_at(),
            own_end=None,
        )
        return self._with_roles(self._with_life(self._enlarged(row)))

    def _versions(self) -> int:
        has_more = self._facts.may_repeat and self._rng.random() < REPEATED_SHARE
        return self._rng.randint(2, MOST_VERSIONS) if has_more else 1

    def _written_at(self) -> dt.datetime:
        # Half of its life at least is still before it, or it would end while the rehearsal runs.
        longest = OLDEST if self._ttl is None else min(OLDEST, self._ttl * 0.5)
        return self._before(self._of.began, longest)

    def _before(self, moment: dt.datetime, longest: dt.timedelta) -> dt.datetime:
        return moment - dt.timedelta(
            milliseconds=self._rng.randrange(1, max(2, longest // dt.timedelta(milliseconds=1)))
        )

    def _with_life(self, row: Row) -> Row:
        """When it was written and when it ends, which a column of its key may say."""
        if (written := self._facts.owner(Role.WRITE_TIME, in_key=True)) is not None:
            row = replace(row, written_at=row.values[written])
        if (end := self._facts.owner(Role.EXPIRY, in_key=True)) is not None:
            return replace(row, own_end=row.values[end], kind=_never_expired(row.kind))
        if Role.EXPIRY in self._facts.named:
            return replace(row, own_end=self._own_end(row))
        if row.kind is not Kind.EXPIRED:
            return row
        if written is not None or self._ttl is None:
            return replace(row, kind=Kind.LIVING)
        return replace(row, written_at=self._of.began - 2 * self._ttl)

    def _own_end(self, row: Row) -> dt.datetime | None:
        if row.kind is Kind.EXPIRED:
            return self._before(self._of.began, dt.timedelta(days=1))
        if self._ttl is not None and Role.WRITE_TIME not in self._facts.named:
            return row.written_at + self._ttl
        return self._later() if self._rng.random() < OWN_LIFE_SHARE else None

    def _later(self) -> dt.datetime:
        shortest, longest = (hours * 3_600_000 for hours in LIFE_H)
        return self._of.began + dt.timedelta(milliseconds=self._rng.randrange(shortest, longest))

    def _with_roles(self, row: Row) -> Row:
        """Columns of the table that are also what the history says of the row: its version, deletion and times."""
        known = {
            Role.VERSION: self._version_of(row),
            Role.DELETED: False,
            Role.WRITE_TIME: row.written_at,
            Role.EXPIRY: row.own_end,
        }
        changed = {
            column: value
            for role, value in known.items()  # of a column with several roles the last one here decides
            if (column := self._facts.owner(role, in_key=False)) is not None
        }
        return replace(row, values={**row.values, **changed})

    def _version_of(self, row: Row) -> Any:  # noqa: ANN401 -- as many types as a version may have
        column = self._facts.owners.get(Role.VERSION)
        if column is None:
            return None
        if self._types[column] == Scalar(ScalarName.TIMESTAMP):
            return row.written_at
        if self._facts.may_repeat:
            return self._rng.randrange(MOST_VERSIONS, 100)  # room for older ones and a newer one in any whole number
        value = row.values[column]
        return made_value(self._rng, self._types[column]) if value is None else value

    def _enlarged(self, row: Row) -> Row:
        """Now and then one cell is large, so that sizes differ as they do in earnest."""
        if not self._wide or self._rng.randrange(LARGE_EVERY):
            return row
        name = self._rng.choice(self._wide)
        cql_type = self._types[name]
        scalar = cql_type.name if isinstance(cql_type, Scalar) else ScalarName.TEXT
        return replace(row, values={**row.values, name: large_value(self._rng, scalar, LARGE_BYTES)})

    def _cell(self, name: str) -> Any:  # noqa: ANN401 -- as many types as CQL has
        return None if self._rng.random() < NULL_SHARE else made_value(self._rng, self._types[name])

    def _unused(self, columns: tuple[str, ...], taken: set[str]) -> dict[str, Any] | None:
        """Values that no other key has; None where none was found."""
        for _ in range(TRIES):
            values = {name: self._key_part(name, is_last=name == columns[-1]) for name in columns}
            text = canonical_text([encode_value(values[name], self._types[name]) for name in columns])
            if text not in taken:
                taken.add(text)
                return values
        return None

    def _key_part(self, name: str, *, is_last: bool) -> Any:  # noqa: ANN401 -- as above
        """The parts before the last come again and again, as a day or a region does."""
        if is_last:
            return self._new_key_part(name)
        if name not in self._pools:
            self._pools[name] = [self._new_key_part(name) for _ in range(POOL)]
        return self._rng.choice(self._pools[name])

    def _new_key_part(self, name: str) -> Any:  # noqa: ANN401 -- as above
        cql_type = self._types[name]
        if not isinstance(cql_type, Scalar):
            raise TypeError(f"{name} is a key and of type {cql_type}")
        role = self._roles.get(name)
        if role is Role.WRITE_TIME:
            return self._written_at()
        if role is Role.EXPIRY:
            return self._later()
        if role is Role.DELETED:
            return False
        return made_key(self._rng, cql_type.name, room=self._room[name])


def _never_expired(kind: Kind) -> Kind:
    return Kind.LIVING if kind is Kind.EXPIRED else kind
