"""A bucket for the content of letters that are larger than a message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.checks import named, within
from keyspaces_infra.components.dead_letters import RETENTION_S
from keyspaces_infra.components.policies import Effect, Statement, policy
from keyspaces_migration.config.rights import LETTERS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

_DAY_S = 24 * 60 * 60
_LONGEST_NAME = 63
_MOST_DAYS = 36_500


@dataclass(frozen=True, kw_only=True)
class LettersBucketArgs:
    """What a bucket of letters is made of.

    Attributes:
        name: 3 to 63 lower-case letters, digits, dots and dashes; no other bucket of any account may have it.
        keep_days: After how many days S3 deletes what a writer left. A day more than the queue keeps a letter at least.
        prefix: What the writers' keys begin with, as their `SqsOutbox` has it; nothing else is deleted by age.
        key_arn: KMS key that encrypts the letters; None for a key that S3 keeps. Who writes needs `kms:GenerateDataKey`
            and `kms:Decrypt` on it, who reads `kms:Decrypt`.
        tags: Of the bucket.
        protect: Whether the bucket is kept from deletion: letters are data.
        emptied: Whether a bucket that is deleted is emptied first. Else S3 refuses to delete one with letters in it.

    Raises:
        ComponentArgumentError: S3 would refuse it, or a letter could outlive its content.
    """

    name: str
    keep_days: int = 90
    prefix: str = LETTERS_PREFIX
    key_arn: pulumi.Input[str] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    protect: bool = True
    emptied: bool = False

    def __post_init__(self) -> None:
        named("LettersBucketArgs.name", self.name, longest=_LONGEST_NAME, characters="a-z0-9.-")
        within(
            f"LettersBucket {self.name}.keep_days",
            self.keep_days,
            least=RETENTION_S // _DAY_S + 1,
            most=_MOST_DAYS,
            advice=f"SQS keeps a letter for {RETENTION_S // _DAY_S} days, and its content must outlive it.",
        )


class LettersBucket(pulumi.ComponentResource):
    """A bucket that is private, encrypted, reached by TLS alone, and deletes letters by their age.

    Access lists are off, as S3 has them for every new bucket: the bucket's owner owns what is in it.

    Attributes:
        arn: The bucket's ARN.
        name: The bucket's name.
    """

    def __init__(self, args: LettersBucketArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("keyspaces-migration:index:LettersBucket", args.name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        bucket = aws.s3.Bucket(
            args.name,
            bucket=args.name,
            force_destroy=args.emptied,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        closed = self._close(bucket)
        self._encrypt(bucket)
        self._delete_by_age(bucket)
        aws.s3.BucketPolicy(
            args.name,
            bucket=bucket.bucket,
            policy=policy([_tls_alone(bucket.arn)]),
            # S3 refuses these two at once: hashicorp/terraform-provider-aws#7628.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[closed]),
        )
        self.arn: pulumi.Output[str] = bucket.arn
        self.name: pulumi.Output[str] = bucket.bucket
        self.register_outputs({"arn": self.arn, "name": self.name})

    def _close(self, bucket: aws.s3.Bucket) -> aws.s3.BucketPublicAccessBlock:
        return aws.s3.BucketPublicAccessBlock(
            self._args.name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )

    def _encrypt(self, bucket: aws.s3.Bucket) -> None:
        key_arn, shapes = self._args.key_arn, aws.s3
        aws.s3.BucketServerSideEncryptionConfiguration(
            self._args.name,
            bucket=bucket.bucket,
            rules=[
                shapes.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=shapes.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="AES256" if key_arn is None else "aws:kms", kms_master_key_id=key_arn
                    ),
                    # One call of KMS for many letters.
                    bucket_key_enabled=None if key_arn is None else True,
                )
            ],
            opts=self._child,
        )

    def _delete_by_age(self, bucket: aws.s3.Bucket) -> None:
        args, shapes = self._args, aws.s3
        aws.s3.BucketLifecycleConfiguration(
            args.name,
            bucket=bucket.bucket,
            rules=[
                shapes.BucketLifecycleConfigurationRuleArgs(
                    id="letters",
                    status="Enabled",
                    filter=shapes.BucketLifecycleConfigurationRuleFilterArgs(prefix=args.prefix),
                    expiration=shapes.BucketLifecycleConfigurationRuleExpirationArgs(days=args.keep_days),
                )
            ],
            opts=self._child,
        )


def _tls_alone(bucket_arn: pulumi.Output[str]) -> Statement:
    return Statement(
        sid="TlsAlone",
        effect=Effect.DENY,
        actions=["s3:*"],
        resources=[bucket_arn, pulumi.Output.concat(bucket_arn, "/*")],
        principal="*",
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )
