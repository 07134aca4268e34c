"""Keys of recorded mismatches, read back as values that the driver binds."""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from cassandra.util import Date, Time

from keyspaces_migration.consistency.wording import shown
from keyspaces_migration.cql.types import CqlType, Frozen, Scalar
from keyspaces_migration.errors import MigrationError


class KeyNotReadBackError(MigrationError):
    """A recorded key has a type, or a form, from which its value can't be told: the row can't be found by it."""


def key_of(recorded: Mapping[str, Any], types: Mapping[str, CqlType]) -> dict[str, Any]:
    """Return the values of a key that `wording.shown_by_name` wrote.

    Each value is shown again and must be what was recorded, so that no other row than the one found is ever meant.

    Raises:
        KeyNotReadBackError: A value can't be told from its form.
    """
    return {name: _value(name, form, types[name]) for name, form in recorded.items()}


def _value(column: str, form: object, cql_type: CqlType) -> object:
    inner = cql_type.inner if isinstance(cql_type, Frozen) else cql_type
    read = _READ.get(inner.name) if isinstance(inner, Scalar) else None
    if read is None:
        raise KeyNotReadBackError(f"key column {column}: a recorded {cql_type} can't be read back")
    try:
        value = read(form)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise KeyNotReadBackError(f"key column {column}: {form!r} is no recorded {cql_type}: {error}") from error
    if shown(value) != form:
        raise KeyNotReadBackError(f"key column {column}: {form!r} reads back as {shown(value)!r}")
    return value


def _integer(form: Any) -> int:  # noqa: ANN401 -- JSON
    if type(form) is not int:
        raise TypeError("a whole number is wanted")
    return form


def _text(form: Any) -> str:  # noqa: ANN401 -- JSON
    if not isinstance(form, str):
        raise TypeError("text is wanted")
    return form


def _boolean(form: Any) -> bool:  # noqa: ANN401 -- JSON
    if not isinstance(form, bool):
        raise TypeError("true or false is wanted")
    return form


def _timestamp(form: Any) -> dt.datetime:  # noqa: ANN401 -- JSON
    return dt.datetime.fromisoformat(_text(form).removesuffix("Z"))


_READ: Mapping[str, Callable[[Any], object]] = {
    **dict.fromkeys(("ascii", "text", "varchar", "inet"), _text),
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint", "varint"), _integer),
    **dict.fromkeys(("uuid", "timeuuid"), lambda form: UUID(_text(form))),
    **dict.fromkeys(("float", "double"), float),
    "boolean": _boolean,
    "decimal": lambda form: Decimal(_text(form)),
    "date": lambda form: Date(_text(form)),
    "time": lambda form: Time(_text(form)),
    "timestamp": _timestamp,
    "blob": lambda form: bytes.fromhex(_text(form).removeprefix("0x")),
}
