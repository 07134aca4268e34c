"""Counts after a load: the ledger against the snapshot, and the target against the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyspaces_migration.backfill.logged import LoggedDeletes
from keyspaces_migration.backfill.plan import require_stamp
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.config import Migration
from keyspaces_migration.cql.identifiers import quote
from keyspaces_migration.ledger.backfill_records import LoadMode, TableProgress
from keyspaces_migration.ledger.backfills import BackfillLedger

if TYPE_CHECKING:
    from cassandra.cluster import Session

_RANGES = 16
_FIRST_TOKEN, _LAST_TOKEN = -(2**63), 2**63 - 1
_PAGE_ROWS = 5_000


@dataclass(frozen=True, kw_only=True)
class TableCounts:
    """The counts of one table.

    Attributes:
        progress: What the ledger says.
        target_rows: Rows on the target; None where it need not be the same as was written: a load over an
            earlier one or beside dual writes, rows that expire.
        deletes: Logged deletes that were applied after its last split; None where they were not.
    """

    progress: TableProgress
    target_rows: int | None
    deletes: int | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What does not agree."""
        counts, planned, found = self.progress.counts, self.progress.table.rows, []
        if not self.progress.is_complete:
            left = self.progress.splits - self.progress.done
            found.append(f"{left} of {self.progress.splits} splits are not done")
        elif planned and counts.dead == planned:
            found.append(f"none of its {planned} rows could be written; the dead letters say why")
        elif counts.rows_read != planned:
            found.append(f"{counts.rows_read} rows were read, and the snapshot has {planned}")
        elif self.progress.table.barrier_us is not None and self.deletes is None:
            found.append("the deletes that applications logged were not applied after its last split")
        if self.target_rows is not None and self.target_rows != counts.written:
            found.append(f"{counts.written} rows were written, and the target has {self.target_rows}")
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The counts of a run."""

    run_id: str
    tables: tuple[TableCounts, ...]

    @property
    def agrees(self) -> bool:
        """Whether all was planned, read, written and found again; dead letters are told apart, and don't count here."""
        return bool(self.tables) and not any(table.problems for table in self.tables)

    @property
    def dead(self) -> int:
        """Rows that could not be written."""
        return sum(table.progress.counts.dead for table in self.tables)

    def summary(self) -> dict[str, Any]:
        """Return what a task hands on: JSON values, few and small."""
        counts = [table.progress.counts for table in self.tables]
        return {
            "run_id": self.run_id,
            "agrees": self.agrees,
            "rows_backfilled": sum(each.written for each in counts),
            "tables": {table.progress.table.table_name: table.progress.counts.written for table in self.tables},
            "took_s": {
                table.progress.table.table_name: round(table.progress.took.total_seconds(), 3)
                for table in self.tables
                if table.progress.took is not None
            },
            "expired": sum(each.expired for each in counts),
            "deletes_applied": sum(table.deletes or 0 for table in self.tables),
            "dead": self.dead,
            "problems": [f"{t.progress.table.table_name}: {each}" for t in self.tables for each in t.problems],
        }


def verify_counts(  # noqa: PLR0913 # what is counted, and what is applied before, the run by keyword
    session: "Session",
    ledger: BackfillLedger,
    migration: Migration,
    *,
    dag_id: str,
    run_id: str,
    deletes: LoggedDeletes | None = None,
) -> Verification:
    """Compare what was planned, read and written, and count the target where it must hold just that.

    Beside dual writes, first applies all logged `deletes` to each table whose splits are all done: without them its
    counts do not agree. Errors are those of the ledger and the driver's own.

    Raises:
        StampChangedError: The deletes are those of another barrier than the planned one.
        DeletesNotAppliedError: The target did not take some of them.
    """
    tables = []
    for progress in ledger.progress(dag_id=dag_id, run_id=run_id):
        name = progress.table.table_name
        target = Target.of(migration, name)
        comparable = progress.table.mode is LoadMode.FULL and progress.table.barrier_us is None and not target.expires
        applied = _apply_at_end(progress, deletes)
        rows = count_rows(session, target) if comparable else None
        tables.append(TableCounts(progress=progress, target_rows=rows, deletes=applied))
    return Verification(run_id=run_id, tables=tuple(tables))


def _apply_at_end(progress: TableProgress, deletes: LoggedDeletes | None) -> int | None:
    # Only once the ledger says that every split is done: a delete that is applied before a row that it deletes is
    # written may be forgotten by then.
    if progress.table.barrier_us is None or deletes is None or not progress.is_complete:
        return None
    require_stamp(progress.table, barrier_us=deletes.barrier_us)
    return deletes.at_end(progress.table.table_name).deletes


def count_rows(session: "Session", target: Target) -> int:
    """Return how many rows a table has, read range by range and page by page: Keyspaces has no COUNT."""
    key = target.table.schema_.primary_key
    partition = ", ".join(map(quote, target.table.schema_.partition_keys))
    # The last key column alone: the smallest answer that still has one line a row. A clustering key that is null
    # belongs to a partition of static columns only, which is no row.
    statement = session.prepare(
        f"SELECT {quote(key[-1])} FROM {target.address} WHERE token({partition}) >= ? AND token({partition}) <= ?"  # noqa: S608 # names are quoted
    )
    statement.fetch_size = _PAGE_ROWS
    return sum(sum(row[0] is not None for row in session.execute(statement, bounds)) for bounds in _ranges())


def _ranges() -> Sequence[tuple[int, int]]:
    """Return ranges of Murmur3's tokens, both ends inside, that cover all of them once."""
    width = (_LAST_TOKEN - _FIRST_TOKEN) // _RANGES + 1
    starts = range(_FIRST_TOKEN, _LAST_TOKEN + 1, width)
    return [(start, min(start + width - 1, _LAST_TOKEN)) for start in starts]
