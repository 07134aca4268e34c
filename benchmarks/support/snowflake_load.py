"""A whole load of the benchmark's rows, from the Snowflake stand-in: as `historical_backfill` does it."""

import json
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fakesnow
import pyarrow as pa
import pyarrow.parquet as pq
import snowflake.connector

from benchmarks.support.backfill_runs import KEYRING, loading, plan_run
from keyspaces_migration.backfill import History, load_splits
from keyspaces_migration.backfill.rows import SplitReader
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.clients import SessionSettings, open_session
from keyspaces_migration.config import Migration
from keyspaces_migration.ledger import open_ledger
from keyspaces_migration.ledger.backfill_records import LoadMode
from keyspaces_migration.ledger.backfills import BackfillLedger

HISTORY_TABLE = "ANALYTICS.PUBLIC.EVENTS"
_DAG = "bench.historical_backfill"
_BY_NAME = "MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE"
_TYPES = {pa.string(): "VARCHAR", pa.int64(): "NUMBER(38,0)", pa.float64(): "FLOAT", pa.date32(): "DATE"}


@dataclass(frozen=True)
class SnowflakeLoad:
    """The stand-in's address, and where the ledgers of the rounds lie."""

    address: dict[str, Any]
    home: Path
    migration: Migration

    @classmethod
    def stored(cls, home: Path, migration: Migration) -> "SnowflakeLoad":
        """Return what another process left in a folder."""
        return cls(json.loads((home / "snowflake.json").read_text()), home, migration)

    def fill(self, table: pa.Table) -> None:
        """Store the rows as the history, its columns in capitals."""
        path = self.home / "history.parquet"
        moments = {name for name, kind in zip(table.column_names, table.schema.types, strict=True) if _is_moment(kind)}
        plain = table
        for name in moments:
            plain = plain.set_column(plain.column_names.index(name), name, plain[name].cast(pa.timestamp("us")))
        pq.write_table(plain.rename_columns([name.upper() for name in plain.column_names]), path)
        columns = ", ".join(
            f"{name.upper()} {'TIMESTAMP_NTZ' if name in moments else _TYPES[kind]}"
            for name, kind in zip(table.column_names, table.schema.types, strict=True)
        )
        with self._cursor() as cursor:
            for statement in (
                "CREATE OR REPLACE STAGE BENCH",
                f"PUT file://{path} @BENCH AUTO_COMPRESS=FALSE OVERWRITE=TRUE",
                f"CREATE OR REPLACE TABLE {HISTORY_TABLE} ({columns})",
                f"COPY INTO {HISTORY_TABLE} FROM @BENCH/{path.name} FILE_FORMAT=(TYPE=PARQUET) {_BY_NAME}",
            ):
                cursor.execute(statement)

    def plan(self, run_id: str) -> None:
        """Plan a run in a ledger of its own; the clients load the run that was planned last."""
        ledger = open_ledger(self._url(run_id), keyring=KEYRING)
        with self._cursor() as cursor:
            plan_run(cursor, self.migration, ledger=ledger, dag_id=_DAG, run_id=run_id)
        (self.home / "snowflake.json").write_text(json.dumps(self.address))
        (self.home / "run_id").write_text(run_id)

    def load(self, port: int) -> int:
        """Load the planned run; return how many rows were written."""
        run_id = (self.home / "run_id").read_text()
        settings = SessionSettings(hosts=("127.0.0.1",), port=port)
        with self._cursor() as cursor, open_session(settings) as session:
            given = loading(cursor, session, self.migration, settings=settings, ledger_url=self._url(run_id))
            return load_splits(given, dag_id=_DAG, run_id=run_id, barrier_us=None).counts.written

    def read(self) -> int:
        """Read all splits of the planned run, as a load does; return how many rows came."""
        run_id = (self.home / "run_id").read_text()
        (table,) = self._ledger(run_id).tables(dag_id=_DAG, run_id=run_id)
        (name,) = self.migration.tables
        target = Target.of(self.migration, name)
        with self._cursor() as cursor:
            reader = SplitReader(
                history=History(cursor, snowflake.connector.Error),
                target=target,
                snapshot=table.snapshot,
                mode=LoadMode.FULL,
            )
            splits = self._ledger(run_id).splits(dag_id=_DAG, run_id=run_id, table=name)
            return sum(part.num_rows for split in splits for part in reader.rows(split))

    def _ledger(self, run_id: str) -> BackfillLedger:
        return BackfillLedger(open_ledger(self._url(run_id), keyring=KEYRING))

    def _url(self, run_id: str) -> str:
        return f"sqlite:///{self.home}/{run_id}.db"

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        opened = snowflake.connector.connect(**self.address, database="ANALYTICS", schema="PUBLIC")
        with closing(opened) as connection, connection.cursor() as cursor:
            yield cursor


@contextmanager
def stand_in(home: Path, migration: Migration) -> Iterator[SnowflakeLoad]:
    """Run the stand-in in this process, which is none of those that are measured."""
    with fakesnow.server() as address:
        logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
        yield SnowflakeLoad(dict(address), home, migration)


def _is_moment(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind))
