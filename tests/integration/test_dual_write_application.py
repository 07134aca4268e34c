"""The sample application against a real node, with the flag in the AWS stand-in's AppConfig."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.config import load_migration
from keyspaces_migration.dual_write.barrier import fix_barrier, read_source_clock
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.control_tables import create_control_tables
from keyspaces_migration.dual_write.errors import FlagFormatError, FlagUnavailableError
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.flag_reader import FlagAddress, FlagReader
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.recopy import RecopyCounts, recopy_table
from keyspaces_migration.dual_write.recorded import iterate_recorded
from keyspaces_migration.dual_write.registry import list_writers, missing_writers
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from rehearsal.application.control import ApplicationGoneError, ask
from rehearsal.data.schema import MIGRATED
from rehearsal.data.tables import Sample
from rehearsal.ports import free_ports
from rehearsal.servers.aws import REGION, AwsStandIn, stand_in_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassandra.cluster import Session

    from rehearsal.cassandra.node import CassandraNode

ROOT = Path(__file__).parents[2]
SOURCE, TARGET = "app_source", "app_target"
TABLES = ("flights_unarchived", "planes")
PATIENCE_S = 60.0


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S} s"
        time.sleep(0.1)


@dataclass
class AppConfig:
    """A flag in AppConfig, deployed by the calls that the cutover uses."""

    endpoint: str
    address: FlagAddress = field(init=False)
    ids: dict[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return stand_in_client(service, self.endpoint, connect_timeout_s=1, read_timeout_s=5, attempts=2)

    def create(self) -> None:
        client = self.client("appconfig")
        application = client.create_application(Name=f"migration-{time.monotonic_ns()}")["Id"]
        self.ids = {
            "ApplicationId": application,
            "EnvironmentId": client.create_environment(ApplicationId=application, Name="rehearsal")["Id"],
            "ConfigurationProfileId": client.create_configuration_profile(
                ApplicationId=application, Name="flags", LocationUri="hosted", Type="AWS.AppConfig.FeatureFlags"
            )["Id"],
            "DeploymentStrategyId": client.create_deployment_strategy(
                Name="at-once",
                DeploymentDurationInMinutes=0,
                GrowthFactor=100,
                FinalBakeTimeInMinutes=0,
                ReplicateTo="NONE",
            )["Id"],
        }
        self.address = FlagAddress(
            application=application,
            environment=self.ids["EnvironmentId"],
            profile=self.ids["ConfigurationProfileId"],
        )

    def deploy(self, document: dict[str, Any]) -> None:
        client = self.client("appconfig")
        place = {name: self.ids[name] for name in ("ApplicationId", "ConfigurationProfileId")}
        version = client.create_hosted_configuration_version(
            **place, Content=json.dumps(document).encode(), ContentType="application/json"
        )["VersionNumber"]
        client.start_deployment(**self.ids, ConfigurationVersion=str(version))

    def reader(self) -> FlagReader:
        return FlagReader(self.client("appconfigdata"), self.address, poll_interval_s=0.1)


@pytest.fixture
def appconfig(aws_stand_in: AwsStandIn) -> AppConfig:
    made = AppConfig(aws_stand_in.endpoint_url)
    made.create()
    return made


def test_a_reader_follows_the_flag_and_keeps_the_last_known_state(appconfig: AppConfig) -> None:
    recording = FlagState(mode=WriteMode.RECORD, version=2)
    dual = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=1_790_000_000_123_457, version=3)
    appconfig.deploy(recording.to_appconfig())
    with appconfig.reader() as reader:
        assert reader.current() == recording
        appconfig.deploy(dual.to_appconfig())
        wait_for(lambda: reader.current() == dual, "the new state")
        appconfig.deploy({"version": "1", "flags": {}, "values": {"keyspaces_migration": {"enabled": False}}})
        wait_for(lambda: reader.problem, "the problem")
        assert "FlagFormatError" in (reader.problem or "")
        assert reader.current() == dual
        wait_for(lambda: reader.age_s > 0.3, "the age")
        appconfig.deploy(recording.to_appconfig())
        wait_for(lambda: reader.current() == recording, "the reversal")
        assert reader.problem is None


def test_a_reader_does_not_start_without_a_flag(appconfig: AppConfig) -> None:
    with pytest.raises(FlagUnavailableError, match="no configuration deployed"):
        appconfig.reader().start()
    appconfig.deploy({"version": "1", "flags": {}, "values": {"other": {"enabled": True}}})
    with pytest.raises(FlagFormatError, match="holds no flag"):
        appconfig.reader().start()
    gone = AppConfig(f"http://127.0.0.1:{free_ports(1)[0]}")
    gone.address = appconfig.address
    with pytest.raises(FlagUnavailableError, match="can't be read"):
        gone.reader().start()
    with pytest.raises(FlagUnavailableError, match="not read yet"):
        gone.reader().current()


class Rehearsal:
    """One node as both stores, the flag, and the application as a process."""

    def __init__(self, node: CassandraNode, session: Session, appconfig: AppConfig, folder: Path) -> None:
        self.node = node
        self.session = session
        self.appconfig = appconfig
        self.folder = folder
        self.version = 0
        self.barrier_us: int | None = None
        self.process: subprocess.Popen[bytes] | None = None
        document = yaml.safe_load((ROOT / "dags/migrations/flights.yaml").read_text(encoding="utf-8"))
        document["source"]["keyspace"], document["target"]["keyspace"] = SOURCE, TARGET
        # A name of its own: registrations and records of another test are not ours.
        document["migration"] = f"flights-{time.monotonic_ns() % 10**9}"
        self.migration_file = folder / f"{document['migration']}.yaml"
        self.migration_file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        self.migration = load_migration(self.migration_file)
        self.shapes = [TableShape.from_migration(name, self.migration.tables[name]) for name in TABLES]
        self.stores = Stores(
            source=Store(name=StoreName.SOURCE, session=session, keyspace=SOURCE),
            target=Store(name=StoreName.TARGET, session=session, keyspace=TARGET),
        )

    def load(self) -> None:
        sample = Sample(days=2)
        for table in (sample.flights_unarchived, sample.planes):
            marks = ", ".join("?" * len(table.all_columns))
            insert = self.session.prepare(
                f"INSERT INTO {SOURCE}.{table.name} ({', '.join(table.all_columns)}) VALUES ({marks})"
            )
            for future in [self.session.execute_async(insert, row) for row in table.rows[:250]]:
                future.result()

    def start(self) -> None:
        command = [
            *(sys.executable, "-m", "rehearsal.application", "run"),
            *("--folder", str(self.folder / "application"), "--migration-file", str(self.migration_file)),
            *("--tables", ",".join(TABLES), "--rate", "150", "--adopt", "150", "--flag-poll-s", "0.2"),
            *("--source", f"{self.node.host}:{self.node.port}", "--target", f"{self.node.host}:{self.node.port}"),
            *("--aws-endpoint", self.appconfig.endpoint, "--aws-region", REGION),
            *("--flag-application", self.appconfig.address.application),
            *("--flag-environment", self.appconfig.address.environment),
            *("--flag-profile", self.appconfig.address.profile),
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in (".", "plugins", "infra")),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "NO_PROXY": "127.0.0.1",
        }
        with (self.folder / "application.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)
        wait_for(self.answers, "the application")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        assert self.process.wait(timeout=30) == -signal.SIGKILL

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)

    def ask(self, command: str) -> dict[str, Any]:
        return ask(self.folder / "application", command, timeout_s=120)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "application.log").read_text(encoding="utf-8")[-3000:]
        try:
            self.ask("status")
        except ApplicationGoneError:
            return False
        return True

    def let_it_work(self, writes: int = 80) -> dict[str, Any]:
        until = self.ask("status")["acknowledged"] + writes
        wait_for(lambda: self.ask("status")["acknowledged"] >= until, f"{writes} writes")
        return self.ask("status")

    def flag(self, mode: WriteMode, *, percent: int = 0) -> FlagState:
        self.version += 1
        barrier_us = self.barrier_us if mode is not WriteMode.SOURCE_ONLY else None
        state = FlagState(mode=mode, barrier_us=barrier_us, target_read_percent=percent, version=self.version)
        self.appconfig.deploy(state.to_appconfig())
        return state

    def wait_for_all(self, state: FlagState) -> None:
        def arrived() -> bool:
            writers = list_writers(self.session, self.migration.name)
            return bool(writers) and not missing_writers(writers, state)

        wait_for(arrived, f"all writers in {state}")

    def history(self) -> dict[str, list[Any]]:
        """A snapshot of the source, as if the history had followed it until now."""
        return {
            shape.name: list(self.session.execute(f"SELECT {', '.join(shape.columns)} FROM {SOURCE}.{shape.name}"))
            for shape in self.shapes
        }

    def backfill(self, history: dict[str, list[Any]], *, barrier_us: int) -> int:
        """The backfill's contract: rows at B, then the recorded deletes at their own timestamps or just above B."""
        for shape in self.shapes:
            for row in history[shape.name]:
                values = {name: value for name, value in zip(shape.columns, row, strict=True) if value is not None}
                key = {name: values.pop(name) for name in shape.primary_key}
                kind = MutationKind.INSERT
                self.stores.target.apply(
                    Mutation(table=shape.name, kind=kind, key=key, columns=values, timestamp_us=barrier_us)
                )
            for each in iterate_recorded(self.session, self.migration.name, shape):
                if each.is_delete:
                    kind = MutationKind.UPDATE if each.deleted_columns else MutationKind(each.kind.value)
                    columns = dict.fromkeys(each.deleted_columns)
                    at_us = each.target_timestamp_us(barrier_us)
                    delete = Mutation(
                        table=shape.name,
                        kind=kind,
                        key=each.key,
                        columns=columns,
                        timestamp_us=at_us,
                        bounds=each.bounds,
                    )
                    self.stores.target.apply_to(shape, delete)
        return sum(map(len, history.values()))

    def recopy(self) -> RecopyCounts:
        assert self.barrier_us is not None
        total = RecopyCounts()
        for shape in self.shapes:
            total += recopy_table(
                self.stores,
                shape,
                migration=self.migration.name,
                barrier_us=self.barrier_us,
                now_us=system_now_us(),
            )
        return total


@pytest.fixture
def rehearsal(cassandra_node: CassandraNode, appconfig: AppConfig, tmp_path: Path) -> Iterator[Rehearsal]:
    settings = SessionSettings(
        hosts=(cassandra_node.host,), port=cassandra_node.port, consistency=Consistency.LOCAL_QUORUM
    )
    replication: dict[str, str | int] = {"class": "SimpleStrategy", "replication_factor": 1}
    with open_session(settings) as session:
        for keyspace in (SOURCE, TARGET):
            session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
            for statement in MIGRATED:
                if any(f"flights.{table} " in statement for table in TABLES):
                    session.execute(statement.replace("flights.", f"{keyspace}.", 1))
        create_control_tables(session, replication=replication)
        made = Rehearsal(cassandra_node, session, appconfig, tmp_path)
        made.load()
        try:
            yield made
        finally:
            made.end()
            for keyspace in (SOURCE, TARGET):
                session.execute(f"DROP KEYSPACE {keyspace}")


def lost(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        side: (answer["audit"][side]["lost_writes"], answer["audit"][side]["examples"]) for side in ("source", "target")
    }


@pytest.mark.full
def test_nothing_is_lost_on_the_way_from_source_to_target_though_the_application_is_killed(
    rehearsal: Rehearsal,
) -> None:
    rehearsal.flag(WriteMode.SOURCE_ONLY)
    rehearsal.start()
    rehearsal.let_it_work()

    recording = rehearsal.flag(WriteMode.RECORD)
    rehearsal.wait_for_all(recording)
    rehearsal.let_it_work()
    rehearsal.kill()
    rehearsal.start()
    rehearsal.let_it_work(50)
    history = rehearsal.history()
    rehearsal.let_it_work(50)

    writers = list_writers(rehearsal.session, rehearsal.migration.name)
    rehearsal.barrier_us = fix_barrier(writers, recording, read_source_clock(rehearsal.session), expected_writers=1)
    dual = rehearsal.flag(WriteMode.DUAL_SOURCE_LEADS)
    rehearsal.wait_for_all(dual)
    rehearsal.let_it_work(50)
    counts = rehearsal.recopy()
    assert min(counts.rows_copied, counts.deletes) > 0
    assert rehearsal.backfill(history, barrier_us=rehearsal.barrier_us) > 400
    assert rehearsal.recopy().keys >= counts.keys

    rehearsal.let_it_work()
    rehearsal.kill()
    rehearsal.start()
    rehearsal.let_it_work()
    # Every row that the application knows of, those included that it never wrote and only the backfill brought.
    answer = rehearsal.ask("audit-all")
    assert lost(answer) == {"source": (0, []), "target": (0, [])}
    assert (answer["audit"]["unsent"], answer["audit"]["unsettled"]) == (0, 0)
    assert answer["audit"]["keys"] > 200

    rehearsal.flag(WriteMode.DUAL_SOURCE_LEADS, percent=100)
    wait_for(lambda: rehearsal.ask("status")["target_read_percent"] == 100, "the share")
    before = rehearsal.ask("status")["counts"]["read_source"]
    status = rehearsal.let_it_work(100)
    assert status["counts"]["read_target"] > 50
    assert status["counts"]["read_source"] <= before + 1
    rehearsal.flag(WriteMode.DUAL_SOURCE_LEADS)
    wait_for(lambda: rehearsal.ask("status")["target_read_percent"] == 0, "the way back")

    answer = rehearsal.ask("audit-all")
    assert lost(answer) == {"source": (0, []), "target": (0, [])}
    assert answer["wrong_reads"] == 0, answer["wrong_read_examples"]
    assert not {"refused", "unknown", "read_failed"} & answer["counts"].keys()

    # The audit sees what is wrong: one row taken away behind the application's back, one changed.
    rehearsal.session.execute(f"TRUNCATE {TARGET}.planes")
    broken = rehearsal.ask("audit-all")["audit"]
    assert broken["target"]["lost_writes"] > 50
    assert broken["source"]["lost_writes"] == 0

    assert rehearsal.ask("stop")["unsent"] == 0
    assert rehearsal.process is not None
    assert rehearsal.process.wait(timeout=60) == 0
    assert list_writers(rehearsal.session, rehearsal.migration.name) == ()
