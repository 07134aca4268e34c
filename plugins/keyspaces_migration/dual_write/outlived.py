"""Whether a recorded delete took place, by what the source still holds.

A writer records a delete before it makes it. If the leader then refuses it, what is recorded never was; applied to the
target, it would take away what the source keeps.
"""

from collections.abc import Sequence
from typing import Any

from keyspaces_migration.dual_write.recorded import RecordedKey
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import select_range_cells
from keyspaces_migration.dual_write.store import Store


def write_times(shape: TableShape, row: Any, columns: Sequence[str]) -> dict[str, int]:  # noqa: ANN401 -- the driver's
    """Return when the cells of a row were written, in microseconds since 1970, as the row's `w0`, `w1` … have it.

    A collection's cells and the row itself have no time that CQL tells: nothing follows from them.
    """
    found = {name: getattr(row, f"w{number}") for number, name in enumerate(columns) if not shape.multi_cell(name)}
    return {name: at_us for name, at_us in found.items() if at_us is not None}


def range_outlived(source: Store, shape: TableShape, record: RecordedKey) -> bool:
    """Return whether a cell that a delete of many rows would have taken is still there. Errors are the driver's."""
    # Page by page: what is newer than the delete may be more than memory holds.
    rows = source.execute(select_range_cells(source.keyspace, shape, record.key, record.bounds))
    times = (write_times(shape, row, shape.regular_columns) for row in rows)
    return any(at_us < record.timestamp_us for of_row in times for at_us in of_row.values())
