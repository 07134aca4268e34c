"""What a table looks like, as far as writing to it is concerned."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from keyspaces_migration.cql.types import CqlType, ListOf
from keyspaces_migration.dual_write.errors import WriteRefusedError

if TYPE_CHECKING:
    from keyspaces_migration.config import Table


@dataclass(frozen=True, kw_only=True)
class TableShape:
    """A table's columns and keys.

    Attributes:
        columns: The type of each column by its name, in the order of the migration file.
        expires: Whether the migration file gives rows a time to live: the target's table takes one only then.
        default_ttl_s: How long what is written without a time to live of its own lives, in seconds; None for ever.
    """

    name: str
    columns: Mapping[str, CqlType]
    partition_keys: tuple[str, ...]
    clustering_keys: tuple[str, ...] = ()
    static_columns: tuple[str, ...] = ()
    expires: bool = False
    default_ttl_s: int | None = None

    @classmethod
    def from_migration(cls, name: str, table: "Table") -> "TableShape":
        """Return the shape of a table of the migration file."""
        schema = table.schema_
        return cls(
            name=name,
            columns=schema.column_types,
            partition_keys=schema.partition_keys,
            clustering_keys=tuple(key.name for key in schema.clustering_keys),
            static_columns=schema.static_columns,
            expires=table.expires,
            default_ttl_s=table.default_ttl_s,
        )

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        """Partition keys, then clustering keys."""
        return self.partition_keys + self.clustering_keys

    @cached_property
    def regular_columns(self) -> tuple[str, ...]:
        """Columns of a row of its own: neither key nor static."""
        others = {*self.primary_key, *self.static_columns}
        return tuple(name for name in self.columns if name not in others)

    @cached_property
    def multi_cell_columns(self) -> frozenset[str]:
        """Columns that are `multi_cell`."""
        return frozenset(name for name in self.columns if self.multi_cell(name))

    @cached_property
    def list_columns(self) -> frozenset[str]:
        """Those of them that are lists."""
        return frozenset(name for name in self.multi_cell_columns if isinstance(self.columns[name], ListOf))

    def multi_cell(self, column: str) -> bool:
        """Whether a column is many cells (a collection that is not frozen), each with a timestamp of its own."""
        return self.columns[column].is_collection and not self.columns[column].is_frozen

    def is_partition_key(self, key: Mapping[str, object]) -> bool:
        """Whether the key names a whole partition, and not a row within it."""
        return bool(self.clustering_keys) and key.keys() == set(self.partition_keys)

    def written_columns(self, key: Mapping[str, object]) -> tuple[str, ...]:
        """Columns that a write with this key may set: the static ones for a partition, else the regular ones."""
        return self.static_columns if self.is_partition_key(key) else self.regular_columns

    def refuse_if_unrepeatable(self) -> None:
        """Refuse a table that no write can be repeated on.

        Raises:
            WriteRefusedError: It has a counter.
        """
        counters = [name for name, cql_type in self.columns.items() if cql_type.is_counter]
        if counters:
            raise WriteRefusedError(
                f"table {self.name}: {', '.join(counters)} is a counter. It is added to, so a write that is sent twice "
                "counts twice, and it takes no timestamp. Keep the count in an ordinary column."
            )
