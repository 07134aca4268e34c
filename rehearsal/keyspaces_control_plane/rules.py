"""What Keyspaces demands of a request beyond the shape of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.keyspaces_control_plane.api import NOT_SUPPORTED
from rehearsal.keyspaces_control_plane.custom_properties import SPECIFICATIONS
from rehearsal.keyspaces_control_plane.errors import ServiceQuotaExceededError, ValidationError
from rehearsal.keyspaces_control_plane.live_schema import cql_type

if TYPE_CHECKING:
    from collections.abc import Mapping

# Quotas page of the Developer Guide: what a new account has in a Region.
MAX_KEYSPACES = 256
MAX_TABLES = 256
MAX_UNITS_OF_A_TABLE = 40_000

CHANGES = ("addColumns", "defaultTimeToLive", *SPECIFICATIONS, "autoScalingSpecification")
REFUSED = ("replicaSpecifications", "cdcSpecification")


def check_definition(definition: Mapping[str, Any]) -> None:
    """Refuse a schema that names a column twice, or a key that is no column, or is a column of no known type.

    Raises:
        ValidationError: It does.
    """
    names = [column["name"] for column in definition["allColumns"]]
    for column in definition["allColumns"]:
        cql_type(column)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationError(f"column named more than once: {', '.join(repeated)}")
    roles = [
        (member, each["name"])
        for member in ("partitionKeys", "clusteringKeys", "staticColumns")
        for each in definition.get(member, ())
    ]
    taken: dict[str, str] = {}
    for member, name in roles:
        if name not in names:
            raise ValidationError(f"{member} names {name!r}, which is not in allColumns")
        if name in taken:
            raise ValidationError(f"{name!r} is in {taken[name]} and in {member}")
        taken[name] = member
    if definition.get("staticColumns") and not definition.get("clusteringKeys"):
        raise ValidationError("static columns need clustering keys")


def check_capacity(specification: Mapping[str, Any] | None) -> None:
    """Refuse units without PROVISIONED, PROVISIONED without units, and more units than the quota.

    Raises:
        ValidationError: Mode and units do not fit.
        ServiceQuotaExceededError: A table may not have so many.
    """
    if specification is None:
        return
    units = [specification.get(name) for name in ("readCapacityUnits", "writeCapacityUnits")]
    if specification["throughputMode"] == "PROVISIONED":
        if None in units:
            raise ValidationError("PROVISIONED needs readCapacityUnits and writeCapacityUnits")
    elif units != [None, None]:
        raise ValidationError("readCapacityUnits and writeCapacityUnits go with PROVISIONED only")
    if max(unit or 0 for unit in units) > MAX_UNITS_OF_A_TABLE:
        raise ServiceQuotaExceededError(f"{units}: a table has at most {MAX_UNITS_OF_A_TABLE} units of each kind")


def the_changes(request: Mapping[str, Any]) -> list[str]:
    """Name the member of an UpdateTable request that is to change.

    "Note that you can only update one specific table setting per update operation" (API reference, UpdateTable).
    Capacity and its auto scaling may come together, as in the Developer Guide's commands that turn auto scaling on.

    Raises:
        ValidationError: There is none, or more, or this stand-in does not have it.
    """
    refuse_what_is_not_supported(request)
    given = [name for name in CHANGES if request.get(name) is not None]
    if len(given) != 1 and given != ["capacitySpecification", "autoScalingSpecification"]:
        raise ValidationError(f"exactly one setting in a call, of {', '.join(CHANGES)}; found: {given or 'none'}")
    return given


def refuse_what_is_not_supported(request: Mapping[str, Any]) -> None:
    """Refuse members that are valid at AWS and that this stand-in would only pretend to heed.

    Raises:
        ValidationError: One is there.
    """
    if found := [name for name in REFUSED if request.get(name) is not None]:
        raise ValidationError(f"{NOT_SUPPORTED}: {', '.join(found)}")
