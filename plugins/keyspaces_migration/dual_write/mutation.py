"""One write, the same for both stores, and its form in the journal."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from keyspaces_migration.cql.json_codec import JsonCodecError, decode_columns, encode_columns
from keyspaces_migration.dual_write.bounds import Bound, bounds_from_json, bounds_to_json, check_bounds
from keyspaces_migration.dual_write.elements import (
    ElementChange,
    elements_from_json,
    elements_to_json,
    removed_of,
)
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.shape import TableShape

MICROSECONDS = 1_000_000
MAX_TTL_S = 20 * 365 * 24 * 3600
"""The longest time to live that Cassandra and Keyspaces take: 20 years."""


class MutationKind(StrEnum):
    """What a write does to its row."""

    INSERT = "INSERT"
    """Sets columns, and the row is there even when all of them are null."""
    UPDATE = "UPDATE"
    """Sets columns; a row that only updates have made is gone when all of them are null."""
    DELETE_ROW = "DELETE_ROW"
    DELETE_PARTITION = "DELETE_PARTITION"
    """Deletes all rows of a partition and its static columns."""
    DELETE_RANGE = "DELETE_RANGE"
    """Deletes the rows of a partition that a prefix of the clustering key and bounds name; no static column."""

    @property
    def deletes_many(self) -> bool:
        """Whether it may take more than one row away."""
        return self in {MutationKind.DELETE_PARTITION, MutationKind.DELETE_RANGE}


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A write with its timestamp.

    Attributes:
        key: The whole primary key; for static columns and DELETE_PARTITION the partition key alone; for DELETE_RANGE
            the partition key and the first clustering columns, as many as are given.
        columns: New values; None deletes the cell; a column that is not named stays as it is.
        timestamp_us: Client timestamp in microseconds since 1970, the same in both stores and in every repetition.
        bounds: Of a DELETE_RANGE: between what the clustering column after those of `key` lies; none for all.
        ttl_s: How long, from its timestamp on, what an INSERT or UPDATE writes lives, in seconds; 0 for ever; None as
            the table has it.
        elements: Of an UPDATE: what it adds to or takes from sets and maps, by column; none of these is in `columns`.
    """

    table: str
    kind: MutationKind
    key: Mapping[str, Any]
    columns: Mapping[str, Any]
    timestamp_us: int
    bounds: tuple[Bound, ...] = ()
    ttl_s: int | None = None
    elements: Mapping[str, ElementChange] = field(default_factory=dict)

    def left_s(self, now_us: int) -> int | None:
        """How long what it writes still lives at `now_us`, in seconds, for a write that is sent late.

        What is dead by then lives for a second more: it must still take the place of what was there before.
        """
        return life_left_s(self.ttl_s, age_us=now_us - self.timestamp_us)

    @property
    def deleted_columns(self) -> tuple[str, ...]:
        """Columns whose cells it deletes."""
        return tuple(name for name, value in self.columns.items() if value is None)

    @property
    def removed(self) -> dict[str, ElementChange]:
        """Those of `elements` that it takes away."""
        return removed_of(self.elements)

    @property
    def deletes(self) -> bool:
        """Whether it takes something away, which the backfill must not bring back."""
        return (
            self.kind is MutationKind.DELETE_ROW or self.kind.deletes_many or bool(self.deleted_columns or self.removed)
        )

    def to_json(self, shape: TableShape) -> dict[str, Any]:
        """Return the form in the journal.

        Raises:
            WriteRefusedError: A value is not of its column's type.
        """
        try:
            return {
                "table": self.table,
                "kind": self.kind.value,
                "key": encode_columns(self.key, shape.columns),
                "columns": encode_columns(self.columns, shape.columns),
                "timestamp_us": str(self.timestamp_us),
                **({"bounds": bounds_to_json(self.bounds, shape)} if self.bounds else {}),
                **({} if self.ttl_s is None else {"ttl_s": self.ttl_s}),
                **({"elements": elements_to_json(self.elements, shape)} if self.elements else {}),
            }
        except JsonCodecError as error:
            raise WriteRefusedError(f"table {self.table}: {error}") from error

    @classmethod
    def from_json(cls, value: Mapping[str, Any], shape: TableShape) -> "Mutation":
        """Return the write for what `to_json` gave."""
        return cls(
            table=value["table"],
            kind=MutationKind(value["kind"]),
            key=decode_columns(value["key"], shape.columns),
            columns=decode_columns(value["columns"], shape.columns),
            timestamp_us=int(value["timestamp_us"]),
            bounds=bounds_from_json(value.get("bounds", ()), shape),
            ttl_s=value.get("ttl_s"),
            elements=elements_from_json(value.get("elements", {}), shape),
        )


def life_left_s(ttl_s: int | None, *, age_us: int) -> int | None:
    """What is left of a time to live after so long, a second at least; 0 (for ever) and None stay as they are."""
    return max(1, ttl_s - max(0, age_us) // MICROSECONDS) if ttl_s else ttl_s


def split_row(shape: TableShape, row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the key and the other columns of a row."""
    key = {name: row[name] for name in shape.primary_key if name in row}
    return key, {name: value for name, value in row.items() if name not in key}


def check_ttl(shape: TableShape, ttl_s: int | None) -> None:
    """Refuse a time to live that one of the stores would refuse, or that is none.

    Raises:
        WriteRefusedError: It is out of bounds, or the table has no time to live in the migration file.
    """
    if ttl_s is None:
        return
    if isinstance(ttl_s, bool) or not isinstance(ttl_s, int) or not 0 <= ttl_s <= MAX_TTL_S:
        raise WriteRefusedError(
            f"table {shape.name}: the time to live {ttl_s!r} is none. Allowed: 0 (for ever) to {MAX_TTL_S} seconds."
        )
    if ttl_s and not shape.expires:
        raise WriteRefusedError(
            f"table {shape.name}: a time to live of {ttl_s} s is given, and the migration file gives the table none, "
            "so Keyspaces would refuse the write. Add default_ttl or history.expiry_column to the table in the file."
        )


def check_write(
    shape: TableShape,
    key: Mapping[str, Any],
    written: Collection[str],
    kind: MutationKind,
    bounds: Sequence[Bound] = (),
) -> None:
    """Refuse a write that is not whole or does not belong together; `written` are the columns that it changes.

    Raises:
        WriteRefusedError: Parts of the key are missing or null, static and other columns are mixed, or bounds are none
            of the clustering column that is next.
    """
    if kind.deletes_many:
        check_bounds(shape, key, bounds, whole_partition=kind is MutationKind.DELETE_PARTITION)
        return
    partition = shape.is_partition_key(key) and kind is MutationKind.UPDATE
    wanted = shape.partition_keys if partition else shape.primary_key
    missing = [name for name in wanted if key.get(name) is None]
    if missing or key.keys() - set(wanted):
        raise WriteRefusedError(
            f"table {shape.name}: the key {dict(key)!r} must hold {', '.join(wanted)}, none of them null"
        )
    allowed = shape.static_columns if partition else shape.regular_columns
    if strange := [name for name in written if name not in allowed]:
        raise WriteRefusedError(
            f"table {shape.name}: {', '.join(strange)} can't be written with this key; allowed: {', '.join(allowed)}. "
            "Static columns are written apart, by the partition key alone: Keyspaces refuses them together with others."
        )
    if kind is MutationKind.UPDATE and not written:
        raise WriteRefusedError(f"table {shape.name}: an update of no column writes nothing")
