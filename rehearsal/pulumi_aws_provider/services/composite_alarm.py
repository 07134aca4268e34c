"""aws:cloudwatch/compositeAlarm:CompositeAlarm; its id is its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.description import Description, by_putting
from rehearsal.pulumi_aws_provider.resources import AlreadyThereError
from rehearsal.pulumi_aws_provider.services.metric_alarm import TAGGING, delete_alarm, find_alarm
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

_KIND = "CompositeAlarm"
_NAMES = {"alarmName": "AlarmName", "arn": "AlarmArn"}
_PLAIN = (
    "alarmName",
    "actionsEnabled",
    "alarmActions",
    "alarmDescription",
    "alarmRule",
    "insufficientDataActions",
    "okActions",
)


def _create(account: Account, inputs: Properties) -> str:
    name = str(inputs["alarmName"])
    # PutCompositeAlarm would overwrite it; the real provider looks first too.
    if find_alarm(account, name, kind=_KIND) is not None:
        raise AlreadyThereError(f"CloudWatch composite alarm {name!r} already exists")
    _put(account, inputs, **TAGGING.for_create(inputs))
    return name


def _read(account: Account, resource_id: str, given: Properties) -> Properties | None:
    del given
    alarm = find_alarm(account, resource_id, kind=_KIND)
    if alarm is None:
        return None
    found = from_api(account.client("cloudwatch"), "DescribeAlarms", alarm, renamed=_NAMES, within="CompositeAlarms")
    return {**{name: found[name] for name in (*_PLAIN, "arn") if name in found}, "region": account.region}


def _put(account: Account, inputs: Properties, **tags: Any) -> None:  # noqa: ANN401 - a list of tags
    client, wanted = account.client("cloudwatch"), COMPOSITE_ALARM.with_defaults(inputs)
    plain = {name: wanted[name] for name in _PLAIN if wanted.get(name) not in (None, "", [])}
    client.put_composite_alarm(**to_api(client, "PutCompositeAlarm", plain, renamed=_NAMES), **tags)


COMPOSITE_ALARM = Description(
    token="aws:cloudwatch/compositeAlarm:CompositeAlarm",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/cloudwatch/composite_alarm.go",
    served=_PLAIN,
    required=("alarmName", "alarmRule"),
    # ForceNew: actions_enabled and alarm_name.
    replacing=("alarmName", "actionsEnabled"),
    computed=("arn",),
    defaults={"actionsEnabled": True},
    unordered=("alarmActions", "insufficientDataActions", "okActions"),
    gone=("ResourceNotFound", "ResourceNotFoundException"),
    tagging=TAGGING,
    create=_create,
    read=_read,
    update=by_putting(_put),
    delete=delete_alarm,
)

DESCRIPTIONS = (COMPOSITE_ALARM,)
