"""The API's operations on tables."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from rehearsal.keyspaces_control_plane import auto_scaling, rules
from rehearsal.keyspaces_control_plane.api import page
from rehearsal.keyspaces_control_plane.custom_properties import SPECIFICATIONS
from rehearsal.keyspaces_control_plane.errors import ConflictError, ServiceQuotaExceededError
from rehearsal.keyspaces_control_plane.live_schema import LiveTable
from rehearsal.keyspaces_control_plane.table_summary import summary
from rehearsal.keyspaces_control_plane.tags import tags_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.keyspaces_control_plane.api import Answer, Operation, Request
    from rehearsal.keyspaces_control_plane.backend import Backend


class TableOperations:
    """Tables of the node, made and changed by Keyspaces' own DDL."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def operations(self) -> Mapping[str, Operation]:
        """The operations by their names in the service model."""
        return {
            "CreateTable": self._create,
            "GetTable": self._get,
            "GetTableAutoScalingSettings": self._get_auto_scaling,
            "ListTables": self._list,
            "UpdateTable": self._update,
            "DeleteTable": self._delete,
        }

    def _create(self, request: Request) -> Answer:
        backend = self.backend
        keyspace, name = backend.own_keyspace(request["keyspaceName"]), request["tableName"]
        rules.refuse_what_is_not_supported(request)
        rules.check_definition(request["schemaDefinition"])
        rules.check_capacity(request.get("capacitySpecification"))
        scaling = request.get("autoScalingSpecification")
        if scaling is not None:
            auto_scaling.check(scaling, request.get("capacitySpecification"))
        self._require_room(keyspace, name)
        table = _requested(keyspace, name, request)
        arn = backend.account.arn(keyspace, name)
        # Under the id that the table will have, and first: killed in between, no table is without its tags.
        backend.properties.put_created_ms(table.table_id, backend.now_ms())
        if scaling is not None:
            backend.properties.put_auto_scaling(table.table_id, scaling)
        backend.properties.forget(arn)
        backend.properties.put_tags(arn, tags_of(request))
        with backend.changing(keyspace, name):
            backend.schema.create_table(table)
        return {"resourceArn": arn}

    def _require_room(self, keyspace: str, name: str) -> None:
        schema = self.backend.schema
        if schema.table(keyspace, name) is not None:
            raise ConflictError(f"table {keyspace}.{name} exists already")
        there = sum(len(schema.tables(each)) for each in schema.keyspaces())
        if there >= rules.MAX_TABLES:
            raise ServiceQuotaExceededError(f"{there} tables are there; the quota is {rules.MAX_TABLES}")

    def _get(self, request: Request) -> Answer:
        return summary(self.backend, self.backend.table(request))

    def _get_auto_scaling(self, request: Request) -> Answer:
        table = self.backend.table(request)
        scaling = self.backend.properties.auto_scaling(table.table_id)
        shown = scaling if auto_scaling.is_provisioned(table.specifications.get("capacitySpecification")) else None
        return {
            "keyspaceName": table.keyspace,
            "tableName": table.name,
            "resourceArn": self.backend.account.arn(table.keyspace, table.name),
            **({} if shown is None else {"autoScalingSpecification": shown}),
        }

    def _list(self, request: Request) -> Answer:
        keyspace = self.backend.keyspace(request["keyspaceName"])
        names, token = page(self.backend.schema.tables(keyspace), request)
        tables = [
            {"keyspaceName": keyspace, "tableName": name, "resourceArn": self.backend.account.arn(keyspace, name)}
            for name in names
        ]
        return {"tables": tables, **token}

    def _update(self, request: Request) -> Answer:
        changes = rules.the_changes(request)
        table = self.backend.settled(request)
        capacity = request.get("capacitySpecification")
        rules.check_capacity(capacity)
        if "autoScalingSpecification" in changes:
            scaling = self._scaling(table, request["autoScalingSpecification"])
            auto_scaling.check(scaling, capacity or table.specifications.get("capacitySpecification"))
        with self.backend.changing(table.keyspace, table.name):
            for change in changes:
                self._change(table, change, request)
        return {"resourceArn": self.backend.account.arn(table.keyspace, table.name)}

    def _change(self, table: LiveTable, change: str, request: Request) -> None:
        schema, wanted = self.backend.schema, request[change]
        match change:
            case "addColumns":
                columns = [*table.schema_definition["allColumns"], *wanted]
                rules.check_definition({**table.schema_definition, "allColumns": columns})
                schema.add_columns(table.keyspace, table.name, wanted)
            case "defaultTimeToLive":
                schema.set_default_ttl(table.keyspace, table.name, wanted)
            case "autoScalingSpecification":
                self.backend.properties.put_auto_scaling(table.table_id, self._scaling(table, wanted))
            case _:
                schema.set_specification(table.keyspace, table.name, change, wanted)
                if change == "capacitySpecification" and not auto_scaling.is_provisioned(wanted):
                    self.backend.properties.forget_auto_scaling(table.table_id)

    def _scaling(self, table: LiveTable, wanted: Mapping[str, Any]) -> dict[str, Any]:
        return auto_scaling.merged(self.backend.properties.auto_scaling(table.table_id) or {}, wanted)

    def _delete(self, request: Request) -> Answer:
        table = self.backend.settled(request)
        with self.backend.changing(table.keyspace, table.name):
            self.backend.schema.drop_table(table.keyspace, table.name)
        self.backend.properties.forget(self.backend.account.arn(table.keyspace, table.name))
        return {}


def _requested(keyspace: str, name: str, request: Request) -> LiveTable:
    return LiveTable(
        keyspace=keyspace,
        name=name,
        table_id=uuid.uuid1(),
        schema_definition=request["schemaDefinition"],
        comment=request.get("comment", {}).get("message", ""),
        default_ttl_s=request.get("defaultTimeToLive", 0),
        specifications={each: request[each] for each in SPECIFICATIONS if request.get(each) is not None},
    )
