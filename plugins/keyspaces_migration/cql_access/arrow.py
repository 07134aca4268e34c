"""CQL types and values in Arrow: what a column of an answer becomes in Parquet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from cassandra.cqltypes import UserType, VectorType

from keyspaces_migration.cql_access.errors import ResultTypeError

CqlTypeClass = Any
"""A class of `cassandra.cqltypes`: how the driver describes a column's type, with the fields of user types."""

_UNFIT = (TypeError, ValueError, OverflowError, AttributeError, KeyError, pa.ArrowException)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrowForm:
    """What a CQL type is in Arrow, and how the driver's value becomes what Arrow takes for it."""

    type: pa.DataType
    convert: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of an answer."""

    name: str
    cql_type: CqlTypeClass

    @property
    def cql_text(self) -> str:
        """The type as CQL writes it."""
        return str(self.cql_type.cql_parameterized_type())


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """Return the Arrow schema of an answer; each field's metadata has the CQL type.

    Raises:
        ResultTypeError: A type has no form in Arrow.
    """
    return pa.schema([pa.field(each.name, _form(each).type, metadata={"cql_type": each.cql_text}) for each in columns])


def to_record_batch(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> pa.RecordBatch:
    """Return rows as one Arrow record batch.

    Raises:
        ResultTypeError: A type or a value has no form in Arrow; names the column.
    """
    by_column = zip(*rows, strict=True) if rows else ((),) * len(columns)
    arrays = [_array(column, values) for column, values in zip(columns, by_column, strict=True)]
    return pa.record_batch(arrays, schema=schema_of(columns))


def form_of(cql_type: CqlTypeClass) -> ArrowForm:  # noqa: PLR0911 # one return for each kind of type
    """Return the Arrow form of a type.

    Text, UUIDs, addresses, and numbers without a limit (varint, decimal) are text, so that nothing is rounded. Sets
    are lists, tuples and user types structs, maps maps.

    Raises:
        ResultTypeError: It has none.
    """
    if issubclass(cql_type, UserType):
        return _struct(list(cql_type.fieldnames), [form_of(each) for each in cql_type.subtypes])
    name = cql_type.typename
    if name in _SCALARS:
        return _SCALARS[name]
    if issubclass(cql_type, VectorType):
        element = form_of(cql_type.subtype)
        return ArrowForm(type=pa.list_(element.type, cql_type.vector_size), convert=partial(_each, element))
    parts = [form_of(each) for each in cql_type.subtypes]
    match name:
        case "frozen":
            return parts[0]
        case "list" | "set":
            return ArrowForm(type=pa.list_(parts[0].type), convert=partial(_each, parts[0]))
        case "map":
            return ArrowForm(type=pa.map_(parts[0].type, parts[1].type), convert=partial(_pairs, *parts))
        case "tuple":
            return _struct([f"f{place}" for place in range(len(parts))], parts)
    raise ResultTypeError(f"type {cql_type.cql_parameterized_type()} has no form in Arrow")


def _form(column: Column) -> ArrowForm:
    try:
        return form_of(column.cql_type)
    except ResultTypeError as error:
        raise ResultTypeError(f"column {column.name}: {error}. Leave it out of the statement.") from error


def _array(column: Column, values: Sequence[Any]) -> pa.Array:
    form = _form(column)
    try:
        return pa.array([_or_none(form, value) for value in values], type=form.type)
    except _UNFIT as error:
        raise ResultTypeError(
            f"column {column.name} of type {column.cql_text} holds a value that Arrow's {form.type} can't: {error}. "
            "Leave the column out of the statement."
        ) from error


def _or_none(form: ArrowForm, value: Any) -> Any:  # noqa: ANN401 - as many types as CQL has
    return None if value is None else form.convert(value)


def _each(element: ArrowForm, value: Any) -> list[Any]:  # noqa: ANN401
    return [_or_none(element, each) for each in value]


def _pairs(key: ArrowForm, element: ArrowForm, value: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401
    return [(key.convert(k), _or_none(element, v)) for k, v in value.items()]


def _struct(names: Sequence[str], parts: Sequence[ArrowForm]) -> ArrowForm:
    fields = [pa.field(name, part.type) for name, part in zip(names, parts, strict=True)]
    return ArrowForm(type=pa.struct(fields), convert=partial(_fields, names, parts))


def _fields(names: Sequence[str], parts: Sequence[ArrowForm], value: Any) -> dict[str, Any]:  # noqa: ANN401
    # A user type written before a field was added, or a short tuple, comes with fewer values.
    return {name: _or_none(part, each) for name, part, each in zip(names, parts, value, strict=False)}


def _duration(value: Any) -> dict[str, int]:  # noqa: ANN401
    return {"months": value.months, "days": value.days, "nanoseconds": value.nanoseconds}


_TEXT = ArrowForm(type=pa.string(), convert=str)
_DURATION = pa.struct([("months", pa.int32()), ("days", pa.int32()), ("nanoseconds", pa.int64())])
_SCALARS: Mapping[str, ArrowForm] = MappingProxyType(
    {
        **dict.fromkeys(("ascii", "text", "varchar", "inet", "uuid", "timeuuid", "varint", "decimal"), _TEXT),
        **dict.fromkeys(("bigint", "counter"), ArrowForm(type=pa.int64())),
        "int": ArrowForm(type=pa.int32()),
        "smallint": ArrowForm(type=pa.int16()),
        "tinyint": ArrowForm(type=pa.int8()),
        "blob": ArrowForm(type=pa.binary()),
        "boolean": ArrowForm(type=pa.bool_()),
        "double": ArrowForm(type=pa.float64()),
        "float": ArrowForm(type=pa.float32()),
        # Arrow takes the number of days, also for years that Python's dates don't have.
        "date": ArrowForm(type=pa.date32(), convert=lambda value: value.days_from_epoch),
        "time": ArrowForm(type=pa.time64("ns"), convert=lambda value: value.nanosecond_time),
        "timestamp": ArrowForm(type=pa.timestamp("ms", tz="UTC")),
        "duration": ArrowForm(type=_DURATION, convert=_duration),
    }
)
