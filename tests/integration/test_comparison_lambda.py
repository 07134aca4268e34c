"""The comparison Lambda for real: from the Zip and the secrets that the local world puts into the AWS stand-in.

The source is Cassandra, the target local Keyspaces with TLS and credentials, the history the Snowflake stand-in.
"""

from __future__ import annotations

import base64
import json
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cassandra.concurrent import execute_concurrent_with_args

from keyspaces_migration.clients import open_session
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.config.infrastructure import TARGET_SECRET
from keyspaces_migration.consistency.assembly import check_plan, table_checks
from keyspaces_migration.consistency.check import run_check
from keyspaces_migration.consistency.report import to_json
from keyspaces_migration.entrypoints.comparison import Secrets, open_stores
from keyspaces_migration.entrypoints.history_secret import HistorySecret
from keyspaces_migration.entrypoints.secret_model import parse_secret
from keyspaces_migration.entrypoints.store_secrets import StoreSecret, TargetSecret, source_settings
from rehearsal.comparison_zip import HANDLER, comparison_zip
from rehearsal.data.schema import MIGRATED
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until
from rehearsal.servers import comparison
from rehearsal.settings import Component, WorldPorts, WorldSettings
from rehearsal.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassandra.cluster import Session

FILE = Path(__file__).parents[2] / "dags" / "migrations" / "flights.yaml"
TABLE = "weather"
SEED = 42
PARTS = frozenset({Component.SOURCE, Component.TARGET, Component.SNOWFLAKE, Component.AWS})


def migration() -> Migration:
    """flights.yaml, but a difference has little time to settle."""
    content = json.loads(load_migration(FILE).canonical_json())
    content["consistency"]["settle_time"] = "PT1S"
    return Migration.from_canonical_json(json.dumps(content))


MIGRATION = migration()


def event(**changes: Any) -> dict[str, Any]:
    return {"version": 1, "migration": json.loads(MIGRATION.canonical_json()), "table": TABLE, "seed": SEED} | changes


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("comparison") / "world"
    with World(WorldSettings(home=home, ports=WorldPorts.free(), components=PARTS, days=1)) as up:
        yield up


@pytest.fixture(scope="module")
def target(world: World) -> Iterator[Session]:
    """A session with the target, which has a true copy of the source's table."""
    with world.target.session() as session:
        make_table(world, session)
        copy(world, session)
        yield session


def make_table(world: World, session: Session) -> None:
    """As in Keyspaces, a keyspace and a table can be used once a system table shows them."""
    keyspace = "SELECT keyspace_name FROM system_schema_mcs.keyspaces WHERE keyspace_name = 'flights'"
    table = f"SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = 'flights' AND table_name = '{TABLE}'"
    session.execute("CREATE KEYSPACE flights WITH replication = {'class': 'SingleRegionStrategy'}")
    until(world, lambda: session.execute(keyspace).one() is not None, what="keyspace")
    session.execute(next(statement for statement in MIGRATED if f"flights.{TABLE} " in statement))
    until(world, lambda: getattr(session.execute(table).one(), "status", None) == "ACTIVE", what="table")


def until(world: World, is_there: Callable[[], bool], *, what: str) -> None:
    wait_until(lambda: None if is_there() else "not ACTIVE", name=what, log=world.target.log, timeout_s=60)


def copy(world: World, target: Session) -> None:
    secret = parse_secret(json.dumps(comparison.source(world.source)), StoreSecret, name="source")
    with open_session(source_settings(secret, folder=world.home)) as source:
        found = source.execute(f"SELECT * FROM flights.{TABLE}")
        columns, rows = found.column_names, [tuple(row) for row in found]
    assert len(rows) > 50
    marks = ", ".join("?" * len(columns))
    insert = target.prepare(f"INSERT INTO flights.{TABLE} ({', '.join(columns)}) VALUES ({marks})")
    execute_concurrent_with_args(target, insert, rows)


@contextmanager
def spoilt(target: Session) -> Iterator[None]:
    """One cell of the target is wrong meanwhile."""
    row = target.execute(f"SELECT origin, time_hour, temp FROM flights.{TABLE} LIMIT 1").one()
    update = target.prepare(f"UPDATE flights.{TABLE} SET temp = ? WHERE origin = ? AND time_hour = ?")
    target.execute(update, (-459.67, row.origin, row.time_hour))
    yield
    target.execute(update, (row.temp, row.origin, row.time_hour))


def make_function(world: World, name: str, **environment: str) -> str:
    """Create a function from what lies in the stand-in's S3, and return its name."""
    asked = MIGRATION.comparison_lambda
    assert asked is not None
    bucket, key = str(asked.zip).removeprefix("s3://").split("/", 1)
    client = comparison.client(world.aws, "lambda")
    client.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler=HANDLER,
        Role="arn:aws:iam::000000000000:role/comparison",
        Code={"S3Bucket": bucket, "S3Key": key},
        Timeout=120,
        MemorySize=1024,
        Environment={"Variables": asked.secrets.variables() | environment},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return name


@pytest.fixture(scope="module")
def function(world: World) -> str:
    return make_function(world, "comparison")


def invoke(world: World, function: str, payload: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The answer of a synchronous call, or what its error says, and the end of the log."""
    answer = comparison.client(world.aws, "lambda").invoke(
        FunctionName=function, Payload=json.dumps(payload), LogType="Tail"
    )
    log = base64.b64decode(answer.get("LogResult", "")).decode()
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    return said | ({"FunctionError": answer["FunctionError"]} if "FunctionError" in answer else {}), log


def in_place(world: World, tmp_path: Path) -> dict[str, Any]:
    """The same check in this process."""
    secrets = Secrets(
        source=parse_secret(json.dumps(comparison.source(world.source)), StoreSecret, name="source"),
        target=parse_secret(json.dumps(comparison.target(world.target.contact)), TargetSecret, name="target"),
        history=parse_secret(json.dumps(comparison.history(world.snowflake)), HistorySecret, name="history"),
    )
    plan = check_plan(MIGRATION, seed=SEED, now=datetime.now(UTC))

    def now() -> datetime:
        return datetime.now(UTC)

    with ExitStack() as stack:
        stores = open_stores(secrets, region=MIGRATION.target.region, folder=tmp_path, stack=stack)
        checks = table_checks(MIGRATION, tables=[TABLE], plan=plan, stores=stores, settle=time.sleep, now=now)
        document: dict[str, Any] = json.loads(to_json(run_check(checks, plan=plan, now=now)))
    return document


def without_moments(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: without_moments(value) for key, value in document.items() if not key.endswith("_at")}
    return [without_moments(each) for each in document] if isinstance(document, list) else document


def test_a_true_copy_passes_as_it_does_in_place(world: World, target: Session, function: str, tmp_path: Path) -> None:
    assert target
    document, log = invoke(world, function, event())
    assert document.get("verdict") == "pass", (document, log)
    assert document["plan"]["seed"] == SEED
    assert list(document["tables"]) == [TABLE]
    assert document["tables"][TABLE]["keys"]["compared"] > 50
    assert without_moments(document) == without_moments(in_place(world, tmp_path))


def test_a_wrong_cell_is_found_as_it_is_in_place(world: World, target: Session, function: str, tmp_path: Path) -> None:
    with spoilt(target):
        document, log = invoke(world, function, event())
        assert document.get("verdict") == "fail", (document, log)
        assert without_moments(document) == without_moments(in_place(world, tmp_path))
    found = document["tables"][TABLE]
    assert found["keys"]["mismatched"] == 1
    assert {(each["store"], each["kind"], *each["columns"]) for each in found["mismatches"]} == {
        ("target", "value_differs", "temp")
    }
    again, log = invoke(world, function, event())
    assert again.get("verdict") == "pass", (again, log)


def test_a_target_that_does_not_answer_leaves_the_verdict_open(world: World, target: Session) -> None:
    assert target
    secret = comparison.target(world.target.contact) | {"port": free_ports(1)[0]}
    comparison.put_secrets(world.aws, {"nobody": secret})
    function = make_function(world, "comparison-nobody", **{TARGET_SECRET: f"{comparison.SECRETS}/nobody"})
    document, log = invoke(world, function, event())
    assert document.get("verdict") == "inconclusive", (document, log)
    found = document["tables"][TABLE]
    assert found["keys"]["could_not_look"] == found["keys"]["population"] > 50
    assert any("the connection is refused" in problem for problem in found["problems"]), found["problems"]
    assert secret["password"] not in json.dumps(document) + log


def test_a_bad_event_is_an_error_of_the_code_in_the_zip(world: World, function: str) -> None:
    said, log = invoke(world, function, event(table="whether"))
    assert said["FunctionError"] == "Unhandled"
    assert "found 'whether'" in said["errorMessage"]
    assert "did you mean 'weather'?" in said["errorMessage"]
    # Unpacked from the Zip, and not this repository's.
    assert "/code/keyspaces_migration/entrypoints/comparison.py" in log


def test_a_bad_event_of_an_asynchronous_call_lands_in_the_queue(world: World, function: str) -> None:
    sqs, functions = comparison.client(world.aws, "sqs"), comparison.client(world.aws, "lambda")
    queue = sqs.create_queue(QueueName="comparison-dead-letters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    functions.put_function_event_invoke_config(
        FunctionName=function, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    bad = event(version=2)
    accepted = functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(bad))
    assert accepted["StatusCode"] == 202
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    letter = json.loads(message["Body"])
    assert letter["requestPayload"] == bad
    assert "version: Input should be less than or equal to 1" in letter["responsePayload"]["errorMessage"]


def test_a_secret_that_is_not_there_is_an_error_and_no_verdict(world: World) -> None:
    function = make_function(world, "comparison-lost", **{TARGET_SECRET: "keyspaces-migration/lost"})
    said, _ = invoke(world, function, event())
    assert said["FunctionError"] == "Unhandled"
    assert "Secret keyspaces-migration/lost could not be read" in said["errorMessage"]


def test_a_restarted_stand_in_has_code_and_secrets_still(world: World) -> None:
    world.aws.stop()
    world.aws.launch()
    wait_until(world.aws.why_not_healthy, name=world.aws.name, log=world.aws.log, timeout_s=120)
    s3, manager = comparison.client(world.aws, "s3"), comparison.client(world.aws, "secretsmanager")
    assert s3.get_object(Bucket=comparison.BUCKET, Key=comparison.KEY)["Body"].read() == comparison_zip()
    before = manager.get_secret_value(SecretId=f"{comparison.SECRETS}/target")
    assert json.loads(before["SecretString"]) == comparison.target(world.target.contact)
    comparison.put_secrets(world.aws, {"target": comparison.target(world.target.contact)})
    assert manager.get_secret_value(SecretId=f"{comparison.SECRETS}/target")["VersionId"] == before["VersionId"]
