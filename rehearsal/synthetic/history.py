"""Loads the made-up history into the Snowflake stand-in: every version of every row, as the migration file names it."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from keyspaces_migration.backfill.names import address_of
from keyspaces_migration.cql.types import CqlType, Frozen, ListOf, MapOf, Scalar, ScalarName, SetOf, TupleOf
from keyspaces_migration.snowflake_names import quote_name
from rehearsal.data.source import SampleMismatchError
from rehearsal.synthetic.roles import Role
from rehearsal.synthetic.rows import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from snowflake.connector.cursor import SnowflakeCursor

    from rehearsal.synthetic.rows import Row, SyntheticTable

STAGE = "REHEARSAL"
_HOUR = dt.timedelta(hours=1)
_WHOLE_BITS = {ScalarName.TINYINT: 8, ScalarName.SMALLINT: 16, ScalarName.INT: 32, ScalarName.BIGINT: 64}
Values = tuple[Any, ...]


@dataclass(frozen=True)
class SnowflakeType:
    """A type of Snowflake, and how its values travel in a Parquet file. JSON is text there."""

    sql: str
    arrow: pa.DataType

    @property
    def is_json(self) -> bool:
        """Whether its values arrive as JSON text."""
        return self.sql in {"ARRAY", "OBJECT"}


TEXT, WHOLE, REAL = (
    SnowflakeType("VARCHAR", pa.string()),
    SnowflakeType("NUMBER(38,0)", pa.int64()),
    SnowflakeType("FLOAT", pa.float64()),
)
MOMENT, FLAG = SnowflakeType("TIMESTAMP_NTZ", pa.timestamp("us")), SnowflakeType("BOOLEAN", pa.bool_())
ARRAY, OBJECT = SnowflakeType("ARRAY", pa.string()), SnowflakeType("OBJECT", pa.string())
# Keys are looked for by value, and a number in text would not be found.
DECIMAL_KEY = SnowflakeType("NUMBER(38,2)", pa.decimal128(38, 2))
_SCALARS = {
    **dict.fromkeys((ScalarName.TEXT, ScalarName.ASCII, ScalarName.INET), TEXT),
    # As text, which keeps every digit: NUMBER has 38 of them, and one scale for all rows.
    **dict.fromkeys((ScalarName.UUID, ScalarName.TIMEUUID, ScalarName.DECIMAL, ScalarName.VARINT), TEXT),
    **dict.fromkeys(_WHOLE_BITS, WHOLE),
    **dict.fromkeys((ScalarName.DOUBLE, ScalarName.FLOAT), REAL),
    ScalarName.BOOLEAN: FLAG,
    ScalarName.BLOB: SnowflakeType("BINARY", pa.binary()),
    ScalarName.DATE: SnowflakeType("DATE", pa.date32()),
    ScalarName.TIME: SnowflakeType("TIME", pa.time64("us")),
    ScalarName.TIMESTAMP: MOMENT,
}


def snowflake_type(cql_type: CqlType, *, is_key: bool = False) -> SnowflakeType:
    """Return the type of Snowflake that holds a CQL type.

    Raises:
        TypeError: The migration file allows no such type.
    """
    match cql_type:
        case Scalar(ScalarName.DECIMAL) if is_key:
            return DECIMAL_KEY
        case Scalar(ScalarName.VARINT) if is_key:
            return WHOLE
        case Scalar(name) if name in _SCALARS:
            return _SCALARS[name]
        case Frozen(inner):
            return snowflake_type(inner)
        case ListOf() | SetOf() | TupleOf():
            return ARRAY
        case MapOf():
            return OBJECT
        case _:
            raise TypeError(f"the history holds no {cql_type}")


def in_history(value: Any, kind: SnowflakeType) -> Any:  # noqa: ANN401 -- a value of any type
    """Return a value as it is put into a column of that type."""
    if value is None:
        return None
    if kind.is_json:
        return json.dumps(_json(value), ensure_ascii=False)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    return str(value) if kind is TEXT else value


def columns_of(made: SyntheticTable) -> dict[str, SnowflakeType]:
    """The columns of a table's history, by the names that Snowflake stores: the table's, then the file's others."""
    facts = made.facts
    columns = {
        facts.stored[name]: snowflake_type(cql_type, is_key=name in facts.key)
        for name, cql_type in made.table.schema_.column_types.items()
    }
    kinds = {Role.EXPIRY: MOMENT, Role.WRITE_TIME: MOMENT, Role.DELETED: FLAG, Role.VERSION: WHOLE}
    for role, name in facts.named.items():
        columns.setdefault(name, kinds[role])
    return columns


def versions(made: SyntheticTable) -> Iterator[dict[str, Any]]:
    """Every version of every row, oldest first, by the names of `columns_of`, as values of CQL.

    Older ones lack some columns. What a row was deleted by is its last version, with nothing but the key.
    """
    for row in made.rows:
        for number in range(1, row.versions):
            yield _older(made, row, back=row.versions - number, number=number)
        if row.kind is not Kind.DELETED:
            yield _named(made, row, row.values, row.written_at, deleted=False, number=row.versions)
            continue
        if made.facts.may_repeat:
            yield _older(made, row, back=0, number=row.versions)
        key = {name: row.values[name] for name in made.facts.key}
        at = row.written_at + (made.began - row.written_at) / 2
        yield _named(made, row, key, at, deleted=True, number=row.versions + 1, forward=1)


def load(
    cursor: SnowflakeCursor, tables: Sequence[SyntheticTable], *, progress: Callable[[str], None]
) -> dict[str, int]:
    """Replace the history's tables, and make their databases and schemas where they are missing.

    Returns:
        Versions by table of the migration file, which `verify` takes.
    """
    loaded = {}
    _make_schemas(cursor, tables)
    cursor.execute(f"CREATE OR REPLACE STAGE {STAGE}")
    with tempfile.TemporaryDirectory() as folder:
        for number, made in enumerate(tables):
            progress(f"writing the versions of {made.name}")
            content = arrow_table(made)
            path = Path(folder) / f"table{number}.parquet"
            pq.write_table(content, path)
            progress(f"loading {content.num_rows:,} versions of {made.name}")
            _load_file(cursor, made, path)
            loaded[made.name] = content.num_rows
    return loaded


def verify(
    cursor: SnowflakeCursor,
    tables: Sequence[SyntheticTable],
    expected: Mapping[str, int],
    *,
    progress: Callable[[str], None],
) -> None:
    """Count versions.

    Raises:
        SampleMismatchError: A count differs.
    """
    for made in tables:
        progress(f"counting the versions of {made.name}")
        cursor.execute(f"SELECT COUNT(*) FROM {address_of(made.table.history.table)}")  # noqa: S608 -- quoted
        row = cursor.fetchone()
        if not isinstance(row, tuple) or row[0] != expected[made.name]:
            raise SampleMismatchError(
                f"the history of {made.name} counts {row!r}, and {expected[made.name]:,} versions were loaded"
            )


def arrow_table(made: SyntheticTable) -> pa.Table:
    """All versions; the columns are called C0, C1 and so on, as Snowflake's names may hold anything."""
    kinds = columns_of(made)
    rows = list(versions(made))
    arrays = [pa.array([in_history(row[name], kind) for row in rows], kind.arrow) for name, kind in kinds.items()]
    return pa.table(arrays, names=[f"C{place}" for place in range(len(kinds))])


def _older(made: SyntheticTable, row: Row, *, back: int, number: int) -> dict[str, Any]:
    """A version that lacks what was not known then: every other column, by its place."""
    lacking = set(made.facts.regular[number % 2 :: 2]) if back else set()
    values = {name: None if name in lacking else value for name, value in row.values.items()}
    return _named(made, row, values, row.written_at - back * _HOUR, deleted=False, number=number, forward=-back)


def _named(  # noqa: PLR0913 -- what a version is made of
    made: SyntheticTable,
    row: Row,
    values: Mapping[str, Any],
    written_at: dt.datetime,
    *,
    deleted: bool,
    number: int,
    forward: int = 0,
) -> dict[str, Any]:
    facts = made.facts
    version = facts.named.get(Role.VERSION)
    is_moment = version in {facts.named.get(Role.WRITE_TIME), facts.named.get(Role.EXPIRY), None}
    said = {
        Role.EXPIRY: row.own_end,
        Role.WRITE_TIME: written_at,
        Role.DELETED: deleted,
        Role.VERSION: written_at if is_moment else number,
    }
    found = {stored: values.get(name) for name, stored in facts.stored.items()}
    for role, name in reversed(list(facts.named.items())):  # the first role of a column decides, and so comes last
        if role not in facts.owners:
            found[name] = said[role]
        elif (column := facts.owner(role, in_key=False)) is not None:
            found[name] = _stepped(row.values[column], forward) if role is Role.VERSION else said[role]
    return found


def _stepped(version: Any, forward: int) -> Any:  # noqa: ANN401 -- as many types as a version may have
    """The version of the table's own column, so many versions earlier or later."""
    if isinstance(version, dt.datetime):
        return version + forward * _HOUR
    return version + forward if isinstance(version, int) and not isinstance(version, bool) else version


def _json(value: Any) -> Any:  # noqa: ANN401 -- a value of any type
    """A value inside a collection as JSON."""
    if isinstance(value, Mapping):
        return {_json_key(name): _json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_json(each) for each in value]
    if isinstance(value, set):
        return sorted(map(_json, value), key=json.dumps)
    # As text beyond 64 bits, and what JSON has no form for.
    is_short = isinstance(value, int) and -(2**63) <= value < 2**63
    return value if value is None or is_short or isinstance(value, float | str) else _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    return value.isoformat(timespec="microseconds") if isinstance(value, dt.time) else str(value)


def _json_key(name: Any) -> str:  # noqa: ANN401 -- as above
    form = _json(name)
    return form if isinstance(form, str) else json.dumps(form, ensure_ascii=False)


def _make_schemas(cursor: SnowflakeCursor, tables: Sequence[SyntheticTable]) -> None:
    """Make what is missing. Snowflake then uses what was made, so the session goes back to where it was."""
    connection = cursor.connection
    before = f"{quote_name(str(connection.database))}.{quote_name(str(connection.schema))}"
    places = {tuple(address_parts(address_of(made.table.history.table))[:2]): None for made in tables}
    for database, schema in places:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database}.{schema}")
    cursor.execute(f"USE SCHEMA {before}")


def _load_file(cursor: SnowflakeCursor, made: SyntheticTable, path: Path) -> None:
    address = address_of(made.table.history.table)
    kinds = columns_of(made)
    staging = f"{path.stem}_STAGING".upper()
    # COPY reads no JSON text into an array, so such columns pass through a table that has them as text.
    plain = ", ".join(
        f"C{place} {'VARCHAR' if kind.is_json else kind.sql}" for place, kind in enumerate(kinds.values())
    )
    typed = ", ".join(f"{quote_name(name)} {kind.sql}" for name, kind in kinds.items())
    cursor.execute(f"CREATE OR REPLACE TABLE {staging} ({plain})")
    cursor.execute(f"CREATE OR REPLACE TABLE {address} ({typed})")
    cursor.execute(f"PUT file://{path} @{STAGE} AUTO_COMPRESS=FALSE OVERWRITE=TRUE")
    cursor.execute(
        f"COPY INTO {staging} FROM @{STAGE}/{path.name} "
        "FILE_FORMAT=(TYPE=PARQUET) MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE"
    )
    chosen = ", ".join(
        f"PARSE_JSON(C{place})::{kind.sql}" if kind.is_json else f"C{place}"
        for place, kind in enumerate(kinds.values())
    )
    cursor.execute(f"INSERT INTO {address} SELECT {chosen} FROM {staging}")  # noqa: S608 -- names are quoted
    cursor.execute(f"DROP TABLE {staging}")


def address_parts(address: str) -> list[str]:
    """The three names of an address that `address_of` made, each still in its quotes."""
    parts, current, quoted = [], "", False
    for character in address:
        quoted ^= character == '"'
        if character == "." and not quoted:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]
