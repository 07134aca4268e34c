"""The retirement over real stand-ins: a writer that follows the flag in AppConfig, a queue, CloudWatch and a ledger."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from airflow.sdk import ObjectStoragePath

from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.consistency.kinds import Leader
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.cutover.appconfig import FlagStore, Strategy
from keyspaces_migration.cutover.flag_writer import FlagWriter, flag_address
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.control_tables import create_control_tables
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.flag_reader import FlagReader
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.dual_write.writer import DualWriter, WriterSettings
from keyspaces_migration.ledger import RunConfiguration
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.lifecycle import Milestone, Stage, standing
from keyspaces_provider.ledger import ledger_from_connection
from keyspaces_provider.operators.dual_writes import WritersSensor
from keyspaces_provider.operators.retire import (
    FinalReportOperator,
    NotToRetireError,
    RetireEvidenceOperator,
    RetireOperator,
)
from keyspaces_provider.run import recorded_run
from rehearsal.servers.aws import REGION
from tests.checks import a_check
from tests.unit.keyspaces_provider.operators.provision_setting import server, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassandra.cluster import Session

    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.servers.aws import AwsStandIn

FILE = Path(__file__).parents[2] / "dags/migrations/flights.yaml"
LEDGER, RUN_ID = "flights_ledger", "retire-1"
SOURCE, TARGET = "retire_source", "retire_target"
NOTES = TableShape(
    name="notes",
    columns={"name": parse_type("text"), "kind": parse_type("text")},
    partition_keys=("name",),
    clustering_keys=(),
    static_columns=(),
)
STEP_TIMEOUT_S = 60


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    settings = SessionSettings(
        hosts=(cassandra_node.host,), port=cassandra_node.port, consistency=Consistency.LOCAL_QUORUM
    )
    replication: dict[str, str | int] = {"class": "SimpleStrategy", "replication_factor": 1}
    with open_session(settings) as opened:
        create_control_tables(opened, replication=replication)
        for keyspace in (SOURCE, TARGET):
            opened.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
            opened.execute(f"CREATE TABLE {keyspace}.notes (name text PRIMARY KEY, kind text)")
        yield opened
        for keyspace in (SOURCE, TARGET):
            opened.execute(f"DROP KEYSPACE {keyspace}")


class Retiring:
    """A migration of its own that was cut over, with its flag, queue, metrics, ledger and one live writer."""

    def __init__(self, *, file: Path, aws: AwsStandIn, session: Session, answers: dict[str, Any]) -> None:
        self.file, self.session, self.answers = file, session, answers
        self.migration: Migration = load_migration(file)
        self.aws = aws
        self.flag = self._deployed_flag()
        queue = self.client("sqs").create_queue(QueueName=f"{self.migration.resource_name}-dead-letters")
        self.queue_url = queue["QueueUrl"]

    def client(self, service: str) -> Any:
        made: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        return made.client(service, endpoint_url=self.aws.endpoint_url)

    @property
    def context(self) -> Any:
        return {"dag_run": SimpleNamespace(dag_id=f"{self.migration.name}.retire", run_id=RUN_ID)}

    def _deployed_flag(self) -> FlagWriter:
        appconfig, address = self.client("appconfig"), flag_address(self.migration)
        application = appconfig.create_application(Name=address.application)["Id"]
        appconfig.create_environment(ApplicationId=application, Name=address.environment)
        appconfig.create_configuration_profile(
            ApplicationId=application, Name=address.profile, LocationUri="hosted", Type="AWS.AppConfig.FeatureFlags"
        )
        appconfig.create_deployment_strategy(
            Name=f"{address.application}{Strategy.AT_ONCE}",
            DeploymentDurationInMinutes=0,
            GrowthFactor=100.0,
            FinalBakeTimeInMinutes=0,
            ReplicateTo="NONE",
        )
        writer = FlagWriter(FlagStore(appconfig, address))
        leads = FlagState(
            mode=WriteMode.DUAL_TARGET_LEADS,
            barrier_us=system_now_us() - 10**12,
            target_read_percent=100,
            version=9,
        )
        writer.deploy(leads, expected_version=None)
        return writer

    def record(self) -> None:
        """What came before: a cutover ten minutes ago, and a check since; and this run."""
        ledger, at = ledger_from_connection(LEDGER), datetime.now(UTC) - timedelta(minutes=10)
        for stage, run_id, milestones in (
            (Stage.ASSESS, "a", (Milestone.ASSESSED,)),
            (Stage.PROVISION, "p", (Milestone.PROVISIONED,)),
            (Stage.START_DUAL_WRITES, "d", (Milestone.DUAL_WRITES_STARTED,)),
            (Stage.HISTORICAL_BACKFILL, "h", (Milestone.BACKFILL_COMPLETE,)),
            (Stage.CUTOVER, "c", (Milestone.CUTOVER_FINISHED,)),
            (Stage.CONSISTENCY_CHECK, "check-1", ()),
            (Stage.RETIRE, RUN_ID, ()),
        ):
            run = {"dag_id": f"{self.migration.name}.{stage.value}", "run_id": run_id}
            ledger.start_run(RunConfiguration.of(self.migration, stage=stage, recorded_at=at, **run))
            for milestone in milestones:
                ledger.add_milestone(milestone, **run, reached_at=at)
        found = a_check(
            dag_id=f"{self.migration.name}.consistency_check",
            leader=Leader.TARGET,
            started_at=at + timedelta(minutes=1),
            finished_at=at + timedelta(minutes=2),
        )
        CheckLedger(ledger).record(found, tables=(), coverage=(), mismatches=())

    def put_use(self) -> None:
        """Half an hour of metrics: the flights were read and written, nobody asked of anything else."""
        points = [
            {
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "Keyspace", "Value": self.migration.target.keyspace},
                    {"Name": "TableName", "Value": "flights_unarchived"},
                ],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=minute),
                "Unit": "Count",
                "Value": 600.0,
            }
            for metric in ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
            for minute in range(1, 9)
        ]
        self.client("cloudwatch").put_metric_data(Namespace="AWS/Cassandra", MetricData=points)

    def writer(self, folder: Path, reader: FlagReader) -> DualWriter:
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
        return DualWriter(settings, stores=stores, tables=[NOTES], flag=reader)

    def evidence(self) -> Any:
        RetireEvidenceOperator(task_id="evidence", ledger_conn_id=LEDGER).execute(self.context)
        return recorded_run(self.context, ledger_conn_id=LEDGER).evidence()

    def approve(self, evidence: Any) -> None:
        self.answers["approve_1"] = {
            "task_instance": {
                "task_id": "approve_1",
                "dag_id": self.context["dag_run"].dag_id,
                "dag_run_id": RUN_ID,
            },
            "body": shown(evidence),
            "responded_by_user": {"id": "admin"},
            "responded_at": datetime.now(UTC).isoformat(),
            "chosen_options": ["Approve"],
            "params_input": {"confirm_migration": self.migration.name},
        }

    def act(self) -> dict[str, Any]:
        operator = RetireOperator(task_id="retire", migration_file=str(self.file), ledger_conn_id=LEDGER)
        return operator.execute(self.context)

    def have_arrived(self) -> bool:
        return WritersSensor(task_id="writers", ledger_conn_id=LEDGER).poke(self.context)

    def names(self, keyspace: str) -> set[str]:
        return {row.name for row in self.session.execute(f"SELECT name FROM {keyspace}.notes")}


@pytest.fixture
def retiring(
    tmp_path: Path,
    cassandra_node: CassandraNode,
    aws_stand_in: AwsStandIn,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Retiring]:
    name = f"r{uuid.uuid4().hex[:10]}"
    file = tmp_path / "migration.yaml"
    text = FILE.read_text().replace("migration: flights", f"migration: {name}", 1)
    file.write_text(text.replace("target:\n  keyspace: flights", f"target:\n  keyspace: {name}", 1))
    answers: dict[str, Any] = {}
    with server(answers) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        extra = {"tls": False, "local_data_center": "datacenter1"}
        aws = {"region_name": REGION, "endpoint_url": aws_stand_in.endpoint_url}
        for conn_id, fields in {
            LEDGER: {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")},
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
                "host": cassandra_node.host,
                "port": cassandra_node.port,
                "extra": extra,
            },
        }.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
        monkeypatch.setattr("airflow.configuration.AIRFLOW_HOME", str(tmp_path / "home"))
        made = Retiring(file=file, aws=aws_stand_in, session=session, answers=answers)
        made.record()
        made.put_use()
        yield made
        http.shutdown()
        thread.join()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + STEP_TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"the condition did not come true within {STEP_TIMEOUT_S} s"
        time.sleep(0.1)


def test_the_source_is_let_go_with_a_writer_at_work(retiring: Retiring, tmp_path: Path) -> None:
    address = flag_address(retiring.migration)
    with (
        FlagReader(retiring.client("appconfigdata"), address, poll_interval_s=0.2) as reader,
        retiring.writer(tmp_path, reader) as writer,
    ):
        with pytest.raises(NotToRetireError, match="dead letters: unmet"):
            _with_a_letter(retiring)
        writer.insert("notes", {"name": "before", "kind": "k"})
        wait_for(retiring.have_arrived)
        wait_for(lambda: "before" in retiring.names(SOURCE))
        evidence = _until_evidence(retiring)
        assert "| writers | met | 1 writer, nothing unsent |" in evidence.page
        assert "throughput: {mode: " in evidence.page
        retiring.approve(evidence)
        assert retiring.act() == {"mode": "TARGET_ONLY", "version": 10}
        wait_for(retiring.have_arrived)
        writer.insert("notes", {"name": "after", "kind": "k"})
        assert retiring.names(TARGET) >= {"before", "after"}
        assert "after" not in retiring.names(SOURCE)
        kept = FinalReportOperator(task_id="report", ledger_conn_id=LEDGER).execute(retiring.context)
    milestones = ledger_from_connection(LEDGER).milestones(retiring.migration.name)
    assert Milestone.RETIRED in standing(each.milestone for each in milestones)
    twin = json.loads(ObjectStoragePath(kept["json"]).read_text())
    assert twin["flag"][-1]["mode"] == "TARGET_ONLY"
    found = twin["capacity"]["tables"]["flights_unarchived"]
    assert found["decision"] == "change"
    assert found["write_peak_per_s"] == 10
    assert found["saving_usd"] > 0


def test_a_queue_that_is_not_there_is_not_taken_for_an_empty_one(retiring: Retiring, tmp_path: Path) -> None:
    retiring.client("sqs").delete_queue(QueueUrl=retiring.queue_url)
    reader = FlagReader(retiring.client("appconfigdata"), flag_address(retiring.migration), poll_interval_s=0.2)
    with reader, retiring.writer(tmp_path, reader):
        wait_for(retiring.have_arrived)
        with pytest.raises(NotToRetireError, match="dead letters: unknown"):
            retiring.evidence()


def test_without_writers_nobody_knows_what_is_unsent(retiring: Retiring) -> None:
    with pytest.raises(NotToRetireError, match="writers: unmet; observed: no writer is registered"):
        retiring.evidence()


def _with_a_letter(retiring: Retiring) -> None:
    sqs = retiring.client("sqs")
    sqs.send_message(QueueUrl=retiring.queue_url, MessageBody="a letter")
    try:
        retiring.evidence()
    finally:
        (message,) = sqs.receive_message(QueueUrl=retiring.queue_url)["Messages"]
        sqs.delete_message(QueueUrl=retiring.queue_url, ReceiptHandle=message["ReceiptHandle"])


def _until_evidence(retiring: Retiring) -> Any:
    """Once a heartbeat has said that the write is in both stores."""
    found: list[Any] = []

    def kept() -> bool:
        with contextlib.suppress(NotToRetireError):
            found.append(retiring.evidence())
        return bool(found)

    wait_for(kept)
    return found[-1]
