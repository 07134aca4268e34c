from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from keyspaces_migration.config import load_migration
from keyspaces_migration.dual_write.rights import writer_policy

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
