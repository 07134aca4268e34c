"""aws:cloudwatch/logGroup:LogGroup; its id is its name.

Ministack 1.5.33 takes a KMS key with a new group only: to give one to a group that is there fails, with its words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.pulumi_aws_provider.description import Description
from rehearsal.pulumi_aws_provider.managed import made
from rehearsal.pulumi_aws_provider.shapes import from_api
from rehearsal.pulumi_aws_provider.tagging import Tagging

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

_NAMES = {"name": "logGroupName"}


def _create(account: Account, inputs: Properties) -> str:
    name, client = str(inputs["name"]), account.client("logs")
    optional = {key: inputs[key] for key in ("kmsKeyId", "logGroupClass") if inputs.get(key)}
    client.create_log_group(logGroupName=name, **optional, **_TAGGING.for_create(inputs))
    with made(name):
        if days := inputs.get("retentionInDays"):
            client.put_retention_policy(logGroupName=name, retentionInDays=days)
    return name


def _read(account: Account, resource_id: str, given: Properties) -> Properties | None:
    del given
    client = account.client("logs")
    pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=resource_id)
    group = next((each for page in pages for each in page["logGroups"] if each["logGroupName"] == resource_id), None)
    if group is None:
        return None
    found = from_api(client, "DescribeLogGroups", group, renamed=_NAMES, within="logGroups")
    shown: Properties = {
        name: found[name] for name in ("name", "kmsKeyId", "logGroupClass", "retentionInDays") if name in found
    }
    return {**shown, "arn": group["arn"].removesuffix(":*"), "region": account.region}


def _update(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    name, client = {"logGroupName": resource_id}, account.client("logs")
    if days := new.get("retentionInDays"):
        client.put_retention_policy(**name, retentionInDays=days)
    else:
        client.delete_retention_policy(**name)
    if old.get("kmsKeyId") != new.get("kmsKeyId"):
        if key_id := new.get("kmsKeyId"):
            client.associate_kms_key(**name, kmsKeyId=key_id)
        else:
            client.disassociate_kms_key(**name)


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    if not outputs.get("skipDestroy"):
        account.client("logs").delete_log_group(logGroupName=resource_id)


_TAGGING = Tagging(
    service="logs",
    of="arn",
    parameter="resourceArn",
    list_with="list_tags_for_resource",
    tag_with="tag_resource",
    untag_with="untag_resource",
    member="tags",
    on_create="tags",
    keys="tagKeys",
)

LOG_GROUP = Description(
    token="aws:cloudwatch/logGroup:LogGroup",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/logs/group.go",
    served=("name", "kmsKeyId", "logGroupClass", "retentionInDays", "skipDestroy"),
    required=("name",),
    replacing=("name", "logGroupClass"),
    computed=("arn",),
    filled_in=("logGroupClass",),
    defaults={"retentionInDays": 0, "skipDestroy": False},
    remembered=("skipDestroy",),
    tagging=_TAGGING,
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
)

DESCRIPTIONS = (LOG_GROUP,)
