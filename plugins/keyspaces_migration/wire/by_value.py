"""Encodes a column value by value, by way of `convert` and the driver: what no array operation knows.

It decides what a value's bytes are, and what is none of a type. The array operations give the same bytes, faster.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from keyspaces_migration.cql.types import CqlType
from keyspaces_migration.wire.conversion import ConversionError, column_values, convert
from keyspaces_migration.wire.driver_types import driver_type, serialise

Encoded = bytes | None | ConversionError
"""A value's bytes, None for null, or why there are none."""


def encode_values(array: pa.Array, cql_type: CqlType) -> Sequence[Encoded]:
    """Return each row's value. Text is encoded once for all rows that have the same."""
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return [encode_value(value, cql_type) for value in column_values(array)]
    distinct = pc.dictionary_encode(array)
    encoded = [encode_value(value, cql_type) for value in distinct.dictionary.to_pylist()]
    return [None if index is None else encoded[index] for index in distinct.indices.to_pylist()]


def encode_value(value: Any, cql_type: CqlType) -> Encoded:  # noqa: ANN401 # as many types as Arrow has
    """Return the bytes of one value."""
    try:
        converted = convert(value, cql_type)
    except ConversionError as error:
        return error
    return None if converted is None else serialise(converted, driver_type(cql_type))
