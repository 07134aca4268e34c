"""The backfill's tasks over a real node, the sample of one day, and the Snowflake stand-in as the history.

The operators run as Airflow calls them, with its own accessors for asset events; the rest of the context is the few
attributes that they read. What an approval takes is in `tests/unit/keyspaces_provider/operators/test_backfill_cost.py`,
and on real Airflow in `tests/end_to_end/test_load_gate.py`.
"""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
import yaml
from airflow.sdk.execution_time.context import OutletEventAccessors

from keyspaces_migration.backfill import NotUnloadedError, PlanRefusedError
from keyspaces_migration.clients import SessionSettings, open_session
from keyspaces_migration.config import load_migration
from keyspaces_migration.ledger import ReportKind, open_ledger
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.errors import PlanNotRecordedError
from keyspaces_migration.lifecycle import Milestone, Stage
from keyspaces_provider.history import snowflake_connection
from keyspaces_provider.operators.backfill import (
    CountsDifferError,
    LoadTableOperator,
    PlanBackfillOperator,
    VerifyBackfillOperator,
    backfill_asset,
)
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.operators.unload import UnloadTableOperator
from rehearsal.data import history as sample_history
from rehearsal.data.schema import MIGRATED
from rehearsal.data.tables import Sample
from rehearsal.servers import connections as of_the_rehearsal
from tests.integration.unloading import STAGE, UnloadingCursor
from tests.keyring import KEYRING
from tests.unit.keyspaces_provider.recorded import a_recorded_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session
    from snowflake.connector.cursor import SnowflakeCursor

    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.servers.snowflake import SnowflakeStandIn

FILE = Path(__file__).parents[2] / "dags" / "migrations" / "flights.yaml"
DAG_ID, KEYSPACE = "flights.historical_backfill", "flights_loaded"
SAMPLE = Sample(days=1)
TABLES = ("weather", "planes")
ENOUGH_USD = 5


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    with open_session(SessionSettings(hosts=(cassandra_node.host,), port=cassandra_node.port)) as opened:
        replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        opened.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {replication}")
        for statement in MIGRATED:
            opened.execute(statement.replace("flights.", f"{KEYSPACE}."))
        yield opened
        opened.execute(f"DROP KEYSPACE {KEYSPACE}")


@pytest.fixture(scope="module")
def history(snowflake_cursor: SnowflakeCursor) -> SnowflakeCursor:
    """A cursor on the sample's history, in the server that the Airflow connection names."""
    sample_history.load(snowflake_cursor, SAMPLE, progress=lambda _line: None)
    return snowflake_cursor


@pytest.fixture(scope="module")
def loaded_history(snowflake_stand_in: SnowflakeStandIn, history: Any) -> SnowflakeStandIn:
    assert history
    return snowflake_stand_in


class Backfill:
    """Runs of the DAG's tasks, one after the other, over a ledger in which it is the backfill's turn."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "flights.yaml"
        self.ledger = open_ledger(f"sqlite:///{folder}/ledger.db", keyring=KEYRING)
        self.events = OutletEventAccessors()
        self.run_id = ""
        self.context: Any = None

    def start(
        self,
        run_id: str,
        *,
        dry_run: bool = False,
        history_table: str = "WEATHER",
        unload: dict[str, Any] | None = None,
    ) -> None:
        content = yaml.safe_load(FILE.read_text())
        content["target"]["keyspace"] = KEYSPACE
        content["backfill"]["budget"]["max_cost_usd"] = ENOUGH_USD
        content["backfill"]["unload"] = unload
        content["tables"] = {name: content["tables"][name] for name in TABLES}
        content["tables"]["weather"]["history"]["table"] = f"ANALYTICS.PUBLIC.{history_table}"
        self.file.write_text(yaml.safe_dump(content, sort_keys=False))
        self.run_id = run_id
        self.context = {
            "dag_run": SimpleNamespace(dag_id=DAG_ID, run_id=run_id, run_type="manual", triggering_user_name="admin"),
            "task_instance": SimpleNamespace(map_index=0),
            "outlet_events": self.events,
            "params": {"dry_run": dry_run},
        }
        record = RecordRunOperator(
            task_id="record_run",
            stage=Stage.HISTORICAL_BACKFILL,
            migration_file=str(self.file),
            ledger_conn_id="flights_ledger",
        )
        record.execute(self.context)

    def plan(self) -> dict[str, Any]:
        return PlanBackfillOperator(task_id="plan", ledger_conn_id="flights_ledger").execute(self.context)

    def load(self, table: str) -> dict[str, Any]:
        return LoadTableOperator(
            task_id="load", migration_file=str(self.file), ledger_conn_id="flights_ledger", table=table, slot=2
        ).execute(self.context)

    def unload(self, table: str) -> dict[str, Any]:
        return UnloadTableOperator(
            task_id="unload", migration_file=str(self.file), ledger_conn_id="flights_ledger", table=table
        ).execute(self.context)

    def verify(self) -> dict[str, Any]:
        return VerifyBackfillOperator(task_id="verify", ledger_conn_id="flights_ledger", migration="flights").execute(
            self.context
        )

    def reports(self, kind: ReportKind) -> list[str]:
        kept = self.ledger.reports("flights", run_id=self.run_id, kind=kind)
        return [Path(report.path.removeprefix("file://")).read_text() for report in kept]


@pytest.fixture
def backfill(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cassandra_node: CassandraNode,
    session: Session,
    loaded_history: SnowflakeStandIn,
) -> Backfill:
    stand_in = loaded_history
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(stand_in.ca_file))
    extra = {"tls": False, "local_data_center": "datacenter1", "region": "us-east-1"}
    made = of_the_rehearsal.history(stand_in)
    connections: dict[str, dict[str, Any]] = {
        "FLIGHTS_KEYSPACES": {
            "conn_type": "amazon_keyspaces",
            "host": cassandra_node.host,
            "port": cassandra_node.port,
            "extra": extra,
        },
        "FLIGHTS_SNOWFLAKE": {
            "conn_type": made.conn_type,
            "login": made.login,
            "password": made.password,
            "schema": made.schema,
            "extra": made.extra,
        },
    }
    for name, connection in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    monkeypatch.setattr("airflow.configuration.AIRFLOW_HOME", str(tmp_path / "home"))
    for table in TABLES:
        session.execute(f"TRUNCATE {KEYSPACE}.{table}")
    earlier = a_recorded_run(load_migration(FILE), ledger=tmp_path / "ledger.db", stage=Stage.PROVISION)
    for milestone in (Milestone.ASSESSED, Milestone.PROVISIONED):
        earlier.reach(milestone)
    return Backfill(tmp_path)


def rows(session: Session, table: str) -> int:
    return len(list(session.execute(f"SELECT * FROM {KEYSPACE}.{table}")))


def test_a_load_leaves_its_pages_its_milestone_and_the_assets_event(
    backfill: Backfill, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    backfill.start("load")
    planned = backfill.plan()
    with caplog.at_level(logging.INFO):
        loaded = [backfill.load(table) for table in TABLES]
    verified = backfill.verify()
    expected = {"weather": len(SAMPLE.weather.rows), "planes": len(SAMPLE.planes.rows)}
    assert {each["table"]: each["written"] for each in loaded} == expected
    assert {table: rows(session, table) for table in TABLES} == expected
    assert {each["slot"] for each in loaded} == {2}
    assert "nobody has to approve it" in caplog.text
    usage = {
        each.table.table_name: each.usage.write_units
        for each in BackfillLedger(backfill.ledger).progress(dag_id=DAG_ID, run_id="load")
    }
    assert usage == expected  # each row takes less than 1 KB
    (page,) = backfill.reports(ReportKind.BACKFILL_PLAN)
    assert "so nobody has to approve it" in page
    (report,) = backfill.reports(ReportKind.BACKFILL)
    assert "The counts agree." in report
    assert "## Pace and money" in report
    event = backfill.events[backfill_asset("flights")].extra
    assert event["tables"] == expected == verified["tables"]
    assert event["modes"] == dict.fromkeys(TABLES, "full")
    assert event["planned_usd"] == round(planned["cost_usd"], 4)
    assert Milestone.SNAPSHOT_LOADED in {each.milestone for each in backfill.ledger.milestones("flights")}


def test_a_dry_run_shows_its_plan_and_loads_nothing(backfill: Backfill, session: Session) -> None:
    backfill.start("dry", dry_run=True)
    assert backfill.plan()["dry_run"] is True
    (page,) = backfill.reports(ReportKind.BACKFILL_PLAN)
    assert "This was a dry run" in page
    assert backfill.reports(ReportKind.EVIDENCE) == []
    with pytest.raises(PlanNotRecordedError):
        backfill.load("weather")
    assert rows(session, "weather") == 0


def test_a_refused_plan_is_a_page_too_and_records_nothing(backfill: Backfill, history: Any) -> None:
    history.execute("CREATE OR REPLACE TABLE WEATHER_TWICE AS SELECT * FROM WEATHER UNION ALL SELECT * FROM WEATHER")
    backfill.start("refused", history_table="WEATHER_TWICE")
    with pytest.raises(PlanRefusedError):
        backfill.plan()
    (page,) = backfill.reports(ReportKind.BACKFILL_PLAN)
    assert "# Backfill of flights: refused" in page
    assert "versions_tie" in page
    assert BackfillLedger(backfill.ledger).tables(dag_id=DAG_ID, run_id="refused") == ()


def test_counts_that_do_not_add_up_leave_the_page_and_no_event(backfill: Backfill, session: Session) -> None:
    backfill.start("differs")
    backfill.plan()
    for table in TABLES:
        backfill.load(table)
    session.execute(f"TRUNCATE {KEYSPACE}.planes")
    with pytest.raises(CountsDifferError):
        backfill.verify()
    (report,) = backfill.reports(ReportKind.BACKFILL)
    assert "**The counts do not agree.**" in report
    assert backfill.events[backfill_asset("flights")].extra == {}


def test_a_large_table_is_unloaded_then_read_from_its_files_and_a_small_one_by_queries(
    backfill: Backfill, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Snowflake's COPY INTO is what `UnloadingCursor` makes of it; all else is real."""
    files = tmp_path / "unloaded"
    copies: list[str] = []

    @contextmanager
    def unloading(conn_id: str) -> Iterator[Any]:
        with snowflake_connection(conn_id) as connection, connection.cursor() as opened:
            cursor = UnloadingCursor(opened, fsspec.filesystem("file"), str(files))
            yield SimpleNamespace(cursor=lambda: nullcontext(cursor))
            copies.extend(cursor.copies)

    monkeypatch.setattr("keyspaces_provider.operators.unload.snowflake_connection", unloading)
    expected = {"weather": len(SAMPLE.weather.rows), "planes": len(SAMPLE.planes.rows)}
    small, large = sorted(expected, key=lambda table: expected[table])
    backfill.start("unload", unload={"stage": STAGE, "path": str(files), "above_rows": expected[small]})
    backfill.plan()
    (page,) = backfill.reports(ReportKind.BACKFILL_PLAN)
    assert page.count("read from there") == page.count("by queries") == 1
    with pytest.raises(NotUnloadedError, match="`unload`"):
        backfill.load(large)
    unloaded = [backfill.unload(table) for table in TABLES]
    assert {each["table"]: each.get("rows") for each in unloaded} == {small: None, large: expected[large]}
    assert len(copies) == 1
    assert {table: backfill.load(table)["written"] for table in TABLES} == expected
    assert backfill.verify()["agrees"]
    assert {table: rows(session, table) for table in TABLES} == expected
