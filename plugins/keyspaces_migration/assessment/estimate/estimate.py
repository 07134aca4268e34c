"""The estimate: each table's sizes, load, capacity and money, and for all together the order of the historical load."""

from collections.abc import Sequence
from dataclasses import dataclass

from keyspaces_migration.assessment.errors import CannotLookError, LoadParameterError
from keyspaces_migration.assessment.estimate.budgets import BudgetPoint, budget_points
from keyspaces_migration.assessment.estimate.looked import Looked, shape_of_source
from keyspaces_migration.assessment.estimate.request import EstimateRequest
from keyspaces_migration.assessment.estimate.sample import RowSource, TableToSample, sample_rows
from keyspaces_migration.assessment.estimate.sampled import RowSample
from keyspaces_migration.assessment.estimate.table import TableEstimate, estimate_table
from keyspaces_migration.assessment.estimate.traffic import TableTraffic, Traffic, read_traffic
from keyspaces_migration.assessment.history import History
from keyspaces_migration.assessment.model import Part, Source, Table, Unseen
from keyspaces_migration.assessment.queries import SourceQueries
from keyspaces_migration.capacity.errors import CapacityError
from keyspaces_migration.capacity.order import Recommendations, recommend

_MURMUR3 = "Murmur3Partitioner"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What was measured, and what follows from it.

    Attributes:
        recommendations: For the tables whose history and load are known.
        budgets: What all of those take together under several budgets.
        unseen: What could not be looked at.
    """

    request: EstimateRequest
    tables: tuple[TableEstimate, ...]
    recommendations: Recommendations
    budgets: tuple[BudgetPoint, ...]
    unseen: tuple[Unseen, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every table has all of its estimate."""
        return not self.unseen and not any(table.problems for table in self.tables)


def estimate(  # noqa: PLR0913 # what was looked at, by keyword
    queries: SourceQueries,
    rows: RowSource,
    *,
    source: Source,
    history: History | None,
    names: Sequence[str],
    request: EstimateRequest,
) -> Estimate:
    """Measure and estimate the tables called `names`.

    Raises:
        LoadParameterError: A load was given for a table that the keyspace has not.
    """
    _refuse_loads_of_nothing(source, request)
    # Before the sample, whose reads it would count.
    traffic = read_traffic(queries, keyspace=source.keyspace.name)
    unseen, tables = list(traffic.unseen), []
    for table in (each for each in source.keyspace.tables if each.name in names):
        sample, why_not = _sample(rows, source, table, request)
        if why_not:
            unseen.append(Unseen(part=Part.ROWS, why=f"{table.name}: {why_not}"))
        looked = Looked(
            table=table,
            sample=sample,
            traffic=_traffic_of(table.name, traffic, request),
            load_is_partial=bool(traffic.unseen) and table.name not in request.loads,
            history=history.of(table.name) if history else None,
        )
        tables.append(estimate_table(looked, request=request))
    works = {table.name: table.work for table in tables if table.work is not None}
    return Estimate(
        request=request,
        tables=tuple(tables),
        recommendations=recommend(works, budget=request.budget, prices=request.prices),
        budgets=budget_points(works, budget=request.budget, prices=request.prices),
        unseen=tuple(unseen),
    )


def _sample(rows: RowSource, source: Source, table: Table, request: EstimateRequest) -> tuple[RowSample | None, str]:
    """Return the sample, or why there is none."""
    if not source.cluster.partitioner.endswith(_MURMUR3):
        found = source.cluster.partitioner or "a partitioner that could not be read"
        return None, f"rows are drawn by Murmur3's tokens, and the cluster has {found}"
    unreadable = [column.name for column in table.columns if column.type is None]
    if unreadable:
        return None, f"no size is known of the type of {', '.join(unreadable)}"
    to_sample = TableToSample(
        keyspace=source.keyspace.name,
        name=table.name,
        shape=shape_of_source(table, source.keyspace.types),
        partitions=table.estimate.partitions if table.estimate else None,
    )
    try:
        return sample_rows(rows, to_sample, size=request.size, seed=request.seed), ""
    except (CannotLookError, CapacityError) as reason:
        return None, str(reason)


def _traffic_of(table: str, traffic: Traffic, request: EstimateRequest) -> TableTraffic | None:
    """Return the load that was given, or else what was measured; None where no node could be asked."""
    if given := request.loads.get(table):
        return TableTraffic(
            writes_per_s=given.writes_per_s, reads_per_s=given.reads_per_s, rows_per_read=given.rows_per_read
        )
    if table in traffic.tables:
        return traffic.tables[table]
    return None if traffic.unseen else TableTraffic(writes_per_s=0, reads_per_s=0)


def _refuse_loads_of_nothing(source: Source, request: EstimateRequest) -> None:
    there = [table.name for table in source.keyspace.tables]
    if others := sorted(set(request.loads) - set(there)):
        raise LoadParameterError(
            f"the parameter load names {', '.join(others)}, and keyspace {source.keyspace.name} has no such tables. "
            f"It has: {', '.join(there)}"
        )
