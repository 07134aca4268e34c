"""User-defined types through boto3's own client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.keyspaces_control_plane.calls import TYPE_FIELDS, refused

if TYPE_CHECKING:
    from cassandra.cluster import Session


def test_types_are_types_of_the_node_that_tables_can_use(client: Any, session: Session, keyspace: str) -> None:
    named = {"keyspaceName": keyspace, "typeName": "Address"}
    before = datetime.now(UTC) - timedelta(seconds=1)
    arn = client.get_keyspace(keyspaceName=keyspace)["resourceArn"]
    created = client.create_type(**named, fieldDefinitions=TYPE_FIELDS)
    assert (created["keyspaceArn"], created["typeName"]) == (arn, "address")
    fields = [{"name": "home", "type": "frozen<address>"}]
    client.create_type(keyspaceName=keyspace, typeName='"Person"', fieldDefinitions=fields)
    schema = {"allColumns": [{"name": "a", "type": "int"}, {"name": "p", "type": 'list<frozen<"Person">>'}]}
    client.create_table(
        keyspaceName=keyspace, tableName="t", schemaDefinition={**schema, "partitionKeys": [{"name": "a"}]}
    )
    client.update_table(keyspaceName=keyspace, tableName="t", addColumns=[{"name": "x", "type": "frozen<address>"}])
    columns = client.get_table(keyspaceName=keyspace, tableName="t")["schemaDefinition"]["allColumns"]
    assert {each["name"]: each["type"] for each in columns} == {
        "a": "int",
        "p": 'list<frozen<"Person">>',
        "x": "frozen<address>",
    }
    address, person = client.get_type(**named), client.get_type(keyspaceName=keyspace, typeName='"Person"')
    assert address["fieldDefinitions"] == TYPE_FIELDS
    assert (address["directParentTypes"], address["directReferringTables"]) == (['"Person"'], ["t"])
    assert (address["maxNestingDepth"], person["maxNestingDepth"], person["directReferringTables"]) == (1, 2, ["t"])
    assert before <= address["lastModifiedTimestamp"] <= datetime.now(UTC) + timedelta(seconds=1)
    session.execute(f"INSERT INTO {keyspace}.t (a, x) VALUES (1, {{street: 's', lines: [1, 2]}})")
    assert session.execute(f"SELECT x FROM {keyspace}.t WHERE a = 1").one().x.lines == [1, 2]


def test_a_type_in_use_is_not_deleted(client: Any, session: Session, keyspace: str) -> None:
    named = {"keyspaceName": keyspace, "typeName": "address"}
    client.create_type(**named, fieldDefinitions=TYPE_FIELDS)
    fields = [{"name": "home", "type": "frozen<address>"}]
    client.create_type(keyspaceName=keyspace, typeName="person", fieldDefinitions=fields)
    code, message = refused(client.delete_type, **named)
    assert (code, "used by type person" in message) == ("ConflictException", True)
    client.delete_type(keyspaceName=keyspace, typeName="person")
    session.execute(f"CREATE TABLE {keyspace}.t (a int PRIMARY KEY, x frozen<address>)")
    code, message = refused(client.delete_type, **named)
    assert (code, "used by table t" in message) == ("ConflictException", True)
    client.delete_table(keyspaceName=keyspace, tableName="t")
    assert client.delete_type(**named)["typeName"] == "address"
    assert refused(client.get_type, **named)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("name", "fields", "answer"),
    [
        ("there", TYPE_FIELDS, ("ConflictException", "exists already")),
        ("THERE", TYPE_FIELDS, ("ConflictException", "exists already")),
        ("a-b", TYPE_FIELDS, ("ValidationException", "must match")),
        ("t", TYPE_FIELDS * 2, ("ValidationException", "more than once: lines, street")),
        ("t", [{"name": "f", "type": "nonsense<"}], ("ValidationException", "field 'f': 'nonsense<'")),
        ("t", [{"name": "f", "type": "frozen<nowhere>"}], ("ValidationException", "nowhere")),
        ("t", [{"name": "f", "type": "there"}], ("ValidationException", "non-frozen")),
    ],
)
def test_types_that_keyspaces_would_not_take_are_refused(
    client: Any, keyspace: str, name: str, fields: list[dict[str, str]], answer: tuple[str, str]
) -> None:
    client.create_type(keyspaceName=keyspace, typeName="there", fieldDefinitions=TYPE_FIELDS)
    found = refused(client.create_type, keyspaceName=keyspace, typeName=name, fieldDefinitions=fields)
    assert (found[0], answer[1] in found[1]) == (answer[0], True), found
    assert client.list_types(keyspaceName=keyspace)["types"] == ["there"]


def test_types_of_a_keyspace_that_is_not_there_or_not_the_users(client: Any) -> None:
    named = {"typeName": "t", "fieldDefinitions": TYPE_FIELDS}
    assert refused(client.create_type, keyspaceName="nowhere", **named)[0] == "ResourceNotFoundException"
    assert refused(client.create_type, keyspaceName="system_schema", **named)[0] == "AccessDeniedException"
    assert refused(client.list_types, keyspaceName="nowhere")[0] == "ResourceNotFoundException"
