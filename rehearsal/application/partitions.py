"""The partitions that the application has made itself: it knows every row of theirs, and so may delete many at once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from keyspaces_migration.cql.json_codec import canonical_text, decode_columns
from keyspaces_migration.dual_write.bounds import Bound, Comparison, may_cover

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping
    from typing import Any

    from keyspaces_migration.dual_write.shape import TableShape
    from rehearsal.application.truth import KeyTruth

Partition = tuple[str, str]


class Partitions:
    """The application's rows by partition."""

    def __init__(self, tables: Mapping[str, TableShape], known: Iterable[KeyTruth]) -> None:
        self._tables = tables
        self._rows: dict[Partition, list[KeyTruth]] = defaultdict(list)
        self._own: list[Partition] = []
        self._not_own: set[Partition] = set()
        for truth in known:
            self.add(truth)

    def add(self, truth: KeyTruth) -> None:
        """Take a row up. A partition with a row of somebody else's, or with one that will die, is never ours."""
        partition = self._of(truth)
        if partition not in self._rows and not truth.adopted and self._tables[truth.table].clustering_keys:
            self._own.append(partition)
        if truth.adopted or truth.dies_at is not None:
            self._not_own.add(partition)
        self._rows[partition].append(truth)

    def choose(self, rng: random.Random) -> list[KeyTruth]:
        """Return the rows of one of our partitions; none where there is none, or it is not ours after all."""
        if not self._own:
            return []
        partition = rng.choice(self._own)
        if partition in self._not_own:
            self._own.remove(partition)
            return []
        return list(self._rows[partition])

    def _of(self, truth: KeyTruth) -> Partition:
        shape = self._tables[truth.table]
        return truth.table, canonical_text([truth.key[name] for name in shape.partition_keys])


def partition_key(shape: TableShape, truth: KeyTruth) -> dict[str, Any]:
    """Return the partition key of a row."""
    return decode_columns({name: truth.key[name] for name in shape.partition_keys}, shape.columns)


def range_from(
    shape: TableShape, rows: list[KeyTruth], rng: random.Random
) -> tuple[dict[str, Any], tuple[Bound, ...], list[KeyTruth]]:
    """Choose a range of a partition's rows: all from, or up to, one of them by the first clustering column.

    Returns:
        The partition key, the bound, and the rows that are within it.
    """
    column = shape.clustering_keys[0]
    edge = decode_columns(rng.choice(rows).key, shape.columns)
    key = {name: edge[name] for name in shape.partition_keys}
    bounds = (Bound(column=column, comparison=rng.choice(list(Comparison)), value=edge[column]),)
    covered = [each for each in rows if may_cover(key, bounds, decode_columns(each.key, shape.columns))]
    return key, bounds, covered


def has_ranges(shape: TableShape) -> bool:
    """Whether Python orders the first clustering column as CQL does, so that it is known what a range holds."""
    return bool(shape.clustering_keys) and str(shape.columns[shape.clustering_keys[0]]) in {
        "int", "bigint", "smallint", "text", "date", "timestamp"
    }  # fmt: skip
