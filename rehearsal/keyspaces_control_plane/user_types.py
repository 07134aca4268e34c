"""The API's operations on user-defined types, which are real types of the node."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cassandra import AlreadyExists

from keyspaces_migration.cql.identifiers import quote_if_needed
from rehearsal.keyspaces_control_plane.api import page
from rehearsal.keyspaces_control_plane.errors import ConflictError, ResourceNotFoundError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.keyspaces_control_plane.api import Answer, Operation, Request
    from rehearsal.keyspaces_control_plane.backend import Backend
    from rehearsal.keyspaces_control_plane.live_types import LiveTypes

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_]{0,47}")


class TypeOperations:
    """User-defined types. The API gives and takes their names as CQL prints them: in quotes unless in lower case."""

    def __init__(self, backend: Backend, types: LiveTypes) -> None:
        self.backend = backend
        self.types = types

    def operations(self) -> Mapping[str, Operation]:
        """The operations by their names in the service model."""
        return {
            "CreateType": self._create,
            "GetType": self._get,
            "ListTypes": self._list,
            "DeleteType": self._delete,
        }

    def _create(self, request: Request) -> Answer:
        keyspace, name = self.backend.own_keyspace(request["keyspaceName"]), _name(request["typeName"])
        fields = request["fieldDefinitions"]
        names = [field["name"] for field in fields]
        if repeated := sorted({each for each in names if names.count(each) > 1}):
            raise ValidationError(f"field named more than once: {', '.join(repeated)}")
        there = f"type {keyspace}.{quote_if_needed(name)} exists already"
        if any(each.name == name for each in self.types.all(keyspace)):
            raise ConflictError(there)
        try:
            self.types.create(keyspace, name, fields)
        except AlreadyExists as error:
            raise ConflictError(there) from error
        return self._named(keyspace, name)

    def _get(self, request: Request) -> Answer:
        keyspace, name = self._found(request)
        everything = self.types.all(keyspace)
        found = next(each for each in everything if each.name == name)
        return {
            **self._named(keyspace, name),
            "keyspaceName": keyspace,
            "fieldDefinitions": [{"name": field, "type": str(cql)} for field, cql in found.fields.items()],
            "lastModifiedTimestamp": found.modified_us / 1_000_000,
            "status": "ACTIVE",
            "directReferringTables": self.types.referring_tables(keyspace, name),
            "directParentTypes": [quote_if_needed(each.name) for each in everything if name in each.uses()],
            "maxNestingDepth": self.types.nesting_depth(everything, name),
        }

    def _list(self, request: Request) -> Answer:
        keyspace = self.backend.keyspace(request["keyspaceName"])
        names, token = page(sorted(quote_if_needed(each.name) for each in self.types.all(keyspace)), request)
        return {"types": names, **token}

    def _delete(self, request: Request) -> Answer:
        self.backend.own_keyspace(request["keyspaceName"])
        keyspace, name = self._found(request)
        tables = self.types.referring_tables(keyspace, name)
        parents = [each.name for each in self.types.all(keyspace) if name in each.uses()]
        if tables or parents:
            users = ", ".join([*(f"table {each}" for each in tables), *(f"type {each}" for each in parents)])
            raise ConflictError(f"type {keyspace}.{quote_if_needed(name)} is used by {users}; delete them first")
        self.types.drop(keyspace, name)
        return self._named(keyspace, name)

    def _found(self, request: Request) -> tuple[str, str]:
        keyspace, name = self.backend.keyspace(request["keyspaceName"]), _name(request["typeName"])
        if all(each.name != name for each in self.types.all(keyspace)):
            raise ResourceNotFoundError(f"type {keyspace}.{quote_if_needed(name)} was not found")
        return keyspace, name

    def _named(self, keyspace: str, name: str) -> Answer:
        return {"keyspaceArn": self.backend.account.arn(keyspace), "typeName": quote_if_needed(name)}


def _name(formatted: str) -> str:
    """The name that CQL reads: what is in quotes as it is, what is not in lower case."""
    quoted = len(formatted) > 1 and formatted[0] == formatted[-1] == '"'
    name = formatted[1:-1] if quoted else formatted.lower()
    if not _NAME.fullmatch(name):
        raise ValidationError(f"typeName {formatted!r} must match {_NAME.pattern}, in double quotes to keep its case")
    return name
