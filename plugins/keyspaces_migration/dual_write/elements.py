"""Elements that a write adds to a set or a map that is not frozen, or takes from it; the others stay as they are.

Sent twice at one timestamp, each element is the same cell, so it may be repeated. Of a list it may not: see `lists`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keyspaces_migration.cql.json_codec import Json, decode_columns, encode_columns
from keyspaces_migration.cql.types import CqlType, MapOf, SetOf
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.shape import TableShape


class ElementSign(StrEnum):
    """What is done with the elements; the value is CQL's sign."""

    ADD = "+"
    REMOVE = "-"


@dataclass(frozen=True, slots=True)
class ElementChange:
    """A change of a column's elements.

    Attributes:
        elements: To add, a set or a map, as the column; to remove, a set of elements, or of a map's keys.
    """

    sign: ElementSign
    elements: Any


def written(columns: Collection[str], changes: Collection[str]) -> tuple[str, ...]:
    """Return the columns that a write changes.

    Raises:
        WriteRefusedError: One is written whole, and its elements are changed too.
    """
    if twice := sorted({*columns} & {*changes}):
        raise WriteRefusedError(f"{', '.join(twice)} is written whole and by elements in one write: make it two")
    return (*columns, *changes)


def removed_of(changes: Mapping[str, ElementChange]) -> dict[str, ElementChange]:
    """Return those that take elements away, which the backfill must not bring back."""
    return {name: change for name, change in changes.items() if change.sign is ElementSign.REMOVE}


def check_elements(shape: TableShape, changes: Mapping[str, ElementChange], *, ttl_s: int | None) -> None:
    """Refuse a change that can't be made alike in both stores.

    Raises:
        WriteRefusedError: The column is no set or map of several cells; no element is given; or what is written has a
            time to live: elements have lives of their own, which CQL does not tell to whoever copies them.
    """
    for name, change in changes.items():
        if name not in shape.multi_cell_columns or name in shape.list_columns:
            raise WriteRefusedError(
                f"table {shape.name}: {name} is {shape.columns.get(name, 'no column')}. Elements can be added to, and "
                "taken from, sets and maps that are not frozen: write the whole of it"
            )
        if change.elements is None or not len(change.elements):
            raise WriteRefusedError(f"table {shape.name}: no element of {name} is given")
        if ttl_s:
            raise WriteRefusedError(
                f"table {shape.name}: elements of {name} with a time to live can't be copied from store to store with "
                "it: write the whole of it, or without a time to live"
            )


def elements_to_json(changes: Mapping[str, ElementChange], shape: TableShape) -> dict[str, Json]:
    """Return the form in journals and letters: `[sign, elements]` by column, in the table's order.

    Raises:
        JsonCodecError: An element is not of its type.
    """
    values = {name: change.elements for name, change in changes.items()}
    forms = encode_columns(values, _types(shape, {name: change.sign for name, change in changes.items()}))
    return {name: [changes[name].sign.value, form] for name, form in forms.items()}


def elements_from_json(value: Mapping[str, Json], shape: TableShape) -> dict[str, ElementChange]:
    """Return the changes for what `elements_to_json` gave.

    Raises:
        JsonCodecError, ValueError, KeyError: It is no such form.
    """
    signs = {name: ElementSign(sign) for name, (sign, _) in value.items()}
    found = decode_columns({name: form for name, (_, form) in value.items()}, _types(shape, signs))
    return {name: ElementChange(signs[name], elements) for name, elements in found.items()}


def _types(shape: TableShape, signs: Mapping[str, ElementSign]) -> dict[str, CqlType]:
    return {name: _type_of(shape.columns[name], signs[name]) for name in shape.columns if name in signs}


def _type_of(column: CqlType, sign: ElementSign) -> CqlType:
    if isinstance(column, MapOf) and sign is ElementSign.REMOVE:
        return SetOf(column.key)
    return column
