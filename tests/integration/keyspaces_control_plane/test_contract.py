"""Every operation, paginator and malformed request of botocore's models against the APIs."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, StringShape, StructureShape

from tests.integration.keyspaces_control_plane.calls import SCHEMA, TYPE_FIELDS, client_of, refused

if TYPE_CHECKING:
    from botocore.model import Shape

    from rehearsal.keyspaces_control_plane.process import KeyspacesControlPlane


@pytest.mark.parametrize(
    ("target", "body", "expected"),
    [
        ("KeyspacesService.Nonsense", b"{}", "names no operation"),
        ("KeyspacesService.GetTable", b"[]", "must be a JSON object"),
        ("KeyspacesService.GetTable", b"{", "no JSON"),
        ("KeyspacesService.GetTable", b'{"keyspaceName": 1, "tableName": "t"}', "must be a string"),
        ("KeyspacesService.GetTable", b'{"keyspaceName": "k", "tableName": "t", "more": 1}', "is no member"),
        ("Keyspaces.GetTable", b"{}", "names no operation"),
        ("KeyspacesService.RestoreTable", b"{}", "must not be null"),
    ],
)
def test_a_request_that_boto3_would_not_send_is_refused_and_the_connection_lives_on(
    control_plane: KeyspacesControlPlane, target: str, body: bytes, expected: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", control_plane.settings.port, timeout=30)
    for _ in range(2):
        connection.request("POST", "/", body=body, headers={"X-Amz-Target": target})
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert (response.status, answer["__type"]) == (400, "ValidationException")
        assert expected in answer["message"]
    connection.close()


def test_every_paginator_of_the_model_gives_each_item_once(client: Any, keyspace: str) -> None:
    names = ["n1", "n2", "n3"]
    arn = client.get_keyspace(keyspaceName=keyspace)["resourceArn"]
    client.untag_resource(resourceArn=arn, tags=[{"key": "Project", "value": "p"}])
    client.tag_resource(resourceArn=arn, tags=[{"key": name, "value": "v"} for name in names])
    for name in names:
        client.create_table(keyspaceName=keyspace, tableName=name, schemaDefinition=SCHEMA)
        client.create_type(keyspaceName=keyspace, typeName=name, fieldDefinitions=TYPE_FIELDS)
        client.create_keyspace(keyspaceName=f"{keyspace}{name}")
    asked: dict[str, tuple[dict[str, str], Any, list[str]]] = {
        "ListKeyspaces": (
            {},
            lambda each: each["keyspaceName"],
            [keyspace, *(f"{keyspace}{name}" for name in names)],
        ),
        "ListTables": ({"keyspaceName": keyspace}, lambda each: each["tableName"], names),
        "ListTypes": ({"keyspaceName": keyspace}, str, names),
        "ListTagsForResource": ({"resourceArn": arn}, lambda each: each["key"], names),
    }
    paginators: Any = boto3.Session()._session.get_paginator_model("keyspaces")
    model = paginators._paginator_config
    assert set(asked) == set(model)
    for operation, (request, name_of, expected) in asked.items():
        pages = list(client.get_paginator(xform_name(operation)).paginate(**request, PaginationConfig={"PageSize": 2}))
        found = [[name_of(each) for each in page[model[operation]["result_key"]]] for page in pages]
        assert all(len(page) == 2 for page in found[:-1])
        assert [name for page in found for name in page if name in expected] == expected, operation
    for name in names:
        client.delete_keyspace(keyspaceName=f"{keyspace}{name}")


def least(shape: Shape, known: dict[str, Any], name: str = "") -> Any:
    """The smallest value of a shape, with what is known put in by the member's name."""
    if name in known:
        return known[name]
    match shape:
        case StructureShape():
            return {each: least(shape.members[each], known, each) for each in shape.required_members}
        case ListShape():
            return [least(shape.member, known)]
        case MapShape():
            return {}
        case StringShape():
            return shape.enum[0] if shape.enum else "a" * shape.metadata.get("min", 1)
        case _:
            return {"timestamp": 0, "boolean": False}.get(shape.type_name, 1)


NOT_SUPPORTED = {
    "keyspaces": {"RestoreTable", "UpdateKeyspace"},
    "application-autoscaling": {
        "DeleteScheduledAction",
        "DescribeScalingActivities",
        "DescribeScheduledActions",
        "GetPredictiveScalingForecast",
        "PutScheduledAction",
    },
}


@pytest.mark.parametrize("service", NOT_SUPPORTED)
def test_every_operation_of_the_model_is_answered_or_refused_in_its_words(
    control_plane: KeyspacesControlPlane, keyspace: str, service: str
) -> None:
    client = client_of(service, control_plane)
    model = client.meta.service_model
    arn = f"arn:aws:cassandra:eu-west-1:111122223333:/keyspace/{keyspace}/"
    known = {
        "keyspaceName": keyspace,
        "resourceArn": arn,
        "type": "int",
        "ServiceNamespace": "cassandra",
        "ResourceARN": "arn:aws:application-autoscaling:eu-west-1:111122223333:scalable-target/none",
    }
    refusals = {}
    # Deletions last: what the others name is still there.
    for operation in sorted(model.operation_names, key=lambda name: (name.startswith(("Delete", "Un")), name)):
        if operation == "DeleteKeyspace":
            known = {**known, "keyspaceName": "nowhere"}
        shapes = model.operation_model(operation)
        try:
            getattr(client, xform_name(operation))(**least(shapes.input_shape, known))
        except ClientError as error:
            found = error.response
            assert found["ResponseMetadata"]["HTTPStatusCode"] == 400, found
            assert found["Error"]["Code"] in {each.name for each in shapes.error_shapes} | {"ValidationException"}
            assert "names no operation" not in found["Error"]["Message"]
            refusals[operation] = found["Error"]["Message"]
    refused_for_good = {name for name, why in refusals.items() if f"{name} is not supported by local Keyspaces" in why}
    assert refused_for_good == NOT_SUPPORTED[service]


@pytest.mark.parametrize(
    "member",
    [
        {"replicaSpecifications": [{"region": "eu-west-2"}]},
        {"cdcSpecification": {"status": "ENABLED"}},
    ],
)
def test_members_that_would_only_be_pretended_are_refused(client: Any, keyspace: str, member: dict[str, Any]) -> None:
    name = {"keyspaceName": keyspace, "tableName": "t"}
    expected = ("ValidationException", f"not supported by local Keyspaces: {next(iter(member))}")
    assert refused(client.create_table, **name, schemaDefinition=SCHEMA, **member) == expected
    client.create_table(**name, schemaDefinition=SCHEMA)
    assert refused(client.update_table, **name, **member) == expected
    regions = {"replicationStrategy": "MULTI_REGION", "regionList": ["eu-west-1", "eu-west-2"]}
    code, message = refused(client.create_keyspace, keyspaceName="multi", replicationSpecification=regions)
    assert (code, "not supported by local Keyspaces" in message) == ("ValidationException", True)
