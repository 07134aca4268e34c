"""The table that everybody writes to, its rows, and its history."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from cassandra.concurrent import execute_concurrent_with_args

from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.dual_write.shape import TableShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cassandra.cluster import Session
    from snowflake.connector.cursor import SnowflakeCursor

TABLE = "events"
DAY = dt.date(2013, 1, 1)
ROWS_A_PARTITION = 20
COLUMNS = {
    "customer": "text",
    "day": "date",
    "n": "int",
    "kind": "text",
    "amount": "int",
    "tags": "set<text>",
    "s": "text",
}
KEY = ("customer", "day", "n")
VALUES = tuple(name for name in COLUMNS if name not in KEY)
CREATE = (
    "CREATE TABLE {}.events (customer text, day date, n int, kind text, amount int, tags set<text>, s text static, "
    "PRIMARY KEY ((customer, day), n))"
)
WITH_CLIENT_TIMESTAMPS = " WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
_MIGRATION_FILE = Path(__file__).parents[2] / "dags/migrations/flights.yaml"

Cells = tuple[Any, ...]
Rows = dict[Cells, Cells]
"""By key, the other columns. A partition of static columns only has a key whose last part is None."""


def migration(*, keyspace: str, order: str, history_table: str) -> Migration:
    """Return a migration of this table alone, under the keyspace's name; the same keyspace on both sides."""
    content = json.loads(load_migration(_MIGRATION_FILE).canonical_json())
    content["migration"] = keyspace
    content["source"]["keyspace"] = content["target"]["keyspace"] = keyspace
    content["backfill"]["order"] = order
    content["tables"] = {
        TABLE: {
            "schema": {
                "columns": [{name: kind} for name, kind in COLUMNS.items()],
                "partition_keys": ["customer", "day"],
                "clustering_keys": [{"n": "ASC"}],
                "static_columns": ["s"],
            },
            "throughput": {"mode": "PAY_PER_REQUEST"},
            "history": {
                "table": f"ANALYTICS.PUBLIC.{history_table}",
                "version_column": "VERSION",
                "deleted_column": "IS_DELETED",
            },
        }
    }
    return Migration.from_canonical_json(json.dumps(content))


def shape_of(made: Migration) -> TableShape:
    """Return the table as writers know it."""
    return TableShape.from_migration(TABLE, made.tables[TABLE])


def customer(number: int) -> str:
    """Return the name of a partition."""
    return f"customer-{number:06d}"


def fill(session: Session, keyspace: str, rows: int) -> None:
    """Write rows as an application did an hour ago."""
    insert = session.prepare(
        f"INSERT INTO {keyspace}.events (customer, day, n, kind, amount, tags, s) "  # noqa: S608 - our names
        "VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
    )
    an_hour_ago_us = int((dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).timestamp()) * 1_000_000
    made = (
        (customer(number // ROWS_A_PARTITION), DAY, number % ROWS_A_PARTITION, "first", number, {"old"}, "first", when)
        for number, when in enumerate(range(an_hour_ago_us, an_hour_ago_us + rows))
    )
    execute_concurrent_with_args(session, insert, made, concurrency=200, raise_on_first_error=True)


def read(session: Session, keyspace: str) -> Rows:
    """Return all that a store has."""
    columns = ", ".join((*KEY, *VALUES))
    rows = session.execute(f"SELECT {columns} FROM {keyspace}.events", timeout=120)  # noqa: S608 - our names
    return {(row[0], row[1].date(), row[2]): tuple(map(_plain, row[3:])) for row in rows}


class HistoryTable:
    """The table's history in Snowflake: every version that somebody took note of, and which rows are gone."""

    def __init__(self, cursor: SnowflakeCursor, name: str) -> None:
        self._cursor = cursor
        self._name = name
        self._known: Rows = {}
        self._version = 0
        self._columns = (*KEY, *VALUES, "version", "is_deleted")
        kinds = ("VARCHAR", "DATE", "NUMBER(38,0)", "VARCHAR", "NUMBER(38,0)", "ARRAY", "VARCHAR", "NUMBER(38,0)")
        described = dict(zip(self._columns, (*kinds, "BOOLEAN"), strict=True))
        for table, array in ((name, "ARRAY"), (f"{name}_STAGING", "VARCHAR")):
            columns = ", ".join(f"{key.upper()} {array if of == 'ARRAY' else of}" for key, of in described.items())
            cursor.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")

    def follow(self, rows: Rows) -> None:
        """Add what changed and what went since the last time. Partitions without a row have no place in it."""
        self._version += 1
        now = {key: cells for key, cells in rows.items() if key[-1] is not None}
        changed = ((key, cells, False) for key, cells in now.items() if self._known.get(key) != cells)
        gone = ((key, (None,) * len(VALUES), True) for key in self._known.keys() - now.keys())
        self._append([*changed, *gone])
        self._known = now

    def _append(self, versions: Iterable[tuple[Cells, Cells, bool]]) -> None:
        lines: list[Mapping[str, Any]] = [
            dict(zip(self._columns, (*key, *map(_json_set, cells), self._version, deleted), strict=True))
            for key, cells, deleted in versions
        ]
        types = (pa.string(), pa.date32(), pa.int64(), pa.string(), pa.int64(), pa.string(), pa.string(), pa.int64())
        schema = pa.schema([(name.upper(), of) for name, of in zip(self._columns, (*types, pa.bool_()), strict=True)])
        upper = [{name.upper(): value for name, value in line.items()} for line in lines]
        staging = f"{self._name}_STAGING"
        chosen = ", ".join("PARSE_JSON(TAGS)::ARRAY" if name == "tags" else name.upper() for name in self._columns)
        with tempfile.TemporaryDirectory() as folder:
            # COPY INTO passes over a file that it has loaded before, by its name.
            path = Path(folder) / f"{self._name.lower()}_{self._version}.parquet"
            pq.write_table(pa.Table.from_pylist(upper, schema), path)
            self._cursor.execute(f"CREATE OR REPLACE STAGE {self._name}_STAGE")
            self._cursor.execute(f"PUT file://{path} @{self._name}_STAGE AUTO_COMPRESS=FALSE OVERWRITE=TRUE")
            self._cursor.execute(f"DELETE FROM {staging}")  # noqa: S608 - our names
            self._cursor.execute(
                f"COPY INTO {staging} FROM @{self._name}_STAGE/{path.name} "
                "FILE_FORMAT=(TYPE=PARQUET) MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE"
            )
        self._cursor.execute(f"INSERT INTO {self._name} SELECT {chosen} FROM {staging}")  # noqa: S608 - our names


def _plain(value: Any) -> Any:  # noqa: ANN401 - a value of any column
    return frozenset(value) if value is not None and not isinstance(value, str | int) else value


def _json_set(value: Any) -> Any:  # noqa: ANN401 - a value of any column
    return json.dumps(sorted(value)) if isinstance(value, frozenset) else value
