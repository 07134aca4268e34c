"""CQL values as JSON and back, lossless: for journals, recorded keys, dead letters and mismatch reports.

The form of each type is part of the contract with writers in other languages (docs/writer-contract.md): integers that
may pass 2^53 are strings, sets and maps are in a fixed order, and equal values have equal texts.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from keyspaces_migration.cql.json_scalars import SCALARS, instance
from keyspaces_migration.cql.types import (
    CqlType,
    Frozen,
    ListOf,
    MapOf,
    Scalar,
    SetOf,
    TupleOf,
    Vector,
)
from keyspaces_migration.errors import MigrationError

Json = Any
"""What `json.dumps` takes without help."""


_NO_FORM = "this type has no JSON form, as its definition is not in its text"
_FAILURES = (TypeError, ValueError, KeyError, AttributeError, ArithmeticError)


class JsonCodecError(MigrationError):
    """A value does not belong to its CQL type, or a JSON form is not that of the type."""


def encode_value(value: object, cql_type: CqlType) -> Json:
    """Return the JSON form of a value as the driver gives or takes it; None stays None.

    Raises:
        JsonCodecError: The value is not one of the type, or the type has no JSON form (user and custom types, whose
            definition the text of the type does not hold).
    """
    if value is None:
        return None
    try:
        return _encode(value, cql_type)
    except _FAILURES as error:
        raise JsonCodecError(f"{value!r} is no {cql_type}: {error}") from error


def decode_value(value: Json, cql_type: CqlType) -> Any:  # noqa: ANN401 -- as many types as CQL has
    """Return the value, in a form that the driver binds, for what `encode_value` gave.

    Raises:
        JsonCodecError: It is not such a form.
    """
    if value is None:
        return None
    try:
        return _decode(value, cql_type)
    except _FAILURES as error:
        raise JsonCodecError(f"{value!r} is not the JSON form of a {cql_type}: {error}") from error


def encode_columns(values: Mapping[str, object], types: Mapping[str, CqlType]) -> dict[str, Json]:
    """Return the JSON form of named values, in the order of `types`.

    Raises:
        JsonCodecError: As `encode_value`, naming the column; or a name that is no column.
    """
    if unknown := values.keys() - types.keys():
        raise JsonCodecError(f"no column {', '.join(sorted(unknown))}; there are {', '.join(types)}")
    return {name: _named(encode_value, name, values[name], types[name]) for name in types if name in values}


def decode_columns(values: Mapping[str, Json], types: Mapping[str, CqlType]) -> dict[str, Any]:
    """Return the values for what `encode_columns` gave.

    Raises:
        JsonCodecError: As `decode_value`, naming the column; or a name that is no column.
    """
    if unknown := values.keys() - types.keys():
        raise JsonCodecError(f"no column {', '.join(sorted(unknown))}; there are {', '.join(types)}")
    return {name: _named(decode_value, name, values[name], types[name]) for name in types if name in values}


_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical_text(value: Json) -> str:
    """Return the one text that stands for a JSON form: no blanks, no escapes beyond JSON's own, order kept."""
    return _CANONICAL.encode(value)


def _named(function: Callable[[Any, CqlType], Any], name: str, value: object, cql_type: CqlType) -> Json:
    try:
        return function(value, cql_type)
    except JsonCodecError as error:
        raise JsonCodecError(f"column {name}: {error}") from error


def _encode(value: Any, cql_type: CqlType) -> Json:  # noqa: ANN401 -- as many types as CQL has
    match cql_type:
        case Frozen(inner):
            form = _encode(value, inner)
        case Scalar(name):
            form = SCALARS[name].encode(value)
        case ListOf(element) | Vector(element, _):
            form = [_element(each, element) for each in _sequence(value, cql_type)]
        case SetOf(element):
            forms = [_element(each, element) for each in _elements(value)]
            form = list(dict(sorted((canonical_text(each), each) for each in forms)).values())
        case MapOf(key, element):
            pairs = [[_element(k, key), _element(v, element)] for k, v in value.items()]
            form = sorted(pairs, key=lambda pair: canonical_text(pair[0]))
        case TupleOf(elements):
            padded = [*_sequence(value, cql_type), *[None] * (len(elements) - len(value))]
            form = [encode_value(each, part) for each, part in zip(padded, elements, strict=True)]
        case _:
            raise TypeError(_NO_FORM)
    return form


def _decode(value: Any, cql_type: CqlType) -> Any:  # noqa: ANN401
    match cql_type:
        case Frozen(inner):
            found = _decode(value, inner)
        case Scalar(name):
            found = SCALARS[name].decode(value)
        case ListOf(element) | Vector(element, _):
            found = [_decode(each, element) for each in _sequence(value, cql_type)]
        case SetOf(element):
            found = _hashed_set([_decode(each, element) for each in instance(value, list)])
        case MapOf(key, element):
            found = _hashed_map([(_decode(k, key), _decode(v, element)) for k, v in instance(value, list)])
        case TupleOf(elements):
            found = tuple(decode_value(each, part) for each, part in zip(value, elements, strict=True))
        case _:
            raise TypeError(_NO_FORM)
    return found


def _element(value: object, cql_type: CqlType) -> Json:
    if value is None:
        raise ValueError("a collection holds no nulls")
    return encode_value(value, cql_type)


def _elements(value: Any) -> Iterable[Any]:  # noqa: ANN401 -- the driver's SortedSet is no set of Python's
    if isinstance(value, str | bytes | Mapping):
        raise TypeError("a set is wanted")
    return list(value)


def _sequence(value: Any, cql_type: CqlType) -> list[Any]:  # noqa: ANN401
    if isinstance(value, str | bytes | Mapping | AbstractSet):
        raise TypeError("a list is wanted")
    values = list(value)
    if isinstance(cql_type, Vector) and len(values) != cql_type.dimension:
        raise ValueError(f"{cql_type.dimension} elements are wanted")
    return values


def _hashed_set(values: list[Any]) -> Any:  # noqa: ANN401
    """Return a set, or where elements can't be hashed a list, which the driver binds as well."""
    try:
        return set(values)
    except TypeError:
        return values


def _hashed_map(pairs: list[tuple[Any, Any]]) -> Any:  # noqa: ANN401
    try:
        return dict(pairs)
    except TypeError:
        from cassandra.util import OrderedMap  # noqa: PLC0415 -- the driver is loaded only where it is needed

        return OrderedMap(pairs)
