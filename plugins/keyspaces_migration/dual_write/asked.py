"""A write that was asked for: checked as far as no store is needed, and in the forms that it is used in, once each."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from keyspaces_migration.cql.json_codec import JsonCodecError, canonical_text
from keyspaces_migration.dual_write.bounds import Bound
from keyspaces_migration.dual_write.elements import ElementChange, check_elements, written
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.lists import lists_in
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind, check_ttl, check_write
from keyspaces_migration.dual_write.routing import partition_text
from keyspaces_migration.dual_write.shape import TableShape


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A write that is whole, and has no timestamp yet.

    Attributes:
        body: Its form in the journal, without the timestamp.
        partition: The text of its partition.
        has_lists: Whether it gives elements to lists that are not frozen.
    """

    shape: TableShape
    kind: MutationKind
    key: Mapping[str, Any]
    columns: Mapping[str, Any]
    bounds: tuple[Bound, ...]
    ttl_s: int | None
    body: Mapping[str, Any]
    partition: str
    has_lists: bool
    elements: Mapping[str, ElementChange]

    def at(self, timestamp_us: int) -> Mutation:
        """Return the write with its timestamp."""
        return Mutation(
            table=self.shape.name,
            kind=self.kind,
            key=self.key,
            columns=self.columns,
            timestamp_us=timestamp_us,
            bounds=self.bounds,
            ttl_s=self.ttl_s,
            elements=self.elements,
        )


def ask(  # noqa: PLR0913 -- the parts of a write
    shape: TableShape,
    kind: MutationKind,
    key: Mapping[str, Any],
    columns: Mapping[str, Any],
    *,
    bounds: tuple[Bound, ...] = (),
    ttl_s: int | None = None,
    elements: Mapping[str, ElementChange] = MappingProxyType({}),
) -> Asked:
    """Check a write.

    Raises:
        WriteRefusedError: It can't be made alike in both stores: it is not whole, does not belong together, or a value
            is not of its column's type.
    """
    check_ttl(shape, ttl_s)
    if ttl_s is None and kind in {MutationKind.INSERT, MutationKind.UPDATE}:
        # Written out, so that what is sent late to a store dies when it would have died.
        ttl_s = shape.default_ttl_s
    elif ttl_s == 0 and shape.default_ttl_s is None:
        ttl_s = None
    columns = {name: _null_if_empty(shape, name, value) for name, value in columns.items()}
    check_write(shape, key, written(columns, elements), kind, bounds)
    check_elements(shape, elements, ttl_s=ttl_s)
    whole = Mutation(
        table=shape.name,
        kind=kind,
        key=dict(key),
        columns=columns,
        timestamp_us=0,
        bounds=bounds,
        ttl_s=ttl_s,
        elements=elements,
    )
    body = whole.to_json(shape)
    return Asked(
        shape=shape,
        kind=kind,
        key=whole.key,
        columns=columns,
        bounds=bounds,
        ttl_s=ttl_s,
        body=body,
        partition=canonical_text([body["key"][name] for name in shape.partition_keys]),
        has_lists=bool(lists_in(shape, columns)),
        elements=elements,
    )


def asked_partition(shape: TableShape, key: Mapping[str, Any]) -> str:
    """Return the text of the partition that a read asks for.

    Raises:
        WriteRefusedError: The key is not whole.
    """
    try:
        return partition_text(shape, key)
    except (JsonCodecError, KeyError) as error:
        raise WriteRefusedError(f"table {shape.name}: the key {dict(key)!r} is not whole: {error}") from error


def _null_if_empty(shape: TableShape, name: str, value: object) -> object:
    # Cassandra keeps no empty collection that is not frozen: writing one deletes what was there.
    if name in shape.multi_cell_columns and value is not None and not len(value):  # type: ignore[arg-type]
        return None
    return value
