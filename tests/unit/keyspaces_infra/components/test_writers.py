"""What the application's writers need in AWS: their policy, and the bucket of letters larger than a message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from keyspaces_infra.components.errors import ComponentArgumentError
from keyspaces_infra.components.letters_bucket import LettersBucket, LettersBucketArgs
from keyspaces_infra.components.writer_policy import WriterPolicy, WriterPolicyArgs
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.config.rights import LETTERS_PREFIX, writer_policy
from tests.unit.keyspaces_infra.pulumi_recorder import Recorder, declared

FLIGHTS = load_migration(Path(__file__).parents[4] / "dags/migrations/flights.yaml")
POLICY, BUCKET = "aws:iam/policy:Policy", "aws:s3/bucket:Bucket"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
NAME = "keyspaces-migration-flights-writers"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:keyspaces-migration-flights-dead-letters"
FLAG = "arn:aws:appconfig:us-east-1:000000000000:application/a/environment/e/configuration/c"


def bucket(**arguments: Any) -> Recorder:
    return declared(lambda: LettersBucket(LettersBucketArgs(**{"name": "my-letters"} | arguments)))


def of_many_tables() -> Migration:
    table = FLIGHTS.tables["weather"]
    return FLIGHTS.model_copy(update={"tables": {f"weather_{number}": table for number in range(100)}})


@pytest.mark.parametrize(
    "given", [{}, {"letters_bucket": "my-letters", "letters_prefix": "flights/", "key_arns": ["arn:key", "arn:other"]}]
)
def test_the_policy_is_the_one_of_the_core_and_no_other(given: dict[str, Any]) -> None:
    queue_arn, tags = pulumi.Output.from_input(QUEUE), {"Team": "data"}
    args = WriterPolicyArgs(migration=FLIGHTS, queue_arn=queue_arn, flag_arn=FLAG, tags=tags, **given)
    made = declared(lambda: WriterPolicy(args)).inputs(POLICY, NAME)
    assert json.loads(made["policy"]) == writer_policy(FLIGHTS, queue_arn=QUEUE, flag_arn=FLAG, **given)
    assert (made["name"], made["tags"]) == (NAME, tags)


def test_a_policy_that_iam_would_not_take_is_refused() -> None:
    message = rf"WriterPolicy {NAME}\.migration: found \d+, allowed is 1 to 6144"
    with pytest.raises(ComponentArgumentError, match=message):
        WriterPolicyArgs(migration=of_many_tables(), queue_arn=QUEUE, flag_arn=FLAG)


def test_a_bucket_is_private_and_protected() -> None:
    recorder = bucket(tags={"Team": "data"})
    made = recorder.asked[(BUCKET, "my-letters")]
    assert made.protect
    assert made.inputs == {"bucket": "my-letters", "forceDestroy": False, "tags": {"Team": "data"}}
    block = recorder.inputs("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "my-letters")
    assert block.pop("bucket") == "my-letters"
    assert block == dict.fromkeys(
        ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
    )


def test_a_bucket_is_encrypted_with_s3s_key_or_a_given_one() -> None:
    by = "applyServerSideEncryptionByDefault"
    assert bucket().inputs(ENCRYPTION, "my-letters")["rules"] == [{by: {"sseAlgorithm": "AES256"}}]
    assert bucket(key_arn="arn:key").inputs(ENCRYPTION, "my-letters")["rules"] == [
        {by: {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "arn:key"}, "bucketKeyEnabled": True}
    ]


def test_nobody_reaches_a_bucket_or_what_is_in_it_without_tls() -> None:
    recorder = bucket()
    policy = recorder.asked[("aws:s3/bucketPolicy:BucketPolicy", "my-letters")]
    (statement,) = json.loads(policy.inputs["policy"])["Statement"]
    arn = "arn:s3/bucket:my-letters"
    assert statement == {
        "Sid": "TlsAlone",
        "Effect": "Deny",
        "Action": ["s3:*"],
        "Principal": "*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    assert any("bucketPublicAccessBlock" in each for each in policy.dependencies)


def test_what_writers_left_goes_by_its_age_and_nothing_else_does() -> None:
    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    (rule,) = bucket(keep_days=60).inputs(token, "my-letters")["rules"]
    assert rule == {
        "id": "letters",
        "status": "Enabled",
        "filter": {"prefix": LETTERS_PREFIX},
        "expiration": {"days": 60},
    }


def test_everything_stands_under_its_component_and_the_outputs_can_be_used() -> None:
    def program() -> None:
        options = pulumi.ResourceOptions(provider=aws.Provider("elsewhere", region="eu-west-1"))
        letters = LettersBucket(LettersBucketArgs(name="my-letters", protect=False, emptied=True), opts=options)
        writers = WriterPolicy(
            WriterPolicyArgs(migration=FLIGHTS, queue_arn=QUEUE, flag_arn=FLAG, letters_bucket=letters.name),
            opts=options,
        )
        known = pulumi.Output.all(letters.arn, letters.name, writers.arn, writers.name)
        aws.sns.Topic("sees", name=known.apply("|".join))

    recorder = declared(program)
    made = [each for each in recorder.asked.values() if each.typ.startswith("aws:") and each.name != "sees"]
    assert len(made) == 6
    of_bucket = [each for each in made if "keyspaces-migration:index:LettersBucket" in each.parent]
    of_policy = [each for each in made if "keyspaces-migration:index:WriterPolicy" in each.parent]
    assert (len(of_bucket), len(of_policy)) == (5, 1)
    assert all("aws::elsewhere" in each.provider for each in made)
    assert not [each.name for each in made if each.protect]
    assert recorder.inputs(BUCKET, "my-letters")["forceDestroy"]
    seen = f"arn:s3/bucket:my-letters|my-letters|arn:iam/policy:{NAME}|{NAME}"
    assert recorder.inputs("aws:sns/topic:Topic", "sees")["name"] == seen


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "My-letters"}, r"LettersBucketArgs\.name: found 'My-letters'"),
        ({"name": "l" * 64}, r"allowed is 1 to 63"),
        ({"keep_days": 14}, r"LettersBucket my-letters\.keep_days: found 14.*SQS keeps a letter for 14 days"),
    ],
)
def test_what_s3_or_time_would_refuse_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentArgumentError, match=message):
        LettersBucketArgs(**{"name": "my-letters"} | changes)
