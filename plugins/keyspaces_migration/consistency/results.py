"""What a check saw, as counts and examples. Pure data."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from keyspaces_migration.consistency.kinds import Draw, HistoryStanding, MismatchKind, Store, Verdict
from keyspaces_migration.consistency.plan import CheckPlan


@dataclass(frozen=True, kw_only=True)
class KeyCounts:
    """Rows drawn from the history by key, each by itself: what the bound on rows is computed from.

    Attributes:
        population: Rows that the history knows, newest versions that are not deleted; what was drawn from.
        wanted: Rows that the plan asks for.
        compared: Rows of which both stores gave a clear answer.
        mismatched: Those of them with a mismatch that settling did not heal, outside static columns.
        transient: Those that differed at first and no longer after settling.
        could_not_look: Rows that should have been compared and were not, those never tried included.
    """

    population: int
    wanted: int
    compared: int
    mismatched: int
    transient: int
    could_not_look: int

    @property
    def is_complete(self) -> bool:
        """Whether every row that the history knows was compared, so that nothing is left to chance."""
        return 0 < self.population <= self.compared


@dataclass(frozen=True, kw_only=True)
class WindowCounts:
    """Token windows, or other units that are compared whole: partitions, ranges, single keys of a stratum.

    Rows in a window are no independent draws; windows are.

    Attributes:
        wanted: Windows that the plan asks for.
        compared: Windows read to the end in both stores.
        mismatched: Those with a confirmed mismatch, static columns included.
        could_not_look: The others.
        rows: Rows compared in them.
        mismatched_rows: Rows with a confirmed mismatch.
        transient: Rows that differed at first and no longer after settling.
    """

    wanted: int
    compared: int
    mismatched: int
    could_not_look: int
    rows: int
    mismatched_rows: int
    transient: int


@dataclass(frozen=True, kw_only=True)
class TableCounts:
    """All that was counted for one table.

    Attributes:
        keys: The forward draw.
        windows: The reverse draw.
        others: The other draws that were made, in their own units.
        rows_out_of_line: As `mismatches`, but each row or partition once however many draws have found it.
        mismatches: Confirmed mismatches by store and kind; one row or partition counts once a store and draw.
        partitions: Partitions whose static columns were compared.
        history: How the history stands to the leader's rows; `WRONG` ones are among `mismatches`.
    """

    keys: KeyCounts
    windows: WindowCounts
    mismatches: Mapping[tuple[Store, MismatchKind], int]
    partitions: int
    history: Mapping[HistoryStanding, int]
    others: Mapping[Draw, WindowCounts] = field(default_factory=dict)
    rows_out_of_line: Mapping[tuple[Store, MismatchKind], int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TableVerdict:
    """What the counts say.

    Attributes:
        verdict: Of the table.
        sentence: For a person.
        row_bound: The upper bound on the rate of wrong rows among those that the history knows; 0 is certainty after
            a complete comparison, None where nothing was compared.
        window_bound: The upper bound on the share of windows with a mismatch; None where none was compared.
    """

    verdict: Verdict
    sentence: str
    row_bound: float | None
    window_bound: float | None


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """A confirmed mismatch.

    Attributes:
        table: Where.
        kind: What.
        store: The store that is out of line.
        draw: How the row was found.
        key: The primary key by column, or the partition key where static columns differ; JSON values.
        columns: The columns that differ; empty where a whole row is too many or too few.
        values: By column, then by store; JSON values. Where a time to live differs, it alone; where asked for, when
            each value was written too. None where there is none, as of a whole row, or where they are redacted.
        seen_at: When it was first seen.
        confirmed_at: When it was seen again, after settling.
    """

    table: str
    kind: MismatchKind
    store: Store
    draw: Draw
    key: Mapping[str, Any]
    columns: tuple[str, ...]
    values: Mapping[str, Mapping[str, Any]] | None = field(repr=False)
    seen_at: datetime
    confirmed_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoreReads:
    """What a check read of one store.

    Attributes:
        requests: Statements sent, pages counted one by one.
        units: Read units by the size of what came back, as Amazon Keyspaces counts at LOCAL_QUORUM: one for each 4 KiB
            begun, of a row or of a page. An estimate; of the source it says how much was asked of it.
    """

    requests: int
    units: int


@dataclass(frozen=True, kw_only=True)
class SweepSlice:
    """A part of the token ring, compared from `from_token` (excluded) to `to_token` (included) in both stores.

    Attributes:
        began_at: When the pass over the ring began that this is a part of.
        rows: Compared in it.
        is_end: Whether the pass ends with it.
    """

    from_token: int
    to_token: int
    began_at: datetime
    rows: int
    is_end: bool


@dataclass(frozen=True, kw_only=True)
class TableResult:
    """A table's part of a check.

    Attributes:
        problems: Why something could not be looked at, and how often.
        mismatches: The first of those counted, at most `CheckPlan.max_examples`.
        sweep: The part of the token ring that this check swept; None where it did not.
        read: What was read of source and target.
        left_out: What no draw was made of, by plan, and why.
    """

    table: str
    counts: TableCounts
    verdict: TableVerdict
    problems: Counter[str]
    mismatches: tuple[Mismatch, ...]
    started_at: datetime
    finished_at: datetime
    sweep: SweepSlice | None = None
    read: Mapping[Store, StoreReads] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """A whole check."""

    plan: CheckPlan
    verdict: Verdict
    sentence: str
    tables: tuple[TableResult, ...]
    started_at: datetime
    finished_at: datetime

    def summary(self) -> dict[str, Any]:
        """What fits into an asset event or XCom: a pointer for people, never evidence."""
        return {
            "verdict": self.verdict.value,
            "sentence": self.sentence,
            "finished_at": self.finished_at.isoformat(),
            "rows_compared": sum(table.counts.keys.compared for table in self.tables),
            "tables": {
                table.table: {
                    "verdict": table.verdict.verdict.value,
                    "row_bound": table.verdict.row_bound,
                    "out_of_line": sorted({store.value for store, _ in table.counts.mismatches}),
                }
                for table in self.tables
            },
        }
