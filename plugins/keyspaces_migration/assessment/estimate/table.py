"""One table's estimate: capacity, money a month, work of the historical load, hot partitions."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from keyspaces_migration.assessment.estimate.hot import partition_loads
from keyspaces_migration.assessment.estimate.looked import Looked
from keyspaces_migration.assessment.estimate.request import EstimateRequest
from keyspaces_migration.assessment.estimate.sampled import RowSample
from keyspaces_migration.assessment.estimate.traffic import TableTraffic
from keyspaces_migration.capacity.cost import MonthlyCosts, TableLoad, monthly_costs
from keyspaces_migration.capacity.distribution import Mean, SizeDistribution
from keyspaces_migration.capacity.load_cost import TableWork
from keyspaces_migration.capacity.partitions import HotPartition, HotReason, hot_partitions
from keyspaces_migration.capacity.units import NEW_ON_DEMAND_WRITE_UNITS_PER_S, WRITE_UNIT_BYTES
from keyspaces_migration.config.throughput import ThroughputMode
from keyspaces_migration.cql.types import ListOf

HOT_HOURS = 1 / 60
"""A partition that the load alone makes hot, for a shorter time than this at its limit, is not worth a word."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """What a table serves: as the migration file says, or as a new one on demand."""

    mode: ThroughputMode
    write_units_per_s: int
    is_in_file: bool


@dataclass(frozen=True, kw_only=True)
class TableEstimate:
    """One table's estimate.

    Attributes:
        load: None where sizes or load are not known.
        storage_bytes: None where sizes are not known.
        work: None where sizes, load or history are not known: then no order is recommended.
        hot: Partitions that would run hot.
        problems: What is missing for lack of a look, and what to do.
    """

    name: str
    looked: Looked
    served: Served
    load: TableLoad | None
    monthly: MonthlyCosts | None
    storage_bytes: float | None
    work: TableWork | None
    hot: tuple[HotPartition, ...]
    problems: tuple[str, ...]

    @property
    def sizes(self) -> SizeDistribution | None:
        """Of the sampled rows."""
        return self.looked.sample.sizes if self.looked.sample else None


def estimate_table(looked: Looked, *, request: EstimateRequest) -> TableEstimate:
    """Return what follows from what was looked at."""
    served = _served(looked, request)
    load = _load(looked)
    work = _work(looked, served)
    return TableEstimate(
        name=looked.table.name,
        looked=looked,
        served=served,
        load=load,
        monthly=monthly_costs(load, prices=request.prices, utilisation=request.utilisation) if load else None,
        storage_bytes=_storage_bytes(looked.sample) if looked.sample else None,
        work=work,
        hot=_hot(looked, work, served, request),
        problems=tuple(_problems(looked)),
    )


def _served(looked: Looked, request: EstimateRequest) -> Served:
    in_file = request.tables.get(looked.table.name)
    if in_file is None or in_file.throughput.wcu is None:
        return Served(
            mode=ThroughputMode.PAY_PER_REQUEST,
            write_units_per_s=NEW_ON_DEMAND_WRITE_UNITS_PER_S,
            is_in_file=in_file is not None,
        )
    throughput = in_file.throughput
    return Served(mode=throughput.mode, write_units_per_s=in_file.throughput.wcu, is_in_file=True)


def _load(looked: Looked) -> TableLoad | None:
    sample, traffic = looked.sample, looked.traffic
    if sample is None or traffic is None:
        return None
    if sample.sizes is None:  # an empty table: writes of rows that nobody has seen can't be sized
        return TableLoad(write_units_per_s=0, read_units_per_s=0, storage_bytes=0) if _is_idle(traffic) else None
    writes = traffic.writes_per_s * sample.sizes.write_units.value
    reads = (traffic.reads_per_s + traffic.scans_per_s) * (traffic.rows_per_read or 1)
    return TableLoad(
        write_units_per_s=writes,
        read_units_per_s=reads * sample.sizes.read_units.value,
        storage_bytes=_storage_bytes(sample),
        ttl_delete_units_per_s=writes if looked.table.default_time_to_live_s else 0,
    )


def _is_idle(traffic: TableTraffic) -> bool:
    return not traffic.writes_per_s and not traffic.reads_per_s and not traffic.scans_per_s


def _storage_bytes(sample: RowSample) -> float:
    if sample.sizes is None:
        return sample.table_partitions.value * sample.static_bytes_a_partition
    rows = sample.table_rows.value * sample.sizes.mean_storage_bytes.value
    return rows + sample.table_partitions.value * sample.static_bytes_a_partition


def _work(looked: Looked, served: Served) -> TableWork | None:
    rows, sample, traffic, history = looked.rows_to_load, looked.sample, looked.traffic, looked.history
    if rows is None or sample is None or sample.sizes is None or traffic is None or history is None:
        return None
    units_a_row = _at_most(sample.sizes.write_units)
    static_units = math.ceil(sample.static_bytes_a_partition / WRITE_UNIT_BYTES)
    # Where the history's partitions were not counted, the largest that the sample met is the least that it can be.
    met = (each.rows for each in sample.partitions)
    largest = max((each.count for each in history.widest.by_rows), default=max(met, default=1))
    return TableWork(
        rows=rows,
        write_units_per_row=units_a_row,
        static_write_units=static_units * _at_most(sample.table_partitions),
        changed_rows_per_s=traffic.writes_per_s,
        mode=served.mode,
        capacity_units_per_s=served.write_units_per_s,
        largest_partition_units=largest * units_a_row,
        has_versions=any(not each.undecided_keys for each in history.versions),
        has_unfrozen_lists=any(isinstance(column.type, ListOf) for column in looked.table.columns),
    )


def _at_most(mean: Mean) -> float:
    """The upper bound, to be on the safe side; the mean itself where the sample is too small to have one."""
    return mean.upper if math.isfinite(mean.upper) else mean.value


def _hot(looked: Looked, work: TableWork | None, served: Served, request: EstimateRequest) -> tuple[HotPartition, ...]:
    sample = looked.sample
    if sample is None or sample.sizes is None:
        return ()
    rows = looked.rows_to_load or sample.table_rows.value
    table_units = work.write_units if work else rows * sample.sizes.write_units.value
    if not table_units:
        return ()
    found = hot_partitions(
        partition_loads(looked, sample.sizes, table_rows=rows),
        table_write_units=table_units,
        load_units_per_s=min(request.budget.write_units_per_s, served.write_units_per_s),
    )
    return tuple(each for each in found if each.reasons != (HotReason.LOAD,) or each.least_load_hours >= HOT_HOURS)


def _problems(looked: Looked) -> Iterator[str]:
    sample = looked.sample
    if sample is None:
        yield "its rows could not be read, so nothing that depends on their size is estimated"
    elif sample.sizes is None:
        yield "the sample met no rows: sizes, and what follows from them, are not known"
    if sample is not None and sample.unusable_rows:
        yield f"{sample.unusable_rows:,} sampled rows have no size that can be told: {sample.unusable}"
    if looked.traffic is None:
        yield "its load could not be measured: give it in the parameter load"
    elif looked.load_is_partial:
        yield "its load is at least this: some nodes could not be asked"
    if looked.rows_to_load is None:
        yield "its history was not counted, so the historical load is not estimated"
