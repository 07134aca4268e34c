"""What the application's writers may do in AWS, as a managed policy that a person attaches to their role."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.checks import within
from keyspaces_migration.config.rights import LETTERS_PREFIX, MAX_POLICY_SIZE, longest_writer_policy, writer_policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keyspaces_migration.config import Migration


@dataclass(frozen=True, kw_only=True)
class WriterPolicyArgs:
    """What a policy of writers is made of.

    Attributes:
        migration: Its tables are those that may be read and written, and the policy is named after it.
        queue_arn: The dead letter queue's.
        flag_arn: The flag's, as `FeatureFlag.arn` says it.
        letters_bucket: Where letters go that are larger than a message; None: nowhere.
        letters_prefix: What the keys there begin with, as the writers' `SqsOutbox` has it.
        key_arns: KMS keys of one's own that encrypt the queue or the bucket.
        tags: Of the policy.

    Raises:
        ComponentArgumentError: The policy is longer than IAM takes.
    """

    migration: Migration
    queue_arn: pulumi.Input[str]
    flag_arn: pulumi.Input[str]
    letters_bucket: pulumi.Input[str] | None = None
    letters_prefix: str = LETTERS_PREFIX
    key_arns: Sequence[pulumi.Input[str]] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        within(
            f"WriterPolicy {self.migration.writer_policy}.migration",
            longest_writer_policy(self.migration),
            least=1,
            most=MAX_POLICY_SIZE,
            advice="It counts characters of the policy, a quota of IAM. Divide the statements of "
            "keyspaces_migration.config.rights.writer_policy among policies of your own.",
        )


class WriterPolicy(pulumi.ComponentResource):
    """A managed policy with the statements of `keyspaces_migration.config.rights.writer_policy`, attached to nothing.

    Who attaches it knows the application's role. AWS deletes no policy that is attached.

    Attributes:
        arn: The policy's ARN.
        name: The policy's name.
    """

    def __init__(self, args: WriterPolicyArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        name = args.migration.writer_policy
        super().__init__("keyspaces-migration:index:WriterPolicy", name, None, opts)
        made = aws.iam.Policy(
            name,
            name=name,
            description=f"What a writer of the migration {args.migration.name} needs, and no more",
            policy=_document(args),
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn: pulumi.Output[str] = made.arn
        self.name: pulumi.Output[str] = made.name
        self.register_outputs({"arn": self.arn, "name": self.name})


def _document(args: WriterPolicyArgs) -> pulumi.Output[str]:
    # As one list: an input that is None stays None, and one that is not known yet makes the document so.
    given = pulumi.Output.all(args.queue_arn, args.flag_arn, args.letters_bucket, *args.key_arns)
    return given.apply(
        lambda known: json.dumps(
            writer_policy(
                args.migration,
                queue_arn=known[0],
                flag_arn=known[1],
                letters_bucket=known[2],
                letters_prefix=args.letters_prefix,
                key_arns=known[3:],
            )
        )
    )
