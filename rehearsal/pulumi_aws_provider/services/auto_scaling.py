"""aws:appautoscaling: Target and Policy.

Ids are the scaled resource's and the policy's name, which are not unique: the rest of what names them is in the
properties. Of policies only target tracking is served, as Keyspaces has no other. Putting a policy that is there
overwrites it, as in AWS and in the real provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.pulumi_aws_provider.description import Description, by_putting
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api
from rehearsal.pulumi_aws_provider.tagging import Tagging

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

SERVICE = "application-autoscaling"
_KEY = ("serviceNamespace", "resourceId", "scalableDimension")
_NAMES = {"arn": "ScalableTargetARN"}
_POLICY_NAMES = {"name": "PolicyName", "arn": "PolicyARN"}
_TRACKING = "targetTrackingScalingPolicyConfiguration"


def _register(account: Account, inputs: Properties) -> str:
    _put_target(account, inputs, **_TAGGING.for_create(inputs))
    return str(inputs["resourceId"])


def _read_target(account: Account, resource_id: str, given: Properties) -> Properties | None:
    client = account.client(SERVICE)
    answer = client.describe_scalable_targets(
        ServiceNamespace=given["serviceNamespace"],
        ResourceIds=[resource_id],
        ScalableDimension=given["scalableDimension"],
    )
    if not answer["ScalableTargets"]:
        return None
    (target,) = answer["ScalableTargets"]
    found = from_api(client, "DescribeScalableTargets", target, renamed=_NAMES, within="ScalableTargets")
    for told in ("creationTime", "predictedCapacity"):
        found.pop(told, None)
    return {**found, "region": account.region}


def _put_target(account: Account, inputs: Properties, **tags: dict[str, str]) -> None:
    client = account.client(SERVICE)
    plain = {name: value for name, value in inputs.items() if name not in ("tags", "tagsAll")}
    client.register_scalable_target(**to_api(client, "RegisterScalableTarget", plain), **tags)


def _deregister(account: Account, resource_id: str, outputs: Properties) -> None:
    del resource_id
    client = account.client(SERVICE)
    client.deregister_scalable_target(**to_api(client, "DeregisterScalableTarget", _key(outputs)))


def _put_policy(account: Account, inputs: Properties) -> str:
    client = account.client(SERVICE)
    client.put_scaling_policy(**to_api(client, "PutScalingPolicy", inputs, renamed=_POLICY_NAMES))
    return str(inputs["name"])


def _read_policy(account: Account, resource_id: str, given: Properties) -> Properties | None:
    client = account.client(SERVICE)
    answer = client.describe_scaling_policies(
        PolicyNames=[resource_id],
        ServiceNamespace=given["serviceNamespace"],
        ResourceId=given["resourceId"],
        ScalableDimension=given["scalableDimension"],
    )
    if not answer["ScalingPolicies"]:
        return None
    (policy,) = answer["ScalingPolicies"]
    found = from_api(client, "DescribeScalingPolicies", policy, renamed=_POLICY_NAMES, within="ScalingPolicies")
    alarms = [alarm["alarmARN"] for alarm in found.pop("alarms", ())]
    found.pop("creationTime", None)
    return {**found, "alarmArns": alarms, "region": account.region}


def _delete_policy(account: Account, resource_id: str, outputs: Properties) -> None:
    client = account.client(SERVICE)
    request = to_api(client, "DeleteScalingPolicy", _key(outputs))
    client.delete_scaling_policy(PolicyName=resource_id, **request)


def _key(properties: Properties) -> Properties:
    return {name: properties[name] for name in _KEY}


_TAGGING = Tagging(
    service=SERVICE,
    of="arn",
    parameter="ResourceARN",
    list_with="list_tags_for_resource",
    tag_with="tag_resource",
    untag_with="untag_resource",
)

TARGET = Description(
    token="aws:appautoscaling/target:Target",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/appautoscaling/target.go",
    served=(*_KEY, "minCapacity", "maxCapacity", "roleArn", "suspendedState"),
    required=(*_KEY, "minCapacity", "maxCapacity"),
    replacing=_KEY,
    computed=("arn",),
    filled_in=("roleArn", "suspendedState"),
    gone=("ObjectNotFoundException", "ResourceNotFoundException"),
    tagging=_TAGGING,
    create=_register,
    read=_read_target,
    update=by_putting(_put_target),
    delete=_deregister,
)

POLICY = Description(
    token="aws:appautoscaling/policy:Policy",  # noqa: S106 - as above
    source="internal/service/appautoscaling/policy.go",
    served=("name", *_KEY, "policyType", _TRACKING),
    required=("name", *_KEY, "policyType"),
    replacing=("name", *_KEY),
    computed=("arn", "alarmArns"),
    defaults={f"{_TRACKING}.disableScaleIn": False},
    gone=("ObjectNotFoundException",),
    create=_put_policy,
    read=_read_policy,
    update=by_putting(_put_policy),
    delete=_delete_policy,
)

DESCRIPTIONS = (TARGET, POLICY)
