"""A migration of its own with what cutover and retirement look at: flag, queue, ledger, a writer, answers at gates.

All of it is real but Airflow's API, which a small server answers for.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3

from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.cutover.flag_writer import FlagWriter, flag_address
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.control_tables import create_control_tables
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.flag_reader import FlagReader
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.dual_write.writer import DualWriter, WriterSettings
from keyspaces_migration.ledger import RunConfiguration
from keyspaces_provider.ledger import ledger_from_connection
from rehearsal.flag_parts import alarm_that_is_ok, flag_parts
from rehearsal.servers.aws import REGION
from tests.unit.keyspaces_provider.operators.provision_setting import server, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest
    from cassandra.cluster import Session

    from keyspaces_migration.dual_write.shadow import ShadowSettings
    from keyspaces_migration.lifecycle import Milestone, Stage
    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.servers.aws import AwsStandIn

FILE = Path(__file__).parents[2] / "dags/migrations/flights.yaml"
LEDGER = "flights_ledger"
SOURCE, TARGET = "flag_world_source", "flag_world_target"
NOTES = TableShape(
    name="notes",
    columns={"name": parse_type("text"), "kind": parse_type("text")},
    partition_keys=("name",),
    clustering_keys=(),
    static_columns=(),
)
STEP_TIMEOUT_S = 60


@contextmanager
def stores_of(node: CassandraNode) -> Iterator[Session]:
    """Two keyspaces of a node stand for source and target."""
    settings = SessionSettings(hosts=(node.host,), port=node.port, consistency=Consistency.LOCAL_QUORUM)
    replication: dict[str, str | int] = {"class": "SimpleStrategy", "replication_factor": 1}
    with open_session(settings) as opened:
        create_control_tables(opened, replication=replication)
        for keyspace in (SOURCE, TARGET):
            opened.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
            opened.execute(f"CREATE TABLE {keyspace}.notes (name text PRIMARY KEY, kind text)")
        yield opened
        for keyspace in (SOURCE, TARGET):
            opened.execute(f"DROP KEYSPACE {keyspace}")


class FlagWorld:
    """A migration of its own, with its flag, queue, ledger, and the answers at its gates."""

    def __init__(self, *, stage: Stage, file: Path, aws: AwsStandIn, session: Session, answers: dict[str, Any]) -> None:
        self.stage, self.file, self.session, self.answers, self.aws = stage, file, session, answers, aws
        self.migration: Migration = load_migration(file)
        self.run_id = f"{stage.value}-1"
        self._stack = ExitStack()
        alarm = alarm_that_is_ok(self.client("cloudwatch"), self.alarm_name)
        parts = flag_parts(self.client("appconfig"), flag_address(self.migration), alarm_arns=(alarm,))
        self.flag = FlagWriter(self._stack.enter_context(parts))
        queue = self.client("sqs").create_queue(QueueName=f"{self.migration.resource_name}-dead-letters")
        self.queue_url = queue["QueueUrl"]

    def close(self) -> None:
        """Take the flag's parts away."""
        self._stack.close()

    def client(self, service: str) -> Any:
        made: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        return made.client(service, endpoint_url=self.aws.endpoint_url)

    @property
    def context(self) -> Any:
        dag_id = f"{self.migration.name}.{self.stage.value}"
        ti = SimpleNamespace(dag_id=dag_id, run_id=self.run_id, task_id="task", try_number=1, max_tries=0)
        return {"dag_run": SimpleNamespace(dag_id=dag_id, run_id=self.run_id), "ti": ti}

    @property
    def base(self) -> FlagState:
        """Dual writes are on, the source leads, no read is on the target."""
        return FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=system_now_us() - 10**12, version=8)

    def start_runs(self, *runs: tuple[Stage, str, tuple[Milestone, ...]], at: datetime) -> None:
        """Record runs of stages, and what each of them reached."""
        ledger = ledger_from_connection(LEDGER)
        for stage, run_id, milestones in runs:
            run = {"dag_id": f"{self.migration.name}.{stage.value}", "run_id": run_id}
            ledger.start_run(RunConfiguration.of(self.migration, stage=stage, recorded_at=at, **run))
            for milestone in milestones:
                ledger.add_milestone(milestone, **run, reached_at=at)

    def reader(self) -> FlagReader:
        return FlagReader(self.client("appconfigdata"), flag_address(self.migration), poll_interval_s=0.2)

    def writer(self, folder: Path, reader: FlagReader, *, shadow: ShadowSettings | None = None) -> DualWriter:
        settings = WriterSettings(
            migration=self.migration.name,
            writer_id="shop/0",
            journal_folder=folder / "journal",
            heartbeat_interval_s=0.2,
        )
        stores = Stores(
            source=Store(name=StoreName.SOURCE, session=self.session, keyspace=SOURCE),
            target=Store(name=StoreName.TARGET, session=self.session, keyspace=TARGET),
        )
        return DualWriter(settings, stores=stores, tables=[NOTES], flag=reader, shadow=shadow)

    def approve(self, evidence: Any) -> None:
        self.answers["approve_1"] = {
            "task_instance": {
                "task_id": "approve_1",
                "dag_id": self.context["dag_run"].dag_id,
                "dag_run_id": self.run_id,
            },
            "body": shown(evidence),
            "responded_by_user": {"id": "admin"},
            "responded_at": datetime.now(UTC).isoformat(),
            "chosen_options": ["Approve"],
            "params_input": {"confirm_migration": self.migration.name},
        }

    def names(self, keyspace: str) -> set[str]:
        return {row.name for row in self.session.execute(f"SELECT name FROM {keyspace}.notes")}

    @property
    def alarm_name(self) -> str:
        return f"{self.migration.resource_name}-target"

    def set_alarm(self, state: str) -> None:
        self.client("cloudwatch").set_alarm_state(AlarmName=self.alarm_name, StateValue=state, StateReason="a test")


@contextmanager
def flag_world(  # noqa: PLR0913 # its parts
    made: Callable[..., FlagWorld],
    *,
    folder: Path,
    node: CassandraNode,
    aws_stand_in: AwsStandIn,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """A world of the class `made`, with the connections that its tasks use."""
    name = f"r{uuid.uuid4().hex[:10]}"
    file = folder / "migration.yaml"
    text = FILE.read_text().replace("migration: flights", f"migration: {name}", 1)
    file.write_text(text.replace("target:\n  keyspace: flights", f"target:\n  keyspace: {name}", 1))
    answers: dict[str, Any] = {}
    with server(answers) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        extra = {"tls": False, "local_data_center": "datacenter1"}
        aws = {"region_name": REGION, "endpoint_url": aws_stand_in.endpoint_url}
        for conn_id, fields in {
            LEDGER: {"conn_type": "sqlite", "host": str(folder / "ledger.db")},
            "flights_aws": {"conn_type": "aws", "login": "test", "password": "test", "extra": aws},
            "flights_airflow": {
                "conn_type": "http",
                "host": "127.0.0.1",
                "port": http.server_address[1],
                "login": "reader",
                "password": "r",
            },
            "flights_cassandra": {
                "conn_type": "apache_cassandra",
                "host": node.host,
                "port": node.port,
                "extra": extra,
            },
        }.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
        monkeypatch.setattr("airflow.configuration.AIRFLOW_HOME", str(folder / "home"))
        try:
            with closing(made(file=file, aws=aws_stand_in, session=session, answers=answers)) as world:
                yield world
        finally:
            http.shutdown()
            thread.join()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + STEP_TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"the condition did not come true within {STEP_TIMEOUT_S} s"
        time.sleep(0.1)
