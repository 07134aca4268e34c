"""The estimate's sections of the report."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from keyspaces_migration.assessment.estimate import Estimate, TableEstimate
from keyspaces_migration.assessment.estimate.sampled import CONFIDENCE
from keyspaces_migration.assessment.money_page import history_section, load_section
from keyspaces_migration.assessment.wording import UNKNOWN, bytes_text, mean_text, usd_text
from keyspaces_migration.capacity.load_cost import BARRIER_HOURS
from keyspaces_migration.capacity.partitions import HotPartition, HotReason
from keyspaces_migration.capacity.wording import hours_text
from keyspaces_migration.markdown import code, table, text

_SHOWN_HOT: Final = 10
_HOT: Final = {
    HotReason.WRITES: "its writes need {0.write_share:.0%} of 1,000 write units a second",
    HotReason.READS: "its reads need {0.read_share:.0%} of 3,000 read units a second",
    HotReason.LOAD: "the load, spread by rows, would need {0.load_share:.0%} of 1,000 write units a second there",
}
ASSUMED: Final = (
    (
        "Sizes follow AWS's page on row sizes, which calls its own figures approximate. Client-side timestamps are "
        "assumed at 20 bytes a column: AWS says 20 to 40, and elsewhere a few bytes."
    ),
    (
        "The load is a mean of about five minutes, as the nodes counted it when this ran. A month's cost is that of "
        "such a load all month. Run this at the peak, or give the load in the parameter `load`."
    ),
    (
        "A read is taken to return the median number of rows, each rounded up to 4 KB by itself. Scans and filters "
        "cost what they read, not what they return."
    ),
    (
        "Writes count each as one row written whole; a write of static columns costs more, a delete or a write of one "
        "column may cost less. LOGGED batches cost twice."
    ),
    (
        "Without the history's word on writes, a partition is taken to get its share of the table's by its rows. The "
        "history's word is a mean over its last day: at its peak a partition gets more."
    ),
    (
        "Deletes by time to live are counted where the table has a default, as if every write were of a row that then "
        "expires."
    ),
    "Left out: savings plans, data transfer, VPC endpoints, CloudWatch, several Regions, warm throughput, Snowflake.",
)


def short_rows(estimate: Estimate) -> Iterator[tuple[str, str]]:
    """What a person who reads nothing else should know, as pairs of a name and what it comes to."""
    tables = estimate.tables
    storage, known = _known(each.storage_bytes for each in tables)
    yield "stored on the target", f"{bytes_text(storage) if known else 'not known'}{_of(known, tables)}"
    loads = [each.load for each in tables if each.load]
    writes, reads = sum(each.write_units_per_s for each in loads), sum(each.read_units_per_s for each in loads)
    load = f"{_at_least(tables)}{writes:,.0f} write and {reads:,.0f} read units a second" if loads else "not known"
    yield "load now", f"{load}{_of(len(loads), tables)}"
    yield from _month_rows(estimate)
    yield from _load_rows(estimate)
    yield "partitions that would run hot", _hot_found(tables)


def _hot_found(tables: Sequence[TableEstimate]) -> str:
    hot, judged = sum(len(each.hot) for each in tables), sum(each.sizes is not None for each in tables)
    found = f"{hot} found" if hot else ("none found" if judged or not tables else "not known")
    return f"{found}{_of(judged, tables)}"


def _load_rows(estimate: Estimate) -> Iterator[tuple[str, str]]:
    recommendations = estimate.recommendations
    chosen = [each.chosen for each in recommendations.tables.values() if each.chosen]
    if chosen:
        usd = usd_text(sum(each.cost_usd for each in chosen))
        yield (
            "historical load, once",
            f"{usd} for its writes, in the orders recommended{_of(len(chosen), estimate.tables)}",
        )
    if recommendations.tables:
        in_time = "in time" if recommendations.ends_in_time else "**not in time**"
        hours = hours_text(recommendations.hours_at_barrier)
        known = _of(len(recommendations.tables), estimate.tables)
        yield "of it at the barrier", f"{hours}, {in_time}: {BARRIER_HOURS:.0f} h are allowed{known}"


def _month_rows(estimate: Estimate) -> Iterator[tuple[str, str]]:
    months = [each.monthly for each in estimate.tables if each.monthly]
    of, least = _of(len(months), estimate.tables), _at_least(estimate.tables)
    if months:
        yield "a month, on demand", f"{least}{usd_text(sum(each.on_demand.total_usd for each in months))}{of}"
        yield "a month, provisioned", f"{least}{usd_text(sum(each.provisioned.total_usd for each in months))}{of}"
        yield (
            "a month, each table in its cheaper mode",
            f"{least}{usd_text(sum(each.cheaper.total_usd for each in months))}{of}",
        )


def estimate_sections(estimate: Estimate, plots: Mapping[str, str]) -> Iterator[str]:
    """All of the estimate's sections, each with its plot where there is one."""
    for section, plot in (
        (size_section, "row-sizes.svg"),
        (load_section, "month.svg"),
        (hot_section, ""),
        (history_section, "hours.svg"),
    ):
        yield from section(estimate)
        if plot in plots:
            yield f"![{plots[plot]}]({plot})"
            yield ""


def size_section(estimate: Estimate) -> Iterator[str]:
    """How large rows are."""
    yield "## Row sizes"
    yield ""
    yield from table(
        (
            "table",
            "sampled",
            "p50, B",
            "p99, B",
            "largest, B",
            "near 1 MB",
            "write units a row",
            "read units a row",
            "rows",
            "stored",
        ),
        [_size_row(each) for each in estimate.tables],
    )
    yield (
        "Bytes as Amazon Keyspaces meters them; a write unit is 1 KB of a row, a read unit 4 KB at LOCAL_QUORUM. "
        f"Ranges are at {CONFIDENCE:.0%} confidence. Near 1 MB: rows of 900 KB or more, and at most which share of the "
        "table (of the places looked at, where not all of it was read) can have one."
    )
    yield ""
    for each in estimate.tables:
        yield from (f"- {code(each.name)}: {line}" for line in _size_remarks(each))
    yield ""


def _size_row(each: TableEstimate) -> list[str]:
    sample, sizes = each.looked.sample, each.sizes
    if sample is None or sizes is None:
        return [code(each.name), "0" if sample else "could not look", *[UNKNOWN] * 8]
    near = f"{sizes.near_limit_rows}; at most {sizes.near_limit_share_at_most:.2%}"
    return [
        code(each.name),
        f"{sizes.rows:,} (all)" if sample.is_whole else f"{sizes.rows:,} in {sample.windows} places",
        f"{sizes.p50_bytes:,}",
        f"{sizes.p99_bytes:,}",
        f"{sizes.max_bytes:,}",
        "0 (all read)" if sample.is_whole and not sizes.near_limit_rows else near,
        mean_text(sizes.write_units),
        mean_text(sizes.read_units),
        mean_text(sample.table_rows, digits=0),
        bytes_text(each.storage_bytes or 0),
    ]


def _size_remarks(each: TableEstimate) -> Iterator[str]:
    sample, sizes = each.looked.sample, each.sizes
    if sizes and sizes.over_limit_rows:
        yield f"**{sizes.over_limit_rows} sampled rows are larger than 1 MB: Amazon Keyspaces refuses them**"
    if sample and sample.cut_windows:
        yield (
            f"in {sample.cut_windows} of {sample.windows} places reading ended early, within a large partition: rows "
            "and size of the whole table are at least these"
        )
    if sample and sample.is_thin:
        yield (
            f"the sample met only {len(sample.partitions)} partitions: the ranges promise more than they can keep. "
            "Sample more rows"
        )
    yield from (text(problem) for problem in each.problems)


def hot_section(estimate: Estimate) -> Iterator[str]:
    """Partitions that would run hot."""
    yield "## Partitions that would run hot"
    yield ""
    found = [(each.name, hot) for each in estimate.tables for hot in each.hot]
    if not any(each.sizes for each in estimate.tables):
        yield "Not judged: the size of no table's rows is known."
        yield ""
    elif not found:
        yield (
            "None of those looked at comes near 1,000 write or 3,000 read units a second, or would for longer than a "
            "minute of the load."
        )
        yield ""
    yield from table(
        ("table", "partition", "rows", "size", "why", "loads in, at the least"),
        [_hot_row(name, hot) for name, hot in found[:_SHOWN_HOT]],
    )
    if len(found) > _SHOWN_HOT:
        yield f"And {len(found) - _SHOWN_HOT} more, in the machine-readable twin."
        yield ""
    yield from (f"- {code(each.name)}: {_looked_for_hot(each)}" for each in estimate.tables)
    yield ""


def _hot_row(name: str, hot: HotPartition) -> list[str]:
    partition, reasons = hot.partition, "; ".join(_HOT[reason].format(hot) for reason in hot.reasons)
    if not partition.is_counted:
        return [code(name), code(partition.key), UNKNOWN, UNKNOWN, reasons, UNKNOWN]
    return [
        code(name),
        code(partition.key),
        f"{partition.rows:,}",
        bytes_text(partition.bytes),
        reasons,
        hours_text(hot.least_load_hours),
    ]


def _looked_for_hot(each: TableEstimate) -> str:
    if each.sizes is None:
        return "not judged, as the size of its rows is not known"
    without = "" if each.looked.traffic else "; its reads and writes are not known, and were not judged"
    widest = each.looked.history.widest if each.looked.history else None
    looked = []
    if widest and widest.by_rows:
        largest = widest.by_rows[0].count
        looked.append(f"the history's {len(widest.by_rows)} largest partitions, the largest of {largest:,} rows")
    if widest and widest.by_last_day:
        looked.append(f"its {len(widest.by_last_day)} most written on its last day, by {code(widest.written_by)}")
    if not looked and each.looked.sample and each.looked.sample.partitions:
        looked.append(f"the {len(each.looked.sample.partitions):,} partitions that the sample met")
    return f"looked at {' and '.join(looked)}{without}" if looked else "nothing tells of its partitions"


def _known(values: Iterable[float | None]) -> tuple[float, int]:
    known = [value for value in values if value is not None]
    return sum(known), len(known)


def _at_least(tables: Sequence[TableEstimate]) -> str:
    """Where some nodes did not tell their part of the load."""
    return "at least " if any(each.load and each.looked.load_is_partial for each in tables) else ""


def _of(known: int, tables: Sequence[TableEstimate]) -> str:
    return "" if known == len(tables) else f" (known for {known} of {len(tables)} tables)"
