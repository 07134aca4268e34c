"""aws:scheduler/schedule:Schedule; its id is GROUP/NAME."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.pulumi_aws_provider.description import Description
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

DEFAULT_GROUP = "default"


def _create(account: Account, inputs: Properties) -> str:
    client = account.client("scheduler")
    client.create_schedule(**to_api(client, "CreateSchedule", SCHEDULE.with_defaults(inputs)))
    return f"{inputs.get('groupName') or DEFAULT_GROUP}/{inputs['name']}"


def _read(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    client = account.client("scheduler")
    found = from_api(client, "GetSchedule", client.get_schedule(**_key(resource_id)))
    for told in ("creationDate", "lastModificationDate"):
        found.pop(told, None)
    return {**found, "region": account.region}


def _update(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    del old
    client = account.client("scheduler")
    # UpdateSchedule replaces everything: what is left out is gone.
    request = to_api(client, "UpdateSchedule", SCHEDULE.with_defaults(new))
    client.update_schedule(**{**request, **_key(resource_id)})


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    account.client("scheduler").delete_schedule(**_key(resource_id))


def _key(resource_id: str) -> dict[str, str]:
    group, _, name = resource_id.partition("/")
    return {"GroupName": group, "Name": name}


SCHEDULE = Description(
    token="aws:scheduler/schedule:Schedule",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/scheduler/schedule.go",
    served=(
        "name",
        "groupName",
        "actionAfterCompletion",
        "description",
        "endDate",
        "flexibleTimeWindow",
        "kmsKeyArn",
        "scheduleExpression",
        "scheduleExpressionTimezone",
        "startDate",
        "state",
        "target",
    ),
    required=("name", "flexibleTimeWindow", "scheduleExpression", "target"),
    replacing=("name", "groupName"),
    computed=("arn",),
    filled_in=("groupName", "actionAfterCompletion", "target.retryPolicy"),
    defaults={
        "scheduleExpressionTimezone": "UTC",
        "state": "ENABLED",
        "target.retryPolicy.maximumEventAgeInSeconds": 86_400,
        "target.retryPolicy.maximumRetryAttempts": 185,
    },
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
)

DESCRIPTIONS = (SCHEDULE,)
