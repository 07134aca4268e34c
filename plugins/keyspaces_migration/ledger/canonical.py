"""A record as bytes that mean one record alone, to be signed or digested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import sqlalchemy as sa

_DOMAIN = "keyspaces-migration ledger record 1"
Value = str | int | float | bool | datetime | None
Values = Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Signable:
    """What is signed of a record: where it belongs, its number there, and its fields."""

    table: str
    migration: str
    number: int
    values: Values

    def to_bytes(self) -> bytes:
        """The bytes to sign, the fields in the order of their names.

        Every part carries its type and its length, so that no two records have the same bytes. A field that is null is
        left out: a column that is added later, null in older records, leaves their signatures valid.

        Raises:
            ValueError: A moment has no time zone.
        """
        place: tuple[Value, ...] = (_DOMAIN, self.table, self.migration, self.number)
        return b"".join(_encoded(part) for part in place) + _fields(self.values)


def rows_digest(rows: Sequence[Values]) -> str:
    """SHA-256, in hexadecimal, of rows in their order."""
    encoded = (_fields(row) for row in rows)
    return sha256(b"".join(b"r%d:%s" % (len(row), row) for row in encoded)).hexdigest()


def as_stored(table: sa.Table, values: Values) -> dict[str, Value]:
    """The values as the database gives them back: a whole number in a column of floats is a float."""
    doubles = {column.name for column in table.c if isinstance(column.type, sa.Double)}
    return {
        name: float(value) if name in doubles and isinstance(value, int) else value for name, value in values.items()
    }


def _fields(values: Values) -> bytes:
    present = sorted((name, value) for name, value in values.items() if value is not None)
    return b"".join(_encoded(name) + _encoded(value) for name, value in present)


def _encoded(value: Value) -> bytes:
    tag, text = _tagged(value)
    content = text.encode()
    return b"%s%d:%s" % (tag, len(content), content)


def _tagged(value: Value) -> tuple[bytes, str]:
    match value:
        case bool():
            return b"b", str(int(value))
        case int():
            return b"i", str(value)
        case float():
            return b"f", value.hex()
        case datetime():
            if value.utcoffset() is None:
                raise ValueError(
                    f"{value!r} has no time zone; the ledger keeps moments, as datetime.now(UTC) gives them"
                )
            return b"t", value.astimezone(UTC).isoformat(timespec="microseconds")
        case str():
            return b"s", str(value)
    raise TypeError(f"the ledger signs no {type(value).__name__}")
