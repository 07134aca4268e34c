"""The load that the source carries now, table by table, as its nodes count it.

Cassandra 4.0 and later tell it in virtual tables, each node of what it coordinated: a request of a client is counted
once, at the node that it was sent to. Rates are means of about five minutes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from keyspaces_migration.assessment.errors import CannotLookError, NotThereError
from keyspaces_migration.assessment.model import Part, Unseen
from keyspaces_migration.assessment.queries import Row, SourceQueries

NOT_IN_THIS_VERSION = (
    "this version of Cassandra has no tables of its load (they came with 4.0): take the peak's writes and reads a "
    "second of each table from your monitoring (TableMetrics CoordinatorWriteLatency and CoordinatorReadLatency), and "
    "give them in the parameter `load`"
)
_WRITES, _READS, _SCANS = "coordinator_write_latency", "coordinator_read_latency", "coordinator_scan_latency"
_ROWS_PER_READ = "rows_per_read"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTraffic:
    """What clients ask of a table, in requests a second.

    Attributes:
        reads_per_s: Of one partition.
        scans_per_s: Over several partitions, such as by token.
        rows_per_read: The median of the nodes; None where there were no reads yet.
    """

    writes_per_s: float
    reads_per_s: float
    scans_per_s: float = 0.0
    rows_per_read: float | None = None


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """The load of a keyspace's tables. A node that could not be asked is in `unseen`, and its load is missing here."""

    tables: Mapping[str, TableTraffic]
    unseen: tuple[Unseen, ...]


def read_traffic(queries: SourceQueries, *, keyspace: str) -> Traffic:
    """Ask every node for what it coordinates; never raises for a silent one."""
    rows: dict[str, list[Row]] = {name: [] for name in (_WRITES, _READS, _SCANS, _ROWS_PER_READ)}
    unseen: list[Unseen] = []
    for node in queries.nodes:
        try:
            for name in rows:
                statement = f"SELECT * FROM system_views.{name} WHERE keyspace_name = %s"  # noqa: S608 # one of four
                rows[name] += queries.rows(statement, [keyspace], node=node)
        except NotThereError:
            unseen.append(Unseen(part=Part.LOAD, why=f"node {node}: {NOT_IN_THIS_VERSION}"))
        except CannotLookError as reason:
            unseen.append(Unseen(part=Part.LOAD, why=f"node {node}: {reason}"))
    names = {str(row["table_name"]) for found in rows.values() for row in found}
    return Traffic(tables={name: _traffic(name, rows) for name in sorted(names)}, unseen=tuple(unseen))


def _traffic(table: str, rows: Mapping[str, list[Row]]) -> TableTraffic:
    def of_table(name: str) -> list[Row]:
        return [row for row in rows[name] if row["table_name"] == table]

    return TableTraffic(
        writes_per_s=_rate(of_table(_WRITES)),
        reads_per_s=_rate(of_table(_READS)),
        scans_per_s=_rate(of_table(_SCANS)),
        rows_per_read=_weighted_median(of_table(_ROWS_PER_READ)),
    )


def _rate(rows: list[Row]) -> float:
    return sum(_number(row, "per_second") for row in rows)


def _weighted_median(rows: list[Row]) -> float | None:
    """The mean of the nodes' medians, each by how many reads it stands for."""
    reads = sum(_number(row, "count") for row in rows)
    if not reads:
        return None
    return sum(_number(row, "count") * _number(row, "p50th") for row in rows) / reads


def _number(row: Row, name: str) -> float:
    value = row.get(name)
    return 0.0 if value is None else float(str(value))
