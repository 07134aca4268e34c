"""The comparison Lambda of a migration, from its section of the migration file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from keyspaces_infra.components.aws_lambda.arguments import Architecture
from keyspaces_infra.components.aws_lambda.triggers import ScheduleTrigger
from keyspaces_infra.components.aws_lambda.variants import (
    ImageLambda,
    ImageLambdaArgs,
    S3Code,
    ZipLambda,
    ZipLambdaArgs,
)
from keyspaces_infra.components.place import Place
from keyspaces_infra.components.policies import Statement
from keyspaces_migration.config.infrastructure import EVENT_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pulumi

    from keyspaces_infra.components.alarms import AlarmArgs
    from keyspaces_migration.config import ComparisonLambda, Migration

RUNTIME = "python3.12"
HANDLER = "keyspaces_migration.entrypoints.comparison.handler"


def comparison_lambda(
    migration: Migration, *, alarms: AlarmArgs, options: pulumi.ResourceOptions
) -> ZipLambda | ImageLambda | None:
    """Declare the function, where the file asks for one."""
    asked = migration.comparison_lambda
    if asked is None:
        return None
    common = _common(migration, asked, alarms=alarms)
    if asked.image is not None:
        return ImageLambda(ImageLambdaArgs(**common, image_uri=asked.image, command=[HANDLER]), opts=options)
    bucket, _, key = str(asked.zip).removeprefix("s3://").partition("/")
    return ZipLambda(
        ZipLambdaArgs(
            **common,
            code=S3Code(bucket=bucket, key=key, object_version=asked.zip_version),
            runtime=RUNTIME,
            handler=HANDLER,
            layers=asked.layers,
        ),
        opts=options,
    )


def _common(migration: Migration, asked: ComparisonLambda, *, alarms: AlarmArgs) -> dict[str, Any]:
    target, vpc = migration.target, asked.vpc
    place = Place(account_id=target.account_id, region=target.region)
    name = migration.comparison_function
    secrets = asked.secrets.variables()
    return {
        "name": name,
        "place": place,
        "description": f"Compares the stores of the migration {migration.name}",
        "memory_mib": asked.memory_mb,
        "timeout_s": int(asked.timeout.total_seconds()),
        "architecture": Architecture(asked.architecture.value),
        "environment": {**asked.environment_variables, **asked.variables()},
        "reserved_concurrency": asked.reserved_concurrency,
        "subnet_ids": () if vpc is None else vpc.subnet_ids,
        "security_group_ids": () if vpc is None else vpc.security_group_ids,
        "statements": [
            *_statements(place, secrets.values(), keyspace=target.keyspace),
            *([] if asked.results is None else [_results(place, asked.results)]),
        ],
        "maximum_event_age_s": int(asked.max_event_age.total_seconds()),
        "maximum_retries": asked.max_retries,
        "triggers": [] if asked.schedule is None else _schedules(migration, asked.schedule),
        "alarms": alarms,
    }


def _statements(place: Place, secrets: Iterable[str], *, keyspace: str) -> list[Statement]:
    """To read its secrets, and the tables of the keyspace; never to write them."""
    tables = [place.arn("cassandra", f"/keyspace/{name}/table/*") for name in (keyspace, "system*")]
    return [
        Statement(
            sid="Secrets",
            actions=["secretsmanager:GetSecretValue"],
            # Secrets Manager ends a secret's ARN with six characters of its own.
            resources=[place.arn("secretsmanager", f"secret:{name}-??????") for name in secrets],
        ),
        Statement(sid="Tables", actions=["cassandra:Select"], resources=tables),
    ]


def _results(place: Place, results: str) -> Statement:
    """To leave what it saw; not to read, list or delete what lies there."""
    bucket_and_prefix = results.removeprefix("s3://")
    return Statement(
        sid="Results", actions=["s3:PutObject"], resources=[f"arn:{place.partition}:s3:::{bucket_and_prefix}/*"]
    )


def _schedules(migration: Migration, expression: str) -> list[ScheduleTrigger]:
    """One for each table. Names of AWS have no room for a table's beside the migration's: they are numbered."""
    return [
        ScheduleTrigger(name=f"t{number}", expression=expression, payload=_scheduled_event(migration, table))
        for number, table in enumerate(migration.tables)
    ]


def _scheduled_event(migration: Migration, table: str) -> str:
    """What Scheduler calls the function with; it puts the moment it was to call in."""
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    event = {
        "version": EVENT_VERSION,
        "scheduled_at": "<aws.scheduler.scheduled-time>",
        "tables": len(migration.tables),
        "table": table,
        "migration": json.loads(migration.of_table(table).canonical_json()),
    }
    return json.dumps(event, sort_keys=True, ensure_ascii=False)
