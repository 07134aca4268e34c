"""aws:iam/policy:Policy: a managed policy, whose id is its ARN. A change makes a version of it the default one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.description import Description
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api
from rehearsal.pulumi_aws_provider.tagging import Tagging

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

_NAMES = {"name": "PolicyName", "policy": "PolicyDocument"}
_MOST_VERSIONS = 5


def _create(account: Account, inputs: Properties) -> str:
    client = account.client("iam")
    own = {name: value for name, value in POLICY.with_defaults(inputs).items() if name not in ("tags", "tagsAll")}
    request = to_api(client, "CreatePolicy", own, renamed=_NAMES)
    return str(client.create_policy(**request, **_TAGGING.for_create(inputs))["Policy"]["Arn"])


def _read(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    client = account.client("iam")
    policy = client.get_policy(PolicyArn=resource_id)["Policy"]
    version = client.get_policy_version(PolicyArn=resource_id, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    found = from_api(client, "GetPolicy", policy, renamed=_NAMES, within="Policy")
    # boto3 decodes the document.
    document = json.dumps(version["Document"])
    return {name: found.get(name) for name in ("name", "path", "description", "arn", "policyId", "attachmentCount")} | {
        "policy": document
    }


def _update(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    del old
    client = account.client("iam")
    others = _other_versions(client, resource_id)
    if len(others) + 1 == _MOST_VERSIONS:
        client.delete_policy_version(PolicyArn=resource_id, VersionId=others[0])
    client.create_policy_version(PolicyArn=resource_id, PolicyDocument=new["policy"], SetAsDefault=True)


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    client = account.client("iam")
    for version in _other_versions(client, resource_id):
        client.delete_policy_version(PolicyArn=resource_id, VersionId=version)
    client.delete_policy(PolicyArn=resource_id)


def _other_versions(client: Any, arn: str) -> list[str]:  # noqa: ANN401 - boto3 makes its clients' classes at run time
    """The versions that are not the default one, the oldest first; IAM keeps no more than five in all."""
    versions = client.list_policy_versions(PolicyArn=arn)["Versions"]
    others = [each["VersionId"] for each in versions if not each["IsDefaultVersion"]]
    return sorted(others, key=lambda version: int(version.removeprefix("v")))


_TAGGING = Tagging(
    service="iam",
    of="arn",
    parameter="PolicyArn",
    list_with="list_policy_tags",
    tag_with="tag_policy",
    untag_with="untag_policy",
    pair=("Key", "Value"),
)

POLICY = Description(
    token="aws:iam/policy:Policy",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/iam/policy.go",
    served=("name", "path", "description", "policy"),
    required=("name", "policy"),
    replacing=("name", "path", "description"),
    computed=("arn", "attachmentCount", "policyId"),
    defaults={"path": "/"},
    documents=("policy",),
    gone=("NoSuchEntity", "NoSuchEntityException"),
    tagging=_TAGGING,
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
)

DESCRIPTIONS = (POLICY,)
