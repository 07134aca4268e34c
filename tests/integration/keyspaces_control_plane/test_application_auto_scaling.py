"""AWS Application Auto Scaling for tables of local Keyspaces, through boto3's own client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.keyspaces_control_plane.calls import PROVISIONED, SCHEMA, client_of, refused, start

if TYPE_CHECKING:
    from rehearsal.keyspaces_control_plane.process import KeyspacesControlPlane


@pytest.fixture
def scaling_client(control_plane: KeyspacesControlPlane) -> Any:
    return client_of("application-autoscaling", control_plane)


@pytest.fixture
def target(client: Any, keyspace: str) -> dict[str, str]:
    """What names the write units of a provisioned table."""
    client.create_table(
        keyspaceName=keyspace, tableName="t", schemaDefinition=SCHEMA, capacitySpecification=PROVISIONED
    )
    return {
        "ServiceNamespace": "cassandra",
        "ResourceId": f"keyspace/{keyspace}/table/t",
        "ScalableDimension": "cassandra:table:WriteCapacityUnits",
    }


def tracking(percent: float = 70.0, metric: str = "CassandraWriteCapacityUtilization") -> dict[str, Any]:
    configuration = {"TargetValue": percent, "PredefinedMetricSpecification": {"PredefinedMetricType": metric}}
    return {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": configuration}


def test_a_scalable_target_is_registered_updated_and_deregistered_over_a_restart(
    control_plane: KeyspacesControlPlane, scaling_client: Any, target: dict[str, str]
) -> None:
    arn = scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)["ScalableTargetARN"]
    suspended = {"DynamicScalingInSuspended": True}
    again = scaling_client.register_scalable_target(**target, MaxCapacity=20, SuspendedState=suspended)
    assert again["ScalableTargetARN"] == arn
    scaling_client.put_scaling_policy(**target, PolicyName="p", **tracking())
    control_plane.stop()
    start(control_plane)
    names = {"ServiceNamespace": "cassandra", "ResourceIds": [target["ResourceId"]]}
    (found,) = scaling_client.describe_scalable_targets(**names)["ScalableTargets"]
    assert (found["MinCapacity"], found["MaxCapacity"], found["ScalableTargetARN"]) == (1, 20, arn)
    assert found["SuspendedState"]["DynamicScalingInSuspended"]
    assert not found["SuspendedState"]["ScheduledScalingSuspended"]
    assert datetime.now(UTC) - timedelta(minutes=5) < found["CreationTime"] <= datetime.now(UTC)
    scaling_client.deregister_scalable_target(**target)
    assert scaling_client.describe_scalable_targets(**names)["ScalableTargets"] == []
    assert refused(scaling_client.deregister_scalable_target, **target)[0] == "ObjectNotFoundException"
    scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)
    policies = scaling_client.describe_scaling_policies(ServiceNamespace="cassandra", ResourceId=target["ResourceId"])
    assert policies["ScalingPolicies"] == []


def test_a_policy_is_put_changed_and_deleted(scaling_client: Any, target: dict[str, str]) -> None:
    assert refused(scaling_client.put_scaling_policy, **target, PolicyName="p", **tracking())[0] == (
        "ObjectNotFoundException"
    )
    scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)
    arn = scaling_client.put_scaling_policy(**target, PolicyName="p", **tracking(50.0))["PolicyARN"]
    assert arn.endswith(f"resource/cassandra/{target['ResourceId']}:policyName/p")
    assert scaling_client.put_scaling_policy(**target, PolicyName="p", **tracking(60.0))["PolicyARN"] == arn
    (found,) = scaling_client.describe_scaling_policies(**target)["ScalingPolicies"]
    assert found["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60.0
    code, message = refused(scaling_client.put_scaling_policy, **target, PolicyName="q", **tracking())
    assert (code, "policy p tracks" in message) == ("ValidationException", True)
    scaling_client.delete_scaling_policy(**target, PolicyName="p")
    assert refused(scaling_client.delete_scaling_policy, **target, PolicyName="p")[0] == "ObjectNotFoundException"
    assert scaling_client.describe_scaling_policies(**target)["ScalingPolicies"] == []


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"ServiceNamespace": "dynamodb"}, ("ValidationException", "not supported by local Keyspaces")),
        ({"ScalableDimension": "dynamodb:table:ReadCapacityUnits"}, ("ValidationException", "must be one of")),
        ({"ResourceId": "table/t"}, ("ValidationException", "keyspace/KEYSPACE/table/TABLE")),
        ({"MinCapacity": 10}, ("ValidationException", "from 10 to 9 units")),
        ({"MinCapacity": 0}, ("ValidationException", "1 or more")),
        ({"MaxCapacity": 40_001}, ("LimitExceededException", "at most 40000")),
        ({"Tags": {f"k{number}": "v" for number in range(51)}}, ("ValidationException", "51 tags")),
        ({"Tags": {"k": "v" * 257}}, ("ValidationException", "must be 256 or less")),
    ],
)
def test_a_target_that_can_not_be_scaled_is_refused(
    scaling_client: Any, target: dict[str, str], change: dict[str, Any], answer: tuple[str, str]
) -> None:
    asked = {**target, "MinCapacity": 1, "MaxCapacity": 9, **change}
    found = refused(scaling_client.register_scalable_target, **asked)
    assert (found[0], answer[1] in found[1]) == (answer[0], True), found
    names = {"ServiceNamespace": "cassandra", "ResourceIds": [target["ResourceId"]]}
    assert scaling_client.describe_scalable_targets(**names)["ScalableTargets"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (tracking(19.0), "20 to 90"),
        (tracking(metric="CassandraReadCapacityUtilization"), "does not go with cassandra:table:WriteCapacityUnits"),
        ({"PolicyType": "StepScaling"}, "StepScaling is not supported by local Keyspaces"),
        ({"PolicyType": "TargetTrackingScaling"}, "needs TargetTrackingScalingPolicyConfiguration"),
    ],
)
def test_a_policy_that_keyspaces_would_not_take_is_refused(
    scaling_client: Any, target: dict[str, str], change: dict[str, Any], message: str
) -> None:
    scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)
    code, found = refused(scaling_client.put_scaling_policy, **target, PolicyName="p", **change)
    assert (code, message in found) == ("ValidationException", True), found
    assert scaling_client.describe_scaling_policies(**target)["ScalingPolicies"] == []


def test_an_on_demand_table_has_no_target_and_a_table_made_anew_none_of_the_old_ones(
    client: Any, scaling_client: Any, keyspace: str, target: dict[str, str]
) -> None:
    name = {"keyspaceName": keyspace, "tableName": "t"}
    scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)
    scaling_client.put_scaling_policy(**target, PolicyName="p", **tracking())
    client.delete_table(**name)
    client.create_table(**name, schemaDefinition=SCHEMA)
    names = {"ServiceNamespace": "cassandra", "ResourceIds": [target["ResourceId"]]}
    assert scaling_client.describe_scalable_targets(**names)["ScalableTargets"] == []
    code, message = refused(scaling_client.register_scalable_target, **target, MinCapacity=1, MaxCapacity=9)
    assert (code, "not PROVISIONED" in message) == ("ValidationException", True)
    client.update_table(**name, capacitySpecification=PROVISIONED)
    scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)
    assert scaling_client.describe_scaling_policies(**target)["ScalingPolicies"] == []


def test_targets_and_policies_come_in_pages(
    client: Any, scaling_client: Any, keyspace: str, target: dict[str, str]
) -> None:
    client.create_table(
        keyspaceName=keyspace, tableName="u", schemaDefinition=SCHEMA, capacitySpecification=PROVISIONED
    )
    resources = [target["ResourceId"], f"keyspace/{keyspace}/table/u"]
    for resource in resources:
        for kind in ("Read", "Write"):
            key = {
                "ServiceNamespace": "cassandra",
                "ResourceId": resource,
                "ScalableDimension": f"cassandra:table:{kind}CapacityUnits",
            }
            scaling_client.register_scalable_target(**key, MinCapacity=1, MaxCapacity=9)
            policy = tracking(metric=f"Cassandra{kind}CapacityUtilization")
            scaling_client.put_scaling_policy(**key, PolicyName="p", **policy)
    for operation, member in (("targets", "ScalableTargets"), ("policies", "ScalingPolicies")):
        verb = "describe_scalable_targets" if operation == "targets" else "describe_scaling_policies"
        paginator = scaling_client.get_paginator(verb)
        pages = list(paginator.paginate(ServiceNamespace="cassandra", PaginationConfig={"PageSize": 3}))
        found = [(each["ResourceId"], each["ScalableDimension"]) for page in pages for each in page[member]]
        assert [len(page[member]) for page in pages] == [3, 1]
        assert found == [
            (resource, f"cassandra:table:{kind}CapacityUnits") for resource in resources for kind in ("Read", "Write")
        ]
    call = scaling_client.describe_scalable_targets
    for token in ("nonsense!", "e30="):
        assert refused(call, ServiceNamespace="cassandra", NextToken=token)[0] == "InvalidNextTokenException"
    assert refused(call, ServiceNamespace="cassandra", MaxResults=51)[0] == "ValidationException"
    key = {"ScalableDimension": target["ScalableDimension"]}
    assert refused(call, ServiceNamespace="cassandra", **key)[0] == "ValidationException"


def test_a_scalable_target_has_tags(scaling_client: Any, target: dict[str, str]) -> None:
    limits = {"MinCapacity": 1, "MaxCapacity": 9}
    arn = scaling_client.register_scalable_target(**target, **limits, Tags={"a": "1"})["ScalableTargetARN"]
    scaling_client.tag_resource(ResourceARN=arn, Tags={"b": "2", "c": ""})
    scaling_client.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert scaling_client.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"b": "2", "c": ""}
    many = {f"k{number}": "v" for number in range(49)}
    assert refused(scaling_client.tag_resource, ResourceARN=arn, Tags=many)[0] == "TooManyTagsException"
    assert refused(scaling_client.register_scalable_target, **target, **limits, Tags={"d": "4"})[0] == (
        "ValidationException"
    )
    scaling_client.deregister_scalable_target(**target)
    assert refused(scaling_client.list_tags_for_resource, ResourceARN=arn)[0] == "ResourceNotFoundException"
