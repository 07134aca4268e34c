"""A check as numbers that can be watched."""

from collections.abc import Iterator
from dataclasses import dataclass

from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.consistency.results import CheckResult, TableResult

PREFIX = "keyspaces_migration.consistency."


@dataclass(frozen=True, slots=True)
class Metric:
    """One number, of one table."""

    name: str
    value: float
    table: str


def metrics_of(result: CheckResult) -> Iterator[Metric]:
    """Yield what a check says of each table.

    `passed` is 1 or 0; `row_bound` is left out where nothing was compared, as a number would look like one. What could
    not be looked at is counted in the draws' own units.
    """
    for table in result.tables:
        for name, value in _numbers(table).items():
            yield Metric(f"{PREFIX}{name}", value, table.table)


def _numbers(table: TableResult) -> dict[str, float]:
    counts = table.counts
    units = (counts.windows, *counts.others.values())
    numbers: dict[str, float] = {
        "passed": float(table.verdict.verdict is Verdict.PASS),
        "rows_compared": counts.keys.compared + sum(each.rows for each in units),
        "rows_out_of_line": sum(counts.rows_out_of_line.values()),
        "could_not_look": counts.keys.could_not_look + sum(each.could_not_look for each in units),
    }
    if table.verdict.row_bound is not None:
        numbers["row_bound"] = table.verdict.row_bound
    return numbers
