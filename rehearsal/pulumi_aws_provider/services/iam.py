"""aws:iam/role:Role, whose id is its name, and RolePolicy, whose id is ROLE:NAME."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rehearsal.pulumi_aws_provider.description import Description, by_putting
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api
from rehearsal.pulumi_aws_provider.tagging import Tagging

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

_NAMES = {"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument", "uniqueId": "RoleId"}


def _create(account: Account, inputs: Properties) -> str:
    client = account.client("iam")
    request = to_api(client, "CreateRole", _untagged(ROLE.with_defaults(inputs)), renamed=_NAMES)
    client.create_role(**request, **_TAGGING.for_create(inputs))
    return str(inputs["name"])


def _read(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    client = account.client("iam")
    role = client.get_role(RoleName=resource_id)["Role"]
    # boto3 decodes the document.
    found = from_api(client, "GetRole", role, renamed=_NAMES, within="Role")
    found["assumeRolePolicy"] = json.dumps(role["AssumeRolePolicyDocument"])
    boundary = found.pop("permissionsBoundary", {}).get("permissionsBoundaryArn")
    for other in ("tags", "roleLastUsed"):
        found.pop(other, None)
    return {**found, "permissionsBoundary": boundary}


def _update(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    client, wanted = account.client("iam"), ROLE.with_defaults(new)
    client.update_assume_role_policy(RoleName=resource_id, PolicyDocument=wanted["assumeRolePolicy"])
    # Not by UpdateRole: only this one takes a description away.
    client.update_role_description(RoleName=resource_id, Description=wanted.get("description", ""))
    client.update_role(RoleName=resource_id, MaxSessionDuration=wanted["maxSessionDuration"])
    if boundary := wanted.get("permissionsBoundary"):
        client.put_role_permissions_boundary(RoleName=resource_id, PermissionsBoundary=boundary)
    elif old.get("permissionsBoundary"):
        client.delete_role_permissions_boundary(RoleName=resource_id)


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    account.client("iam").delete_role(RoleName=resource_id)


def _untagged(inputs: Properties) -> Properties:
    return {name: value for name, value in inputs.items() if name not in ("tags", "tagsAll")}


def _put_policy(account: Account, inputs: Properties) -> str:
    account.client("iam").put_role_policy(
        RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=inputs["policy"]
    )
    return f"{inputs['role']}:{inputs['name']}"


def _read_policy(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    role, _, name = resource_id.partition(":")
    policy = account.client("iam").get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    return {"role": role, "name": name, "policy": json.dumps(policy)}


def _delete_policy(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    role, _, name = resource_id.partition(":")
    account.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


_TAGGING = Tagging(
    service="iam",
    of="name",
    parameter="RoleName",
    list_with="list_role_tags",
    tag_with="tag_role",
    untag_with="untag_role",
    pair=("Key", "Value"),
)

ROLE = Description(
    token="aws:iam/role:Role",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/iam/role.go",
    served=("name", "path", "assumeRolePolicy", "description", "maxSessionDuration", "permissionsBoundary"),
    required=("name", "assumeRolePolicy"),
    replacing=("name", "path"),
    computed=("arn", "createDate", "uniqueId"),
    defaults={"maxSessionDuration": 3600, "path": "/"},
    documents=("assumeRolePolicy",),
    gone=("NoSuchEntity", "NoSuchEntityException"),
    tagging=_TAGGING,
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
)

ROLE_POLICY = Description(
    token="aws:iam/rolePolicy:RolePolicy",  # noqa: S106 - as above
    source="internal/service/iam/role_policy.go",
    served=("role", "name", "policy"),
    required=("role", "name", "policy"),
    replacing=("role", "name"),
    documents=("policy",),
    gone=("NoSuchEntity", "NoSuchEntityException"),
    create=_put_policy,
    read=_read_policy,
    update=by_putting(_put_policy),
    delete=_delete_policy,
)

DESCRIPTIONS = (ROLE, ROLE_POLICY)
