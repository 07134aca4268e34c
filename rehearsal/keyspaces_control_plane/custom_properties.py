"""A table's settings, as the API names them and as Keyspaces' CQL does in CUSTOM_PROPERTIES.

Source: Developer Guide, cql.ddl.table, beside the shapes of botocore's service model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Specification = dict[str, Any]

# Member of the API: the property in CQL, and the API's name of each of its members by the name in CQL.
_NAMES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "capacitySpecification": (
        "capacity_mode",
        {
            "throughput_mode": "throughputMode",
            "read_capacity_units": "readCapacityUnits",
            "write_capacity_units": "writeCapacityUnits",
            "last_update_to_pay_per_request_timestamp": "lastUpdateToPayPerRequestTimestamp",
        },
    ),
    "encryptionSpecification": (
        "encryption_specification",
        {"encryption_type": "type", "kms_key_identifier": "kmsKeyIdentifier"},
    ),
    "pointInTimeRecovery": ("point_in_time_recovery", {"status": "status"}),
    "ttl": ("ttl", {"status": "status"}),
    "clientSideTimestamps": ("client_side_timestamps", {"status": "status"}),
    "warmThroughputSpecification": (
        "warm_throughput",
        {"read_units_per_second": "readUnitsPerSecond", "write_units_per_second": "writeUnitsPerSecond"},
    ),
}

SPECIFICATIONS = tuple(_NAMES)
"""The members of a request that CQL has a custom property for."""

_NUMBERS = frozenset({"readCapacityUnits", "writeCapacityUnits", "readUnitsPerSecond", "writeUnitsPerSecond"})


def to_cql(specifications: Mapping[str, Specification]) -> str:
    """The value of CUSTOM_PROPERTIES that says the same as members of the API."""
    properties = []
    for member, specification in specifications.items():
        name, members = _NAMES[member]
        pairs = [
            f"{_literal(cql)}: {_value(api, specification[api])}"
            for cql, api in members.items()
            if api in specification
        ]
        properties.append(f"{_literal(name)}: {{{', '.join(pairs)}}}")
    return f"{{{', '.join(properties)}}}"


def from_cql(properties: Mapping[str, Mapping[str, str]]) -> dict[str, Specification]:
    """The API's members for what `system_schema_mcs.tables.custom_properties` shows."""
    found = {}
    for member, (name, members) in _NAMES.items():
        if name in properties:
            found[member] = {members[cql]: _read(members[cql], value) for cql, value in properties[name].items()}
    return found


def _value(member: str, value: Any) -> str:  # noqa: ANN401 - text or a number
    if member in _NUMBERS:
        return f"{value:d}"
    return _literal(value.lower() if member == "status" else value)


def _read(member: str, text: str) -> str | float:
    if member in _NUMBERS:
        return int(text)
    if member == "lastUpdateToPayPerRequestTimestamp":
        return int(text) / 1000
    return text.upper() if member == "status" else text


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
