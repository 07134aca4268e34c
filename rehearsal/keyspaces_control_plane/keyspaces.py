"""The API's operations on keyspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.keyspaces_control_plane import rules
from rehearsal.keyspaces_control_plane.api import NOT_SUPPORTED, page
from rehearsal.keyspaces_control_plane.backend import own
from rehearsal.keyspaces_control_plane.errors import ConflictError, ServiceQuotaExceededError, ValidationError
from rehearsal.keyspaces_control_plane.tags import tags_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.keyspaces_control_plane.api import Answer, Operation, Request
    from rehearsal.keyspaces_control_plane.backend import Backend


class KeyspaceOperations:
    """Keyspaces of one Region."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def operations(self) -> Mapping[str, Operation]:
        """The operations by their names in the service model."""
        return {
            "CreateKeyspace": self._create,
            "GetKeyspace": self._get,
            "ListKeyspaces": self._list,
            "DeleteKeyspace": self._delete,
        }

    def _create(self, request: Request) -> Answer:
        backend = self.backend
        name = own(request["keyspaceName"])
        strategy = request.get("replicationSpecification", {}).get("replicationStrategy", "SINGLE_REGION")
        if strategy != "SINGLE_REGION":
            raise ValidationError(f"{strategy} is {NOT_SUPPORTED}, which has one Region")
        there = backend.schema.keyspaces()
        if name in there:
            raise ConflictError(f"keyspace {name} exists already")
        if len(there) >= rules.MAX_KEYSPACES:
            raise ServiceQuotaExceededError(f"{len(there)} keyspaces are there; the quota is {rules.MAX_KEYSPACES}")
        backend.schema.create_keyspace(name)
        arn = backend.account.arn(name)
        backend.properties.put_tags(arn, tags_of(request))
        return {"resourceArn": arn}

    def _get(self, request: Request) -> Answer:
        return self._summary(self.backend.keyspace(request["keyspaceName"]))

    def _list(self, request: Request) -> Answer:
        names, token = page(self.backend.schema.usable_keyspaces(), request)
        return {"keyspaces": [self._summary(name) for name in names], **token}

    def _delete(self, request: Request) -> Answer:
        backend = self.backend
        name = backend.own_keyspace(request["keyspaceName"])
        for table in backend.schema.tables(name):
            backend.properties.forget(backend.account.arn(name, table))
        backend.schema.drop_keyspace(name)
        backend.properties.forget(backend.account.arn(name))
        return {}

    def _summary(self, keyspace: str) -> Answer:
        return {
            "keyspaceName": keyspace,
            "resourceArn": self.backend.account.arn(keyspace),
            "replicationStrategy": "SINGLE_REGION",
        }
