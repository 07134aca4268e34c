"""All that was looked at of one table, from which its estimate follows."""

from collections.abc import Iterable
from dataclasses import dataclass

from keyspaces_migration.assessment.estimate.sampled import RowSample
from keyspaces_migration.assessment.estimate.traffic import TableTraffic
from keyspaces_migration.assessment.history import TableHistory
from keyspaces_migration.assessment.model import ColumnKind, Table, UserType
from keyspaces_migration.capacity.sizes import RowShape


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was looked at.

    Attributes:
        sample: None where its rows could not be read.
        traffic: None where its load could not be measured, and was not given.
        load_is_partial: Whether some nodes' part of the load is missing in it.
        history: None where there was none to look at.
    """

    table: Table
    sample: RowSample | None
    traffic: TableTraffic | None
    load_is_partial: bool
    history: TableHistory | None

    @property
    def rows_to_load(self) -> int | None:
        """Keys in the history that can be loaded; None where they were not counted."""
        if self.history is None or self.history.shape is None:
            return None
        return self.history.shape.keys


def shape_of_source(table: Table, types: Iterable[UserType]) -> RowShape:
    """What sizes on the target depend on, of a table whose column types are all known."""

    def names(kind: ColumnKind) -> tuple[str, ...]:
        return tuple(column.name for column in table.of_kind(kind))

    return RowShape(
        columns={column.name: column.type for column in table.columns if column.type is not None},
        partition_keys=names(ColumnKind.PARTITION_KEY),
        clustering_keys=names(ColumnKind.CLUSTERING),
        static_columns=names(ColumnKind.STATIC),
        time_to_live=table.default_time_to_live_s > 0,
        user_types={
            each.name: {field.name: field.type for field in each.fields if field.type is not None} for each in types
        },
    )
