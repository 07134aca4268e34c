"""The API's operations on the tags of keyspaces and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.keyspaces_control_plane.api import page
from rehearsal.keyspaces_control_plane.errors import ResourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.keyspaces_control_plane.api import Answer, Operation, Request
    from rehearsal.keyspaces_control_plane.backend import Backend


class TagOperations:
    """Tags by the ARN of their resource."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def operations(self) -> Mapping[str, Operation]:
        """The operations by their names in the service model."""
        return {"TagResource": self._tag, "UntagResource": self._untag, "ListTagsForResource": self._list}

    def _tag(self, request: Request) -> Answer:
        self.backend.properties.put_tags(self._resource(request["resourceArn"]), tags_of(request))
        return {}

    def _untag(self, request: Request) -> Answer:
        self.backend.properties.remove_tags(self._resource(request["resourceArn"]), tags_of(request))
        return {}

    def _list(self, request: Request) -> Answer:
        tags = self.backend.properties.tags(self._resource(request["resourceArn"]))
        keys, token = page(list(tags), request)
        # The model gives the list a least length of 1, so that no tags is no list.
        found = [{"key": key, "value": tags[key]} for key in keys]
        return ({"tags": found} if found else {}) | token

    def _resource(self, arn: str) -> str:
        schema, account = self.backend.schema, self.backend.account
        for keyspace in schema.keyspaces():
            if arn == account.arn(keyspace):
                return arn
            prefix = account.arn(keyspace, "")
            if arn.startswith(prefix) and schema.table(keyspace, arn.removeprefix(prefix)) is not None:
                return arn
        raise ResourceNotFoundError(f"{arn} was not found")


def tags_of(request: Mapping[str, list[dict[str, str]]]) -> dict[str, str]:
    """The tags that a request carries, by key."""
    return {tag["key"]: tag["value"] for tag in request.get("tags", ())}
