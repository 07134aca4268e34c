"""Damage to made-up data on the target, for a check to find and a repair to mend."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.identifiers import quote
from keyspaces_migration.cql.json_codec import canonical_text, encode_columns, encode_value
from keyspaces_migration.cql.types import Scalar, ScalarName
from keyspaces_migration.dual_write.shape import TableShape
from rehearsal.processes import WorldError
from rehearsal.synthetic.values import key_room, made_key, made_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from cassandra.cluster import Session

    from keyspaces_migration.config import Migration

ROWS_LOOKED_AT = 20_000
TRIES = 20
# A key's last column of these types has too few values for one that no row has.
_FEW_VALUES = frozenset({ScalarName.BOOLEAN, ScalarName.TINYINT})


class NothingToDamageError(WorldError):
    """No row of a table can be damaged so that only a repair mends it. The message says why."""


@dataclass(frozen=True, kw_only=True)
class DamageableTable:
    """A table of which a row can be changed, and one be made up, and the column that is written."""

    shape: TableShape
    column: str


def damageable(migration: Migration) -> DamageableTable | None:
    """The first table of rows that live for ever, with a plain column beside a key that has many values.

    Collections have no write time that CQL tells, so a row that has some may be left to a person by the repair.
    """
    for name, table in migration.tables.items():
        shape = TableShape.from_migration(name, table)
        plain = [column for column in shape.regular_columns if isinstance(shape.columns[column], Scalar)]
        last = shape.columns[shape.primary_key[-1]]
        few = isinstance(last, Scalar) and last.name in _FEW_VALUES
        booleans = Scalar(ScalarName.BOOLEAN)
        chosen = next((column for column in plain if shape.columns[column] != booleans), None)
        if chosen is not None and not (shape.expires or few or shape.multi_cell_columns):
            return DamageableTable(shape=shape, column=chosen)
    return None


def damage(target: Session, keyspace: str, table: DamageableTable, *, known: frozenset[str], seed: int = 1) -> str:
    """Change a cell of the target, and write a row that nobody else has. Return what was done, in words.

    Args:
        target: A session of the target.
        keyspace: The target's.
        table: Which.
        known: The keys, as `known_keys` has them, that the application reads and writes: they are left alone.
        seed: Chooses the values.

    Raises:
        NothingToDamageError: The application knows every row.
    """
    rng = random.Random(seed)  # noqa: S311 -- data, not a secret
    shape, column = table.shape, table.column
    address = f"{quote(keyspace)}.{quote(shape.name)}"
    row = next(_strangers(target, address, table, known), None)
    if row is None:
        raise NothingToDamageError(f"the application knows every row of {shape.name}: rehearse with more ROWS")
    key = {name: row[name] for name in shape.primary_key}
    wrong = _another(rng, table, row[column])
    marks = " AND ".join(f"{quote(name)} = ?" for name in key)
    update = target.prepare(f"UPDATE {address} SET {quote(column)} = ? WHERE {marks}")  # noqa: S608 -- quoted
    extra = _unused_key(rng, target, address, shape, key)
    target.execute(update, (wrong, *key.values()))
    names = ", ".join(map(quote, (*extra, column)))
    insert = target.prepare(f"INSERT INTO {address} ({names}) VALUES ({', '.join('?' * (len(extra) + 1))})")  # noqa: S608
    target.execute(insert, (*extra.values(), wrong))
    return f"{shape.name}: {column} of {_shown(key, shape)} changed, and {_shown(extra, shape)} made up"


def known_keys(truth: Path, table: str) -> frozenset[str]:
    """The keys of a table that the application has ever written or taken over, from its own record."""
    return frozenset(_keys_in(truth.read_text(encoding="utf-8").splitlines(), table))


def _keys_in(lines: Iterable[str], table: str) -> Iterator[str]:
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:  # the line under way, which the application is writing now
            continue
        if table in {entry.get("adopt"), entry.get("table")}:
            yield canonical_text(entry["key"])


def _strangers(
    target: Session, address: str, table: DamageableTable, known: frozenset[str]
) -> Iterator[Mapping[str, Any]]:
    shape, names = table.shape, (*table.shape.primary_key, table.column)
    rows = target.execute(f"SELECT {', '.join(map(quote, names))} FROM {address}")  # noqa: S608 -- quoted
    for values in islice(rows, ROWS_LOOKED_AT):
        row = dict(zip(names, values, strict=True))
        key = {name: row[name] for name in shape.primary_key}
        # A partition that has static columns alone shows a row without clustering columns.
        if None in key.values() or row[table.column] is None:
            continue
        if canonical_text(encode_columns(key, shape.columns)) not in known:
            yield row


def _another(rng: random.Random, table: DamageableTable, value: object) -> Any:  # noqa: ANN401 -- any CQL type
    kind = table.shape.columns[table.column]
    before = canonical_text(encode_value(value, kind))
    for _ in range(TRIES):
        found = made_value(rng, kind)
        if canonical_text(encode_value(found, kind)) != before:
            return found
    raise NothingToDamageError(f"{table.shape.name}.{table.column} has no second value")


def _unused_key(
    rng: random.Random, target: Session, address: str, shape: TableShape, like: Mapping[str, Any]
) -> dict[str, Any]:
    last = shape.primary_key[-1]
    kind = shape.columns[last]
    marks = " AND ".join(f"{quote(name)} = ?" for name in like)
    select = target.prepare(f"SELECT {quote(last)} FROM {address} WHERE {marks}")  # noqa: S608 -- names are quoted
    for _ in range(TRIES):
        if not isinstance(kind, Scalar):
            break
        key = {**like, last: made_key(rng, kind.name, room=key_room(len(like), 850))}
        if target.execute(select, tuple(key.values())).one() is None:
            return key
    raise NothingToDamageError(f"no key of {shape.name} was found that no row has")


def _shown(key: Mapping[str, Any], shape: TableShape) -> str:
    return canonical_text(encode_columns(key, shape.columns))
