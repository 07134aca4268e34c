"""aws:kms/key:Key and Alias. Ids are the key's id and the alias's name.

A deleted key is one whose deletion is scheduled: KMS keeps it for its waiting time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.pulumi_aws_provider.comparison import comparable
from rehearsal.pulumi_aws_provider.description import Description
from rehearsal.pulumi_aws_provider.managed import made
from rehearsal.pulumi_aws_provider.tagging import Tagging

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

_POLICY = "default"  # the only name that KMS has for a key's policy


def _create(account: Account, inputs: Properties) -> str:
    client, wanted = account.client("kms"), KEY.with_defaults(inputs)
    request = {
        "KeySpec": wanted["customerMasterKeySpec"],
        "KeyUsage": wanted["keyUsage"],
        **_TAGGING.for_create(inputs),
    }
    optional = {"description": "Description", "policy": "Policy", "multiRegion": "MultiRegion"}
    request |= {key: wanted[name] for name, key in optional.items() if wanted.get(name)}
    key_id = str(client.create_key(**request)["KeyMetadata"]["KeyId"])
    with made(key_id):
        if wanted["enableKeyRotation"]:
            _rotate(account, key_id, wanted)
        if not wanted["isEnabled"]:
            client.disable_key(KeyId=key_id)
    return key_id


def _read(account: Account, resource_id: str, given: Properties) -> Properties | None:
    del given
    client = account.client("kms")
    key = client.describe_key(KeyId=resource_id)["KeyMetadata"]
    if key["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion"):
        return None
    rotation = client.get_key_rotation_status(KeyId=resource_id)
    return {
        "arn": key["Arn"],
        "customerMasterKeySpec": key.get("KeySpec"),
        "description": key.get("Description"),
        "enableKeyRotation": rotation["KeyRotationEnabled"],
        "isEnabled": key["Enabled"],
        "keyId": key["KeyId"],
        "keyUsage": key["KeyUsage"],
        "multiRegion": key.get("MultiRegion"),
        "policy": client.get_key_policy(KeyId=resource_id, PolicyName=_POLICY)["Policy"],
        "region": account.region,
        "rotationPeriodInDays": rotation.get("RotationPeriodInDays"),
    }


def _update(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    client, wanted = account.client("kms"), KEY.with_defaults(new)
    before, after = comparable(KEY, old), comparable(KEY, new)
    # A disabled key can't be changed: it is enabled first and disabled last.
    if wanted["isEnabled"]:
        client.enable_key(KeyId=resource_id)
    if wanted["enableKeyRotation"]:
        _rotate(account, resource_id, wanted)
    elif before.get("enableKeyRotation"):
        client.disable_key_rotation(KeyId=resource_id)
    if before.get("description") != after.get("description"):
        client.update_key_description(KeyId=resource_id, Description=wanted.get("description", ""))
    if "policy" in new and before.get("policy") != after.get("policy"):
        client.put_key_policy(KeyId=resource_id, PolicyName=_POLICY, Policy=wanted["policy"])
    if not wanted["isEnabled"]:
        client.disable_key(KeyId=resource_id)


def _rotate(account: Account, key_id: str, wanted: Properties) -> None:
    days = wanted.get("rotationPeriodInDays")
    account.client("kms").enable_key_rotation(KeyId=key_id, **({"RotationPeriodInDays": days} if days else {}))


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    if _read(account, resource_id, {}) is None:
        return
    days = outputs.get("deletionWindowInDays")
    window = {"PendingWindowInDays": days} if days else {}
    account.client("kms").schedule_key_deletion(KeyId=resource_id, **window)


def _create_alias(account: Account, inputs: Properties) -> str:
    account.client("kms").create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
    return str(inputs["name"])


def _read_alias(account: Account, resource_id: str, given: Properties) -> Properties | None:
    del given
    pages = account.client("kms").get_paginator("list_aliases").paginate()
    found = next((each for page in pages for each in page["Aliases"] if each["AliasName"] == resource_id), None)
    if found is None:
        return None
    key_id = found["TargetKeyId"]
    return {
        "arn": found["AliasArn"],
        "name": resource_id,
        "region": account.region,
        "targetKeyArn": f"{found['AliasArn'].rpartition(':')[0]}:key/{key_id}",
        "targetKeyId": key_id,
    }


def _update_alias(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    del old
    account.client("kms").update_alias(AliasName=resource_id, TargetKeyId=new["targetKeyId"])


def _delete_alias(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    account.client("kms").delete_alias(AliasName=resource_id)


_TAGGING = Tagging(
    service="kms",
    of="keyId",
    parameter="KeyId",
    list_with="list_resource_tags",
    tag_with="tag_resource",
    untag_with="untag_resource",
    pair=("TagKey", "TagValue"),
)

KEY = Description(
    token="aws:kms/key:Key",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/kms/key.go",
    served=(
        "customerMasterKeySpec",
        "deletionWindowInDays",
        "description",
        "enableKeyRotation",
        "isEnabled",
        "keyUsage",
        "multiRegion",
        "policy",
        "rotationPeriodInDays",
    ),
    replacing=("customerMasterKeySpec", "keyUsage", "multiRegion"),
    computed=("arn", "keyId"),
    filled_in=("description", "multiRegion", "policy", "rotationPeriodInDays"),
    defaults={
        "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "enableKeyRotation": False,
        "isEnabled": True,
        "keyUsage": "ENCRYPT_DECRYPT",
    },
    documents=("policy",),
    remembered=("deletionWindowInDays",),
    gone=("NotFoundException",),
    name_is_taken=False,
    tagging=_TAGGING,
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
)

ALIAS = Description(
    token="aws:kms/alias:Alias",  # noqa: S106 - as above
    source="internal/service/kms/alias.go",
    served=("name", "targetKeyId"),
    required=("name", "targetKeyId"),
    replacing=("name",),
    computed=("arn", "targetKeyArn"),
    # A key's id and its ARN (suppressEquivalentKeyARNOrID).
    alike={"targetKeyId": lambda key: key.rpartition(":key/")[2]},
    gone=("NotFoundException",),
    create=_create_alias,
    read=_read_alias,
    update=_update_alias,
    delete=_delete_alias,
)

DESCRIPTIONS = (KEY, ALIAS)
