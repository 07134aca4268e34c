"""The check's tasks over a real node with both keyspaces, the sample of one day, and fakesnow as the history.

The operators run as Airflow calls them, with its own accessors for asset events; the rest of the context is the few
attributes that they read.
"""

from __future__ import annotations

import datetime as dt
import json
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import fakesnow
import pytest
import snowflake.connector
import yaml
from airflow.sdk.execution_time.context import OutletEventAccessors
from cassandra.concurrent import execute_concurrent_with_args

from keyspaces_migration.approval import ApprovalRefusedError
from keyspaces_migration.clients import StoreUnreachableError
from keyspaces_migration.config import load_migration
from keyspaces_migration.consistency.kinds import Leader, MismatchKind, Store, Verdict
from keyspaces_migration.ledger import RunConfiguration, open_ledger
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.lifecycle import Milestone, Stage
from keyspaces_provider.history import HistoryUnreachableError
from keyspaces_provider.operators import repair
from keyspaces_provider.operators.consistency import (
    CheckNotPassedError,
    CheckNotRecordedError,
    ConsistencyCheckOperator,
    RequirePassOperator,
    consistency_asset,
)
from keyspaces_provider.operators.repair import CheckAgainOperator, PlanRepairOperator, RepairOperator
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.run import recorded_run
from rehearsal.data import history as sample_history
from rehearsal.data import source as sample_source
from rehearsal.data.schema import MIGRATED
from rehearsal.data.tables import Sample
from rehearsal.ports import free_ports
from tests.keyring import KEYRING
from tests.unit.keyspaces_provider.operators.provision_setting import server, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cassandra.cluster import Session

    from rehearsal.cassandra.node import CassandraNode

FILE = Path(__file__).parents[2] / "dags" / "migrations" / "flights.yaml"
DAG_ID = "flights.consistency_check"
TABLES = ("flights_unarchived", "departures", "planes", "weather")
TARGET = "flights_target"
SPOILT = "departures"


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    """The node with the sample's first day in `flights`, and a copy of it in `flights_target`."""
    with sample_source.opened(cassandra_node.host, cassandra_node.port) as opened:
        sample_source.load(opened, Sample(days=1), progress=lambda _line: None)
        opened.execute(
            f"CREATE KEYSPACE {TARGET} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        )
        for statement in MIGRATED:
            opened.execute(statement.replace("flights.", f"{TARGET}."))
        for table in TABLES:
            copy(opened, table)
        yield opened
        for keyspace in (TARGET, "flights"):
            opened.execute(f"DROP KEYSPACE {keyspace}")


def copy(session: Session, table: str) -> None:
    found = session.execute(f"SELECT * FROM flights.{table}")
    columns = found.column_names
    rows = [tuple(row) for row in found]
    assert rows
    insert = session.prepare(
        f"INSERT INTO {TARGET}.{table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    )
    execute_concurrent_with_args(session, insert, rows)


@pytest.fixture(scope="module")
def history() -> Iterator[None]:
    """The sample's history behind whatever connects to Snowflake."""
    with fakesnow.patch():
        with snowflake.connector.connect(database="ANALYTICS", schema="PUBLIC") as connection:
            sample_history.load(connection.cursor(), Sample(days=1), progress=lambda _line: None)
        yield


class Rehearsed:
    """Runs of the DAG's tasks, one after the other, over a ledger in which it is the check's turn."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "flights.yaml"
        self.write_file(TABLES)
        self.ledger = open_ledger(f"sqlite:///{folder}/ledger.db", keyring=KEYRING)
        self.events = OutletEventAccessors()
        self._runs = 0
        self.context: Any = None

    def write_file(self, tables: Sequence[str]) -> None:
        content = yaml.safe_load(FILE.read_text())
        content["target"]["keyspace"] = TARGET
        content["consistency"]["settle_time"] = "PT1S"
        content["tables"] = {name: content["tables"][name] for name in tables}
        self.file.write_text(yaml.safe_dump(content, sort_keys=False))

    def start(self, *, tables: Sequence[str] = (SPOILT, "weather")) -> None:
        """A new run that a person triggered, of a migration of these tables."""
        self.write_file(tables)
        self._runs += 1
        run = SimpleNamespace(
            dag_id=DAG_ID, run_id=f"manual__{self._runs}", run_type="manual", triggering_user_name="admin"
        )
        self.context = {"dag_run": run, "ti": SimpleNamespace(try_number=1), "outlet_events": self.events}
        RecordRunOperator(
            task_id="record_run", stage=Stage.CONSISTENCY_CHECK, migration_file=str(self.file), ledger_conn_id="ledger"
        ).execute(self.context)

    def check(self, *, seed: str = "None") -> dict[str, Any]:
        operator = ConsistencyCheckOperator(task_id="check", ledger_conn_id="ledger", migration="flights", seed=seed)
        return operator.execute(self.context)

    def verdict(self) -> str:
        return RequirePassOperator(task_id="verdict", ledger_conn_id="ledger").execute(self.context)

    def reach(self, *milestones: Milestone) -> None:
        """As if earlier stages had run."""
        migration, now = load_migration(self.file), dt.datetime.now(dt.UTC)
        earlier = RunConfiguration.of(
            migration,
            stage=Stage.HISTORICAL_BACKFILL,
            dag_id="flights.historical_backfill",
            run_id="earlier",
            recorded_at=now,
            recorded_by="admin",
        )
        self.ledger.record_run(earlier)
        for milestone in milestones:
            self.ledger.add_milestone(milestone, dag_id=earlier.dag_id, run_id=earlier.run_id, reached_at=now)


@pytest.fixture
def rehearsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cassandra_node: CassandraNode, session: Session, history: None
) -> Rehearsed:
    assert session
    assert history is None
    node = {"host": cassandra_node.host, "port": cassandra_node.port}
    extra = {"tls": False, "local_data_center": "datacenter1"}
    snowflake_extra = {"account": "rehearsal", "database": "ANALYTICS"}
    connections: dict[str, dict[str, Any]] = {
        "FLIGHTS_CASSANDRA": {"conn_type": "apache_cassandra", **node, "extra": extra},
        "FLIGHTS_KEYSPACES": {"conn_type": "amazon_keyspaces", **node, "extra": {**extra, "region": "us-east-1"}},
        "FLIGHTS_SNOWFLAKE": {
            "conn_type": "snowflake",
            "login": "reader",
            "password": "reader",
            "schema": "PUBLIC",
            "extra": snowflake_extra,
        },
    }
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    ready = Rehearsed(tmp_path)
    ready.reach(Milestone.ASSESSED, Milestone.PROVISIONED, Milestone.DUAL_WRITES_STARTED, Milestone.BACKFILL_COMPLETE)
    return ready


@contextmanager
def spoilt(session: Session) -> Iterator[dict[str, Any]]:
    """One row of the target has another destination meanwhile; its key, and what is right."""
    key = ("origin", "flight_date", "carrier", "sched_dep_time", "flight")
    row = session.execute(f"SELECT {', '.join(key)}, dest FROM {TARGET}.{SPOILT}").one()
    where = " AND ".join(f"{name} = ?" for name in key)
    update = session.prepare(f"UPDATE {TARGET}.{SPOILT} SET dest = ? WHERE {where}")
    session.execute(update, ("???", *row[:-1]))
    yield row._asdict()
    session.execute(update, (row.dest, *row[:-1]))


def test_a_true_copy_passes_and_leaves_verdict_report_and_event(rehearsed: Rehearsed) -> None:
    rehearsed.start(tables=TABLES)
    returned = rehearsed.check(seed="7")
    (recorded,) = CheckLedger(rehearsed.ledger).runs("flights")
    assert recorded.verdict is Verdict.PASS, recorded.sentence
    assert (recorded.run_id, recorded.attempt, recorded.seed) == ("manual__1", 1, 7)
    assert (recorded.settle_time_s, recorded.confidence, recorded.max_mismatch_rate) == (1.0, 0.99, 1e-4)
    assert returned["verdict"] == "pass"
    assert set(returned["tables"]) == set(TABLES)
    assert returned["rows_compared"] > 1_000
    event = rehearsed.events[consistency_asset("flights")].extra
    assert event == {name: value for name, value in returned.items() if name not in {"html", "markdown", "json"}}
    page = Path(returned["markdown"].removeprefix("file://")).read_text()
    assert page.startswith("# Consistency of flights: PASS")
    assert json.loads(Path(returned["json"].removeprefix("file://")).read_text())["plan"]["seed"] == 7
    kept = {report.path for report in rehearsed.ledger.reports("flights")}
    assert kept == {returned["html"], returned["markdown"], returned["json"]}
    assert Path(returned["html"].removeprefix("file://")).read_text().count("<svg") == 1
    assert rehearsed.verdict().startswith("PASS: ")


def test_a_row_spoilt_in_the_target_is_named_in_the_ledger_and_turns_the_run_red(
    rehearsed: Rehearsed, session: Session
) -> None:
    rehearsed.start()
    with spoilt(session) as row:
        returned = rehearsed.check()
    assert returned["verdict"] == "fail"
    assert rehearsed.events[consistency_asset("flights")].extra["verdict"] == "fail"
    mismatches = CheckLedger(rehearsed.ledger).mismatches(dag_id=DAG_ID, run_id="manual__1", attempt=1)
    assert {(found.store, found.kind) for found in mismatches} == {(Store.TARGET, MismatchKind.VALUE_DIFFERS)}
    assert {(found.table_name, found.key["flight"], found.columns) for found in mismatches} == {
        (SPOILT, row["flight"], ("dest",))
    }
    assert "value differs" in Path(returned["markdown"].removeprefix("file://")).read_text()
    with pytest.raises(CheckNotPassedError, match=r"^FAIL: departures; PASS: weather\. .*out of line is the target"):
        rehearsed.verdict()


def test_the_newest_check_of_the_run_decides_and_no_other_runs_check_does(
    rehearsed: Rehearsed, session: Session
) -> None:
    rehearsed.start()
    with spoilt(session):
        rehearsed.check()
    rehearsed.context["ti"].try_number = 2
    rehearsed.check()
    assert rehearsed.verdict().startswith("PASS: ")
    rehearsed.start()
    with pytest.raises(CheckNotRecordedError, match="manual__2"):
        rehearsed.verdict()


def test_a_store_that_does_not_answer_leaves_no_verdict(rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsed.start()
    (port,) = free_ports(1)
    extra = {"tls": False, "local_data_center": "datacenter1", "region": "us-east-1"}
    nobody = {"conn_type": "amazon_keyspaces", "host": "127.0.0.1", "port": port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_KEYSPACES", json.dumps(nobody))
    with pytest.raises(StoreUnreachableError):
        rehearsed.check()
    assert CheckLedger(rehearsed.ledger).runs("flights") == ()
    with pytest.raises(CheckNotRecordedError):
        rehearsed.verdict()


def test_a_history_that_does_not_answer_is_named_by_its_connection(
    rehearsed: Rehearsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_settings: Any) -> None:
        raise snowflake.connector.errors.OperationalError(msg="no route to the account")

    rehearsed.start()
    monkeypatch.setattr(snowflake.connector, "connect", refuse)
    with pytest.raises(HistoryUnreachableError, match=r"flights_snowflake: .*no route to the account"):
        rehearsed.check()
    assert CheckLedger(rehearsed.ledger).runs("flights") == ()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What Airflow's API says of gates."""
    said: dict[str, Any] = {}
    with server(said) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        api = {"conn_type": "http", "host": "127.0.0.1", "port": http.server_address[1], "login": "r", "password": "r"}
        monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_AIRFLOW", json.dumps(api))
        # No AppConfig runs here; tests/integration/test_canary.py has one.
        monkeypatch.setattr(repair, "leader_of", lambda _migration: Leader.SOURCE)
        yield said
        http.shutdown()
        thread.join()


def a_context(**read: Any) -> Any:
    """The part of Airflow's context that the operators read."""
    return read


class RepairRun:
    """Runs of the tasks of `repair`, one after the other."""

    def __init__(self, rehearsed: Rehearsed, *, run_id: str, dry_run: bool = False) -> None:
        self.file = rehearsed.file
        dag_run = SimpleNamespace(
            dag_id="flights.repair", run_id=run_id, run_type="manual", triggering_user_name="admin"
        )
        self.context = a_context(dag_run=dag_run, ti=SimpleNamespace(try_number=1), params={"dry_run": dry_run})
        RecordRunOperator(
            task_id="record_run", stage=Stage.REPAIR, migration_file=str(self.file), ledger_conn_id="ledger"
        ).execute(self.context)

    def plan(self) -> dict[str, Any]:
        return PlanRepairOperator(
            task_id="plan", ledger_conn_id="ledger", check_run_id="None", max_rows="None"
        ).execute(self.context)

    def approve(self, answers: dict[str, Any]) -> None:
        """As the one approver does at the gate, with the plan in front of them."""
        run = self.context["dag_run"]
        answers["approve_1"] = {
            "task_instance": {"task_id": "approve_1", "dag_id": run.dag_id, "dag_run_id": run.run_id},
            "body": shown(recorded_run(self.context, ledger_conn_id="ledger").evidence()),
            "responded_by_user": {"id": "admin"},
            "responded_at": dt.datetime.now(dt.UTC).isoformat(),
            "chosen_options": ["Approve"],
            "params_input": {"confirm_migration": "flights"},
        }

    def repair(self) -> dict[str, int]:
        return RepairOperator(task_id="repair", migration_file=str(self.file), ledger_conn_id="ledger").execute(
            self.context
        )

    def check_again(self) -> dict[str, int]:
        return CheckAgainOperator(task_id="check_again", ledger_conn_id="ledger").execute(self.context)


def test_what_a_check_found_is_planned_approved_and_repaired_and_the_next_check_passes(
    rehearsed: Rehearsed, session: Session, answers: dict[str, Any]
) -> None:
    rehearsed.start()
    with spoilt(session) as row:
        rehearsed.check()
        dry = RepairRun(rehearsed, run_id="dry", dry_run=True).plan()
        page = Path(dry["report"].removeprefix("file://")).read_text()
        assert "1 would be written" in page
        assert "This is a dry run" in page
        run = RepairRun(rehearsed, run_id="wet")
        assert run.plan()["rows"] == 1
        with pytest.raises(ApprovalRefusedError):
            run.repair()
        assert destination(session, TARGET, row) == "???"
        run.approve(answers)
        assert run.repair() == {"written": 1}
        assert destination(session, TARGET, row) == destination(session, "flights", row)
        assert run.check_again() == {"repaired": 1}
        rehearsed.start()
        assert rehearsed.check()["verdict"] == "pass"


def destination(session: Session, keyspace: str, row: dict[str, Any]) -> str:
    key = {name: value for name, value in row.items() if name != "dest"}
    where = " AND ".join(f"{name} = %s" for name in key)
    found = session.execute(f"SELECT dest FROM {keyspace}.{SPOILT} WHERE {where}", tuple(key.values()))
    return str(found.one().dest)
