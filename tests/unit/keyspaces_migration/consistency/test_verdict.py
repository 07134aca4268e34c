from __future__ import annotations

from typing import Any

import pytest

from keyspaces_migration.consistency.kinds import MismatchKind, Store, Verdict
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.results import KeyCounts, TableCounts, TableVerdict, WindowCounts
from keyspaces_migration.consistency.verdict import judge, one_in

PLAN = CheckPlan(seed=1)
TARGET_VALUE = (Store.TARGET, MismatchKind.VALUE_DIFFERS)


def verdict(
    *,
    keys: dict[str, int] | None = None,
    windows: dict[str, int] | None = None,
    mismatches: dict[Any, int] | None = None,
    plan: CheckPlan = PLAN,
    problems: dict[str, int] | None = None,
) -> TableVerdict:
    by_key = {"population": 336_776, "wanted": 46_050, "compared": 46_050}
    by_key |= {"mismatched": 0, "transient": 0, "could_not_look": 0} | (keys or {})
    by_window = {"wanted": 20, "compared": 20, "mismatched": 0, "could_not_look": 0, "rows": 4_000}
    by_window |= {"mismatched_rows": 0, "transient": 0} | (windows or {})
    counts = TableCounts(
        keys=KeyCounts(**by_key),
        windows=WindowCounts(**by_window),
        mismatches=mismatches or {},
        partitions=0,
        history={},
    )
    return judge("flights", counts, plan=plan, problems=problems or {})


def test_the_sentence_of_a_pass_is_the_one_of_the_design() -> None:
    passed = verdict()
    assert passed.verdict is Verdict.PASS
    assert passed.sentence.startswith(
        "flights: with 99 % confidence fewer than 1 in 10,000 rows differ (46,050 of 336,776"
    )
    assert passed.row_bound == pytest.approx(1e-4, rel=1e-4)


@pytest.mark.parametrize(
    "seen",
    [
        {"keys": {"could_not_look": 1}},
        {"windows": {"could_not_look": 1}},
        {"keys": {"compared": 46_049}},
        {"keys": {"compared": 0}},
        {"keys": {"population": 0, "compared": 0}},
        {"problems": {"history: no answer": 1}},
    ],
)
def test_whatever_was_not_seen_is_inconclusive(seen: dict[str, Any]) -> None:
    assert verdict(**seen).verdict is Verdict.INCONCLUSIVE


def test_a_mismatch_fails_whatever_else_was_not_seen() -> None:
    failed = verdict(keys={"mismatched": 1, "could_not_look": 9}, mismatches={TARGET_VALUE: 1})
    assert failed.verdict is Verdict.FAIL
    assert "out of line is the target: 1 value differs" in failed.sentence


def test_rows_in_windows_do_not_make_the_bound_on_rows_smaller() -> None:
    few = verdict(windows={"rows": 10}).row_bound
    assert verdict(windows={"rows": 10_000_000}).row_bound == few
    assert verdict(keys={"compared": 46_049}, windows={"rows": 10_000_000}).verdict is Verdict.INCONCLUSIVE


def test_a_complete_comparison_needs_no_bound() -> None:
    complete = verdict(keys={"population": 3_322, "compared": 3_322})
    assert (complete.verdict, complete.row_bound) == (Verdict.PASS, 0)


def test_a_tolerated_rate_covers_rows_drawn_by_key_and_nothing_else() -> None:
    plan = CheckPlan(seed=1, max_mismatch_rate=1e-3, tolerated_mismatch_rate=1e-4)
    assert verdict(plan=plan, keys={"mismatched": 4}, mismatches={TARGET_VALUE: 4}).verdict is Verdict.PASS
    assert verdict(plan=plan, keys={"mismatched": 5}, mismatches={TARGET_VALUE: 5}).verdict is Verdict.FAIL
    assert verdict(plan=plan, windows={"mismatched": 1}, mismatches={TARGET_VALUE: 1}).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("rate", "text"), [(1e-4, "1 in 10,000"), (9.99987e-5, "1 in 10,000"), (1.0, "1 in 1"), (0.0, "0")]
)
def test_a_rate_reads_as_people_say_it(rate: float, text: str) -> None:
    assert one_in(rate) == text
