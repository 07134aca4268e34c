"""From counts to a verdict and the sentence that a person reads. Pure.

The bound on rows stands on the forward draw alone: its keys are drawn each by itself. Rows of one token window lie
together and may be wrong together, so windows have a bound of their own, on windows. A mismatch found anywhere fails.
"""

from collections.abc import Mapping, Sequence

from keyspaces_migration.consistency.bounds import upper_bound
from keyspaces_migration.consistency.kinds import Draw, MismatchKind, Store, Verdict
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.results import KeyCounts, TableCounts, TableResult, TableVerdict, WindowCounts

_NAMES = {
    Draw.SOURCE_WINDOWS: "windows",
    Draw.TARGET_WINDOWS: "windows of both stores",
    Draw.WIDEST_PARTITIONS: "widest partitions",
    Draw.NEWEST_WRITES: "newest writes",
    Draw.SWEEP: "ranges of the sweep",
}


def judge(table: str, counts: TableCounts, *, plan: CheckPlan, problems: Mapping[str, int]) -> TableVerdict:
    """Judge one table.

    Any confirmed mismatch fails, except that up to the tolerated share of the rows drawn by key may differ. Without a
    mismatch to fail by, whatever could not be looked at, or too small a sample for the bound, makes it inconclusive.
    """
    bound = _row_bound(counts.keys, plan)
    if _fails(counts, plan):
        verdict, sentence = Verdict.FAIL, _fail_sentence(counts, plan)
    elif doubts := _doubts(counts, plan, problems, bound):
        verdict, sentence = (
            Verdict.INCONCLUSIVE,
            f"not known whether it is the same in both stores: {'; '.join(doubts)}",
        )
    else:
        verdict, sentence = Verdict.PASS, _pass_sentence(counts, plan, bound)
    return TableVerdict(
        verdict=verdict,
        sentence=f"{table}: {sentence}.",
        row_bound=bound,
        window_bound=_window_bound(counts.windows, plan),
    )


def judge_all(tables: Sequence[TableResult]) -> tuple[Verdict, str]:
    """The verdict of a check over several tables: as bad as the worst of them; never a pass of none.

    Each table's bound holds at the confidence stated; that all hold at once is less sure, and is not claimed.
    """
    names = {
        verdict: [table.table for table in tables if table.verdict.verdict is verdict]
        for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)
    }
    parts = [f"{verdict.value.upper()}: {', '.join(found)}" for verdict, found in names.items() if found]
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if names[verdict]:
            return verdict, "; ".join(parts) + "."
    if not tables:
        return Verdict.INCONCLUSIVE, "No table was looked at."
    return Verdict.PASS, "; ".join(parts) + "."


def one_in(rate: float) -> str:
    """A rate as people say it: "1 in 10,000"; rounded toward the worse."""
    # The tiny addition keeps 1/1e-4 from reading 9,999.
    return f"1 in {max(1, int(1 / rate + 1e-9)):,}" if rate > 0 else "0"


def _row_bound(keys: KeyCounts, plan: CheckPlan) -> float | None:
    if not keys.compared:
        return None
    if keys.is_complete:
        return keys.mismatched / keys.compared
    return upper_bound(mismatches=keys.mismatched, looked_at=keys.compared, confidence=plan.confidence)


def _window_bound(windows: WindowCounts, plan: CheckPlan) -> float | None:
    if not windows.compared:
        return None
    return upper_bound(mismatches=windows.mismatched, looked_at=windows.compared, confidence=plan.confidence)


def _fails(counts: TableCounts, plan: CheckPlan) -> bool:
    found = sum(counts.mismatches.values())
    drawn_by_key = counts.keys.mismatched
    # A rate can be tolerated only where it can be estimated: not in windows, static columns or the history.
    return found > drawn_by_key or drawn_by_key > plan.tolerated_mismatch_rate * counts.keys.compared


def _doubts(counts: TableCounts, plan: CheckPlan, problems: Mapping[str, int], bound: float | None) -> list[str]:
    keys, windows = counts.keys, counts.windows
    doubts = []
    if keys.could_not_look:
        doubts.append(f"{keys.could_not_look:,} rows could not be looked at")
    for draw, units in {Draw.SOURCE_WINDOWS: windows, **counts.others}.items():
        if units.could_not_look:
            name = _NAMES[draw]
            doubts.append(f"{units.could_not_look:,} of {units.wanted:,} {name} could not be read to the end")
    if bound is None:
        seen = keys.population or keys.could_not_look
        doubts.append("no row was compared" if seen else "the history gave no row to draw")
    elif bound >= plan.max_mismatch_rate:
        doubts.append(
            f"{keys.compared:,} rows are too few to rule out a rate of {one_in(plan.max_mismatch_rate)} at "
            f"{plan.confidence:.4g} confidence"
        )
    unexplained = [f"{reason} ({count:,} times)" for reason, count in list(problems.items())[:3]]
    return [*doubts, *unexplained] if doubts or problems else []


def _pass_sentence(counts: TableCounts, plan: CheckPlan, bound: float | None) -> str:
    keys, windows = counts.keys, counts.windows
    differs = "none differs" if not keys.mismatched else f"{keys.mismatched:,} differ, which the file tolerates"
    if keys.is_complete:
        said = f"all {keys.compared:,} rows that the history knows were compared, and {differs}"
    else:
        said = (
            f"with {plan.confidence * 100:.4g} % confidence fewer than {one_in(bound or 1.0)} rows differ "
            f"({keys.compared:,} of {keys.population:,} rows that the history knows, drawn at random; {differs})"
        )
    if windows.compared:
        said += (
            f"; {windows.rows:,} rows in {windows.compared:,} random windows of the source are the same in the target"
        )
    if others := sum(units.rows for units in counts.others.values()):
        said += f"; so are {others:,} rows that were chosen in other ways"
    return said


def _fail_sentence(counts: TableCounts, plan: CheckPlan) -> str:
    by_store: dict[Store, list[str]] = {}
    for (store, kind), count in sorted((counts.rows_out_of_line or counts.mismatches).items()):
        by_store.setdefault(store, []).append(f"{count:,} {_words(kind)}")
    found = "; ".join(f"out of line is the {store.value}: {', '.join(kinds)}" for store, kinds in by_store.items())
    return (
        f"{found} (seen again after {plan.settle_time_s:g} s; {counts.keys.compared:,} rows drawn by key and "
        f"{counts.windows.rows:,} in windows were compared)"
    )


def _words(kind: MismatchKind) -> str:
    return kind.value.replace("_", " ")
