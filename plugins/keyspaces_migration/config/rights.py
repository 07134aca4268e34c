"""What a writer's identity must be allowed in AWS, and nothing more: an IAM policy from the migration file.

It is here, and not beside the writers, as `infra/` imports of the core `config` alone.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keyspaces_migration.config.migration import Migration

LETTERS_PREFIX = "dead-letters/"
"""What the keys of letters in S3 begin with, where nothing else is said."""
MAX_POLICY_SIZE = 6_144
"""Characters of a managed policy, white space not counted: a quota of IAM that can't be raised."""

# AppConfig's ids are of 4 to 7 characters, and made when the flag is.
_LONGEST_ID = "0" * 7


def writer_policy(  # noqa: PLR0913 -- what a policy names
    migration: "Migration",
    *,
    queue_arn: str,
    flag_arn: str,
    letters_bucket: str | None = None,
    letters_prefix: str = LETTERS_PREFIX,
    key_arns: Sequence[str] = (),
    partition: str = "aws",
) -> dict[str, Any]:
    """Return the policy of the identity that an application runs with, as IAM takes it.

    Args:
        migration: Its tables are those that may be read and written; no other.
        queue_arn: The dead letter queue's.
        flag_arn: The flag's, `arn:aws:appconfig:…:application/…/environment/…/configuration/…`, by AppConfig's ids.
        letters_bucket: Where letters go that are larger than a message; None: nowhere.
        letters_prefix: What the keys there begin with, as the writer's `SqsOutbox` has it.
        key_arns: KMS keys of one's own that encrypt the queue or the bucket.
        partition: AWS's, such as `aws-cn`.
    """
    target = migration.target
    place = f"arn:{partition}:cassandra:{target.region}:{target.account_id}:/keyspace"
    statements = [
        # Select, too: shadow reads, the canary's share of reads, and the rows of a delete that Keyspaces refuses whole.
        _statement(
            "Tables",
            ["cassandra:Select", "cassandra:Modify"],
            [f"{place}/{target.keyspace}/table/{name}" for name in migration.tables],
        ),
        # The driver reads there which nodes, tables and columns there are.
        _statement("Driver", ["cassandra:Select"], [f"{place}/system*"]),
        _statement("Flag", ["appconfig:StartConfigurationSession", "appconfig:GetLatestConfiguration"], [flag_arn]),
        _statement("Letters", ["sqs:SendMessage"], [queue_arn]),
    ]
    if letters_bucket is not None:
        objects = f"arn:{partition}:s3:::{letters_bucket}/{letters_prefix}*"
        statements.append(_statement("LargeLetters", ["s3:PutObject"], [objects]))
    if key_arns:
        statements.append(_statement("Keys", ["kms:GenerateDataKey", "kms:Decrypt"], list(key_arns)))
    return {"Version": "2012-10-17", "Statement": statements}


def longest_writer_policy(migration: "Migration") -> int:
    """Return how many characters, as IAM counts them, the policy that `provision` makes has at most."""
    target = migration.target
    flag = f"application/{_LONGEST_ID}/environment/{_LONGEST_ID}/configuration/{_LONGEST_ID}"
    document = writer_policy(
        migration,
        queue_arn=f"arn:aws:sqs:{target.region}:{target.account_id}:{migration.dead_letter_queue}",
        flag_arn=f"arn:aws:appconfig:{target.region}:{target.account_id}:{flag}",
        letters_bucket=migration.dead_letters.payload_bucket,
    )
    return len(json.dumps(document, separators=(",", ":")))


def _statement(sid: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
