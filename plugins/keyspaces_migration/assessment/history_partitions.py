"""The history's largest partitions, and those that were written most on its last day.

Cost: for each table with clustering columns one aggregate over its key, and one over the last day where a column tells
when a row was written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from keyspaces_migration.assessment.model import ColumnKind, Table
from keyspaces_migration.snowflake_names import quote_name

MOST = 20
SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionCount:
    """A partition of the history, and how many keys (or rows of its last day) it has."""

    key: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Widest:
    """What the history tells of partitions, those with most first, at most `MOST` of each.

    Attributes:
        by_rows: By their primary keys. Empty for a table without clustering columns: each has one row.
        by_last_day: By the rows that were written in the 24 hours before the newest. Empty where no column tells.
        written_by: The column that tells; empty where there is none.
    """

    by_rows: tuple[PartitionCount, ...] = ()
    by_last_day: tuple[PartitionCount, ...] = ()
    written_by: str = ""


def rows_statement(table: Table, columns: Mapping[str, str], *, address: str) -> str | None:
    """The statement for `by_rows`; None where every partition has one row.

    Args:
        table: Of the source.
        columns: Snowflake's column by the table's, with every key column.
        address: Of the history's table, quoted.
    """
    if not table.of_kind(ColumnKind.CLUSTERING):
        return None
    keys = [quote_name(columns[column.name]) for column in table.primary_key]
    partition = [quote_name(columns[column.name]) for column in table.of_kind(ColumnKind.PARTITION_KEY)]
    by_key = f"SELECT {', '.join(partition)} FROM {address} GROUP BY {', '.join(keys)}"  # noqa: S608 -- quoted
    return _most(partition, f'({by_key}) AS "by_key"')


def last_day_statement(table: Table, columns: Mapping[str, str], *, address: str, written_by: str) -> str:
    """The statement for `by_last_day`; `written_by` is a TIMESTAMP of the history. The rest is as above."""
    partition = [quote_name(columns[column.name]) for column in table.of_kind(ColumnKind.PARTITION_KEY)]
    moment = quote_name(written_by)
    newest = f"(SELECT DATEADD('day', -1, MAX({moment})) FROM {address})"  # noqa: S608 -- quoted
    return _most(partition, f"{address} WHERE {moment} > {newest}")


def counts(rows: Sequence[Sequence[object]]) -> tuple[PartitionCount, ...]:
    """The answer to either statement."""
    return tuple(
        PartitionCount(key=tuple(str(value) for value in key), count=int(Decimal(str(count)))) for *key, count in rows
    )


def _most(partition: Sequence[str], source: str) -> str:
    key = ", ".join(partition)
    return (
        f'SELECT {key}, COUNT(*) AS "rows" FROM {source} GROUP BY {key} '  # noqa: S608 -- quoted
        f'ORDER BY "rows" DESC, {key} LIMIT {MOST}'
    )
