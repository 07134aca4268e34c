"""Which store a read goes to: sticky by partition, and the same in every language."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from keyspaces_migration.cql.json_codec import canonical_text, encode_columns
from keyspaces_migration.dual_write.flag import PERCENT_MAX, FlagState
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import StoreName


def partition_text(shape: TableShape, key: Mapping[str, Any]) -> str:
    """Return the one text that stands for a partition: a JSON array of the partition key's values, in its order.

    Raises:
        JsonCodecError: A value is not of its column's type.
        KeyError: A column of the partition key is missing.
    """
    values = {name: key[name] for name in shape.partition_keys}
    return canonical_text(list(encode_columns(values, {name: shape.columns[name] for name in values}).values()))


def partition_slot(text: str) -> int:
    """Return a partition's slot, 0 to 99: the first 8 bytes of SHA-256 of its text, big-endian, modulo 100."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % PERCENT_MAX


def read_store(state: FlagState, slot: int, *, holders: Collection[StoreName] = ()) -> StoreName:
    """Return the store that a read goes to.

    A partition in the slots below `target_read_percent` is read on the target, so a greater percentage moves more
    partitions and moves none back.

    Args:
        state: The flag.
        slot: The partition's.
        holders: The stores that have writes of the partition by this process which the other lacks: one of them is
            read, as the other would not show the process its own write. Where each has some, after the leader has
            changed, the leader is read.
    """
    leader = StoreName.TARGET if state.mode.target_leads else StoreName.SOURCE
    if holders:
        return leader if len(holders) > 1 else next(iter(holders))
    return StoreName.TARGET if slot < state.target_read_percent else StoreName.SOURCE
