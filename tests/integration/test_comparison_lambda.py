"""The comparison Lambda for real: from the Zip and the secrets that the local world puts into the AWS stand-in.

The source is Cassandra, the target local Keyspaces with TLS and credentials, the history the Snowflake stand-in.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.config.infrastructure import TARGET_SECRET
from keyspaces_migration.consistency.assembly import table_checks
from keyspaces_migration.consistency.kinds import Draw, MismatchKind, Store, Verdict
from keyspaces_migration.consistency.part import TablePart, merged
from keyspaces_migration.consistency.windows import FIRST_TOKEN
from keyspaces_migration.entrypoints.comparison import Secrets, open_stores
from keyspaces_migration.entrypoints.comparison_event import event_digest, read_event
from keyspaces_migration.entrypoints.comparison_result import Result, read_result
from keyspaces_migration.entrypoints.history_secret import HistorySecret
from keyspaces_migration.entrypoints.secret_model import parse_secret
from keyspaces_migration.entrypoints.store_secrets import StoreSecret, TargetSecret
from rehearsal.comparison_zip import comparison_zip
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until
from rehearsal.servers import comparison
from tests.integration.comparison_world import MIGRATION, TABLE, copied, make_function, running, spoilt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from keyspaces_migration.consistency.results import TableResult
    from rehearsal.world import World

SEED = 42
SECRET = "5e" * 32


def event(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    whole = {
        "version": 2,
        "migration": json.loads(MIGRATION.of_table(TABLE).canonical_json()),
        "table": TABLE,
        "seed": SEED,
        "now": now,
        "leader": "source",
        "share": {"part": 0, "parts": 1},
        "sweep": {"place": FIRST_TOKEN, "began_at": now},
        "read_units_per_s": 3_000,
        "result": f"tests/{uuid.uuid4().hex}.json",
        "secret": SECRET,
    }
    return whole | changes


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("comparison") / "world") as up:
        yield up


@pytest.fixture(scope="module")
def target(world: World) -> Iterator[Session]:
    """A session with the target, which has a true copy of the source's table."""
    with copied(world) as session:
        yield session


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


def left(world: World, key: str) -> bytes:
    """What a call has left under the prefix of results."""
    s3 = comparison.client(world.aws, "s3")
    body: bytes = s3.get_object(Bucket=comparison.BUCKET, Key=f"results/{key}")["Body"].read()
    return body


def look(world: World, function: str, **changes: Any) -> TablePart:
    """What a call for this event saw, from where it has left it."""
    asked = event(**changes)
    said, log = invoke(world, function, asked)
    assert "FunctionError" not in said, (said, log)
    result = read_result(left(world, asked["result"]), event=read_event(asked), event_sha256=event_digest(asked))
    assert result.part is not None
    return result.part


def check(world: World, function: str, *, parts: int = 1) -> TableResult:
    """The whole check of the table, in so many calls."""
    shares = [{"part": part, "parts": parts} for part in range(parts)]
    asked = read_event(event())
    return merged([look(world, function, share=share) for share in shares], plan=asked.plan())


def in_place(world: World, tmp_path: Path) -> TableResult:
    """The same check in this process."""
    secrets = Secrets(
        source=parse_secret(json.dumps(comparison.source(world.source)), StoreSecret, name="source"),
        target=parse_secret(json.dumps(comparison.target(world.target.contact)), TargetSecret, name="target"),
        history=parse_secret(json.dumps(comparison.history(world.snowflake)), HistorySecret, name="history"),
    )
    asked = read_event(event())

    def now() -> datetime:
        return datetime.now(UTC)

    with ExitStack() as stack:
        stores = open_stores(secrets, region=MIGRATION.target.region, folder=tmp_path, stack=stack)
        (made,) = table_checks(
            MIGRATION,
            tables=[TABLE],
            plan=asked.plan(),
            stores=stores,
            settle=time.sleep,
            now=now,
            sweeps=asked.sweeps(),
        )
        return made.run()


def seen(result: TableResult) -> dict[str, Any]:
    """All of a result but its moments, and how the reads were put into statements."""
    return {
        "verdict": result.verdict,
        "counts": result.counts,
        "problems": result.problems,
        "mismatches": sorted((m.store, m.kind, m.draw, sorted(m.key.items()), m.columns) for m in result.mismatches),
        "sweep": result.sweep and (result.sweep.from_token, result.sweep.to_token, result.sweep.rows),
        "left_out": result.left_out,
    }


@pytest.mark.parametrize("parts", [1, 3])
def test_a_true_copy_passes_as_it_does_in_place(
    world: World, target: Session, function: str, tmp_path: Path, parts: int
) -> None:
    assert target
    result = check(world, function, parts=parts)
    assert result.verdict.verdict is Verdict.PASS, result
    assert result.counts.keys.compared > 50
    assert result.counts.others[Draw.SWEEP].rows > 50
    assert seen(result) == seen(in_place(world, tmp_path))


@pytest.mark.parametrize("parts", [1, 3])
def test_a_wrong_cell_is_found_as_it_is_in_place(
    world: World, target: Session, function: str, tmp_path: Path, parts: int
) -> None:
    with spoilt(target):
        result = check(world, function, parts=parts)
        assert result.verdict.verdict is Verdict.FAIL, result
        assert seen(result) == seen(in_place(world, tmp_path))
    assert result.counts.keys.mismatched == 1
    assert result.counts.rows_out_of_line == {(Store.TARGET, MismatchKind.VALUE_DIFFERS): 1}
    assert {each.columns for each in result.mismatches} == {("temp",)}
    assert check(world, function).verdict.verdict is Verdict.PASS


def test_a_call_says_in_short_what_it_saw_and_where_it_has_left_it(
    world: World, target: Session, function: str
) -> None:
    assert target
    asked = event()
    said, log = invoke(world, function, asked)
    counts = said.pop("rows_compared")
    assert said == {
        "version": 2,
        "table": TABLE,
        "part": 0,
        "parts": 1,
        "verdict": "pass",
        "rows_out_of_line": 0,
        "could_not_look": 0,
        "result": f"s3://{comparison.BUCKET}/results/{asked['result']}",
    }
    assert counts > 50
    assert SECRET not in log
    assert SECRET.encode() not in left(world, asked["result"])


def test_its_log_has_a_line_that_cloudwatch_makes_metrics_of(world: World, target: Session, function: str) -> None:
    assert target
    _, log = invoke(world, function, event())
    (line,) = [json.loads(line[line.index("{") :]) for line in log.splitlines() if '"_aws"' in line]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "KeyspacesMigration"
    assert directive["Dimensions"] == [["migration", "table"]]
    assert (line["migration"], line["table"], line["verdict"], line["passed"]) == ("flights", TABLE, 1, 1)
    assert {metric["Name"] for metric in directive["Metrics"]} <= set(line)
    assert time.time() * 1000 - line["_aws"]["Timestamp"] < 120_000


def test_an_event_that_lambda_gives_twice_leaves_what_was_left_first(
    world: World, target: Session, function: str
) -> None:
    asked = event()
    invoke(world, function, asked)
    first = left(world, asked["result"])
    with spoilt(target):
        said, log = invoke(world, function, asked)
    assert said["verdict"] == "fail", (said, log)
    assert left(world, asked["result"]) == first
    assert '"_aws"' not in log


def test_a_scheduled_call_draws_by_its_moment_without_a_sweep_at_its_share_of_the_rate(
    world: World, target: Session, function: str
) -> None:
    assert target
    asked = {
        "version": 2,
        "scheduled_at": "2026-11-27T03:00:00Z",
        "tables": 4,
        "table": TABLE,
        "migration": json.loads(MIGRATION.of_table(TABLE).canonical_json()),
    }
    said, log = invoke(world, function, asked)
    assert said.get("verdict") == "pass", (said, log)
    assert said["result"].endswith(f"/results/scheduled/flights/{TABLE}/2026-11-27T03:00:00Z.json")
    document = json.loads(left(world, f"scheduled/flights/{TABLE}/2026-11-27T03:00:00Z.json"))
    assert document["signature"] is None
    assert document["part"]["sweep"] is None
    assert '"_aws"' in log


def test_a_target_that_does_not_answer_leaves_the_verdict_open(world: World, target: Session) -> None:
    assert target
    secret = comparison.target(world.target.contact) | {"port": free_ports(1)[0]}
    comparison.put_secrets(world.aws, {"nobody": secret})
    function = make_function(world, "comparison-nobody", **{TARGET_SECRET: comparison.secret_name("flights", "nobody")})
    result = check(world, function)
    assert result.verdict.verdict is Verdict.INCONCLUSIVE, result
    keys = result.counts.keys
    assert keys.could_not_look == keys.population > 50
    assert any("the connection is refused" in problem for problem in result.problems), result.problems
    assert secret["password"] not in repr(result)


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
    bad = event(version=3)
    accepted = functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(bad))
    assert accepted["StatusCode"] == 202
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
    letter = json.loads(message["Body"])
    assert letter["requestPayload"] == bad
    assert "version: Input should be less than or equal to 2" in letter["responsePayload"]["errorMessage"]


def test_a_secret_that_is_not_there_is_an_error_and_no_verdict_and_says_so_in_the_results_place(world: World) -> None:
    function = make_function(world, "comparison-lost", **{TARGET_SECRET: "keyspaces-migration/lost"})
    asked = event()
    said, _ = invoke(world, function, asked)
    assert said["FunctionError"] == "Unhandled"
    assert "Secret keyspaces-migration/lost could not be read" in said["errorMessage"]
    failure = left(world, asked["result"].replace(".json", ".failed.json"))
    result = read_result(failure, event=read_event(asked), event_sha256=event_digest(asked))
    assert result == Result(part=None, failure=f"SecretUnreadError: {said['errorMessage']}")


def test_a_place_that_results_can_not_be_put_in_is_an_error(world: World, target: Session) -> None:
    assert target
    function = make_function(world, "comparison-astray", RESULTS="s3://no-such-bucket/results")
    said, log = invoke(world, function, event())
    assert said["FunctionError"] == "Unhandled"
    assert "ResultNotLeftError" in log
    assert "s3://no-such-bucket/results/tests/" in said["errorMessage"]


def test_a_restarted_stand_in_has_code_and_secrets_still(world: World) -> None:
    world.aws.stop()
    world.aws.launch()
    wait_until(world.aws.why_not_healthy, name=world.aws.name, log=world.aws.log, timeout_s=120)
    s3, manager = comparison.client(world.aws, "s3"), comparison.client(world.aws, "secretsmanager")
    assert s3.get_object(Bucket=comparison.BUCKET, Key=comparison.KEY)["Body"].read() == comparison_zip()
    name = comparison.secret_name("flights", "target")
    before = manager.get_secret_value(SecretId=name)
    assert json.loads(before["SecretString"]) == comparison.target(world.target.contact)
    comparison.put_secrets(world.aws, {"target": comparison.target(world.target.contact)})
    assert manager.get_secret_value(SecretId=name)["VersionId"] == before["VersionId"]
