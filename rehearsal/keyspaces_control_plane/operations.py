"""The operations of the API over the node's schema and the property store."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.keyspaces_control_plane import rules
from rehearsal.keyspaces_control_plane.contract import validate
from rehearsal.keyspaces_control_plane.custom_properties import SPECIFICATIONS
from rehearsal.keyspaces_control_plane.errors import (
    AccessDeniedError,
    ConflictError,
    ResourceNotFoundError,
    ServiceQuotaExceededError,
    ValidationError,
)
from rehearsal.keyspaces_control_plane.live_schema import LiveSchema, LiveTable, is_system

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.keyspaces_control_plane.properties import PropertyStore

Request = dict[str, Any]
Answer = dict[str, Any]

DEFAULT_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where the resources seem to be.

    Attributes:
        region: AWS Region in the ARNs.
        account_id: Twelve digits in the ARNs.
    """

    region: str = "eu-west-1"
    account_id: str = "111122223333"

    def arn(self, keyspace: str, table: str | None = None) -> str:
        """The ARN of a keyspace or a table."""
        path = f"/keyspace/{keyspace}/" + ("" if table is None else f"table/{table}")
        return f"arn:aws:cassandra:{self.region}:{self.account_id}:{path}"


class ControlPlane:
    """Amazon Keyspaces' API. `call` is its one entrance; calls are served one after the other."""

    def __init__(
        self, *, schema: LiveSchema, properties: PropertyStore, account: Account, now_ms: Callable[[], int]
    ) -> None:
        self.schema = schema
        self.properties = properties
        self.account = account
        self.now_ms = now_ms
        self._lock = threading.Lock()
        self._operations: dict[str, Callable[[Request], Answer]] = {
            "CreateKeyspace": self._create_keyspace,
            "GetKeyspace": self._get_keyspace,
            "ListKeyspaces": self._list_keyspaces,
            "DeleteKeyspace": self._delete_keyspace,
            "CreateTable": self._create_table,
            "GetTable": self._get_table,
            "ListTables": self._list_tables,
            "UpdateTable": self._update_table,
            "DeleteTable": self._delete_table,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    @property
    def operations(self) -> frozenset[str]:
        """The names of the operations that are built."""
        return frozenset(self._operations)

    def call(self, operation: str, request: Request) -> Answer:
        """Answer one request.

        Raises:
            ServiceError: The answer is an error of the service model.
        """
        if operation not in self._operations:
            built = ", ".join(sorted(self._operations))
            raise ValidationError(f"local Keyspaces does not have {operation}; it has {built}")
        validate(operation, request)
        with self._lock:
            return self._operations[operation](request)

    def _create_keyspace(self, request: Request) -> Answer:
        name = _own(request["keyspaceName"])
        strategy = request.get("replicationSpecification", {}).get("replicationStrategy", "SINGLE_REGION")
        if strategy != "SINGLE_REGION":
            raise ValidationError(f"local Keyspaces has one Region, not {strategy}")
        there = self.schema.keyspaces()
        if name in there:
            raise ConflictError(f"keyspace {name} exists already")
        if len(there) >= rules.MAX_KEYSPACES:
            raise ServiceQuotaExceededError(f"{len(there)} keyspaces are there; the quota is {rules.MAX_KEYSPACES}")
        self.schema.create_keyspace(name)
        arn = self.account.arn(name)
        self.properties.put_tags(arn, _tags(request))
        return {"resourceArn": arn}

    def _get_keyspace(self, request: Request) -> Answer:
        return self._summary(self._keyspace(request["keyspaceName"]))

    def _summary(self, keyspace: str) -> Answer:
        return {
            "keyspaceName": keyspace,
            "resourceArn": self.account.arn(keyspace),
            "replicationStrategy": "SINGLE_REGION",
        }

    def _list_keyspaces(self, request: Request) -> Answer:
        names, token = _page(self.schema.usable_keyspaces(), request)
        return {"keyspaces": [self._summary(name) for name in names], **token}

    def _delete_keyspace(self, request: Request) -> Answer:
        name = self._keyspace(_own(request["keyspaceName"]))
        for table in self.schema.tables(name):
            self.properties.forget(self.account.arn(name, table))
        self.schema.drop_keyspace(name)
        self.properties.forget(self.account.arn(name))
        return {}

    def _create_table(self, request: Request) -> Answer:
        keyspace, name = self._keyspace(_own(request["keyspaceName"])), request["tableName"]
        definition = request["schemaDefinition"]
        rules.refuse_what_is_not_built(request)
        rules.check_definition(definition)
        rules.check_capacity(request.get("capacitySpecification"))
        if self.schema.table(keyspace, name) is not None:
            raise ConflictError(f"table {keyspace}.{name} exists already")
        there = sum(len(self.schema.tables(each)) for each in self.schema.keyspaces())
        if there >= rules.MAX_TABLES:
            raise ServiceQuotaExceededError(f"{there} tables are there; the quota is {rules.MAX_TABLES}")
        table = LiveTable(
            keyspace=keyspace,
            name=name,
            table_id=uuid.uuid1(),
            schema_definition=definition,
            comment=request.get("comment", {}).get("message", ""),
            default_ttl_s=request.get("defaultTimeToLive", 0),
            specifications={each: request[each] for each in SPECIFICATIONS if request.get(each) is not None},
        )
        # Under the id that the table will have, and first: killed in between, no table is without its tags.
        self.properties.put_created_ms(table.table_id, self.now_ms())
        arn = self.account.arn(keyspace, name)
        self.properties.forget(arn)
        self.properties.put_tags(arn, _tags(request))
        self.schema.create_table(table)
        return {"resourceArn": arn}

    def _get_table(self, request: Request) -> Answer:
        table = self._table(request)
        warm = table.specifications.get("warmThroughputSpecification")
        return {
            "keyspaceName": table.keyspace,
            "tableName": table.name,
            "resourceArn": self.account.arn(table.keyspace, table.name),
            "creationTimestamp": self.properties.created_ms(table.table_id) / 1000,
            "status": table.status,
            "schemaDefinition": table.schema_definition,
            "comment": {"message": table.comment},
            "defaultTimeToLive": table.default_ttl_s,
            **table.specifications,
            **({"warmThroughputSpecification": {**warm, "status": "AVAILABLE"}} if warm else {}),
        }

    def _list_tables(self, request: Request) -> Answer:
        keyspace = self._keyspace(request["keyspaceName"])
        names, token = _page(self.schema.tables(keyspace), request)
        tables = [
            {"keyspaceName": keyspace, "tableName": name, "resourceArn": self.account.arn(keyspace, name)}
            for name in names
        ]
        return {"tables": tables, **token}

    def _update_table(self, request: Request) -> Answer:
        _own(request["keyspaceName"])
        change = rules.the_one_change(request)
        table = self._settled(request)
        if change == "addColumns":
            self._add_columns(table, request["addColumns"])
        elif change == "defaultTimeToLive":
            self.schema.set_default_ttl(table.keyspace, table.name, request[change])
        else:
            rules.check_capacity(request.get("capacitySpecification"))
            self.schema.set_specification(table.keyspace, table.name, change, request[change])
        return {"resourceArn": self.account.arn(table.keyspace, table.name)}

    def _add_columns(self, table: LiveTable, columns: list[dict[str, str]]) -> None:
        there = [*table.schema_definition["allColumns"], *columns]
        rules.check_definition({**table.schema_definition, "allColumns": there})
        self.schema.add_columns(table.keyspace, table.name, columns)

    def _delete_table(self, request: Request) -> Answer:
        _own(request["keyspaceName"])
        table = self._settled(request)
        self.schema.drop_table(table.keyspace, table.name)
        self.properties.forget(self.account.arn(table.keyspace, table.name))
        return {}

    def _tag(self, request: Request) -> Answer:
        self.properties.put_tags(self._resource(request["resourceArn"]), _tags(request))
        return {}

    def _untag(self, request: Request) -> Answer:
        self.properties.remove_tags(self._resource(request["resourceArn"]), _tags(request))
        return {}

    def _list_tags(self, request: Request) -> Answer:
        tags = self.properties.tags(self._resource(request["resourceArn"]))
        keys, token = _page(list(tags), request)
        # The model gives the list a least length of 1, so that no tags is no list.
        found = [{"key": key, "value": tags[key]} for key in keys]
        return ({"tags": found} if found else {}) | token

    def _keyspace(self, name: str) -> str:
        if name not in self.schema.usable_keyspaces():
            raise ResourceNotFoundError(f"keyspace {name} was not found")
        return name

    def _table(self, request: Request) -> LiveTable:
        keyspace, name = self._keyspace(request["keyspaceName"]), request["tableName"]
        table = self.schema.table(keyspace, name)
        if table is None:
            raise ResourceNotFoundError(f"table {keyspace}.{name} was not found")
        return table

    def _settled(self, request: Request) -> LiveTable:
        table = self._table(request)
        if table.status != "ACTIVE":
            raise ConflictError(f"table {table.keyspace}.{table.name} is {table.status}; wait until it is ACTIVE")
        return table

    def _resource(self, arn: str) -> str:
        for keyspace in self.schema.keyspaces():
            if arn == self.account.arn(keyspace):
                return arn
            prefix = self.account.arn(keyspace, "")
            if arn.startswith(prefix) and self.schema.table(keyspace, arn.removeprefix(prefix)) is not None:
                return arn
        raise ResourceNotFoundError(f"{arn} was not found")


def _own(keyspace: str) -> str:
    if is_system(keyspace):
        raise AccessDeniedError(f"keyspace {keyspace} belongs to the service")
    return keyspace


def _tags(request: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in request.get("tags", ())}


def _page(names: list[str], request: Request) -> tuple[list[str], Answer]:
    after = request.get("nextToken")
    rest = names if after is None else [name for name in names if name > after]
    page = rest[: request.get("maxResults", DEFAULT_PAGE)]
    return page, {"nextToken": page[-1]} if len(page) < len(rest) else {}
