"""Which scalable targets there are: those whose table is still there under the same id."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.keyspaces_control_plane.api import NOT_SUPPORTED
from rehearsal.keyspaces_control_plane.auto_scaling import is_provisioned
from rehearsal.keyspaces_control_plane.errors import InvalidNextTokenError, ObjectNotFoundError, ValidationError
from rehearsal.keyspaces_control_plane.scaling_targets import TargetKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearsal.keyspaces_control_plane.api import Answer, Request
    from rehearsal.keyspaces_control_plane.backend import Backend
    from rehearsal.keyspaces_control_plane.live_schema import LiveTable
    from rehearsal.keyspaces_control_plane.scaling_targets import ScalingStore

METRICS = {
    "cassandra:table:ReadCapacityUnits": "CassandraReadCapacityUtilization",
    "cassandra:table:WriteCapacityUnits": "CassandraWriteCapacityUtilization",
}
"""The dimensions of a table and the predefined metric of each."""

# API reference of Application Auto Scaling, MaxResults: "between 1 and 50. The default value is 50".
MOST_RESULTS = 50
_RESOURCE = re.compile(r"keyspace/([a-zA-Z0-9_]+)/table/([a-zA-Z0-9_]+)")


@dataclass(frozen=True, kw_only=True)
class Registry:
    """Scalable targets over the tables of the node."""

    backend: Backend
    store: ScalingStore

    def table(self, key: TargetKey) -> LiveTable | None:
        """The table that a target is for, if it is there."""
        named = _RESOURCE.fullmatch(key.resource)
        return None if named is None else self.backend.schema.table(named[1], named[2])

    def provisioned_table(self, key: TargetKey) -> LiveTable:
        """As `table`.

        Raises:
            ValidationError: There is none, or it has no units that could be scaled.
        """
        table = self.table(key)
        if table is None:
            raise ValidationError(
                f"ResourceId {key.resource!r}: there is no such table; it is keyspace/KEYSPACE/table/TABLE"
            )
        if not is_provisioned(table.specifications.get("capacitySpecification")):
            raise ValidationError(
                f"ResourceId {key.resource!r}: the table is not PROVISIONED, so it has no units to scale"
            )
        return table

    def targets(self) -> dict[TargetKey, dict[str, Any]]:
        """The targets whose table is still there: under the same name may be another."""
        found = {}
        for key, table_id, target in self.store.targets():
            table = self.table(key)
            if table is not None and str(table.table_id) == table_id:
                found[key] = target
        return found

    def required(self, request: Request) -> TargetKey:
        """The key of the target that a request names.

        Raises:
            ObjectNotFoundError: It is not registered.
        """
        key = key_of(request)
        if key not in self.targets():
            raise ObjectNotFoundError(f"no scalable target is registered for {key.resource} and {key.dimension}")
        return key


def key_of(request: Request) -> TargetKey:
    """The key in a request.

    Raises:
        ValidationError: It is not of Keyspaces.
    """
    require_cassandra(request)
    if request["ScalableDimension"] not in METRICS:
        allowed = ", ".join(METRICS)
        raise ValidationError(f"ScalableDimension {request['ScalableDimension']!r} must be one of {allowed}")
    return TargetKey(resource=request["ResourceId"], dimension=request["ScalableDimension"])


def require_cassandra(request: Request) -> None:
    """Refuse other services' resources.

    Raises:
        ValidationError: It is of another service.
    """
    if request["ServiceNamespace"] != "cassandra":
        raise ValidationError(f"ServiceNamespace {request['ServiceNamespace']!r} is {NOT_SUPPORTED}; it has cassandra")


def page(items: Sequence[tuple[list[str], Answer]], request: Request) -> tuple[list[Answer], Answer]:
    """The page of items, each after its key and in order of it, that a Describe operation asks for, and the token.

    Raises:
        InvalidNextTokenError: The token was not made here.
        ValidationError: The page is too large or too small.
    """
    size = request.get("MaxResults", MOST_RESULTS)
    if not 1 <= size <= MOST_RESULTS:
        raise ValidationError(f"MaxResults is {size}; it takes 1 to {MOST_RESULTS}")
    after = _read(request["NextToken"]) if request.get("NextToken") else []
    rest = [item for item in items if item[0] > after]
    found = rest[:size]
    more = {"NextToken": _token(found[-1][0])} if len(found) < len(rest) else {}
    return [answer for _, answer in found], more


def _token(key: list[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _read(token: str) -> list[str]:
    try:
        key = json.loads(base64.b64decode(token, altchars="-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise InvalidNextTokenError(f"NextToken {token!r} is none of this service's: {error}") from error
    if not isinstance(key, list) or not all(isinstance(part, str) for part in key):
        raise InvalidNextTokenError(f"NextToken {token!r} is none of this service's")
    return key
