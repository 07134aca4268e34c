"""Property values of the Pulumi protocol as Python values and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import json_format, struct_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

# Signatures and sentinels of Pulumi's wire format: sdk/go/common/resource/{properties,plugin/rpc}.go.
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the marker of a secret in the protocol, not a secret
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Python values as a protobuf Struct."""
    struct = struct_pb2.Struct()
    struct.update(dict(properties))
    return struct


def to_dict(struct: struct_pb2.Struct | None) -> dict[str, Any]:
    """A protobuf Struct as plain Python values: whole numbers as int, secrets without their wrapping."""
    if struct is None:
        return {}
    plain = _plain(json_format.MessageToDict(struct))
    return plain if isinstance(plain, dict) else {}


def has_unknown(value: object) -> bool:
    """Whether a value, or one inside it, will be known only after `up`."""
    if isinstance(value, dict):
        return any(has_unknown(inner) for inner in value.values())
    if isinstance(value, list):
        return any(has_unknown(inner) for inner in value)
    return value == UNKNOWN


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE) in (SECRET, OUTPUT):
        return _plain(value.get("value", UNKNOWN))
    # Keys such as __defaults are the Terraform bridge's own.
    return {key: _plain(inner) for key, inner in value.items() if not key.startswith("__")}
