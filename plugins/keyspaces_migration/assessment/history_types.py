"""Which Snowflake types can hold a CQL type, and which columns look like version, deletion and time columns."""

from collections.abc import Mapping
from types import MappingProxyType

from keyspaces_migration.cql.types import CqlType, Frozen, ListOf, MapOf, Scalar, ScalarName, SetOf, TupleOf, UserType

TIMESTAMPS = ("TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ")
SEMI_STRUCTURED_LIST = ("ARRAY", "VARIANT")
SEMI_STRUCTURED_MAP = ("OBJECT", "MAP", "VARIANT")

# By the names of INFORMATION_SCHEMA.COLUMNS.DATA_TYPE.
ACCEPTED: Mapping[ScalarName, tuple[str, ...]] = MappingProxyType(
    {
        ScalarName.ASCII: ("TEXT",),
        ScalarName.BIGINT: ("NUMBER",),
        ScalarName.BLOB: ("BINARY",),
        ScalarName.BOOLEAN: ("BOOLEAN",),
        ScalarName.COUNTER: ("NUMBER",),
        ScalarName.DATE: ("DATE",),
        ScalarName.DECIMAL: ("NUMBER", "TEXT"),
        ScalarName.DOUBLE: ("FLOAT", "NUMBER"),
        ScalarName.FLOAT: ("FLOAT", "NUMBER"),
        ScalarName.INET: ("TEXT",),
        ScalarName.INT: ("NUMBER",),
        ScalarName.SMALLINT: ("NUMBER",),
        ScalarName.TEXT: ("TEXT",),
        ScalarName.TIME: ("TIME",),
        ScalarName.TIMESTAMP: TIMESTAMPS,
        ScalarName.TIMEUUID: ("TEXT", "UUID"),
        ScalarName.TINYINT: ("NUMBER",),
        ScalarName.UUID: ("TEXT", "UUID"),
        ScalarName.VARINT: ("NUMBER", "TEXT"),
    },
)
_WHOLE_NUMBERS = frozenset(
    {ScalarName.BIGINT, ScalarName.COUNTER, ScalarName.INT, ScalarName.SMALLINT, ScalarName.TINYINT, ScalarName.VARINT},
)

# The likeliest name first.
VERSION_NAMES = (
    *("version", "_version", "row_version", "record_version", "ver", "sequence", "sequence_number", "seq", "lsn"),
    *("write_time", "writetime", "written_at", "updated_at", "modified_at", "last_updated", "last_modified"),
    *("update_time", "loaded_at", "ingested_at", "valid_from"),
)
DELETED_NAMES = ("is_deleted", "deleted", "_deleted", "is_delete", "deleted_flag", "is_tombstone", "tombstone")
WRITE_TIME_NAMES = ("write_time", "writetime", "written_at", "source_write_time", "updated_at", "modified_at")
EXPIRY_NAMES = ("expires_at", "expiry", "expire_at", "expiration", "expires", "expiry_time", "expiration_time")


def accepted_types(cql_type: CqlType) -> tuple[str, ...]:
    """Snowflake's types that can hold `cql_type` without loss of what it says; empty when none is known."""
    match cql_type:
        case Scalar(name):
            return ACCEPTED.get(name, ())
        case Frozen(inner):
            return accepted_types(inner)
        case ListOf() | SetOf() | TupleOf():
            return SEMI_STRUCTURED_LIST
        case MapOf() | UserType():
            return SEMI_STRUCTURED_MAP
        case _:
            return ()


def fits(cql_type: CqlType, *, data_type: str, scale: int | None) -> bool:
    """Whether a column of Snowflake's `data_type` can hold `cql_type`; whole numbers need a NUMBER of scale 0."""
    if data_type not in accepted_types(cql_type):
        return False
    whole = isinstance(cql_type, Scalar) and cql_type.name in _WHOLE_NUMBERS
    return not (whole and data_type == "NUMBER" and scale)
