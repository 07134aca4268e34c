"""The Pulumi program of a migration: one for the Automation API and the plain CLI."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pulumi

from keyspaces_infra.comparison import comparison_lambda
from keyspaces_infra.components.account import account_provider
from keyspaces_infra.components.alarms import AlarmArgs, any_of
from keyspaces_infra.components.dead_letters import DeadLetterQueue, DeadLetterQueueArgs
from keyspaces_infra.components.flag import FeatureFlag, FeatureFlagArgs
from keyspaces_infra.components.letters_bucket import LettersBucket, LettersBucketArgs
from keyspaces_infra.components.place import Place
from keyspaces_infra.components.table_alarms import TableAlarms, TableAlarmsArgs
from keyspaces_infra.components.tables import KeyspacesTables
from keyspaces_infra.components.writer_policy import WriterPolicy, WriterPolicyArgs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.config import Migration

_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def declare(
    migration: Migration,
    *,
    endpoints: Mapping[str, str],
    scaled: frozenset[str] = frozenset(),
    protect: bool = True,
) -> None:
    """Declare every resource of a migration and the stack's outputs.

    Args:
        migration: What is asked for.
        endpoints: Address by service of a stand-in of AWS; empty for AWS itself.
        scaled: Tables with units that auto scaling may have moved, which are left as they are.
        protect: Whether tables and letters are kept from deletion; not so only while all of it is destroyed.
    """
    prefix = migration.resource_name
    options = pulumi.ResourceOptions(provider=account_provider(migration, endpoints=endpoints))
    alarms = AlarmArgs(topic_arns=migration.alarms.topic_arns)
    tables = KeyspacesTables(migration, scaled=scaled, protect=protect, opts=options)
    letters = DeadLetterQueue(
        DeadLetterQueueArgs(name=migration.dead_letter_queue, alarms=alarms, protect=protect), opts=options
    )
    trouble = _trouble(migration, letters, alarms=alarms, options=options)
    flag = FeatureFlag(
        FeatureFlagArgs(
            application=prefix,
            environment=migration.environment.name,
            canary_bake_min=-(-migration.cutover.bake_time // _MINUTE),
            monitor_arns=[trouble, *migration.cutover.alarm_arns],
        ),
        opts=options,
    )
    comparison = comparison_lambda(migration, alarms=alarms, options=options)
    bucket = _letters_bucket(migration, protect=protect, options=options)
    writers = _writer_policy(migration, letters, flag, options=options)
    outputs = {
        "keyspace": migration.target.keyspace,
        "keyspace_arn": tables.keyspace_arn,
        "tables": tables.table_names,
        "dead_letter_queue_url": letters.url,
        "letters_bucket": None if bucket is None else bucket.name,
        "letters_bucket_arn": None if bucket is None else bucket.arn,
        "writer_policy_arn": None if writers is None else writers.arn,
        "flag_application_id": flag.application_id,
        "flag_environment_id": flag.environment_id,
        "flag_profile_id": flag.profile_id,
        "comparison_function": None if comparison is None else comparison.alias_arn,
    }
    for name, value in outputs.items():
        if value is not None:
            pulumi.export(name, value)


def _letters_bucket(migration: Migration, *, protect: bool, options: pulumi.ResourceOptions) -> LettersBucket | None:
    """The bucket of letters above 256 KB, where the file asks for it."""
    asked = migration.dead_letters
    if not asked.provision_bucket or asked.payload_bucket is None:
        return None
    return LettersBucket(
        LettersBucketArgs(
            name=asked.payload_bucket,
            keep_days=asked.keep_payloads // _DAY,
            protect=protect,
            # Only there can a whole stack be destroyed, and then with all that it holds.
            emptied=migration.environment.disposable,
        ),
        opts=options,
    )


def _writer_policy(
    migration: Migration, letters: DeadLetterQueue, flag: FeatureFlag, *, options: pulumi.ResourceOptions
) -> WriterPolicy | None:
    """The policy of the application's writers, where the file asks for it."""
    if not migration.writers.policy:
        return None
    target = migration.target
    return WriterPolicy(
        WriterPolicyArgs(
            migration=migration,
            queue_arn=letters.arn,
            flag_arn=flag.arn(Place(account_id=target.account_id, region=target.region)),
            letters_bucket=migration.dead_letters.payload_bucket,
        ),
        opts=options,
    )


def _trouble(
    migration: Migration, letters: DeadLetterQueue, *, alarms: AlarmArgs, options: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """ARN of the one alarm that fires when any of the target's does, as a flag's environment has few monitors."""
    prefix = migration.resource_name
    # Minute by minute: what a canary step does to the tables shows within its bake.
    quick = AlarmArgs(topic_arns=alarms.topic_arns, period_s=60)
    on_tables = TableAlarms(
        TableAlarmsArgs(prefix=prefix, keyspace=migration.target.keyspace, tables=list(migration.tables), alarms=quick),
        opts=options,
    )
    return any_of(
        f"{prefix}-target",
        description=f"The target of {migration.name} throttles or fails, or letters for it lie too long",
        arns=[*on_tables.arns, letters.alarm_arn],
        alarms=alarms,
        tags={},
        opts=options,
    ).arn
