"""How often a check finds damage, against theory, and whether it ever blames a pair that is clean.

    make bench NAME=detection        TRIALS=100 PATTERNS=20 CLEAN=100

Each pattern damages some rows of the target in one way, at places of its own, and is checked TRIALS times with other
seeds by the check itself, over stores in memory: 2,000 rows in 400 partitions, 228 drawn by key, four windows of the
source's ring and four of the target's. Three rates are held against theory: of the draw by key (hypergeometric), of the
windows, and of both; each must lie in its binomial band, with all bands together at 99.9 % (Bonferroni). A damaged row
that is found under another name, key, column or store counts as misnamed. The strata and the sweep are off: each would
see a row always or never.

The clean checks run beside a writer of both stores, whose writes reach the target late.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scipy.stats import binom  # type: ignore[import-untyped]

from benchmarks.support.detection_patterns import Damage, Pattern, all_of, pattern
from benchmarks.support.detection_stores import LIVES, ROWS, SHAPE, LiveWriter, MemoryHistory, MemoryStore
from keyspaces_migration.consistency.check import TableCheck, run_check
from keyspaces_migration.consistency.kinds import Draw, Store, Verdict
from keyspaces_migration.consistency.plan import CheckPlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyspaces_migration.consistency.results import CheckResult, Mismatch

TRIALS = int(os.environ.get("TRIALS", "100"))
PATTERNS = int(os.environ.get("PATTERNS", "20"))
CLEAN = int(os.environ.get("CLEAN", "100"))
FAMILY_WISE = 0.001
SIZES = {Damage.LOST_PARTITION: (1, 2, 3, 5)}
OTHER_SIZES = (1, 2, 5, 10)
PLAN = CheckPlan(
    seed=0,
    max_mismatch_rate=0.02,
    settle_time_s=30,
    windows=4,
    target_windows=4,
    rows_per_window=40,
    widest_partitions=0,
    newest_writes=0,
)
SOURCE_ROWS = {key: (*row, *LIVES) for key, row in ROWS.items()}
HISTORY = MemoryHistory()
RATES = ("keys", "windows", "any")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the trials of a pattern found: times found, by rate, what theory says, and mismatches with a wrong name."""

    pattern: Pattern
    found: Counter[str]
    theory: dict[str, float]
    misnamed: int

    def is_within_band(self, *, rates_in_family: int) -> bool:
        """Whether each rate lies in its band."""
        tail = FAMILY_WISE / rates_in_family / 2
        return all(
            binom.ppf(tail, TRIALS, chance) <= self.found[name] <= binom.isf(tail, TRIALS, chance)
            for name, chance in self.theory.items()
        )


def check(
    source: MemoryStore, target: MemoryStore, *, seed: int, settle: Callable[[float], None] = lambda _seconds: None
) -> CheckResult:
    """One check of the pair."""
    plan, now = replace(PLAN, seed=seed), dt.datetime.now(dt.UTC)
    table = TableCheck(
        shape=SHAPE, plan=plan, source=source, target=target, history=HISTORY, settle=settle, now=lambda: now
    )
    return run_check([table], plan=plan, now=lambda: now)


def measure(damaged: Pattern, *, number: int) -> Measured:
    """Check a pattern as often as asked."""
    source, target = MemoryStore(dict(SOURCE_ROWS)), MemoryStore(damaged.target(SOURCE_ROWS))
    found: Counter[str] = Counter()
    misnamed = 0
    for trial in range(TRIALS):
        mismatches = check(source, target, seed=number * 1_000_000 + trial).tables[0].mismatches
        by_keys = any(each.draw is Draw.HISTORY_KEYS for each in mismatches)
        by_windows = any(each.draw is not Draw.HISTORY_KEYS for each in mismatches)
        found.update({"keys": by_keys, "windows": by_windows, "any": by_keys or by_windows})
        misnamed += sum(not is_named_right(each, damaged) for each in mismatches)
    keys, windows = damaged.by_keys(PLAN), damaged.by_windows(PLAN)
    theory = dict(zip(RATES, (keys, windows, all_of(keys, windows)), strict=True))
    return Measured(pattern=damaged, found=found, theory=theory, misnamed=misnamed)


def is_named_right(mismatch: Mismatch, damaged: Pattern) -> bool:
    """Whether a mismatch is the damage, by store, kind, key and columns."""
    key = (mismatch.key["p"], mismatch.key["c"])
    named = (mismatch.store, mismatch.kind, mismatch.columns, key in damaged.keys)
    return named == (Store.TARGET, damaged.kind, damaged.columns, True)


def clean_checks() -> tuple[Counter[Verdict], int, int]:
    """Verdicts over a pair that is written to all the time; rows written; rows that differed before they settled."""
    verdicts: Counter[Verdict] = Counter()
    written = transient = 0
    for number in range(CLEAN):
        source, target = MemoryStore(dict(SOURCE_ROWS)), MemoryStore(dict(SOURCE_ROWS))
        writer = LiveWriter(source, target, seed=number)
        result = check(source, target, seed=number, settle=writer.settle)
        counts = result.tables[0].counts
        verdicts[result.verdict] += 1
        written += writer.written
        transient += counts.keys.transient + counts.windows.transient
        transient += sum(each.transient for each in counts.others.values())
    return verdicts, written, transient


def main() -> None:
    """Measure, and print one JSON object."""
    began = time.monotonic()
    damages = [
        pattern(damage, size=sizes[number % len(sizes)], seed=number)
        for damage in Damage
        for sizes in (SIZES.get(damage, OTHER_SIZES),)
        for number in range(PATTERNS)
    ]
    by_kind: defaultdict[str, list[Measured]] = defaultdict(list)
    for number, damaged in enumerate(damages):
        measured = measure(damaged, number=number)
        by_kind[damaged.damage].append(measured)
        print(f"{damaged.damage} of {len(damaged.keys)} rows: {dict(measured.found)} of {TRIALS}", flush=True)
    verdicts, written, transient = clean_checks()
    family = len(damages) * len(RATES)
    all_measured = [each for some in by_kind.values() for each in some]
    print(
        json.dumps(
            {
                "bench": "detection",
                "patterns": len(damages),
                "trials": TRIALS,
                "within_band": sum(each.is_within_band(rates_in_family=family) for each in all_measured),
                "misnamed": sum(each.misnamed for each in all_measured),
                "false_fail": verdicts[Verdict.FAIL],
                "clean_checks": {str(verdict): count for verdict, count in verdicts.items()},
                "rows_written_meanwhile": written,
                "differed_before_settling": transient,
                "by_kind": {
                    kind: {
                        "patterns": len(some),
                        "within_band": sum(each.is_within_band(rates_in_family=family) for each in some),
                        "found": round(sum(each.found["any"] for each in some) / TRIALS / len(some), 3),
                        "theory": round(sum(each.theory["any"] for each in some) / len(some), 3),
                    }
                    for kind, some in by_kind.items()
                },
                "took_s": round(time.monotonic() - began),
            }
        )
    )


if __name__ == "__main__":
    main()
