"""A check as numbers that can be watched."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from keyspaces_migration.consistency.kinds import MismatchKind, Store, Verdict
from keyspaces_migration.consistency.part import TablePart
from keyspaces_migration.consistency.results import CheckResult, TableResult

PREFIX = "keyspaces_migration.consistency."
NAMESPACE = "KeyspacesMigration"
"""Of the metrics in CloudWatch, where the migration file names none."""
DIMENSIONS = ("migration", "table")
"""Of the metrics in CloudWatch, and tags of Airflow's."""
_VERDICTS = {Verdict.PASS: 1.0, Verdict.INCONCLUSIVE: 0.0, Verdict.FAIL: -1.0}
_NO_COUNTS = frozenset({"passed", "verdict", "row_bound"})


@dataclass(frozen=True, slots=True)
class Metric:
    """One number, of one table."""

    name: str
    value: float
    table: str


def metrics_of(result: CheckResult) -> Iterator[Metric]:
    """Yield what a check says of each table, as `numbers_of_table`."""
    for table in result.tables:
        for name, value in numbers_of_table(table).items():
            yield Metric(f"{PREFIX}{name}", value, table.table)


def numbers_of_table(table: TableResult) -> dict[str, float]:
    """What a check says of a table, by name.

    `verdict` is 1 for PASS, 0 for INCONCLUSIVE and -1 for FAIL; `passed` is 1 or 0. `row_bound` is left out where
    nothing was compared, as a number would look like one. What could not be looked at is counted in the draws' own
    units.
    """
    counts = table.counts
    units = (counts.windows, *counts.others.values())
    numbers: dict[str, float] = {
        "passed": float(table.verdict.verdict is Verdict.PASS),
        "verdict": _VERDICTS[table.verdict.verdict],
        "rows_compared": counts.keys.compared + sum(each.rows for each in units),
        "could_not_look": counts.keys.could_not_look + sum(each.could_not_look for each in units),
        **_out_of_line({store: _of(store, counts.rows_out_of_line) for store in Store}),
        **{f"read_units_{store}": read.units for store, read in table.read.items()},
    }
    if table.verdict.row_bound is not None:
        numbers["row_bound"] = table.verdict.row_bound
    return numbers


def numbers_of_part(part: TablePart) -> dict[str, float]:
    """What a part of a table's check says, by name: what can be added up over the parts, and so no verdict or bound."""
    rows = {(each.store, each.kind, each.key) for each in part.found}
    units = part.units.values()
    return {
        "rows_compared": part.keys.compared + sum(each.rows for each in units),
        "could_not_look": part.keys.could_not_look + sum(each.could_not_look for each in units),
        **_out_of_line({store: sum(row[0] is store for row in rows) for store in Store}),
        **{f"read_units_{store}": read.units for store, read in part.read.items()},
    }


def unit_of(name: str) -> str:
    """CloudWatch's unit of a number."""
    return "None" if name in _NO_COUNTS else "Count"


def _out_of_line(by_store: dict[Store, int]) -> dict[str, float]:
    each = {f"rows_out_of_line_{store}": float(count) for store, count in by_store.items()}
    return {"rows_out_of_line": float(sum(by_store.values())), **each}


def _of(store: Store, counts: Mapping[tuple[Store, MismatchKind], int]) -> int:
    return sum(count for (of, _), count in counts.items() if of is store)
