"""aws:cloudcontrol/resource:Resource, for the one CloudFormation type AWS::Cassandra::Table.

The program uses it for tables whose types the Keyspaces resource does not let through. AWS's schema of the type says
what makes it anew (createOnlyProperties); the CloudFormation reference ("Update requires: Replacement") says the same:
names, partition and clustering keys, client-side timestamps. The type has no static columns, and a time to live only
by DefaultTimeToLive.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.resources import Difference, DiffKind, Failure, Found, PartlyMadeError, Properties
from rehearsal.pulumi_aws_provider.structs import UNKNOWN
from rehearsal.pulumi_aws_provider.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rehearsal.pulumi_aws_provider.account import Account

TYPE_NAME = "AWS::Cassandra::Table"
CREATE_ONLY = (
    "KeyspaceName",
    "TableName",
    "PartitionKeyColumns",
    "ClusteringKeyColumns",
    "ClientSideTimestampsEnabled",
)
_MEMBERS = frozenset(
    {
        *CREATE_ONLY,
        "RegularColumns",
        "BillingMode",
        "PointInTimeRecoveryEnabled",
        "DefaultTimeToLive",
        "EncryptionSpecification",
        "Tags",
    }
)
_BILLING_MODES = {"ON_DEMAND": "PAY_PER_REQUEST", "PROVISIONED": "PROVISIONED"}


class CloudControlTable:
    """A table of local Keyspaces, in CloudFormation's words; its id is KEYSPACE|TABLE."""

    token = "aws:cloudcontrol/resource:Resource"  # noqa: S105 - a type token of Pulumi's
    computed = ("properties",)
    # Tags are in the desired state; the real provider adds none of its own there.
    taggable = False
    name_is_taken = True

    def __init__(self) -> None:
        self._table = Table()

    def check(self, inputs: Properties) -> Iterator[Failure]:
        """Refuse other types, and members that the type's schema or this stand-in does not have."""
        if inputs.get("typeName") != TYPE_NAME:
            yield Failure(path="typeName", reason=f"this attached provider serves {TYPE_NAME} only")
        if inputs.get("desiredState") == UNKNOWN:
            return
        try:
            state = json.loads(inputs.get("desiredState", ""))
        except ValueError as error:
            yield Failure(path="desiredState", reason=f"no JSON: {error}")
            return
        if unknown := sorted(set(state) - _MEMBERS):
            yield Failure(path="desiredState", reason=f"not in {TYPE_NAME}, or not served: {', '.join(unknown)}")

    def diff(self, old: Properties, new: Properties) -> Iterator[Difference]:
        """Compare the desired states; a difference in a create-only member makes the table anew."""
        for name in ("region", "typeName"):
            if name in new and old.get(name) != new.get(name):
                yield Difference(path=name, kind=DiffKind.UPDATE, replaces=True)
        if old.get("desiredState") == new.get("desiredState"):
            return
        if UNKNOWN in (old.get("desiredState"), new.get("desiredState")):
            yield Difference(path="desiredState", kind=DiffKind.UPDATE, replaces=False)
            return
        before, after = _state(old), _state(new)
        if before != after:
            replaces = any(before.get(name) != after.get(name) for name in CREATE_ONLY)
            yield Difference(path="desiredState", kind=DiffKind.UPDATE, replaces=replaces)

    def unsettled(self, old: Properties, new: Properties) -> Iterable[str]:
        """`properties` are known after an update only; what the program uses of them is what it desired itself."""
        del old, new
        return ()

    def create(self, account: Account, inputs: Properties) -> str:
        """Make the table and wait until it is ACTIVE."""
        try:
            return _own_id(self._table.create(account, _as_table(_state(inputs))))
        except PartlyMadeError as error:
            raise PartlyMadeError(str(error), resource_id=_own_id(error.resource_id)) from error

    def read(self, account: Account, resource_id: str, inputs: Properties) -> Found | None:
        """The table as it is; what was desired stays what the program said, as in the real provider."""
        found = self._table.read(account, _table_id(resource_id), {})
        if found is None:
            return None
        properties = json.dumps(_as_state(found.outputs), sort_keys=True)
        given = inputs or {"typeName": TYPE_NAME, "desiredState": properties}
        return Found(outputs={**given, "properties": properties}, inputs=given)

    def update(self, account: Account, resource_id: str, old: Properties, new: Properties) -> None:
        """Change the table in place."""
        before, after = _as_table(_state(old)), _as_table(_state(new))
        there = {column["name"]: column["type"] for column in before["schemaDefinition"]["columns"]}
        wanted = {column["name"]: column["type"] for column in after["schemaDefinition"]["columns"]}
        if lost := sorted(name for name in there if wanted.get(name) != there[name]):
            raise PartlyMadeError(
                f"columns can't be dropped or get another type: {', '.join(lost)}", resource_id=resource_id
            )
        self._table.update(account, _table_id(resource_id), before, after)

    def delete(self, account: Account, resource_id: str, outputs: Properties) -> None:
        """Delete the table and wait until it is gone."""
        self._table.delete(account, _table_id(resource_id), outputs)


def _own_id(table_id: str) -> str:
    return table_id.replace("/", "|")


def _table_id(own_id: str) -> str:
    return own_id.replace("|", "/")


def _state(inputs: Properties) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(inputs["desiredState"])
    # An empty list and none at all are the same to CloudFormation.
    return {name: value for name, value in state.items() if value not in ([], None)}


def _as_table(state: dict[str, Any]) -> Properties:
    clustering = state.get("ClusteringKeyColumns", [])
    columns = [
        *state["PartitionKeyColumns"],
        *(each["Column"] for each in clustering),
        *state.get("RegularColumns", []),
    ]
    inputs: Properties = {
        "keyspaceName": state["KeyspaceName"],
        "tableName": state["TableName"],
        "schemaDefinition": {
            "columns": [{"name": each["ColumnName"], "type": each["ColumnType"]} for each in columns],
            "partitionKeys": [{"name": each["ColumnName"]} for each in state["PartitionKeyColumns"]],
            "clusteringKeys": [
                {"name": each["Column"]["ColumnName"], "orderBy": each.get("OrderBy", "ASC")} for each in clustering
            ],
        },
        "pointInTimeRecovery": {"status": "ENABLED" if state.get("PointInTimeRecoveryEnabled") else "DISABLED"},
        "capacitySpecification": _capacity(state.get("BillingMode") or {"Mode": "ON_DEMAND"}),
        "tags": {tag["Key"]: tag["Value"] for tag in state.get("Tags", [])},
    }
    if state.get("ClientSideTimestampsEnabled"):
        inputs["clientSideTimestamps"] = {"status": "ENABLED"}
    if state.get("DefaultTimeToLive"):
        inputs["defaultTimeToLive"] = state["DefaultTimeToLive"]
        inputs["ttl"] = {"status": "ENABLED"}
    return inputs


def _capacity(billing: dict[str, Any]) -> Properties:
    units = billing.get("ProvisionedThroughput", {})
    named = {f"{name[0].lower()}{name[1:]}": value for name, value in units.items()}
    return {"throughputMode": _BILLING_MODES[billing["Mode"]], **named}


def _as_state(table: Properties) -> dict[str, Any]:
    definition, capacity = table["schemaDefinition"], table["capacitySpecification"]
    types = {column["name"]: column["type"] for column in definition["columns"]}
    clustering = definition.get("clusteringKeys", [])
    keys = [each["name"] for each in (*definition["partitionKeys"], *clustering)]

    def column(name: str) -> dict[str, str]:
        return {"ColumnName": name, "ColumnType": types[name]}

    return {
        "KeyspaceName": table["keyspaceName"],
        "TableName": table["tableName"],
        "PartitionKeyColumns": [column(each["name"]) for each in definition["partitionKeys"]],
        "ClusteringKeyColumns": [{"Column": column(each["name"]), "OrderBy": each["orderBy"]} for each in clustering],
        "RegularColumns": [column(name) for name in types if name not in keys],
        "BillingMode": {"Mode": "ON_DEMAND" if capacity["throughputMode"] == "PAY_PER_REQUEST" else "PROVISIONED"},
        "PointInTimeRecoveryEnabled": table["pointInTimeRecovery"]["status"] == "ENABLED",
        "ClientSideTimestampsEnabled": "clientSideTimestamps" in table,
        "DefaultTimeToLive": table["defaultTimeToLive"],
        "Tags": [{"Key": key, "Value": value} for key, value in sorted(table["tagsAll"].items())],
    }
