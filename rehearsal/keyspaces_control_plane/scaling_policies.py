"""Application Auto Scaling's operations on target tracking policies, the one kind that Keyspaces' tables take."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from rehearsal.keyspaces_control_plane import auto_scaling
from rehearsal.keyspaces_control_plane.api import NOT_SUPPORTED
from rehearsal.keyspaces_control_plane.errors import ObjectNotFoundError, ValidationError
from rehearsal.keyspaces_control_plane.scaling_registry import METRICS, page, require_cassandra

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.keyspaces_control_plane.api import Answer, Operation, Request
    from rehearsal.keyspaces_control_plane.scaling_registry import Registry
    from rehearsal.keyspaces_control_plane.scaling_targets import TargetKey

_KIND = "TargetTrackingScaling"
_CONFIGURATION = "TargetTrackingScalingPolicyConfiguration"
_OTHERS = ("StepScalingPolicyConfiguration", "PredictiveScalingPolicyConfiguration")


class PolicyOperations:
    """Policies of registered targets. No CloudWatch alarms come of them here."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def operations(self) -> Mapping[str, Operation]:
        """The operations by their names in the service model."""
        return {
            "PutScalingPolicy": self._put,
            "DescribeScalingPolicies": self._describe,
            "DeleteScalingPolicy": self._delete,
        }

    def _put(self, request: Request) -> Answer:
        key, name = self.registry.required(request), request["PolicyName"]
        there = self.registry.store.policies(key)
        kept = there.get(name, {})
        _check_kind(request, kept)
        configuration = request.get(_CONFIGURATION, kept.get(_CONFIGURATION))
        if configuration is None:
            raise ValidationError(f"a new policy needs {_CONFIGURATION}")
        _check_configuration(key, configuration)
        if others := sorted(set(there) - {name}):
            raise ValidationError(
                f"policy {others[0]} tracks the metric of {key.dimension} already; a metric has one policy"
            )
        policy = {**self._new(key, name), **kept, _CONFIGURATION: configuration}
        self.registry.store.put_policy(key, name, policy)
        return {"PolicyARN": policy["PolicyARN"], "Alarms": []}

    def _new(self, key: TargetKey, name: str) -> dict[str, Any]:
        backend = self.registry.backend
        place = f"{backend.account.region}:{backend.account.account_id}"
        resource = f"{uuid.uuid4()}:resource/cassandra/{key.resource}"
        return {
            "PolicyARN": f"arn:aws:autoscaling:{place}:scalingPolicy:{resource}:policyName/{name}",
            "PolicyName": name,
            "ServiceNamespace": "cassandra",
            "ResourceId": key.resource,
            "ScalableDimension": key.dimension,
            "PolicyType": _KIND,
            "CreationTime": backend.now_ms() / 1000,
        }

    def _describe(self, request: Request) -> Answer:
        require_cassandra(request)
        resource, dimension = request.get("ResourceId"), request.get("ScalableDimension")
        if dimension is not None and resource is None:
            raise ValidationError("ScalableDimension needs ResourceId")
        wanted = request.get("PolicyNames")
        found = [
            ([key.resource, key.dimension, name], policy)
            for key in self.registry.targets()
            if resource in {None, key.resource} and dimension in {None, key.dimension}
            for name, policy in self.registry.store.policies(key).items()
            if not wanted or name in wanted
        ]
        policies, token = page(found, request)
        return {"ScalingPolicies": policies, **token}

    def _delete(self, request: Request) -> Answer:
        key, name = self.registry.required(request), request["PolicyName"]
        if name not in self.registry.store.policies(key):
            raise ObjectNotFoundError(f"policy {name} of {key.resource} and {key.dimension} was not found")
        self.registry.store.remove_policy(key, name)
        return {}


def _check_kind(request: Request, kept: Mapping[str, Any]) -> None:
    # Service model, PolicyType: without one, a new policy is one of step scaling.
    kind = request.get("PolicyType", kept.get("PolicyType", "StepScaling"))
    if kind != _KIND:
        raise ValidationError(f"PolicyType {kind} is {NOT_SUPPORTED}: tables of Keyspaces take {_KIND}")
    if found := [name for name in _OTHERS if request.get(name) is not None]:
        raise ValidationError(f"{', '.join(found)} does not go with PolicyType {_KIND}")


def _check_configuration(key: TargetKey, configuration: Mapping[str, Any]) -> None:
    if configuration.get("CustomizedMetricSpecification") is not None:
        raise ValidationError(f"CustomizedMetricSpecification is {NOT_SUPPORTED}; use PredefinedMetricSpecification")
    metric = configuration.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if metric != METRICS[key.dimension]:
        raise ValidationError(
            f"PredefinedMetricType {metric} does not go with {key.dimension}: use {METRICS[key.dimension]}"
        )
    auto_scaling.check_target("TargetValue", configuration["TargetValue"])
