"""The size of what one column of a row holds: a scalar, a collection, a tuple, a user type.

Source: calculating-row-size, as in `scalars`. How it is read where it leaves room:

* A list, set or map in a column takes 3 bytes and 1 an element, frozen or not; a pair of a map is one element.
* A frozen value inside another takes what it has in the CQL binary protocol: 4 bytes a part, and the part.
* Tuples are not on the page: assumed like a frozen user type inside another, 4 bytes a part, and the part.
* A null field of a user type in a column is assumed to take a null's byte beside its identifier.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from keyspaces_migration.capacity.errors import UnknownSizeError
from keyspaces_migration.capacity.scalars import NULL_BYTES, scalar_bytes, scalar_wire_bytes
from keyspaces_migration.cql.types import CqlType, Frozen, ListOf, MapOf, Scalar, SetOf, TupleOf, UserType

COLLECTION_BYTES = 3
ELEMENT_BYTES = 1
FROZEN_PART_BYTES = 4
# The page has three steps, "1-62", "63-124", "125-max fields".
_FIELDS_A_BYTE, _MAX_FIELD_ID_BYTES = 62, 3

UserTypes = Mapping[str, Mapping[str, CqlType]]
"""The fields of each user type, in order, by the type's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellsSize:
    """What a column of a row holds.

    Attributes:
        value_bytes: Its size without the column's identifier.
        cells: How many values with a time to live or timestamp of their own: 1, or the elements of a collection that
            is not frozen.
    """

    value_bytes: int
    cells: int


NULL_CELL = CellsSize(value_bytes=NULL_BYTES, cells=1)


def cells_size(value: Any, cql_type: CqlType, *, user_types: UserTypes) -> CellsSize:  # noqa: ANN401
    """Return the size of a column's value; a null counts as one that is written.

    Raises:
        UnknownSizeError: Amazon Keyspaces has no such type, or a user type's fields are not known.
        TypeError, ValueError: The value is none of the type.
    """
    if value is None:
        return NULL_CELL
    match cql_type:
        case Scalar(name):
            return CellsSize(value_bytes=scalar_bytes(value, name), cells=1)
        case Frozen(inner):
            return CellsSize(value_bytes=cells_size(value, inner, user_types=user_types).value_bytes, cells=1)
        case ListOf(element) | SetOf(element):
            sizes = [_nested_bytes(each, element, user_types) for each in _elements(value)]
        case MapOf(key, element):
            sizes = [
                _nested_bytes(k, key, user_types) + _nested_bytes(v, element, user_types) for k, v in _pairs(value)
            ]
        case UserType():
            fields = _fields_of(cql_type, user_types)
            identifier = min(_MAX_FIELD_ID_BYTES, identifier_bytes(len(fields)))
            parts = zip(_fields(value, list(fields)), fields.values(), strict=True)
            sizes = [identifier + _nested_bytes(part, each, user_types) for part, each in parts]
        case _:
            return CellsSize(value_bytes=_wire_bytes(value, cql_type, user_types), cells=1)
    return CellsSize(value_bytes=COLLECTION_BYTES + sum(sizes) + ELEMENT_BYTES * len(sizes), cells=len(sizes))


def identifier_bytes(names: int) -> int:
    """Return the bytes of each name's identifier, where there are so many: 1 up to 62, 2 up to 124, and so on."""
    return -(-names // _FIELDS_A_BYTE)


def _nested_bytes(value: Any, cql_type: CqlType, user_types: UserTypes) -> int:  # noqa: ANN401
    if value is None:
        return NULL_BYTES
    if isinstance(cql_type, Scalar):
        return scalar_bytes(value, cql_type.name)
    return _wire_bytes(value, cql_type, user_types)


def _wire_bytes(value: Any, cql_type: CqlType, user_types: UserTypes) -> int:  # noqa: ANN401
    if value is None:
        return 0
    parts: Iterable[tuple[Any, CqlType]]
    match cql_type:
        case Scalar(name):
            return scalar_wire_bytes(value, name)
        case Frozen(inner):
            return _wire_bytes(value, inner, user_types)
        case ListOf(element) | SetOf(element):
            parts = zip(_elements(value), repeat(element), strict=False)
        case MapOf(key, element):
            parts = [part for k, v in _pairs(value) for part in ((k, key), (v, element))]
        case TupleOf(elements):
            parts = zip(_parts(value, len(elements)), elements, strict=True)
        case UserType():
            fields = _fields_of(cql_type, user_types)
            parts = zip(_fields(value, list(fields)), fields.values(), strict=True)
        case _:
            raise UnknownSizeError(f"Amazon Keyspaces has no {cql_type}, so no value of it has a size there")
    return sum(FROZEN_PART_BYTES + _wire_bytes(part, each, user_types) for part, each in parts)


def _fields_of(cql_type: UserType, user_types: UserTypes) -> Mapping[str, CqlType]:
    fields = user_types.get(cql_type.name)
    if fields is None:
        raise UnknownSizeError(f"the fields of the user type {cql_type} are not known: its values have no size")
    return fields


def _elements(value: object) -> list[Any]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise TypeError("a list or set is wanted")
    return list(value)


def _pairs(value: object) -> list[tuple[Any, Any]]:
    """Return the pairs of a map; Arrow gives one as a list of pairs."""
    pairs = list(value.items()) if isinstance(value, Mapping) else _elements(value)
    return [(key, element) for key, element in pairs]


def _fields(value: object, names: Sequence[str]) -> list[Any]:
    """Return the fields of a user type's value, by name or, as the driver's tuples have them, by position."""
    if not isinstance(value, Mapping):
        return _parts(value, len(names))
    if others := set(value) - set(names):
        raise ValueError(f"the type has no field {', '.join(sorted(others))}")
    return [value.get(name) for name in names]


def _parts(value: object, count: int) -> list[Any]:
    """Return the parts of a tuple; one that is short lacks its last ones, as CQL reads it. Arrow gives a struct."""
    found = list(value.values()) if isinstance(value, Mapping) else _elements(value)
    if len(found) > count:
        raise ValueError(f"it has {len(found)} parts, and the type {count}")
    return [*found, *repeat(None, count - len(found))]
