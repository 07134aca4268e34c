"""Loads the history into the Snowflake stand-in, and compares it with what the source was given."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from rehearsal.data.source import SampleMismatchError
from rehearsal.data.versions import EXTRA_COLUMNS, history

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake.connector.cursor import SnowflakeCursor

    from rehearsal.data.tables import Sample, SampleTable

TEXT, WHOLE, REAL, DAY = (
    ("VARCHAR", pa.string()),
    ("NUMBER(38,0)", pa.int64()),
    ("FLOAT", pa.float64()),
    ("DATE", pa.date32()),
)
MOMENT = ("TIMESTAMP_NTZ", pa.timestamp("us"))
# A set or a list arrives as JSON text and becomes an array, a map an object.
MANY, MAP = ("ARRAY", pa.string()), ("OBJECT", pa.string())
SEMISTRUCTURED = (MANY[0], MAP[0])

TYPES = {
    **dict.fromkeys(("carrier", "tailnum", "origin", "dest", "note", "airport_name"), TEXT),
    **dict.fromkeys(("type", "manufacturer", "model", "engine"), TEXT),
    **dict.fromkeys(("sched_dep_time", "flight", "dep_time", "dep_delay", "arr_time", "sched_arr_time"), WHOLE),
    **dict.fromkeys(("arr_delay", "air_time", "distance", "year", "engines", "seats", "wind_dir", "version"), WHOLE),
    **dict.fromkeys(("visibility_miles", "temp", "dewp", "humid", "wind_speed", "wind_gust"), REAL),
    **dict.fromkeys(("precip", "pressure", "visib"), REAL),
    "flight_date": DAY,
    "time_hour": MOMENT,
    "destinations": MANY,
    "recent_delays": MANY,
    "flights_by_month": MAP,
    "is_deleted": ("BOOLEAN", pa.bool_()),
}

CONVERTED = frozenset({"time_hour", "destinations", "recent_delays", "flights_by_month"})


def load(cursor: SnowflakeCursor, sample: Sample, *, progress: Callable[[str], None]) -> dict[str, int]:
    """Replace the history's tables.

    Returns:
        Rows (versions) by table, which `verify` takes.
    """
    cursor.execute("CREATE OR REPLACE STAGE REHEARSAL")
    loaded = {}
    with tempfile.TemporaryDirectory() as folder:
        for table in sample.tables():
            progress(f"writing the versions of {table.name}")
            made = arrow_table(table)
            path = Path(folder) / f"{table.name}.parquet"
            pq.write_table(made, path)
            progress(f"loading {made.num_rows:,} versions of {table.name}")
            _load_file(cursor, table, path)
            loaded[snowflake_name(table)] = made.num_rows
    return loaded


def verify(
    cursor: SnowflakeCursor, sample: Sample, expected: dict[str, int], *, progress: Callable[[str], None]
) -> None:
    """Count versions, and keys whose newest version is not deleted: as many as the source has rows.

    Raises:
        SampleMismatchError: A count differs.
    """
    for table in sample.tables():
        name = snowflake_name(table)
        progress(f"counting {name}")
        keys = ", ".join(column.upper() for column in table.key)
        cursor.execute(
            f"SELECT COUNT(*), COUNT_IF(N = 1 AND NOT IS_DELETED) FROM (SELECT IS_DELETED, "  # noqa: S608 - our names
            f"ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY VERSION DESC) AS N FROM {name})"
        )
        found = _one(cursor)
        wanted = (expected[name], len(table.rows))
        if found != wanted:
            raise SampleMismatchError(
                f"{name} has {found[0]:,} versions and {found[1]:,} living keys; loaded were {wanted[0]:,}, and the "
                f"source has {wanted[1]:,} rows"
            )


def snowflake_name(table: SampleTable) -> str:
    """FLIGHTS for flights_unarchived: the suffix says how Keyspaces keeps it, which Snowflake does not care about."""
    return table.name.removesuffix("_unarchived").upper()


def arrow_table(table: SampleTable) -> pa.Table:
    """All versions with upper-case columns."""
    names = (*table.all_columns, *EXTRA_COLUMNS)
    columns = zip(*history(table), strict=True)
    arrays = [
        pa.array([_plain(value) for value in values] if name in CONVERTED else values, TYPES[name][1])
        for name, values in zip(names, columns, strict=True)
    ]
    return pa.table(arrays, names=[name.upper() for name in names])


def _load_file(cursor: SnowflakeCursor, table: SampleTable, path: Path) -> None:
    name = snowflake_name(table)
    columns = (*table.all_columns, *EXTRA_COLUMNS)
    staging = f"{name}_STAGING"
    # COPY reads no JSON text into an array, so such columns pass through a table that has them as text.
    for target, typed in ((staging, False), (name, True)):
        types = (TYPES[column][0] for column in columns)
        shown = (kind if typed or kind not in SEMISTRUCTURED else "VARCHAR" for kind in types)
        described = ", ".join(f"{column.upper()} {kind}" for column, kind in zip(columns, shown, strict=True))
        cursor.execute(f"CREATE OR REPLACE TABLE {target} ({described})")
    cursor.execute(f"PUT file://{path} @REHEARSAL AUTO_COMPRESS=FALSE OVERWRITE=TRUE")
    cursor.execute(
        f"COPY INTO {staging} FROM @REHEARSAL/{path.name} "
        "FILE_FORMAT=(TYPE=PARQUET) MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE"
    )
    chosen = ", ".join(_select(column) for column in columns)
    cursor.execute(f"INSERT INTO {name} SELECT {chosen} FROM {staging}")  # noqa: S608 - names of ours
    cursor.execute(f"DROP TABLE {staging}")


def _select(column: str) -> str:
    kind = TYPES[column][0]
    return f"PARSE_JSON({column.upper()})::{kind}" if kind in SEMISTRUCTURED else column.upper()


def _plain(value: Any) -> Any:  # noqa: ANN401 - a value of any column
    if isinstance(value, set):
        return json.dumps(sorted(value))
    if isinstance(value, (list, dict)):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)  # UTC, as the type has no zone
    return value


def _one(cursor: SnowflakeCursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    if not isinstance(row, tuple):
        raise SampleMismatchError(f"a count gave {row!r}")
    return row
