"""Loads that are killed with -9 at random moments and run again: is a row lost, wrong, or a finished split repeated?

    make bench NAME=backfill-resume         RUNS=50 DAYS=7

One real Cassandra node, one Snowflake stand-in with some days of flights. Each run loads all four tables into empty
ones: a worker of its own process is killed after a random time, and another takes its place, up to three times; the
last one may end. Then every row of the target is compared with the sample, and the ledger with what it said was done at
each kill. The last line is one JSON object.
"""

import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import fakesnow
import snowflake.connector
import sqlalchemy as sa
from cassandra.cluster import Session

from benchmarks.support.backfill_runs import KEYRING, loading, plan_run
from keyspaces_migration.backfill import load_splits
from keyspaces_migration.clients import SessionSettings, open_session
from keyspaces_migration.config import load_migration
from keyspaces_migration.ledger import open_ledger
from keyspaces_migration.ledger.backfill_records import SplitState
from keyspaces_migration.ledger.schema import backfill_splits
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.data import history as sample_history
from rehearsal.data.schema import MIGRATED
from rehearsal.data.tables import Sample, SampleTable
from rehearsal.ports import free_ports

RUNS = int(os.environ.get("RUNS", "50"))
DAYS = int(os.environ.get("DAYS", "7"))
KILLS = 3
LONGEST_LIFE_S = 4.0
ROWS_A_SPLIT = 500
DAG = "flights.historical_backfill"
MIGRATION_FILE = Path("dags/migrations/flights.yaml")
KEYSPACE = "CREATE KEYSPACE flights WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"


def work(setting: dict[str, Any]) -> None:
    """A worker: it loads until all is done, or until it is killed."""
    settings = SessionSettings(hosts=(setting["host"],), port=setting["port"])
    migration = load_migration(MIGRATION_FILE)
    with (
        closing(
            snowflake.connector.connect(**setting["snowflake"], database="ANALYTICS", schema="PUBLIC")
        ) as connection,
        connection.cursor() as cursor,
        open_session(settings) as session,
    ):
        with_all = loading(cursor, session, migration, settings=settings, ledger_url=setting["ledger"])
        print("begins", flush=True)
        load_splits(with_all, dag_id=DAG, run_id=setting["run_id"], barrier_us=None)


def attempts(ledger: str) -> dict[int, int]:
    """By split that is done: how often it was begun."""
    query = sa.select(backfill_splits.c.id, backfill_splits.c.attempt)
    with sa.create_engine(ledger, poolclass=sa.NullPool).connect() as connection:
        found = connection.execute(query.where(backfill_splits.c.state == SplitState.DONE))
        return dict(found.tuples().all())


def run_killed(setting: dict[str, Any]) -> tuple[int, int]:
    """Load with kills on the way; return how many there were, and how many finished splits were begun again."""
    chance, kills, repeated = random.SystemRandom(), 0, 0
    done: dict[int, int] = {}
    while True:
        command = [sys.executable, __file__, "worker", json.dumps(setting)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None  # noqa: S101 # a pipe was asked for
            if not worker.stdout.readline():
                raise RuntimeError(f"the worker ended with {worker.wait()} before it began")
            if kills < KILLS:
                try:
                    worker.wait(timeout=chance.uniform(0.0, LONGEST_LIFE_S))
                except subprocess.TimeoutExpired:
                    worker.send_signal(signal.SIGKILL)
                    kills += 1
        now = attempts(setting["ledger"])
        repeated += sum(now.get(split) != attempt for split, attempt in done.items())
        done = now
        if worker.returncode == 0:
            return kills, repeated
        if worker.returncode != -signal.SIGKILL:
            raise RuntimeError(f"the worker ended with {worker.returncode}")


def compare(session: Session, table: SampleTable) -> tuple[int, int]:
    """Return how many rows are lost, and how many are wrong or too many."""
    rows = session.execute(f"SELECT {', '.join(table.all_columns)} FROM flights.{table.name}")  # our names
    found = {row[: len(table.key)]: row for row in (tuple(map(as_sample, row)) for row in rows)}
    expected = {row[: len(table.key)]: row for row in table.rows}
    wrong = sum(found[key] != row for key, row in expected.items() if key in found)
    return len(expected.keys() - found.keys()), wrong + len(found.keys() - expected.keys())


def as_sample(value: Any) -> Any:  # noqa: ANN401 # a value of any column
    """Return what the driver read as the sample has it."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    if hasattr(value, "days_from_epoch"):
        day: date = value.date()
        return day
    return {"SortedSet": set, "OrderedMapSerializedKey": dict}.get(type(value).__name__, lambda same: same)(value)


def main() -> None:
    """Run all and print the result."""
    sample, migration, (native, storage) = Sample(days=DAYS), load_migration(MIGRATION_FILE), free_ports(2)
    totals = {"runs": 0, "kills": 0, "lost": 0, "wrong": 0, "repeated_splits": 0}
    with tempfile.TemporaryDirectory(prefix="bench-resume-") as folder, fakesnow.server() as address:
        home = Path(folder)
        with (
            CassandraNode(NodeSettings(home=home / "node", native_port=native, storage_port=storage)) as node,
            open_session(SessionSettings(hosts=(node.host,), port=node.port)) as session,
            closing(snowflake.connector.connect(**address, database="ANALYTICS", schema="PUBLIC")) as connection,
            connection.cursor() as cursor,
        ):
            logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
            session.execute(KEYSPACE)
            for statement in MIGRATED:
                session.execute(statement)
            sample_history.load(cursor, sample, progress=lambda _: None)
            for number in range(RUNS):
                setting: dict[str, Any] = {
                    "host": node.host,
                    "port": node.port,
                    "snowflake": address,
                    "ledger": f"sqlite:///{home}/ledger-{number}.db",
                    "run_id": f"resume-{number}",
                }
                for table in sample.tables():
                    session.execute(f"TRUNCATE flights.{table.name}")
                ledger = open_ledger(setting["ledger"], keyring=KEYRING)
                plan_run(
                    cursor,
                    migration,
                    ledger=ledger,
                    dag_id=DAG,
                    run_id=setting["run_id"],
                    rows_a_split=ROWS_A_SPLIT,
                )
                kills, repeated = run_killed(setting)
                differences = [compare(session, table) for table in sample.tables()]
                totals["runs"] += 1
                totals["kills"] += kills
                totals["lost"] += sum(lost for lost, _ in differences)
                totals["wrong"] += sum(wrong for _, wrong in differences)
                totals["repeated_splits"] += repeated
                print(f"run {number + 1} of {RUNS}: {totals}", flush=True)
    print(json.dumps({"bench": "backfill-resume", **totals}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        work(json.loads(sys.argv[2]))
    else:
        main()
