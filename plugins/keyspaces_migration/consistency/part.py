"""What a part of a table's check saw, and the parts of a check put together. Pure.

Counts alone could not be put together: a row that two draws have found counts once among the rows out of line, and a
partition whose static columns two parts have compared counts once. So a part names, by digests, what it has counted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from keyspaces_migration.consistency.kinds import Draw, HistoryStanding, MismatchKind, Store
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.results import (
    KeyCounts,
    Mismatch,
    StoreReads,
    SweepSlice,
    TableCounts,
    TableResult,
    WindowCounts,
)
from keyspaces_migration.consistency.share import Share, digest
from keyspaces_migration.consistency.verdict import judge

_NO_WINDOWS = WindowCounts(wanted=0, compared=0, mismatched=0, could_not_look=0, rows=0, mismatched_rows=0, transient=0)
T = TypeVar("T")
_DRAWS = {draw: place for place, draw in enumerate(Draw)}


class PartsError(ValueError):
    """What should be the parts of one table's check is not: of another table, one twice, or one is missing."""


class Found(NamedTuple):
    """A confirmed mismatch, by what tells it from others; `key` is `share.digest` of the row's or partition's key."""

    store: Store
    kind: MismatchKind
    draw: Draw
    key: str


def found_of(mismatch: Mismatch) -> Found:
    """What tells this mismatch from others."""
    return Found(mismatch.store, mismatch.kind, mismatch.draw, digest(sorted(mismatch.key.items())))


@dataclass(frozen=True, kw_only=True)
class TablePart:
    """What a part of a table's check saw.

    Attributes:
        share: Which part it is.
        keys: The rows drawn by key that are this part's; `population` is the whole table's.
        drew_all: Whether the history gave every row it has, to whichever part; `drawn` of them are this part's.
        units: The other draws.
        found: Every confirmed mismatch.
        partitions: Digests of the partitions whose static columns were compared.
        history: As in `TableCounts`.
        problems, mismatches, sweep, read, left_out: As in `TableResult`.
    """

    table: str
    share: Share
    keys: KeyCounts
    drawn: int
    drew_all: bool
    units: Mapping[Draw, WindowCounts]
    found: frozenset[Found]
    partitions: frozenset[str]
    history: Mapping[HistoryStanding, int]
    problems: Mapping[str, int]
    mismatches: tuple[Mismatch, ...]
    started_at: datetime
    finished_at: datetime
    sweep: SweepSlice | None
    read: Mapping[Store, StoreReads]
    left_out: tuple[str, ...]


def merged(parts: Sequence[TablePart], *, plan: CheckPlan) -> TableResult:
    """Put all parts of one table's check together, and judge it: what one check of the whole would have come to.

    Raises:
        PartsError: They are not all parts of one check.
    """
    table = _require_whole(parts)
    counts = _counts(parts, plan=plan)
    problems = _total(part.problems for part in parts)
    sweeps = [part.sweep for part in parts if part.sweep is not None]
    return TableResult(
        table=table,
        counts=counts,
        verdict=judge(table, counts, plan=plan, problems=problems),
        problems=problems,
        mismatches=_examples(parts, most=plan.max_examples),
        started_at=min(part.started_at for part in parts),
        finished_at=max(part.finished_at for part in parts),
        sweep=sweeps[0] if sweeps else None,
        read={store: _reads([part.read[store] for part in parts]) for store in parts[0].read},
        left_out=tuple(reason for part in parts for reason in part.left_out),
    )


def _require_whole(parts: Sequence[TablePart]) -> str:
    tables, shares = {part.table for part in parts}, sorted((part.share.part, part.share.parts) for part in parts)
    if len(tables) != 1 or shares != [(number, len(parts)) for number in range(len(parts))]:
        raise PartsError(f"parts {shares} of tables {sorted(tables)} are not the parts of one table's check")
    return tables.pop()


def _counts(parts: Sequence[TablePart], *, plan: CheckPlan) -> TableCounts:
    found = frozenset().union(*(part.found for part in parts))
    draws = sorted({draw for part in parts for draw in part.units}, key=lambda draw: _DRAWS[draw])
    units = {draw: _units([part.units[draw] for part in parts if draw in part.units]) for draw in draws}
    return TableCounts(
        keys=_keys(parts, plan=plan),
        windows=units.pop(Draw.SOURCE_WINDOWS, _NO_WINDOWS),
        mismatches=Counter((each.store, each.kind) for each in found),
        partitions=len(frozenset().union(*(part.partitions for part in parts))),
        history=_total(part.history for part in parts),
        others=units,
        rows_out_of_line=Counter((store, kind) for store, kind, _ in {(e.store, e.kind, e.key) for e in found}),
    )


def _keys(parts: Sequence[TablePart], *, plan: CheckPlan) -> KeyCounts:
    # Where the history gave all that it has, each part knows its own rows: their sum stays right if it grew meanwhile.
    drew_all = all(part.drew_all for part in parts)
    population = sum(part.drawn for part in parts) if drew_all else max(part.keys.population for part in parts)
    to_draw = max(min(plan.rows_wanted, part.keys.population) for part in parts)
    return KeyCounts(
        population=population,
        wanted=plan.rows_wanted,
        compared=sum(part.keys.compared for part in parts),
        mismatched=sum(part.keys.mismatched for part in parts),
        transient=sum(part.keys.transient for part in parts),
        # A part that had to stop counts all that was still to come, which may have been other parts'.
        could_not_look=min(sum(part.keys.could_not_look for part in parts), to_draw or plan.rows_wanted),
    )


def _units(of_parts: Sequence[WindowCounts]) -> WindowCounts:
    return WindowCounts(
        wanted=sum(each.wanted for each in of_parts),
        compared=sum(each.compared for each in of_parts),
        mismatched=sum(each.mismatched for each in of_parts),
        could_not_look=sum(each.could_not_look for each in of_parts),
        rows=sum(each.rows for each in of_parts),
        mismatched_rows=sum(each.mismatched_rows for each in of_parts),
        transient=sum(each.transient for each in of_parts),
    )


def _examples(parts: Sequence[TablePart], *, most: int) -> tuple[Mismatch, ...]:
    """The parts' examples, those of rows drawn by key first, as a whole check finds them."""
    every = sorted((each for part in parts for each in part.mismatches), key=lambda each: _DRAWS[each.draw])
    once: dict[Found, Mismatch] = {}
    for each in every:
        once.setdefault(found_of(each), each)
    return tuple(once.values())[:most]


def _reads(reads: Sequence[StoreReads]) -> StoreReads:
    return StoreReads(requests=sum(each.requests for each in reads), units=sum(each.units for each in reads))


def _total(counts: Iterable[Mapping[T, int]]) -> Counter[T]:
    total: Counter[T] = Counter()
    for each in counts:
        total.update(each)
    return total
