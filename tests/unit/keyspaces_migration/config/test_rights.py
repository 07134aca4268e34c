from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.config.rights import LETTERS_PREFIX, longest_writer_policy, writer_policy
from keyspaces_migration.dual_write.sqs_outbox import SqsOutbox

REPOSITORY = Path(__file__).parents[4]
MIGRATION = load_migration(REPOSITORY / "rehearsal/soak/migration.yaml")
QUEUE = "arn:aws:sqs:eu-central-1:111122223333:keyspaces-migration-soak-dead-letters"
FLAG = "arn:aws:appconfig:eu-central-1:111122223333:application/abc1234/environment/def5678/configuration/ghi9012"


def statements(**given: Any) -> dict[str, dict[str, Any]]:
    policy = writer_policy(MIGRATION, queue_arn=QUEUE, flag_arn=FLAG, **given)
    assert policy["Version"] == "2012-10-17"
    return {each["Sid"]: each for each in policy["Statement"]}


def test_a_writer_may_read_and_write_the_migration_s_tables_and_no_other() -> None:
    tables = statements()["Tables"]
    target = MIGRATION.target
    place = f"arn:aws:cassandra:{target.region}:{target.account_id}:/keyspace/{target.keyspace}/table/"
    assert tables["Resource"] == [f"{place}{name}" for name in MIGRATION.tables]
    assert tables["Action"] == ["cassandra:Select", "cassandra:Modify"]


def test_nothing_is_allowed_beyond_what_a_writer_calls() -> None:
    allowed = {sid: each["Action"] for sid, each in statements(letters_bucket="b", key_arns=["arn:key"]).items()}
    assert allowed == {
        "Tables": ["cassandra:Select", "cassandra:Modify"],
        "Driver": ["cassandra:Select"],
        "Flag": ["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"],
        "Letters": ["sqs:SendMessage"],
        "LargeLetters": ["s3:PutObject"],
        "Keys": ["kms:GenerateDataKey", "kms:Decrypt"],
    }


def test_what_a_writer_does_not_use_it_is_not_allowed() -> None:
    assert not {"LargeLetters", "Keys"} & statements().keys()


def test_large_letters_go_below_their_prefix_only() -> None:
    found = statements(letters_bucket="letters", letters_prefix="flights/", partition="aws-cn")
    assert found["LargeLetters"]["Resource"] == ["arn:aws-cn:s3:::letters/flights/*"]
    assert found["Driver"]["Resource"][0].startswith("arn:aws-cn:cassandra:")


def of_tables(count: int, *, policy: bool) -> Migration:
    whole = MIGRATION.model_dump(mode="json", by_alias=True)
    (table, *_) = whole["tables"].values()
    whole["tables"] = {f"table_{number:03}": table for number in range(count)}
    whole["writers"] = {"policy": policy}
    return Migration.model_validate_json(json.dumps(whole))


def test_a_migration_whose_policy_iam_would_not_take_asks_for_none() -> None:
    fits = next(count for count in range(100, 0, -1) if longest_writer_policy(of_tables(count, policy=False)) <= 6144)
    assert fits > 20
    assert of_tables(fits, policy=True).writers.policy
    assert not of_tables(fits + 1, policy=False).writers.policy
    with pytest.raises(ValidationError, match=rf"{fits + 1} tables make \d+ characters.*at most 6144, a quota of IAM"):
        of_tables(fits + 1, policy=True)


def test_the_longest_policy_is_the_one_that_is_made() -> None:
    letters = MIGRATION.dead_letters.model_copy(update={"payload_bucket": "letters"})
    migration = MIGRATION.model_copy(update={"dead_letters": letters})
    here = f"{migration.target.region}:{migration.target.account_id}"
    queue, flag = (arn.replace("eu-central-1:111122223333", here) for arn in (QUEUE, FLAG))
    made = writer_policy(migration, queue_arn=queue, flag_arn=flag, letters_bucket="letters")
    assert len(json.dumps(made, separators=(",", ":"))) == longest_writer_policy(migration)


def test_letters_lie_where_a_writer_puts_them() -> None:
    given = inspect.signature(SqsOutbox).parameters["prefix"].default
    assert given == LETTERS_PREFIX == inspect.signature(writer_policy).parameters["letters_prefix"].default


def test_the_policy_of_the_guide_is_the_one_that_is_made() -> None:
    guide = (REPOSITORY / "docs/guides/dual-writes.md").read_text(encoding="utf-8")
    shown = json.loads(
        guide.partition("## What a writer may do in AWS")[2].partition("```json\n")[2].partition("```")[0]
    )
    flights = load_migration(REPOSITORY / "dags/migrations/flights.yaml")
    assert shown == writer_policy(
        flights,
        queue_arn="arn:aws:sqs:us-east-1:000000000000:keyspaces-migration-flights-dead-letters",
        flag_arn="arn:aws:appconfig:us-east-1:000000000000:application/APPLICATION/environment/ENVIRONMENT"
        "/configuration/PROFILE",
        letters_bucket="my-letters",
    )
