"""Application Auto Scaling's operations on scalable targets and their tags. Nothing scales here."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from rehearsal.keyspaces_control_plane import auto_scaling
from rehearsal.keyspaces_control_plane.api import Api
from rehearsal.keyspaces_control_plane.errors import (
    LimitExceededError,
    ResourceNotFoundError,
    ServiceQuotaExceededError,
    TooManyTagsError,
    ValidationError,
)
from rehearsal.keyspaces_control_plane.scaling_policies import PolicyOperations
from rehearsal.keyspaces_control_plane.scaling_registry import Registry, key_of, page, require_cassandra

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from rehearsal.keyspaces_control_plane.api import Answer, Operation, Request
    from rehearsal.keyspaces_control_plane.scaling_targets import TargetKey

# API reference of Application Auto Scaling, TagResource: "up to 50 tags".
MOST_TAGS = 50
_ROLE = (
    "aws-service-role/cassandra.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_CassandraTable"
)
_AWAKE = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}
NOT_SUPPORTED = dict.fromkeys(
    ("PutScheduledAction", "DeleteScheduledAction", "DescribeScheduledActions"), "it runs nothing on a schedule"
) | dict.fromkeys(("DescribeScalingActivities", "GetPredictiveScalingForecast"), "it keeps settings and scales nothing")


def auto_scaling_api(registry: Registry, lock: threading.Lock) -> Api:
    """The API that boto3 calls `application-autoscaling`."""
    return Api(
        service="application-autoscaling",
        operations={
            **TargetOperations(registry).operations(),
            **PolicyOperations(registry).operations(),
        },
        not_supported=NOT_SUPPORTED,
        lock=lock,
    )


class TargetOperations:
    """A table's read units or write units, to be scaled between limits."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def operations(self) -> Mapping[str, Operation]:
        """The operations by their names in the service model."""
        return {
            "RegisterScalableTarget": self._register,
            "DescribeScalableTargets": self._describe,
            "DeregisterScalableTarget": self._deregister,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def _register(self, request: Request) -> Answer:
        registry = self.registry
        key = key_of(request)
        table = registry.provisioned_table(key)
        there = registry.targets().get(key)
        if there is not None and request.get("Tags"):
            raise ValidationError("Tags go with a new target only; TagResource tags one that is registered")
        target = _merged(there or self._new(key), request)
        _check_limits(target)
        tags = request.get("Tags", {})
        _check_tags(tags)
        if there is None:
            registry.store.remove_target(key)  # Of an earlier table under the same name.
            registry.backend.properties.put_tags(target["ScalableTargetARN"], tags)
        registry.store.put_target(key, str(table.table_id), target)
        return {"ScalableTargetARN": target["ScalableTargetARN"]}

    def _new(self, key: TargetKey) -> dict[str, Any]:
        account = self.registry.backend.account
        place = f"{account.region}:{account.account_id}"
        return {
            "ServiceNamespace": "cassandra",
            "ResourceId": key.resource,
            "ScalableDimension": key.dimension,
            "RoleARN": f"arn:aws:iam::{account.account_id}:role/{_ROLE}",
            "CreationTime": self.registry.backend.now_ms() / 1000,
            "SuspendedState": _AWAKE,
            "ScalableTargetARN": f"arn:aws:application-autoscaling:{place}:scalable-target/{uuid.uuid4().hex}",
        }

    def _describe(self, request: Request) -> Answer:
        require_cassandra(request)
        resources, dimension = request.get("ResourceIds", []), request.get("ScalableDimension")
        if dimension is not None and not resources:
            raise ValidationError("ScalableDimension needs ResourceIds")
        found = [
            ([key.resource, key.dimension], target)
            for key, target in self.registry.targets().items()
            if (not resources or key.resource in resources) and dimension in {None, key.dimension}
        ]
        targets, token = page(found, request)
        return {"ScalableTargets": targets, **token}

    def _deregister(self, request: Request) -> Answer:
        key = self.registry.required(request)
        self.registry.backend.properties.forget(self.registry.targets()[key]["ScalableTargetARN"])
        self.registry.store.remove_target(key)
        return {}

    def _tag(self, request: Request) -> Answer:
        arn = self._target(request["ResourceARN"])
        properties = self.registry.backend.properties
        _check_tags(properties.tags(arn) | request["Tags"])
        properties.put_tags(arn, request["Tags"])
        return {}

    def _untag(self, request: Request) -> Answer:
        self.registry.backend.properties.remove_tags(self._target(request["ResourceARN"]), request["TagKeys"])
        return {}

    def _list_tags(self, request: Request) -> Answer:
        return {"Tags": self.registry.backend.properties.tags(self._target(request["ResourceARN"]))}

    def _target(self, arn: str) -> str:
        if arn not in {target["ScalableTargetARN"] for target in self.registry.targets().values()}:
            raise ResourceNotFoundError(f"scalable target {arn} was not found")
        return arn


def _merged(target: Mapping[str, Any], request: Request) -> dict[str, Any]:
    given = {name: request[name] for name in ("MinCapacity", "MaxCapacity", "RoleARN") if request.get(name) is not None}
    suspended = {**target["SuspendedState"], **request.get("SuspendedState", {})}
    return {**target, **given, "SuspendedState": suspended}


def _check_limits(target: Mapping[str, Any]) -> None:
    if missing := [name for name in ("MinCapacity", "MaxCapacity") if name not in target]:
        raise ValidationError(f"a new scalable target needs {', '.join(missing)}")
    try:
        auto_scaling.check_range("MinCapacity and MaxCapacity", target["MinCapacity"], target["MaxCapacity"])
    except ServiceQuotaExceededError as error:
        raise LimitExceededError(str(error)) from error


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MOST_TAGS:
        raise TooManyTagsError(f"{len(tags)} tags; a scalable target has at most {MOST_TAGS}")
