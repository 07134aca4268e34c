"""The backfill in Spark on one machine: how fast it is, and how evenly its workers share the budget.

    make bench NAME=backfill-spark         DAYS=30 WORKERS=2 BUDGET=1000

Local Keyspaces and the Snowflake stand-in with some days of flights; spark-submit loads one table, each row of which is
one write unit, under a budget well below what the machine can read and write. A worker's share is what it wrote a
second from the moment when all were at work to the moment when the first had nothing left to claim. The last line is
one JSON object: `rows_per_s` counts from the first claim to the last split, `with_start_s` is all of spark-submit.
"""

import json
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.support.backfill_runs import KEYRING, plan_run
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.entrypoints.history_secret import HistorySecret, history_cursor
from keyspaces_migration.entrypoints.secret_model import parse_secret
from keyspaces_migration.entrypoints.spark_process import SparkProcess
from keyspaces_migration.entrypoints.spark_submission import SparkRun, spark_environment, spark_home
from keyspaces_migration.ledger import open_ledger
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.schema import backfill_splits
from rehearsal.data.schema import MIGRATED
from rehearsal.processes import wait_until
from rehearsal.servers import comparison
from rehearsal.settings import Component, WorldPorts, WorldSettings
from rehearsal.world import World

DAYS = int(os.environ.get("DAYS", "30"))
WORKERS = int(os.environ.get("WORKERS", "2"))
BUDGET = int(os.environ.get("BUDGET", "1000"))
ROWS_A_SPLIT = 500
TABLE = "flights_unarchived"
DAG, RUN = "flights.historical_backfill", "bench"
MIGRATION_FILE = Path("dags/migrations/flights.yaml")
PARTS = frozenset({Component.TARGET, Component.SNOWFLAKE})
STAMPED = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"


def migration() -> Migration:
    """Return the flights' migration with Spark as its engine."""
    content = json.loads(load_migration(MIGRATION_FILE).canonical_json())
    content["backfill"] |= {"engine": "SPARK", "spark": {"spark_submit": {"master": "local"}, "executors": WORKERS}}
    content["backfill"]["budget"] = {"max_write_units_per_s": BUDGET, "max_cost_usd": 50}
    return Migration.from_canonical_json(json.dumps(content))


def make_table(world: World) -> None:
    """Make the table on the target, and wait until it can be used."""
    keyspace = "SELECT keyspace_name FROM system_schema_mcs.keyspaces WHERE keyspace_name = 'flights'"
    table = f"SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = 'flights' AND table_name = '{TABLE}'"
    with world.target.session() as session:
        session.execute("CREATE KEYSPACE flights WITH replication = {'class': 'SingleRegionStrategy'}")
        wait_until(
            lambda: None if session.execute(keyspace).one() else "not there",
            name="keyspace",
            log=world.target.log,
            timeout_s=60,
        )
        statement = next(each for each in MIGRATED if f"flights.{TABLE} " in each)
        session.execute(f"{statement} WITH {STAMPED}")
        wait_until(
            lambda: None if getattr(session.execute(table).one(), "status", "") == "ACTIVE" else "not ACTIVE",
            name="table",
            log=world.target.log,
            timeout_s=60,
        )


def plan(world: World, file: Migration, ledger_url: str, *, folder: Path) -> int:
    """Plan the run, and return its rows."""
    ledger = open_ledger(ledger_url, keyring=KEYRING)
    secret = parse_secret(json.dumps(comparison.history(world.snowflake)), HistorySecret, name="history")
    with history_cursor(secret, folder=folder) as cursor:
        return plan_run(
            cursor, file, ledger=ledger, dag_id=DAG, run_id=RUN, tables=[TABLE], rows_a_split=ROWS_A_SPLIT
        ).rows


def submit(world: World, file: Migration, ledger_url: str, *, folder: Path) -> None:
    """Run spark-submit to its end."""
    secrets_file = folder / "secrets.json"
    secrets_file.touch(mode=0o600)
    secrets = {
        "target": comparison.target(world.target.contact),
        "history": comparison.history(world.snowflake),
        "ledger": {"url": ledger_url, "secret_keys": json.loads(KEYRING.to_json())},
    }
    secrets_file.write_text(json.dumps(secrets))
    home = spark_home(os.environ)
    command = SparkRun.of(file, dag_id=DAG, run_id=RUN).submit_command(spark_home=home, secrets_file=secrets_file)
    status = SparkProcess(command, environment=spark_environment(os.environ, home=home), report=print).run()
    if status:
        raise RuntimeError(f"spark-submit ended with {status}")


def loaded_splits(ledger_url: str) -> list[Any]:
    """Return worker, first claim, end and rows of each split."""
    columns = backfill_splits.c
    query = sa.select(columns.worker, columns.first_claimed_at, columns.finished_at, columns.rows_read)
    with BackfillLedger(open_ledger(ledger_url, keyring=KEYRING))._ledger.reading() as connection:  # noqa: SLF001 # no public way to each split's worker
        return list(connection.execute(query))


def shares(splits: list[Any]) -> dict[str, float]:
    """Return what each worker wrote a second while all were at work, by its slot."""
    by_worker = defaultdict(list)
    for split in splits:
        by_worker[split.worker.rpartition("/")[2]].append(split)
    together_from = max(min(each.first_claimed_at for each in own) for own in by_worker.values())
    together_to = min(max(each.finished_at for each in own) for own in by_worker.values())
    found = {}
    for worker, own in sorted(by_worker.items()):
        whole = [s for s in own if s.first_claimed_at >= together_from and s.finished_at <= together_to]
        took = max(s.finished_at for s in whole) - min(s.first_claimed_at for s in whole)
        found[worker] = sum(s.rows_read for s in whole) / took.total_seconds()
    return found


def main() -> None:
    """Run all and print the result."""
    file = migration()
    with tempfile.TemporaryDirectory(prefix="bench-spark-") as temporary:
        folder = Path(temporary)
        settings = WorldSettings(home=folder / "world", ports=WorldPorts.free(), components=PARTS, days=DAYS)
        with World(settings) as world:
            ledger_url = f"sqlite:///{folder}/ledger.db"
            make_table(world)
            rows = plan(world, file, ledger_url, folder=folder)
            began = time.monotonic()
            submit(world, file, ledger_url, folder=folder)
            took = time.monotonic() - began
        splits = loaded_splits(ledger_url)
    loading = max(s.finished_at for s in splits) - min(s.first_claimed_at for s in splits)
    share = shares(splits)
    result = {
        "bench": "backfill-spark",
        "rows": rows,
        "rows_per_s": round(rows / loading.total_seconds()),
        "with_start_s": round(took, 1),
        "executors": len(share),
        "budget_units_per_s": BUDGET,
        "share_of_budget": {worker: round(units_per_s) for worker, units_per_s in share.items()},
        "max_to_min": round(max(share.values()) / min(share.values()), 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
