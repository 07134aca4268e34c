"""The backfill in real Spark: local Keyspaces with TLS and password, Snowflake's stand-in, a ledger in PostgreSQL."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector
import sqlalchemy as sa

from keyspaces_migration.backfill import History, plan_backfill, verify_counts
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.entrypoints.history_secret import HistorySecret, history_cursor
from keyspaces_migration.entrypoints.secret_model import parse_secret
from keyspaces_migration.entrypoints.spark_process import SparkProcess
from keyspaces_migration.entrypoints.spark_submission import SparkRun, spark_environment, spark_home
from keyspaces_migration.ledger import RunConfiguration, open_ledger
from keyspaces_migration.ledger.backfill_records import SplitState
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.schema import backfill_splits
from keyspaces_migration.lifecycle import Stage
from keyspaces_provider.operators.backfill_spark import LoadBySparkSubmitOperator, SparkFailedError
from rehearsal.data.schema import MIGRATED
from rehearsal.data.tables import Sample
from rehearsal.processes import wait_until
from rehearsal.servers import comparison
from rehearsal.settings import Component, WorldPorts, WorldSettings
from rehearsal.world import World
from tests.keyring import KEYRING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from cassandra.cluster import Session

    from tests.postgresql import Postgresql

MIGRATION_FILE = Path(__file__).parents[2] / "dags/migrations/flights.yaml"
DAG = "flights.historical_backfill"
DAYS = 1
SAMPLE = Sample(days=DAYS)
ROWS = sum(len(table.rows) for table in SAMPLE.tables())
PARTS = frozenset({Component.TARGET, Component.SNOWFLAKE, Component.AWS})
STAMPED = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
SECRETS = "keyspaces-migration/flights"
NUMBERS = itertools.count(1)
LEASE_S = 10
"""Shorter than the real one: a test waits for it."""


def migration_with(*, keyspace: str, units_per_s: int, secrets: bool = False) -> Migration:
    """flights.yaml with Spark as its engine."""
    content = json.loads(load_migration(MIGRATION_FILE).canonical_json())
    names = {part: f"{SECRETS}/{part}" for part in ("target", "history", "ledger")}
    content["backfill"] |= {
        "engine": "SPARK",
        "spark": {"spark_submit": {"master": "local"}, "executors": 2, "secrets": names if secrets else None},
    }
    content["target"]["keyspace"] = keyspace
    content["backfill"]["budget"] = {"max_write_units_per_s": units_per_s, "max_cost_usd": 5}
    return Migration.from_canonical_json(json.dumps(content))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("spark") / "world"
    with World(WorldSettings(home=home, ports=WorldPorts.free(), components=PARTS, days=DAYS)) as up:
        yield up


@pytest.fixture
def target(world: World) -> Iterator[Session]:
    """A session with the target, where the tables are, empty: in a keyspace of the test's own.

    Rows that a test before left can't be deleted: a load stamps its rows below the time of such a delete.
    """
    keyspace = f"spark_{next(NUMBERS)}"
    with world.target.session() as session:
        session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SingleRegionStrategy'}}")
        there = f"SELECT keyspace_name FROM system_schema_mcs.keyspaces WHERE keyspace_name = '{keyspace}'"
        until(world, "keyspace", lambda: session.execute(there).one() is not None)
        session.set_keyspace(keyspace)
        for statement in MIGRATED:
            own = statement.replace("CREATE TABLE flights.", f"CREATE TABLE {keyspace}.")
            session.execute(f"{own} {'AND' if ' WITH ' in own else 'WITH'} {STAMPED}")
        tables = f"SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = '{keyspace}'"
        until(world, "tables", lambda: [row.status for row in session.execute(tables)] == ["ACTIVE"] * len(MIGRATED))
        yield session


def until(world: World, name: str, is_so: Any) -> None:
    wait_until(lambda: None if is_so() else "not yet", name=name, log=world.target.log, timeout_s=60)


@dataclass
class Run:
    """A planned run, and Spark on it."""

    world: World
    migration: Migration
    run_id: str
    ledger_url: str
    folder: Path
    lines: list[str] = field(default_factory=list)

    @property
    def ledger(self) -> BackfillLedger:
        return BackfillLedger(open_ledger(self.ledger_url, keyring=KEYRING))

    def plan(self, *, rows_a_split: int) -> int:
        """Plan, and return how many splits there are."""
        ledger, now = open_ledger(self.ledger_url, keyring=KEYRING), dt.datetime.now(dt.UTC)
        ledger.record_run(
            RunConfiguration.of(
                self.migration, stage=Stage.HISTORICAL_BACKFILL, dag_id=DAG, run_id=self.run_id, recorded_at=now
            )
        )
        with self.history() as cursor:
            plan = plan_backfill(
                History(cursor, snowflake.connector.Error),
                self.ledger,
                self.migration,
                dag_id=DAG,
                run_id=self.run_id,
                barrier_us=None,
                now=now,
                rows_a_split=rows_a_split,
            )
        assert plan.rows == ROWS
        return sum(len(table.splits) for table in plan.tables)

    def history(self) -> AbstractContextManager[Any]:
        secret = parse_secret(json.dumps(comparison.history(self.world.snowflake)), HistorySecret, name="history")
        return history_cursor(secret, folder=self.folder)

    def ledger_secret(self) -> dict[str, Any]:
        return {"url": self.ledger_url, "secret_keys": json.loads(KEYRING.to_json())}

    def secrets_file(self) -> Path:
        file = self.folder / "secrets.json"
        stores = {
            "target": comparison.target(self.world.target.contact),
            "history": comparison.history(self.world.snowflake),
        }
        file.touch(mode=0o600)
        file.write_text(json.dumps(stores | {"ledger": self.ledger_secret()}))
        return file

    def command(self, *, secrets_file: Path | None) -> list[str]:
        run = SparkRun.of(self.migration, dag_id=DAG, run_id=self.run_id)
        command = run.submit_command(spark_home=spark_home(os.environ), secrets_file=secrets_file)
        return [*command, "--lease-s", str(LEASE_S)]

    def environment(self) -> dict[str, str]:
        aws = {
            "AWS_ENDPOINT_URL": self.world.aws.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        return spark_environment(os.environ | aws, home=spark_home(os.environ))

    def submit(self, *, secrets_file: Path | None) -> tuple[int, dict[str, Any]]:
        """Run Spark; return its exit status, and what its last line says."""
        self.lines.clear()
        process = SparkProcess(
            self.command(secrets_file=secrets_file), environment=self.environment(), report=self.lines.append
        )
        status = process.run()
        summaries = [line for line in self.lines if line.startswith('{"splits"')]
        return status, json.loads(summaries[-1]) if summaries else {}

    def splits(self) -> dict[int, tuple[SplitState, int]]:
        columns = (backfill_splits.c.id, backfill_splits.c.state, backfill_splits.c.attempt)
        with self.ledger._ledger.reading() as connection:
            return {row[0]: (row[1], row[2]) for row in connection.execute(sa.select(*columns))}

    def done(self) -> dict[int, int]:
        return {split: attempt for split, (state, attempt) in self.splits().items() if state is SplitState.DONE}


@pytest.fixture
def run(world: World, target: Session, postgresql: Postgresql, tmp_path: Path, request: pytest.FixtureRequest) -> Run:
    return Run(
        world=world,
        migration=migration_with(keyspace=target.keyspace, **request.param),
        run_id=tmp_path.name,
        ledger_url=postgresql.new_database(),
        folder=tmp_path,
    )


def found(session: Session, table: Any) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    columns = ", ".join(table.all_columns)
    rows = (
        tuple(map(as_sample, row)) for row in session.execute(f"SELECT {columns} FROM {session.keyspace}.{table.name}")
    )
    return {row[: len(table.key)]: row for row in rows}


def as_sample(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC)
    if hasattr(value, "days_from_epoch"):
        return value.date()
    return {"SortedSet": set, "OrderedMapSerializedKey": dict}.get(type(value).__name__, lambda same: same)(value)


def assert_all_is_there(run: Run, session: Session) -> None:
    for table in SAMPLE.tables():
        assert found(session, table) == {row[: len(table.key)]: row for row in table.rows}, table.name
    verified = verify_counts(session, run.ledger, run.migration, dag_id=DAG, run_id=run.run_id)
    assert verified.agrees, verified.summary()
    assert verified.summary()["rows_backfilled"] == ROWS


@pytest.mark.full
@pytest.mark.parametrize("run", [{"units_per_s": 800}], indirect=True, ids=["slowly"])
def test_two_workers_share_a_run_and_a_second_submission_repeats_nothing(run: Run, target: Session) -> None:
    splits, secrets_file = run.plan(rows_a_split=60), run.secrets_file()
    status, summary = run.submit(secrets_file=secrets_file)
    assert status == 0, "\n".join(run.lines)
    assert (summary["splits"], summary["written"], summary["dead"]) == (splits, ROWS, 0)
    assert_all_is_there(run, target)
    workers = list(summary["rows_by_worker"])
    assert [worker.rpartition("/")[2] for worker in workers] == ["0", "1"]
    assert len({worker.rpartition("/")[0] for worker in workers}) == 1
    assert all(rows > ROWS / 4 for rows in summary["rows_by_worker"].values()), summary
    before = run.splits()
    assert set(before.values()) == {(SplitState.DONE, 1)}
    status, summary = run.submit(secrets_file=secrets_file)
    assert (status, summary["splits"]) == (0, 0), "\n".join(run.lines)
    assert run.splits() == before


@pytest.mark.parametrize("run", [{"units_per_s": 300}], indirect=True, ids=["more slowly"])
@pytest.mark.full
def test_spark_killed_with_all_its_workers_is_resumed_without_a_loss(run: Run, target: Session) -> None:
    splits, secrets_file = run.plan(rows_a_split=60), run.secrets_file()
    command = run.command(secrets_file=secrets_file)
    with (run.folder / "log").open("w") as log:
        spark = subprocess.Popen(
            command, env=run.environment(), stdout=log, stderr=log, start_new_session=True, stdin=subprocess.DEVNULL
        )
    try:
        wait_until(
            lambda: None if len(run.done()) >= 3 else (run.folder / "log").read_text()[-2_000:],
            name="three splits",
            log=run.folder / "log",
            timeout_s=180,
        )
    finally:
        os.killpg(spark.pid, signal.SIGKILL)
        assert spark.wait() == -signal.SIGKILL
    done = run.done()
    assert 3 <= len(done) < splits
    # Otherwise the kill came between splits, and there would be nothing to lose.
    assert SplitState.CLAIMED in {state for state, _ in run.splits().values()}
    status, summary = run.submit(secrets_file=secrets_file)
    assert status == 0, "\n".join(run.lines)
    assert summary["splits"] == splits - len(done)
    after = run.done()
    assert len(after) == splits
    assert {split: after[split] for split in done} == done
    assert_all_is_there(run, target)


@pytest.mark.full
@pytest.mark.parametrize("run", [{"units_per_s": 4_000, "secrets": True}], indirect=True, ids=["quickly"])
def test_executors_read_secrets_manager_themselves_and_nothing_shows_what_is_in_it(run: Run, target: Session) -> None:
    splits = run.plan(rows_a_split=400)
    comparison.put_secrets(run.world.aws, {"ledger": run.ledger_secret()})
    status, summary = run.submit(secrets_file=None)
    assert status == 0, "\n".join(run.lines)
    assert summary["splits"] == splits
    assert_all_is_there(run, target)
    shown = "\n".join([*run.lines, *run.command(secrets_file=None)])
    password = run.world.target.contact.password
    for secret in (password, run.ledger_url, *KEYRING.encoded_keys().values()):
        assert secret
        assert secret not in shown


class AirflowTask:
    """What an operator is given of Airflow, for a run on the world's own connections."""

    def __init__(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        for connection in run.world.connections():
            name = f"AIRFLOW_CONN_{connection.connection_id.upper()}"
            body = {key: value for key, value in connection.body().items() if key != "connection_id"}
            monkeypatch.setenv(name, json.dumps(body | {"extra": connection.extra}))
        monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_LEDGER", run.ledger_url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(run.world.snowflake.ca_file))
        self.file = run.folder / "flights.yaml"
        self.file.write_text(run.migration.canonical_json())
        self.context: Any = {"dag_run": SimpleNamespace(dag_id=DAG, run_id=run.run_id)}


@pytest.mark.parametrize("run", [{"units_per_s": 4_000}], indirect=True, ids=["quickly"])
def test_the_task_hands_its_connections_to_spark_and_leaves_nothing_of_them(
    run: Run, target: Session, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The ledger is an SQLite file here, which workers of one machine may share."""
    run.ledger_url = f"sqlite:///{run.folder}/ledger.db"
    splits, airflow = run.plan(rows_a_split=400), AirflowTask(run, monkeypatch)
    temporary = run.folder / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    operator = LoadBySparkSubmitOperator(
        task_id="load", migration_file=str(airflow.file), ledger_conn_id="flights_ledger"
    )
    with caplog.at_level(logging.INFO):
        done = operator.execute(airflow.context)
    assert done == {"splits": splits, "rows_read": ROWS, "written": ROWS, "expired": 0, "dead": 0}
    assert_all_is_there(run, target)
    assert list(temporary.iterdir()) == []
    password = run.world.target.contact.password
    assert password
    assert password not in json.dumps(done)
    assert password not in caplog.text


@pytest.mark.full
@pytest.mark.parametrize("run", [{"units_per_s": 4_000}], indirect=True, ids=["quickly"])
def test_a_job_whose_workers_fail_fails_the_task_and_the_ledger_says_why(
    run: Run, target: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert target is not None
    run.ledger_url = f"sqlite:///{run.folder}/ledger.db"
    run.plan(rows_a_split=4_000)
    airflow = AirflowTask(run, monkeypatch)
    with run.history() as cursor:
        for table in run.ledger.tables(dag_id=DAG, run_id=run.run_id):
            cursor.execute(f"DROP TABLE {table.snapshot}")
    operator = LoadBySparkSubmitOperator(
        task_id="load", migration_file=str(airflow.file), ledger_conn_id="flights_ledger"
    )
    with pytest.raises(SparkFailedError, match="spark-submit ended with 1"):
        operator.execute(airflow.context)
    assert run.done() == {}
    with run.ledger._ledger.reading() as connection:
        reasons = set(connection.scalars(sa.select(backfill_splits.c.reason)))
    assert any(reason and reason.startswith("HistoryUnusableError") for reason in reasons), reasons


@pytest.mark.parametrize("run", [{"units_per_s": 4_000}], indirect=True, ids=["quickly"])
def test_a_file_that_others_may_read_is_refused_before_spark_starts(run: Run) -> None:
    file = run.secrets_file()
    file.chmod(0o644)
    script = Path(run.command(secrets_file=file)[-11])
    assert script.name == "spark_backfill.py"
    refused = subprocess.run(
        [sys.executable, str(script), "--dag-id", DAG, "--run-id", "x", "--workers", "1", "--secrets-file", str(file)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 3
    assert "has mode 0644; allowed: 0600" in refused.stderr
