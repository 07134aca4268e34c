"""CQL types: what a column's type is, and the text of it as system_schema prints it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from typing_extensions import override  # in typing only from Python 3.12 on

from keyspaces_migration.cql.identifiers import quote, quote_if_needed


class ScalarName(StrEnum):
    """Cassandra's own types of one value. `varchar` is an alias that Cassandra itself prints as `text`."""

    ASCII = "ascii"
    BIGINT = "bigint"
    BLOB = "blob"
    BOOLEAN = "boolean"
    COUNTER = "counter"
    DATE = "date"
    DECIMAL = "decimal"
    DOUBLE = "double"
    DURATION = "duration"
    EMPTY = "empty"
    FLOAT = "float"
    INET = "inet"
    INT = "int"
    SMALLINT = "smallint"
    TEXT = "text"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMEUUID = "timeuuid"
    TINYINT = "tinyint"
    UUID = "uuid"
    VARINT = "varint"


GENERIC_NAMES = frozenset({"frozen", "list", "map", "set", "tuple", "vector"})


@dataclass(frozen=True, slots=True)
class CqlType:
    """A CQL type. `str()` gives the text that Cassandra prints for it; equal types are equal values."""

    @property
    def parts(self) -> tuple["CqlType", ...]:
        """The types directly inside this one, in order."""
        return ()

    def walk(self) -> Iterator["CqlType"]:
        """Yield this type and every type inside it, outermost first."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def is_counter(self) -> bool:
        """Whether it is a counter, which is added to rather than written, so it can't be written twice alike."""
        return False

    @property
    def is_frozen(self) -> bool:
        """Whether a value is one cell, replaced as a whole: a scalar, a tuple or vector, or anything in frozen<>."""
        return True

    @property
    def is_collection(self) -> bool:
        """Whether it is a list, set or map, frozen or not."""
        return False

    @property
    def nesting_depth(self) -> int:
        """How many pairs of angle brackets enclose the innermost type: 0 for `int`, 2 for `frozen<list<int>>`."""
        return 1 + max(part.nesting_depth for part in self.parts) if self.parts else 0

    @property
    def collection_depth(self) -> int:
        """How many lists, sets, maps and tuples lie inside one another; frozen<> itself does not count."""
        return max((part.collection_depth for part in self.parts), default=0)

    @property
    def user_types(self) -> tuple["UserType", ...]:
        """Every user type named in it, in the order of the text."""
        return tuple(part for part in self.walk() if isinstance(part, UserType))


@dataclass(frozen=True, slots=True)
class Scalar(CqlType):
    """One of Cassandra's own types of one value."""

    name: ScalarName

    def __str__(self) -> str:
        return self.name.value

    @property
    @override
    def is_counter(self) -> bool:
        return self.name is ScalarName.COUNTER


@dataclass(frozen=True, slots=True)
class _Collection(CqlType):
    """Several values in one column; each element is a cell of its own unless the type is frozen."""

    @property
    @override
    def is_frozen(self) -> bool:
        return False

    @property
    @override
    def is_collection(self) -> bool:
        return True

    @property
    @override
    def collection_depth(self) -> int:
        return 1 + max((part.collection_depth for part in self.parts), default=0)


@dataclass(frozen=True, slots=True)
class ListOf(_Collection):
    """list<element>."""

    element: CqlType

    def __str__(self) -> str:
        return f"list<{self.element}>"

    @property
    @override
    def parts(self) -> tuple[CqlType, ...]:
        return (self.element,)


@dataclass(frozen=True, slots=True)
class SetOf(_Collection):
    """set<element>."""

    element: CqlType

    def __str__(self) -> str:
        return f"set<{self.element}>"

    @property
    @override
    def parts(self) -> tuple[CqlType, ...]:
        return (self.element,)


@dataclass(frozen=True, slots=True)
class MapOf(_Collection):
    """map<key, value>."""

    key: CqlType
    value: CqlType

    def __str__(self) -> str:
        return f"map<{self.key}, {self.value}>"

    @property
    @override
    def parts(self) -> tuple[CqlType, ...]:
        return (self.key, self.value)


@dataclass(frozen=True, slots=True)
class TupleOf(CqlType):
    """tuple<…>: a fixed number of values in one cell; always frozen, whether the text says so or not."""

    elements: tuple[CqlType, ...]

    def __str__(self) -> str:
        return f"tuple<{', '.join(map(str, self.elements))}>"

    @property
    @override
    def parts(self) -> tuple[CqlType, ...]:
        return self.elements

    @property
    @override
    def collection_depth(self) -> int:
        return 1 + max(part.collection_depth for part in self.elements)


@dataclass(frozen=True, slots=True)
class Vector(CqlType):
    """vector<element, dimension>: Cassandra 5.0's fixed-length array."""

    element: CqlType
    dimension: int

    def __str__(self) -> str:
        return f"vector<{self.element}, {self.dimension}>"

    @property
    @override
    def parts(self) -> tuple[CqlType, ...]:
        return (self.element,)


@dataclass(frozen=True, slots=True)
class Frozen(CqlType):
    """frozen<inner>: the value inside is one cell, replaced as a whole."""

    inner: CqlType

    def __str__(self) -> str:
        return f"frozen<{self.inner}>"

    @property
    @override
    def parts(self) -> tuple[CqlType, ...]:
        return (self.inner,)

    @property
    @override
    def is_collection(self) -> bool:
        return self.inner.is_collection


@dataclass(frozen=True, slots=True)
class UserType(CqlType):
    """A type made by CREATE TYPE. `keyspace` is None where the text does not name one, as in system_schema."""

    name: str
    keyspace: str | None = None

    def __str__(self) -> str:
        return (
            _type_name(self.name) if self.keyspace is None else f"{_type_name(self.keyspace)}.{_type_name(self.name)}"
        )

    @property
    @override
    def is_frozen(self) -> bool:
        return False


def _type_name(name: str) -> str:
    """Return a name as it must stand in a type: one that Cassandra's own types have needs quotes to be a user type."""
    taken = name in GENERIC_NAMES or name == "varchar" or name in set(ScalarName)
    return quote(name) if taken else quote_if_needed(name)


@dataclass(frozen=True, slots=True)
class Custom(CqlType):
    """A type given by the name of its Java class, as system_schema prints in single quotes."""

    class_name: str

    def __str__(self) -> str:
        return "'" + self.class_name.replace("'", "''") + "'"
