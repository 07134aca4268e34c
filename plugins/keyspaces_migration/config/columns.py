"""One column of a table: its name and a type that Amazon Keyspaces can hold."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from keyspaces_migration.config.names import COLUMN_NAME
from keyspaces_migration.config.problems import broken, near_miss
from keyspaces_migration.cql.types import (
    CqlType,
    CqlTypeError,
    Custom,
    Frozen,
    Scalar,
    ScalarName,
    UserType,
    Vector,
    parse_type,
)

# "Max number of nested frozen collections", Quotas page of the Keyspaces Developer Guide.
MAX_COLLECTION_NESTING = 8

_TYPE_NAMES = ("list", "set", "map", "tuple", "frozen")
_REFUSED_SCALARS = {
    ScalarName.COUNTER: "counters can't be written twice alike, so neither dual-written nor loaded again after a kill",
    ScalarName.DURATION: "Amazon Keyspaces has no duration: store it as text or as a number of a unit",
    ScalarName.EMPTY: "this is what Cassandra shows for a compact table's missing column: leave the column out",
}
_SUPPORTED = sorted({name.value for name in ScalarName} - {name.value for name in _REFUSED_SCALARS})

# What the provider's own check lets through (terraform-provider-aws #35787); Keyspaces itself takes more.
_PULUMI_AWS_TYPE = re.compile(r"[a-z0-9]+(<[a-z0-9]+(, *[a-z0-9]+)?>)?")


@dataclass(frozen=True)
class Column:
    """A column: `name`, and `type` as CQL text in the form that system_schema prints."""

    name: str
    type: str

    @cached_property
    def cql_type(self) -> CqlType:
        """The type, parsed."""
        return parse_type(self.type)

    @property
    def fits_pulumi_aws(self) -> bool:
        """Whether pulumi_aws lets the type through to Keyspaces: its check knows one level of angle brackets."""
        return _PULUMI_AWS_TYPE.fullmatch(self.type) is not None


def read_column(value: object) -> Column:
    """Read a column from its one-key map, such as `{event_id: bigint}`.

    Raises:
        RuleError: It is no such map, or the name or the type can't be in Amazon Keyspaces.
    """
    if isinstance(value, Column):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise broken(value, "a map of one column to its type, such as {event_id: bigint}")
    ((name, type_text),) = value.items()
    return Column(COLUMN_NAME.check(name), str(_read_type(type_text)))


def _read_type(text: object) -> CqlType:
    allowed = f"a CQL type that Amazon Keyspaces has: {', '.join(_SUPPORTED)}, {'<…>, '.join(_TYPE_NAMES)}<…>"
    if not isinstance(text, str):
        raise broken(text, allowed)
    try:
        result = parse_type(text)
    except CqlTypeError as error:
        raise broken(text, allowed, f"at character {error.position + 1} {error.reason}") from None
    for reason in _reasons_against(result):
        raise broken(text, allowed, reason)
    return result


def _reasons_against(cql_type: CqlType) -> Iterator[str]:
    for part in cql_type.walk():
        match part:
            case Scalar(name) if name in _REFUSED_SCALARS:
                yield _REFUSED_SCALARS[name]
            case UserType():
                near = near_miss(part.name, [*_SUPPORTED, *_TYPE_NAMES])
                yield near or (
                    f"{part} would be a user type, which pulumi_aws can't create: flatten its fields into columns, or "
                    "store it as text or blob"
                )
            case Vector():
                yield "Amazon Keyspaces has no vectors: store it as frozen<list<float>> or blob"
            case Custom():
                yield "Amazon Keyspaces knows no custom Java types: store it as blob"
            case _:
                yield from _structure_reasons(part)
    if cql_type.collection_depth > MAX_COLLECTION_NESTING:
        yield f"{cql_type.collection_depth} collections inside one another: Keyspaces takes {MAX_COLLECTION_NESTING}"


def _structure_reasons(part: CqlType) -> Iterator[str]:
    if isinstance(part, Frozen):
        if isinstance(part.inner, Scalar | Frozen):
            yield f"{part}: frozen<> belongs around a collection or a tuple"
        return
    inner = next((each for each in part.parts if each.is_collection and not each.is_frozen), None)
    if inner is not None:
        yield f"a collection inside another type must be frozen: write frozen<{inner}>"


ColumnInFile = Annotated[
    Column,
    PlainValidator(read_column),
    PlainSerializer(lambda column: {column.name: column.type}, return_type=dict[str, str]),
    WithJsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "propertyNames": {"pattern": f"^{COLUMN_NAME.pattern}$"},
            "additionalProperties": {"type": "string"},
            "examples": [{"event_id": "bigint"}],
        }
    ),
]
