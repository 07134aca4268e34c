"""The driver's classes for CQL types: they say what each value's bytes are."""

from functools import cache
from typing import Any

from cassandra import cqltypes

from keyspaces_migration.clients.settings import PROTOCOL_VERSION
from keyspaces_migration.cql.types import CqlType, Frozen, ListOf, MapOf, Scalar, ScalarName, SetOf, TupleOf


@cache
def driver_type(cql_type: CqlType) -> Any:  # noqa: ANN401 # the driver ships no types
    """Return the driver's class for a type.

    Raises:
        TypeError: The history can have no value of the type (user types, vectors, custom types).
    """
    match cql_type:
        case Scalar(name) if name in _CLASSES:
            return _CLASSES[name]
        case Frozen(inner):
            return driver_type(inner)
        case ListOf(element):
            return cqltypes.ListType.apply_parameters((driver_type(element),))
        case SetOf(element):
            return cqltypes.SetType.apply_parameters((driver_type(element),))
        case MapOf(key, value):
            return cqltypes.MapType.apply_parameters((driver_type(key), driver_type(value)))
        case TupleOf(elements):
            return cqltypes.TupleType.apply_parameters(tuple(driver_type(each) for each in elements))
    raise TypeError(f"no value of the history can be of type {cql_type}")


def serialise(value: object, of_type: Any) -> bytes:  # noqa: ANN401 # as above
    """Return a value's bytes in the one version of the protocol that Amazon Keyspaces speaks."""
    written: bytes = of_type.serialize(value, PROTOCOL_VERSION)
    return written


_CLASSES = {
    ScalarName.ASCII: cqltypes.AsciiType,
    ScalarName.BIGINT: cqltypes.LongType,
    ScalarName.BLOB: cqltypes.BytesType,
    ScalarName.BOOLEAN: cqltypes.BooleanType,
    ScalarName.DATE: cqltypes.SimpleDateType,
    ScalarName.DECIMAL: cqltypes.DecimalType,
    ScalarName.DOUBLE: cqltypes.DoubleType,
    ScalarName.DURATION: cqltypes.DurationType,
    ScalarName.FLOAT: cqltypes.FloatType,
    ScalarName.INET: cqltypes.InetAddressType,
    ScalarName.INT: cqltypes.Int32Type,
    ScalarName.SMALLINT: cqltypes.ShortType,
    ScalarName.TEXT: cqltypes.UTF8Type,
    ScalarName.TIME: cqltypes.TimeType,
    ScalarName.TIMESTAMP: cqltypes.DateType,
    ScalarName.TIMEUUID: cqltypes.TimeUUIDType,
    ScalarName.TINYINT: cqltypes.ByteType,
    ScalarName.UUID: cqltypes.UUIDType,
    ScalarName.VARINT: cqltypes.IntegerType,
}
