"""Whole checks over stores in memory that can be made to fail, lag and change between two looks."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.consistency.check import TableCheck, run_check
from keyspaces_migration.consistency.errors import HistoryUnreadError, TableNotComparableError
from keyspaces_migration.consistency.history import DrawnBatch, HistoryRow, WidePartition
from keyspaces_migration.consistency.kinds import HistoryStanding, Leader, MismatchKind, Store, Verdict
from keyspaces_migration.consistency.metrics import PREFIX, metrics_of
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.reading import CouldNotLook
from keyspaces_migration.consistency.report import escape, to_json, to_markdown
from keyspaces_migration.consistency.results import StoreReads
from keyspaces_migration.consistency.shape import HistoryShape, TableShape
from keyspaces_migration.consistency.units import SweepStart
from keyspaces_migration.consistency.unopened import Unopened, UnopenedHistory, UnopenedStore
from keyspaces_migration.cql.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from keyspaces_migration.consistency.results import CheckResult
    from keyspaces_migration.consistency.windows import Window

Key = tuple[Any, ...]
Row = tuple[Any, ...]
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def shape(**types: str) -> TableShape:
    columns = {"p": "int", "c": "int", "v": "text", "s": "text"} | types
    return TableShape(
        name="t",
        types={name: parse_type(text) for name, text in columns.items()},
        partition_key=("p",),
        clustering_key=("c",),
        static_columns=("s",),
        history=HistoryShape(table="A.B.T", columns={name: name.upper() for name in columns}),
    )


ROWS = {(p, c): (p, c, f"v{p}{c}", f"s{p}") for p in range(20) for c in range(3)}
NOBODY = Unopened("nobody listens there")
PLAN = CheckPlan(
    seed=1,
    max_mismatch_rate=0.05,
    settle_time_s=5,
    windows=2,
    rows_per_window=10_000,
    batch_rows=20,
    target_windows=0,
    widest_partitions=0,
    newest_writes=0,
)


@dataclass
class MemoryStore:
    """A table in memory; `down` makes every read fail, `unread` those of some keys; `lives` are times to live of v."""

    store: Store
    rows: dict[Key, Row] = field(default_factory=lambda: dict(ROWS))
    down: bool = False
    unread: set[Key] = field(default_factory=set)
    lives: dict[Key, int] = field(default_factory=dict)
    written_us: int = 0
    asked: int = 0

    @property
    def reads(self) -> StoreReads:
        return StoreReads(requests=self.asked, units=self.asked)

    def _failure(self) -> CouldNotLook:
        return CouldNotLook(self.store, "OperationTimedOut: no answer")

    def read_rows(self, keys: Sequence[Key]) -> list[Row | CouldNotLook | None]:
        self.asked += len(keys)
        return [self._failure() if self.down or key in self.unread else self._row(key) for key in keys]

    def _row(self, key: Key) -> Row | None:
        return (*self.rows[key], self.lives.get(key)) if key in self.rows else None

    def read_write_times(self, keys: Sequence[Key]) -> list[Row | CouldNotLook | None]:
        return [(self.written_us,) if key in self.rows else None for key in keys]

    def read_statics(self, partitions: Sequence[Key]) -> list[Row | CouldNotLook | None]:
        if self.down:
            return [self._failure()] * len(partitions)
        return [next((row[3:] for key, row in self.rows.items() if key[:1] == part), None) for part in partitions]

    def read_partitions(self, partitions: Sequence[Key]) -> list[tuple[Row, ...] | CouldNotLook]:
        if self.down:
            return [self._failure()] * len(partitions)
        return [tuple(self._row(key) or () for key in sorted(self.rows) if key[:1] == part) for part in partitions]

    def read_window(self, window: Window) -> Iterator[Row | CouldNotLook]:
        assert window.ranges
        if self.down:
            yield self._failure()
            return
        yield from (self._row(key) or () for key in sorted(self.rows))


@dataclass
class MemoryHistory:
    rows: dict[Key, Row] = field(default_factory=lambda: dict(ROWS))
    deleted: dict[Key, Row] = field(default_factory=dict)
    fails_after: int | None = None

    def draw(self, *, size: int, seed: int, batch_size: int) -> Iterator[DrawnBatch]:
        assert seed == PLAN.seed
        rows = list(self.rows.values())[:size]
        for start in range(0, len(rows), batch_size):
            if self.fails_after is not None and start >= self.fails_after:
                raise HistoryUnreadError("the history went away")
            yield DrawnBatch(len(self.rows), tuple(HistoryRow(row) for row in rows[start : start + batch_size]))

    def look_up(self, keys: Sequence[Key]) -> Iterator[HistoryRow]:
        return (HistoryRow(self.rows[key]) for key in keys if key in self.rows)

    def widest(self, count: int) -> list[WidePartition]:
        if self.fails_after is not None:
            raise HistoryUnreadError("the history went away")
        return [WidePartition(*each) for each in Counter((p,) for p, _ in self.rows).most_common(count)]

    def newest(self, count: int) -> Iterator[HistoryRow]:
        if self.fails_after is not None:
            raise HistoryUnreadError("the history went away")
        yield from (HistoryRow(row) for row in [*self.deleted.values(), *self.rows.values()][:count])


@dataclass
class World:
    source: MemoryStore = field(default_factory=lambda: MemoryStore(Store.SOURCE))
    target: MemoryStore = field(default_factory=lambda: MemoryStore(Store.TARGET))
    history: MemoryHistory = field(default_factory=MemoryHistory)
    unopened: set[Store] = field(default_factory=set)
    settles: list[float] = field(default_factory=list)
    types: dict[str, str] = field(default_factory=dict)

    def check(
        self, *, meanwhile: Callable[[], object] = lambda: None, sweep_from: int | None = None, **changes: Any
    ) -> CheckResult:
        plan = replace(PLAN, **changes)

        def settle(seconds: float) -> None:
            self.settles.append(seconds)
            meanwhile()

        check = TableCheck(
            shape=shape(**self.types),
            plan=plan,
            source=UnopenedStore(NOBODY, store=Store.SOURCE) if Store.SOURCE in self.unopened else self.source,
            target=UnopenedStore(NOBODY, store=Store.TARGET) if Store.TARGET in self.unopened else self.target,
            history=UnopenedHistory(NOBODY) if Store.HISTORY in self.unopened else self.history,
            settle=settle,
            now=lambda: NOW,
            sweep=None if sweep_from is None else SweepStart(place=sweep_from, began_at=NOW),
        )
        return run_check([check], plan=plan, now=lambda: NOW)


@pytest.fixture
def world() -> World:
    return World()


def found(result: CheckResult) -> set[tuple[Any, ...]]:
    return {(m.store, m.kind, tuple(m.key.values()), m.columns) for m in result.tables[0].mismatches}


def test_equal_stores_pass_at_once(world: World) -> None:
    result = world.check()
    assert result.verdict is Verdict.PASS
    assert world.settles == []
    assert result.tables[0].counts.partitions == 20


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ({(1, 1): (1, 1, "x", "s1")}, (Store.TARGET, MismatchKind.VALUE_DIFFERS, (1, 1), ("v",))),
        ({(1, 1): (1, 1, None, "s1")}, (Store.TARGET, MismatchKind.VALUE_DIFFERS, (1, 1), ("v",))),
        ({(1, 1): None}, (Store.TARGET, MismatchKind.MISSING_IN_TARGET, (1, 1), ())),
        ({(1, 9): (1, 9, "x", "s1")}, (Store.TARGET, MismatchKind.UNEXPECTED_IN_TARGET, (1, 9), ())),
        (
            {(1, c): (1, c, f"v1{c}", "x") for c in range(3)},
            (Store.TARGET, MismatchKind.VALUE_DIFFERS, (1,), ("s",)),
        ),
    ],
)
def test_damage_is_named_by_store_kind_key_and_column(
    world: World, damage: dict[Key, Row | None], expected: tuple[Any, ...]
) -> None:
    for key, row in damage.items():
        world.target.rows.pop(key, None)
        if row is not None:
            world.target.rows[key] = row
    result = world.check()
    assert result.verdict is Verdict.FAIL
    assert found(result) == {expected}
    assert world.settles == [5]


@pytest.mark.parametrize(("of_source", "of_target"), [(3_600, None), (None, 3_600), (3_600, 3_539)])
def test_a_cell_that_lives_for_another_time_is_named(
    world: World, of_source: int | None, of_target: int | None
) -> None:
    for store, life in ((world.source, of_source), (world.target, of_target)):
        store.lives = {} if life is None else {(1, 1): life}
    result = world.check()
    assert result.verdict is Verdict.FAIL
    assert found(result) == {(Store.TARGET, MismatchKind.TTL_DIFFERS, (1, 1), ("v",))}
    assert result.tables[0].mismatches[0].values == {"v": {"source lives s": of_source, "target lives s": of_target}}


def test_times_to_live_within_the_tolerance_are_the_same(world: World) -> None:
    world.source.lives, world.target.lives = {(1, 1): 3_600}, {(1, 1): 3_540}
    assert world.check().verdict is Verdict.PASS
    assert world.check(ttl_tolerance_s=59).verdict is Verdict.FAIL


def test_a_life_that_runs_out_while_a_difference_settles_is_no_change_of_the_row(world: World) -> None:
    world.source.lives = {(1, 1): 3_600}
    lives = iter(range(3_000, 0, -600))
    result = world.check(meanwhile=lambda: world.source.lives.update({(1, 1): next(lives)}))
    assert world.settles == [5]
    assert found(result) == {(Store.TARGET, MismatchKind.TTL_DIFFERS, (1, 1), ("v",))}


def test_a_value_that_differs_is_told_and_not_its_life_too(world: World) -> None:
    world.source.lives = {(1, 1): 3_600}
    world.target.rows[1, 1] = (1, 1, "x", "s1")
    assert found(world.check()) == {(Store.TARGET, MismatchKind.VALUE_DIFFERS, (1, 1), ("v",))}


@pytest.mark.parametrize("redacted", [False, True])
def test_mismatches_tell_when_values_were_written_where_that_is_asked_for(world: World, *, redacted: bool) -> None:
    world.target.rows[1, 1] = (1, 1, "x", "s1")
    world.source.written_us = int(NOW.timestamp() * 1_000_000)
    (mismatch, *_) = world.check(show_write_times=True, redact_values=redacted).tables[0].mismatches
    written = {"source written at": "2026-11-23T12:00:00.000000Z", "target written at": "1970-01-01T00:00:00.000000Z"}
    assert mismatch.values == {"v": ({} if redacted else {"source": "v11", "target": "x"}) | written}


def test_floats_are_compared_exactly_or_within_the_tolerance(world: World) -> None:
    rows = {key: (*row[:2], 1.0, row[3]) for key, row in ROWS.items()}
    world.source.rows, world.history.rows = dict(rows), dict(rows)
    world.target.rows = {key: (*row[:2], 1.000001, row[3]) for key, row in rows.items()}
    world.types = {"v": "double"}
    assert world.check().verdict is Verdict.FAIL
    assert world.check(float_tolerance=1e-5).verdict is Verdict.PASS
    world.target.rows[1, 1] = (1, 1, 1.1, "s1")
    assert {each.key["c"] for each in world.check(float_tolerance=1e-5).tables[0].mismatches} == {1}


def test_a_row_in_several_windows_is_one_mismatch_of_each_draw(world: World) -> None:
    world.target.rows[1, 1] = (1, 1, "x", "s1")
    counts = world.check(windows=4).tables[0].counts
    assert counts.windows.mismatched == 4
    assert counts.mismatches == {(Store.TARGET, MismatchKind.VALUE_DIFFERS): 2}
    assert counts.rows_out_of_line == {(Store.TARGET, MismatchKind.VALUE_DIFFERS): 1}


def test_a_row_found_in_several_ways_is_one_line_of_the_report_and_one_in_its_sentence(world: World) -> None:
    world.target.rows[1, 1] = (1, 1, "x", "s1")
    result = world.check(target_windows=1, newest_writes=10)
    page = to_markdown(result, title="flights")
    (line,) = [line for line in page.splitlines() if line.startswith("| target |")]
    assert line.endswith("| history keys, source windows, target windows, newest writes |")
    assert "out of line is the target: 1 value differs" in page


def test_the_store_out_of_line_is_the_one_that_does_not_lead(world: World) -> None:
    del world.source.rows[2, 2]
    world.source.rows[1, 9] = (1, 9, "x", "s1")
    result = world.check(leader=Leader.TARGET)
    assert found(result) == {
        (Store.SOURCE, MismatchKind.MISSING_IN_SOURCE, (2, 2), ()),
        (Store.SOURCE, MismatchKind.UNEXPECTED_IN_SOURCE, (1, 9), ()),
    }


def test_what_heals_while_settling_is_transient(world: World) -> None:
    world.target.rows[1, 1] = (1, 1, "late", "s1")
    result = world.check(meanwhile=lambda: world.target.rows.update(ROWS))
    assert result.verdict is Verdict.PASS
    # Once by its key and once in each of the two windows, which hold the whole table here.
    counts = result.tables[0].counts
    assert (counts.keys.transient, counts.windows.transient) == (1, 2)


def test_a_row_that_the_leader_keeps_writing_is_never_a_mismatch(world: World) -> None:
    versions = iter(range(100))

    def write() -> None:
        version = next(versions)
        world.source.rows[1, 1] = (1, 1, f"new{version}", "s1")
        world.target.rows[1, 1] = (1, 1, f"new{version - 1}", "s1")

    write()
    result = world.check(meanwhile=write)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.tables[0].mismatches == ()
    assert "kept changing" in " ".join(result.tables[0].problems)


def test_a_row_written_once_while_settling_is_looked_at_once_more(world: World) -> None:
    world.target.rows[1, 1] = (1, 1, "late", "s1")
    stores = iter([world.source, world.target])

    def write() -> None:
        next(stores).rows[1, 1] = (1, 1, "new", "s1")

    assert world.check(meanwhile=write).verdict is Verdict.PASS
    assert world.settles == [5, 5]


@pytest.mark.parametrize("store", ["source", "target"])
@pytest.mark.parametrize("leader", list(Leader))
def test_a_store_that_is_down_makes_it_inconclusive_without_asking_for_every_key(
    world: World, store: str, leader: Leader
) -> None:
    down: MemoryStore = getattr(world, store)
    down.down = True
    result = world.check(leader=leader)
    counts = result.tables[0].counts
    assert result.verdict is Verdict.INCONCLUSIVE
    assert (counts.keys.compared, counts.windows.compared, counts.windows.could_not_look) == (0, 0, 2)
    assert counts.keys.could_not_look == len(ROWS)
    assert down.asked < len(ROWS)
    assert f"{store}: OperationTimedOut" in result.tables[0].verdict.sentence


def test_one_key_that_cannot_be_read_is_enough_to_be_inconclusive(world: World) -> None:
    world.target.unread = {(3, 0)}
    result = world.check()
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.tables[0].counts.keys.could_not_look == 1


def test_a_key_that_can_be_read_after_settling_is_compared(world: World) -> None:
    world.target.unread = {(3, 0)}
    assert world.check(meanwhile=world.target.unread.clear).verdict is Verdict.PASS


def test_a_difference_whose_second_look_fails_is_not_confirmed(world: World) -> None:
    world.target.rows[3, 0] = (3, 0, "x", "s3")
    result = world.check(meanwhile=lambda: world.target.unread.add((3, 0)))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.tables[0].mismatches == ()


def test_a_mismatch_fails_even_where_something_else_could_not_be_looked_at(world: World) -> None:
    world.target.rows[1, 1] = (1, 1, "x", "s1")
    world.source.unread = {(3, 0)}
    assert world.check().verdict is Verdict.FAIL


def test_a_history_that_stops_in_the_middle_is_inconclusive(world: World) -> None:
    world.history.fails_after = 20
    result = world.check()
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.tables[0].counts.keys.could_not_look == len(ROWS) - 20


def test_an_empty_history_is_nothing_looked_at(world: World) -> None:
    world.history.rows = {}
    result = world.check()
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "no row" in result.tables[0].verdict.sentence


def test_no_table_is_no_pass() -> None:
    assert run_check([], plan=PLAN, now=lambda: NOW).verdict is Verdict.INCONCLUSIVE


def test_the_history_is_judged_as_of_its_watermark(world: World) -> None:
    world.history.rows[1, 1] = (1, 1, "old", "s1")
    watermark_us = int(NOW.timestamp() * 1_000_000)

    world.source.written_us = watermark_us + 1
    newer = world.check(history_as_of=NOW)
    assert newer.verdict is Verdict.PASS
    assert newer.tables[0].counts.history[HistoryStanding.OLDER] == 3

    world.source.written_us = watermark_us
    wrong = world.check(history_as_of=NOW)
    assert wrong.verdict is Verdict.FAIL
    assert found(wrong) == {(Store.HISTORY, MismatchKind.VALUE_DIFFERS, (1, 1), ("v",))}

    unknown = world.check(history_as_of=None)
    assert unknown.verdict is Verdict.PASS
    assert unknown.tables[0].counts.history[HistoryStanding.UNDATED] == 1


def test_a_row_deleted_in_both_stores_is_not_held_against_the_history(world: World) -> None:
    del world.source.rows[1, 1], world.target.rows[1, 1]
    result = world.check(history_as_of=NOW)
    assert result.verdict is Verdict.PASS
    assert result.tables[0].counts.history[HistoryStanding.UNDATED] == 1


def test_the_report_shows_hostile_data_as_it_is_and_values_only_if_wanted(world: World) -> None:
    world.target.rows[1, 1] = (1, 1, "<b>|`x`\n# h", "s1")
    shown = to_markdown(world.check(), title="flights | x")
    assert "<b>" not in shown
    assert "\n# h" not in shown
    assert "\\<b\\>" in shown
    withheld = world.check(redact_values=True)
    assert "withheld" in to_markdown(withheld, title="flights")
    assert "<b>" not in to_json(withheld)
    assert '"<b>' in to_json(world.check())


def test_its_numbers_can_be_watched_and_what_is_not_known_is_no_number(world: World) -> None:
    world.target.rows[1, 1] = (1, 1, "x", "s1")
    world.target.unread = {(3, 0)}
    found = {metric.name.removeprefix(PREFIX): metric.value for metric in metrics_of(world.check(windows=0))}
    bound = found.pop("row_bound")
    units = {name: found.pop(name) for name in ("read_units_source", "read_units_target")}
    assert all(units.values())
    by_store = {f"rows_out_of_line_{store}": float(store is Store.TARGET) for store in Store}
    expected = {"passed": 0, "verdict": -1, "rows_compared": 59, "rows_out_of_line": 1, "could_not_look": 1}
    assert found == expected | by_store
    assert 1 / 60 < bound < 1
    world.source.down = True
    assert "row_bound" not in {metric.name.removeprefix(PREFIX) for metric in metrics_of(world.check())}
    world = World()
    assert {metric.value for metric in metrics_of(world.check()) if metric.name == f"{PREFIX}passed"} == {1}
    world.target.unread = {(3, 0)}
    assert {metric.value for metric in metrics_of(world.check()) if metric.name == f"{PREFIX}verdict"} == {0}


def test_every_line_of_a_table_in_the_report_has_the_same_number_of_cells(world: World) -> None:
    world.target.rows[1, 1] = (1, 1, "a|b", "s1")
    lines = [line for line in to_markdown(world.check(), title="t").splitlines() if line.startswith("|")]
    counts = {line.replace("\\|", "").count("|") for line in lines[:3]}
    assert len(counts) == 1


@pytest.mark.parametrize("text", ["a\nb", "a\u2028b", "\x1b[31m"])
def test_control_characters_cannot_break_a_line(text: str) -> None:
    assert len(escape(text).splitlines()) == 1
    assert "\x1b" not in escape(text)


def test_a_table_with_counters_is_refused_with_the_reason() -> None:
    with pytest.raises(TableNotComparableError, match=r"Table t has counters \(n\).*Leave the table out"):
        shape(n="counter")


@pytest.mark.parametrize(
    "unopened",
    [{Store.SOURCE}, {Store.TARGET}, {Store.HISTORY}, {Store.SOURCE, Store.TARGET}, set(Store)],
    ids=lambda stores: "+".join(sorted(stores)),
)
@pytest.mark.parametrize("leader", list(Leader))
def test_a_store_that_could_not_be_opened_leaves_the_verdict_open(
    world: World, unopened: set[Store], leader: Leader
) -> None:
    world.unopened = unopened
    result = world.check(leader=leader, history_as_of=NOW)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.tables[0].mismatches == ()
    assert any("nobody listens there" in problem for problem in result.tables[0].problems)


def test_without_the_history_the_stores_are_still_compared(world: World) -> None:
    world.unopened = {Store.HISTORY}
    world.target.rows[1, 1] = (1, 1, "x", "s1")
    result = world.check()
    assert result.verdict is Verdict.FAIL
    assert found(result) == {(Store.TARGET, MismatchKind.VALUE_DIFFERS, (1, 1), ("v",))}


def test_windows_of_a_source_that_could_not_be_opened_are_no_empty_windows(world: World) -> None:
    world.unopened = {Store.SOURCE, Store.HISTORY}
    windows = world.check().tables[0].counts.windows
    assert (windows.compared, windows.could_not_look) == (0, PLAN.windows)
