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
from keyspaces_infra.components.table_alarms import TableAlarms, TableAlarmsArgs
from keyspaces_infra.components.tables import KeyspacesTables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.config import Migration

_MINUTE = timedelta(minutes=1)


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
        DeadLetterQueueArgs(name=f"{prefix}-dead-letters", alarms=alarms, protect=protect), opts=options
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
    outputs = {
        "keyspace": migration.target.keyspace,
        "keyspace_arn": tables.keyspace_arn,
        "tables": tables.table_names,
        "dead_letter_queue_url": letters.url,
        "flag_application_id": flag.application_id,
        "flag_environment_id": flag.environment_id,
        "flag_profile_id": flag.profile_id,
        "comparison_function": None if comparison is None else comparison.alias_arn,
    }
    for name, value in outputs.items():
        if value is not None:
            pulumi.export(name, value)


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
