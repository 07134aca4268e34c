"""Ranges of rows within a partition: what a range delete names, its form in JSON and in CQL."""

import datetime as dt
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keyspaces_migration.cql.json_codec import Json, JsonCodecError, decode_value, encode_value
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.shape import TableShape


class Comparison(StrEnum):
    """On which side of a bound the rows lie. The values are CQL's."""

    ABOVE = ">"
    FROM = ">="
    BELOW = "<"
    UP_TO = "<="

    @property
    def is_lower(self) -> bool:
        """Whether it bounds the range from below, as values are ordered, whatever the clustering order."""
        return self in {Comparison.ABOVE, Comparison.FROM}


@dataclass(frozen=True, kw_only=True)
class Bound:
    """One end of a range of rows."""

    column: str
    comparison: Comparison
    value: Any


def check_bounds(shape: TableShape, key: Mapping[str, Any], bounds: Sequence[Bound], *, whole_partition: bool) -> None:
    """Refuse a delete of rows that does not say plainly which.

    Raises:
        WriteRefusedError: The key is not the partition key and the first clustering columns, a value is null, or the
            bounds are not at most one from below and one from above, of the clustering column that is next.
    """
    given = shape.primary_key[: len(key)]
    if len(key) < len(shape.partition_keys) or key.keys() != set(given) or None in key.values():
        raise WriteRefusedError(
            f"table {shape.name}: the key {dict(key)!r} must hold {', '.join(shape.partition_keys)}, and of the "
            f"clustering columns ({', '.join(shape.clustering_keys) or 'none'}) the first ones, none of them null"
        )
    if whole_partition:
        if len(key) > len(shape.partition_keys) or bounds:
            raise WriteRefusedError(
                f"table {shape.name}: a partition is named by {', '.join(shape.partition_keys)} alone"
            )
        return
    following = shape.primary_key[len(key) :][:1]
    if not following or not (bounds or len(key) > len(shape.partition_keys)):
        raise WriteRefusedError(
            f"table {shape.name}: the key {dict(key)!r} with bounds {list(bounds)!r} is no range of rows: delete a "
            "row, or the partition, as such"
        )
    sides = [bound.comparison.is_lower for bound in bounds]
    if any(bound.column not in following or bound.value is None for bound in bounds) or len(set(sides)) < len(sides):
        raise WriteRefusedError(
            f"table {shape.name}: the bounds {list(bounds)!r} must be of {following[0]}, at most one from below and "
            "one from above, and not null"
        )


def bounds_to_json(bounds: Sequence[Bound], shape: TableShape) -> Json:
    """Return the form in journal and records: an array of [column, comparison, value]."""
    return [
        [bound.column, bound.comparison.value, encode_value(bound.value, shape.columns[bound.column])]
        for bound in bounds
    ]


def bounds_from_json(form: Json, shape: TableShape) -> tuple[Bound, ...]:
    """Return the bounds for what `bounds_to_json` gave.

    Raises:
        JsonCodecError: It is not such a form.
    """
    try:
        return tuple(
            Bound(column=column, comparison=Comparison(comparison), value=decode_value(value, shape.columns[column]))
            for column, comparison, value in form
        )
    except (TypeError, ValueError, KeyError) as error:
        raise JsonCodecError(f"{form!r} are not the bounds of a range of {shape.name}: {error}") from error


def may_cover(key: Mapping[str, Any], bounds: Sequence[Bound], row: Mapping[str, Any]) -> bool:
    """Whether a range may hold a row, given by its whole primary key.

    Where CQL orders a type otherwise than Python orders its values (UUIDs, addresses), the answer is yes.
    """
    if any(row.get(name) != value for name, value in key.items()):
        return False
    return all(_may_hold(bound, row.get(bound.column)) for bound in bounds)


def _may_hold(bound: Bound, value: Any) -> bool:  # noqa: ANN401 -- of the column's type
    if type(value) is not type(bound.value) or not isinstance(value, int | str | dt.date):
        return True
    return bool(_HOLDS[bound.comparison](value, bound.value))


_HOLDS: dict[Comparison, Callable[[Any, Any], Any]] = {
    Comparison.ABOVE: operator.gt,
    Comparison.FROM: operator.ge,
    Comparison.BELOW: operator.lt,
    Comparison.UP_TO: operator.le,
}
