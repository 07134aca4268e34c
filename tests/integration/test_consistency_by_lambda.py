"""The check through the comparison Lambda, from the task to the ledger: the function runs for real in the stand-in.

The task is executed, its trigger run, and the task resumed as Airflow does it, with the trigger made anew from what
Airflow's database keeps of it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.sdk.exceptions import TaskDeferred
from airflow.sdk.execution_time.context import OutletEventAccessors

from keyspaces_migration.config import load_migration
from keyspaces_migration.config.infrastructure import RESULTS, TARGET_SECRET
from keyspaces_migration.consistency.kinds import Draw, Verdict
from keyspaces_migration.ledger import RunConfiguration, open_ledger
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.sweeps import SweepLedger
from keyspaces_migration.lifecycle import Milestone, Stage
from keyspaces_provider.check_by_lambda import CheckByLambda, Note, NoteRefusedError
from keyspaces_provider.comparison_function import FunctionNotCalledError
from keyspaces_provider.operators.consistency import (
    CheckNotPassedError,
    ConsistencyCheckOperator,
    RequirePassOperator,
    consistency_asset,
)
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.run import recorded_run
from keyspaces_provider.triggers.comparison import ObjectTrigger
from rehearsal.ports import free_ports
from rehearsal.servers import comparison, connections
from tests.integration.comparison_world import FILE, MIGRATION, TABLE, copied, make_function, running, spoilt
from tests.keyring import KEYRING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassandra.cluster import Session

    from rehearsal.world import World

DAG_ID = "flights.consistency_check"
NAME = MIGRATION.comparison_function
# At this rate the keys that a check asks for take two calls beside the one of all other draws.
SLOW = {"max_read_units_per_s": 60, "sweep_rows": 100}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("by-lambda") / "world") as up:
        yield up


@pytest.fixture(scope="module")
def target(world: World) -> Iterator[Session]:
    with copied(world) as session:
        yield session


@pytest.fixture(scope="module")
def function(world: World) -> str:
    """The function under the name and alias that `provision` gives it."""
    make_function(world, NAME)
    client = comparison.client(world.aws, "lambda")
    client.create_alias(FunctionName=NAME, Name="live", FunctionVersion="$LATEST")
    # Ministack goes by the configuration of the unqualified function.
    client.put_function_event_invoke_config(FunctionName=NAME, MaximumRetryAttempts=0)
    return NAME


class Check:
    """Runs of the DAG's tasks, one after the other, over a ledger in which it is the check's turn."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "flights.yaml"
        self.write_file()
        self.ledger = open_ledger(f"sqlite:///{folder}/ledger.db", keyring=KEYRING)
        self.events = OutletEventAccessors()
        self.deferrals: list[TaskDeferred] = []
        self._runs = 0
        self.context: Any = None

    def write_file(self, *, engine: str = "LAMBDA", function: dict[str, Any] | None = None, **consistency: Any) -> None:
        content = yaml.safe_load(FILE.read_text())
        content["consistency"] |= {"engine": engine, "settle_time": "PT1S", **consistency}
        content["comparison_lambda"] |= function or {}
        content["tables"] = {TABLE: content["tables"][TABLE]}
        self.file.write_text(yaml.safe_dump(content, sort_keys=False))

    def start(self, **file: Any) -> None:
        """A new run that a person triggered, of a migration file with these changes."""
        self.write_file(**file)
        self._runs += 1
        run = SimpleNamespace(
            dag_id=DAG_ID, run_id=f"manual__{self._runs}", run_type="manual", triggering_user_name="admin"
        )
        self.context = {"dag_run": run, "ti": SimpleNamespace(try_number=1), "outlet_events": self.events}
        RecordRunOperator(
            task_id="record_run", stage=Stage.CONSISTENCY_CHECK, migration_file=str(self.file), ledger_conn_id="ledger"
        ).execute(self.context)

    @property
    def task(self) -> ConsistencyCheckOperator:
        return ConsistencyCheckOperator(
            task_id="check",
            ledger_conn_id="ledger",
            migration="flights",
            seed="7",
            look_every=dt.timedelta(seconds=0.2),
        )

    def call(self) -> TaskDeferred:
        """Execute the task, which calls the function and waits."""
        with pytest.raises(TaskDeferred) as deferred:
            self.task.execute(self.context)
        return deferred.value

    def resume(self, deferred: TaskDeferred, event: dict[str, Any], **kept: str) -> dict[str, Any]:
        """As Airflow wakes the task."""
        method = getattr(self.task, deferred.method_name)
        result: dict[str, Any] = method(self.context, event, **json.loads(json.dumps(deferred.kwargs)) | kept)
        return result

    def finish(self, deferred: TaskDeferred) -> dict[str, Any]:
        """Run trigger and task by turns until the task is done."""
        while True:
            self.deferrals.append(deferred)
            try:
                return self.resume(deferred, fired(deferred))
            except TaskDeferred as again:
                deferred = again

    def run(self) -> dict[str, Any]:
        return self.finish(self.call())

    def verdict(self) -> str:
        return RequirePassOperator(task_id="verdict", ledger_conn_id="ledger").execute(self.context)

    @property
    def recorded(self) -> Any:
        """What the ledger has of the newest check: its record, tables and coverage, without moments."""
        newest = CheckLedger(self.ledger).runs("flights")[-1]
        ids: dict[str, Any] = {"dag_id": newest.dag_id, "run_id": newest.run_id, "attempt": newest.attempt}
        ledger = CheckLedger(self.ledger)
        return SimpleNamespace(
            run=newest,
            tables=ledger.tables(**ids),
            coverage=ledger.coverage(**ids),
            mismatches=ledger.mismatches(**ids),
        )

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


def fired(deferred: TaskDeferred) -> dict[str, Any]:
    """What the trigger says, made anew from what Airflow's database keeps of it, as the triggerer does."""
    path, arguments = deferred.trigger.serialize()
    assert path == "keyspaces_provider.triggers.comparison.ObjectTrigger"
    again = ObjectTrigger(**json.loads(json.dumps(arguments)))

    async def first() -> Any:
        return await anext(again.run())

    payload: dict[str, Any] = asyncio.run(first()).payload
    return payload


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World, target: Session, function: str) -> Check:
    assert target
    assert function
    known = [
        connections.source(world.source),
        connections.target(world.target.contact),
        connections.history(world.snowflake),
        connections.aws(world.aws, keyspaces_url=world.aws.endpoint_url),
    ]
    for connection in known:
        body = {key: value for key, value in connection.body().items() if key not in {"connection_id", "description"}}
        monkeypatch.setenv(f"AIRFLOW_CONN_{connection.connection_id.upper()}", json.dumps(body))
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    ready = Check(tmp_path)
    ready.reach(Milestone.ASSESSED, Milestone.PROVISIONED, Milestone.DUAL_WRITES_STARTED, Milestone.BACKFILL_COMPLETE)
    return ready


@pytest.fixture
def trusted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Snowflake's connector of this process trusts the stand-in."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.snowflake.ca_file))


@pytest.fixture
def environment(world: World) -> Iterator[Any]:
    """Changes the function's environment; afterwards it is as before."""
    client = comparison.client(world.aws, "lambda")
    before = client.get_function_configuration(FunctionName=NAME)["Environment"]["Variables"]

    def change(**variables: str) -> None:
        client.update_function_configuration(FunctionName=NAME, Environment={"Variables": before | variables})
        client.get_waiter("function_updated_v2").wait(FunctionName=NAME)

    yield change
    change()


def s3(world: World) -> Any:
    return comparison.client(world.aws, "s3")


def place_of(deferred: TaskDeferred) -> str:
    key: str = deferred.trigger.serialize()[1]["keys"][0]
    return key


def without_moments(record: Any) -> Any:
    coverage = sorted(record.coverage, key=lambda each: each.draw)
    return (record.run.verdict, record.run.sentence, record.run.seed, record.tables, coverage)


@pytest.mark.parametrize("slow", [{}, SLOW], ids=["in one call", "in several"])
def test_it_comes_to_what_the_check_in_place_comes_to(
    check: Check, target: Session, trusted: None, slow: dict[str, Any]
) -> None:
    assert trusted is None
    for damage in (False, True):
        records = []
        for engine in ("LAMBDA", "AIRFLOW"):
            check.start(engine=engine, **slow)
            if damage:
                with spoilt(target):
                    check.run() if engine == "LAMBDA" else check.task.execute(check.context)
            else:
                check.run() if engine == "LAMBDA" else check.task.execute(check.context)
            records.append(check.recorded)
        by_lambda, in_place = records
        assert by_lambda.run.verdict is (Verdict.FAIL if damage else Verdict.PASS), by_lambda
        assert without_moments(by_lambda) == without_moments(in_place)
        found = [[(m.key, m.store, m.kind, m.columns, m.draw) for m in record.mismatches] for record in records]
        assert sorted(map(repr, found[0])) == sorted(map(repr, found[1]))
    calls = 3 if slow else 1
    assert len(check.deferrals) == 2 * calls


def test_it_leaves_all_that_a_check_in_place_leaves(check: Check, world: World) -> None:
    check.start()
    returned = check.run()
    assert returned["verdict"] == "pass"
    event = check.events[consistency_asset("flights")].extra
    assert event == {name: value for name, value in returned.items() if name not in {"html", "markdown", "json"}}
    assert Path(returned["markdown"].removeprefix("file://")).read_text().startswith("# Consistency of flights: PASS")
    assert {report.path for report in check.ledger.reports("flights")} == {
        returned[name] for name in ("html", "markdown", "json")
    }
    swept = SweepLedger(check.ledger).newest("flights")[TABLE]
    assert swept.is_end
    assert check.verdict().startswith("PASS: ")
    assert {each.draw for each in check.recorded.coverage} == set(Draw)
    (result,) = s3(world).list_objects_v2(Bucket=comparison.BUCKET, Prefix=place_of(check.deferrals[0]))["Contents"]
    assert result["Key"].startswith("results/checks/flights/")


def test_a_function_that_fails_leaves_the_verdict_open_and_tells_where_to_look(check: Check, environment: Any) -> None:
    environment(**{TARGET_SECRET: "keyspaces-migration/lost"})
    check.start()
    assert check.run()["verdict"] == "inconclusive"
    (table,) = check.recorded.tables
    assert "Secret keyspaces-migration/lost could not be read" in table.sentence
    with pytest.raises(CheckNotPassedError, match="INCONCLUSIVE"):
        check.verdict()


@pytest.mark.full
def test_a_deadline_that_passes_leaves_the_verdict_open_and_names_the_queue(check: Check, environment: Any) -> None:
    """The function leaves its results elsewhere, as one that runs with an older migration file does."""
    environment(**{RESULTS: f"s3://{comparison.BUCKET}/elsewhere"})
    check.start(max_read_units_per_s=None, function={"max_event_age": "PT1M", "timeout": "PT1S"})
    deferred = check.call()
    # Woken too early, by whoever it may be, it waits on.
    with pytest.raises(TaskDeferred) as again:
        check.resume(deferred, {"found": [place_of(deferred)]})
    assert again.value.kwargs == deferred.kwargs
    assert check.finish(again.value)["verdict"] == "inconclusive"
    (table,) = check.recorded.tables
    assert "left no result in the time that a call may take" in table.sentence
    assert f"{NAME}-dead-letters" in table.sentence
    assert SweepLedger(check.ledger).newest("flights") == {}


def test_no_result_but_that_of_this_very_call_counts(check: Check, world: World, target: Session) -> None:
    check.start()
    first = check.call()
    assert check.finish(first)["verdict"] == "pass"
    passed = s3(world).get_object(Bucket=comparison.BUCKET, Key=place_of(first))["Body"].read()

    def of_this_event(failed: bytes) -> bytes:
        """The result that passed, made to look as if it were this call's."""
        return json.dumps(json.loads(passed) | {"event_sha256": json.loads(failed)["event_sha256"]}).encode()

    forgeries: dict[str, Callable[[bytes], bytes]] = {
        "the result of another event": lambda _failed: passed,
        "its signature is not the function's": of_this_event,
        "it is no JSON": lambda _failed: b"PASS",
    }
    with spoilt(target):
        for why, forge in forgeries.items():
            check.start()
            second = check.call()
            event, place = fired(second), place_of(second)
            failed = s3(world).get_object(Bucket=comparison.BUCKET, Key=place)["Body"].read()
            s3(world).put_object(Bucket=comparison.BUCKET, Key=place, Body=forge(failed))
            assert check.resume(second, event)["verdict"] == "inconclusive"
            assert why in check.recorded.tables[0].sentence
    runs = [run.verdict for run in CheckLedger(check.ledger).runs("flights")]
    assert runs == [Verdict.PASS, *[Verdict.INCONCLUSIVE] * 3]


def test_a_note_of_another_try_or_with_a_change_is_not_gone_on_with(check: Check) -> None:
    check.start()
    first = check.call()
    kept = dict(first.kwargs or {})
    event = fired(first)
    with pytest.raises(NoteRefusedError, match="was not written by try 1"):
        check.resume(first, event, text=kept["text"].replace('"seed": 7', '"seed": 8'))
    with pytest.raises(NoteRefusedError, match="can't be read"):
        check.resume(first, event, text="{}")
    check.context["ti"].try_number = 2
    with pytest.raises(NoteRefusedError, match="was not written by try 2 of run manual__1"):
        check.resume(first, event)
    assert CheckLedger(check.ledger).runs("flights") == ()
    # A new try does not take the result of the first, which was left behind, for its own.
    second = check.call()
    assert place_of(second) != place_of(first)
    assert check.finish(second)["verdict"] == "pass"
    assert [run.attempt for run in CheckLedger(check.ledger).runs("flights")] == [2]


def test_what_airflow_keeps_while_it_waits_has_no_secret(check: Check, world: World) -> None:
    check.start()
    deferred = check.call()
    kept = json.dumps([deferred.trigger.serialize(), deferred.kwargs])
    assert fired(deferred) == {"found": [place_of(deferred)]}
    result = json.loads(s3(world).get_object(Bucket=comparison.BUCKET, Key=place_of(deferred))["Body"].read())
    assert result["event_sha256"]
    assert '"secret"' not in kept
    assert "secret" not in result
    assert check.finish(deferred)["verdict"] == "pass"


def test_a_function_that_is_not_there_is_told_before_anything_is_waited_for(
    check: Check, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    check.start(function={"results": "s3://no-such-bucket/results"})
    with pytest.raises(FunctionNotCalledError, match=r"s3://no-such-bucket/results can't be looked at.*s3:ListBucket"):
        check.task.execute(check.context)
    nobody = connections.aws(world.aws, keyspaces_url=world.aws.endpoint_url).body()
    extra = json.loads(nobody["extra"])
    extra["service_config"]["lambda"] = {"endpoint_url": f"http://127.0.0.1:{free_ports(1)[0]}"}
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv(
        "AIRFLOW_CONN_FLIGHTS_AWS",
        json.dumps({"conn_type": "aws", "login": "test", "password": "test", "extra": extra}),
    )
    check.start()
    with pytest.raises(FunctionNotCalledError, match=f"{NAME}:live could not be called for table {TABLE}"):
        check.task.execute(check.context)
    assert CheckLedger(check.ledger).runs("flights") == ()


def test_a_result_that_can_not_be_read_in_the_end_is_not_looked_at(
    check: Check, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    check.start()
    deferred = check.call()
    fired(deferred)
    extra = connections.aws(world.aws, keyspaces_url=world.aws.endpoint_url).extra
    extra["service_config"]["s3"] = {"endpoint_url": f"http://127.0.0.1:{free_ports(1)[0]}"}
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    connection = {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_AWS", json.dumps(connection))
    # Nobody knows yet, so it is waited for.
    with pytest.raises(TaskDeferred):
        check.resume(deferred, {"found": [place_of(deferred)]})
    run = recorded_run(check.context, ledger_conn_id="ledger")
    made = CheckByLambda(run, attempt=1, look_every=dt.timedelta(seconds=1))
    kept: Any = deferred.kwargs
    result = made.result(made.read(Note(text=kept["text"], signature=kept["signature"])))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "its result could not be read (" in result.tables[0].verdict.sentence


def test_its_numbers_reach_cloudwatch_and_one_that_does_not_answer_fails_nothing(
    check: Check, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    check.start(cloudwatch_namespace="Acme/Flights")
    assert check.run()["verdict"] == "pass"
    cloudwatch = comparison.client(world.aws, "cloudwatch")
    listed = cloudwatch.list_metrics(Namespace="Acme/Flights")["Metrics"]
    dimensions = [{"Name": "migration", "Value": "flights"}, {"Name": "table", "Value": TABLE}]
    assert {metric["MetricName"] for metric in listed} >= {"verdict", "rows_compared", "row_bound", "read_units_target"}
    assert all(sorted(metric["Dimensions"], key=lambda each: each["Name"]) == dimensions for metric in listed)
    now = dt.datetime.now(dt.UTC)
    statistics = cloudwatch.get_metric_statistics(
        Namespace="Acme/Flights", MetricName="verdict", Dimensions=dimensions, Period=3600, Statistics=["Sum"],
        StartTime=now - dt.timedelta(hours=1), EndTime=now + dt.timedelta(hours=1),
    )  # fmt: skip
    assert [point["Sum"] for point in statistics["Datapoints"]] == [1.0]
    extra = connections.aws(world.aws, keyspaces_url=world.aws.endpoint_url).extra
    extra["service_config"]["cloudwatch"] = {"endpoint_url": f"http://127.0.0.1:{free_ports(1)[0]}"}
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    connection = {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_AWS", json.dumps(connection))
    check.start(cloudwatch_namespace="Acme/Flights")
    assert check.run()["verdict"] == "pass"
    assert "did not reach CloudWatch, namespace Acme/Flights" in caplog.text
    assert len(CheckLedger(check.ledger).runs("flights")) == 2
