"""The auto scaling settings of a table through boto3's own client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.keyspaces_control_plane.calls import PROVISIONED, SCHEMA, refused


def scaling(least: int = 5, most: int = 10, target: float = 70.0) -> dict[str, Any]:
    policy = {"targetTrackingScalingPolicyConfiguration": {"targetValue": target, "disableScaleIn": False}}
    return {"minimumUnits": least, "maximumUnits": most, "scalingPolicy": policy}


def test_auto_scaling_is_kept_until_the_table_goes_on_demand(client: Any, keyspace: str) -> None:
    name = {"keyspaceName": keyspace, "tableName": "t"}
    wanted = {"writeCapacityAutoScaling": scaling()}
    client.create_table(
        **name, schemaDefinition=SCHEMA, capacitySpecification=PROVISIONED, autoScalingSpecification=wanted
    )
    found = client.get_table_auto_scaling_settings(**name)
    assert found["resourceArn"] == client.get_table(**name)["resourceArn"]
    assert found["autoScalingSpecification"] == wanted
    limits = {"minimumUnits": 6, "maximumUnits": 20}
    client.update_table(**name, autoScalingSpecification={"writeCapacityAutoScaling": limits})
    client.update_table(**name, autoScalingSpecification={"readCapacityAutoScaling": {"autoScalingDisabled": True}})
    assert client.get_table_auto_scaling_settings(**name)["autoScalingSpecification"] == {
        "writeCapacityAutoScaling": {**scaling(6, 20), "autoScalingDisabled": False},
        "readCapacityAutoScaling": {"autoScalingDisabled": True},
    }
    client.update_table(**name, capacitySpecification={"throughputMode": "PAY_PER_REQUEST"})
    client.update_table(**name, capacitySpecification=PROVISIONED)
    assert "autoScalingSpecification" not in client.get_table_auto_scaling_settings(**name)


def test_capacity_and_its_auto_scaling_may_change_together(client: Any, keyspace: str) -> None:
    name = {"keyspaceName": keyspace, "tableName": "t"}
    client.create_table(**name, schemaDefinition=SCHEMA)
    wanted = {"readCapacityAutoScaling": scaling()}
    code, message = refused(client.update_table, **name, autoScalingSpecification=wanted)
    assert (code, "PROVISIONED only" in message) == ("ValidationException", True)
    client.update_table(**name, capacitySpecification=PROVISIONED, autoScalingSpecification=wanted)
    assert client.get_table(**name)["capacitySpecification"]["writeCapacityUnits"] == 6
    found = client.get_table_auto_scaling_settings(**name)["autoScalingSpecification"]["readCapacityAutoScaling"]
    assert found == {**scaling(), "autoScalingDisabled": False}


@pytest.mark.parametrize(
    ("capacity", "settings", "answer"),
    [
        ({"throughputMode": "PAY_PER_REQUEST"}, scaling(), ("ValidationException", "PROVISIONED only")),
        (PROVISIONED, scaling(least=11), ("ValidationException", "from 11 to 10 units")),
        (PROVISIONED, scaling(most=40_001), ("ServiceQuotaExceededException", "at most 40000")),
        (PROVISIONED, scaling(target=19.9), ("ValidationException", "20 to 90")),
        (PROVISIONED, scaling(target=90.1), ("ValidationException", "20 to 90")),
        (PROVISIONED, {"minimumUnits": 1}, ("ValidationException", "needs maximumUnits, scalingPolicy")),
    ],
)
def test_auto_scaling_that_keyspaces_would_not_take_makes_no_table(
    client: Any, keyspace: str, capacity: dict[str, Any], settings: dict[str, Any], answer: tuple[str, str]
) -> None:
    found = refused(
        client.create_table,
        keyspaceName=keyspace,
        tableName="t",
        schemaDefinition=SCHEMA,
        capacitySpecification=capacity,
        autoScalingSpecification={"writeCapacityAutoScaling": settings},
    )
    assert (found[0], answer[1] in found[1]) == (answer[0], True), found
    assert client.list_tables(keyspaceName=keyspace)["tables"] == []
