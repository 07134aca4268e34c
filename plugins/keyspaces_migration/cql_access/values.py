"""Binds values to a prepared statement. What a template rendered is text, and becomes what its column holds."""

import datetime as dt
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql_access.errors import StatementValuesError

if TYPE_CHECKING:
    from cassandra.query import BoundStatement, PreparedStatement

Values = Sequence[object] | Mapping[str, object]
"""The values of one statement: by place, or by the name of the column or marker that each is for."""

UNBINDABLE = (TypeError, ValueError, OverflowError, ArithmeticError, AttributeError, struct.error)
"""What the driver raises for a value that a column's type can't hold."""


def bind(prepared: "PreparedStatement", values: Values, *, whole: bool = False) -> "BoundStatement":
    """Bind values to a statement. None is CQL's null; a name that is left out leaves its column as it is.

    Text for a column of another scalar type is read as that type: numbers, `true` and `false`, ISO 8601 times, UUIDs,
    and blobs as 0x and hexadecimal digits.

    Args:
        prepared: The statement.
        values: Of it.
        whole: Whether no name may be left out, as in a query.

    Raises:
        StatementValuesError: Too few or too many, a name that the statement does not have, or a value of another type.
    """
    columns = prepared.column_metadata
    given = _by_name(columns, values, whole=whole) if isinstance(values, Mapping) else _by_place(columns, values)
    types = {column.name: column.type.typename for column in columns}
    try:
        typed = (
            {name: read_text(value, types[name]) for name, value in given.items()}
            if isinstance(given, dict)
            else [read_text(value, column.type.typename) for value, column in zip(given, columns, strict=True)]
        )
        return prepared.bind(typed)
    except UNBINDABLE as error:
        raise StatementValuesError(f"{error}. The statement's values are {_wanted(columns)}") from error


def read_text(value: object, typename: str) -> object:
    """Return what a text stands for in a column of the scalar type; other values, and other types, stay as they are.

    Raises:
        ValueError, ArithmeticError: It stands for nothing of that type.
    """
    reader = _READERS.get(typename)
    return reader(value) if isinstance(value, str) and reader else value


def _by_name(columns: Sequence[Any], values: Mapping[str, object], *, whole: bool) -> dict[str, object]:
    known = {column.name for column in columns}
    if whole and (missing := known - values.keys()):
        raise StatementValuesError(f"no value is given for {', '.join(sorted(missing))}")
    if unknown := values.keys() - known:
        names = ", ".join(sorted(unknown))
        raise StatementValuesError(f"no value of the statement is named {names}; they are {_wanted(columns)}")
    return dict(values)


def _by_place(columns: Sequence[Any], values: Sequence[object]) -> list[object]:
    if isinstance(values, str | bytes) or len(values) != len(columns):
        found = "one text" if isinstance(values, str | bytes) else len(values)
        raise StatementValuesError(f"the statement has {len(columns)} values ({_wanted(columns)}); given: {found}")
    return list(values)


def _wanted(columns: Sequence[Any]) -> str:
    return ", ".join(f"{column.name} {column.type.cql_parameterized_type()}" for column in columns) or "none"


def _boolean(text: str) -> bool:
    try:
        return {"true": True, "false": False}[text.strip().lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None


def _blob(text: str) -> bytes:
    if not text.lower().startswith("0x"):
        raise ValueError("a blob as text is 0x and hexadecimal digits")
    return bytes.fromhex(text[2:])


_READERS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {
        **dict.fromkeys(("tinyint", "smallint", "int", "bigint", "varint", "counter"), int),
        **dict.fromkeys(("float", "double"), float),
        **dict.fromkeys(("uuid", "timeuuid"), uuid.UUID),
        "decimal": Decimal,
        "boolean": _boolean,
        "blob": _blob,
        "timestamp": dt.datetime.fromisoformat,
    }
)
"""By the driver's name of the type. Dates, times and addresses it reads from text itself."""
