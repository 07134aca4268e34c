"""Writes that the target throttles, refuses, or fails on."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import InvalidRequest, Unauthorized, WriteTimeout

from keyspaces_migration.backfill import write as write_module
from keyspaces_migration.backfill.batches import MAX_BYTES, Bound, group_by_partition
from keyspaces_migration.backfill.errors import TargetOverloadedError
from keyspaces_migration.backfill.rows import RowWrite, WriteKind
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.backfill.write import Pacing, Writer
from keyspaces_migration.config import load_migration

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
FILE = Path(__file__).parents[4] / "dags/migrations/flights.yaml"
THROTTLED = WriteTimeout("throttled", write_type=0, consistency=6, required_responses=2, received_responses=0)
ROWS = [RowWrite(kind=WriteKind.ROW, values=(number,), source={"tailnum": number}) for number in range(5)]


class BoundValues(tuple[Any, ...]):
    """Values that were bound; each counts as large as `MAX_BYTES` / 10."""

    __slots__ = ()

    @property
    def values(self) -> list[bytes]:
        return [b"x" * (MAX_BYTES // 10)]


class Statement:
    def bind(self, values: tuple[Any, ...]) -> BoundValues:
        if values[0] == "unbindable":
            raise TypeError("not of the type")
        return BoundValues(values)


class Node:
    """Answers as `answer` says for a row's number and attempt, and keeps what was sent."""

    def __init__(self, answer: Callable[[Any, int], Exception | None]) -> None:
        self.answer = answer
        self.sent: list[list[tuple[Any, ...]]] = []
        self.waits: list[float] = []
        self.ticks = 0

    def clock(self) -> dt.datetime:
        self.ticks += 1
        return NOW + dt.timedelta(microseconds=self.ticks)

    def execute(self, _session: object, statements: list[Any], **_options: object) -> list[tuple[bool, Any]]:
        self.sent.append([values for values, _ in statements])
        found = [self.answer(values[0], len(self.sent)) for values, _ in statements]
        return [(each is None, each) for each in found]


def writer(node: Node, monkeypatch: pytest.MonkeyPatch, *, barrier_us: int | None = 7, attempts: int = 4) -> Writer:
    monkeypatch.setattr(write_module, "execute_concurrent", node.execute)
    target = Target(keyspace="k", name="planes", table=load_migration(FILE).tables["planes"])
    prepared: Any = SimpleNamespace(row=Statement(), static=None, delete=Statement())
    pacing = Pacing(wait=node.waits.append, chance=lambda: 0.0, attempts=attempts)
    session: Any = object()
    return Writer(
        session=session, target=target, prepared=prepared, barrier_us=barrier_us, clock=node.clock, pacing=pacing
    )


def test_a_throttled_row_is_sent_again_until_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(lambda row, attempt: THROTTLED if row == 3 and attempt < 3 else None)
    outcome = writer(node, monkeypatch).write(ROWS)
    assert (outcome.written, outcome.expired, outcome.refused) == (5, 0, ())
    assert [[values[0] for values in each] for each in node.sent] == [[0, 1, 2, 3, 4], [3], [3]]
    assert {values[-1] for each in node.sent for values in each} == {7}
    assert node.waits == [0.1, 0.2]


def test_a_row_that_is_never_taken_is_no_dead_letter_but_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(lambda row, _: THROTTLED if row == 3 else None)
    with pytest.raises(TargetOverloadedError, match="1 writes were not taken in 4 attempts"):
        writer(node, monkeypatch).write(ROWS)


def test_a_refused_row_is_told_with_its_reason_and_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(lambda row, _: InvalidRequest("too large") if row == 1 else None)
    unbindable = RowWrite(kind=WriteKind.ROW, values=("unbindable",), source={})
    outcome = writer(node, monkeypatch).write([*ROWS, unbindable])
    assert outcome.written == 4
    assert sorted(reason for _, reason in outcome.refused) == [
        "the driver can't send it: not of the type",
        "the target refuses it: too large",
    ]
    assert len(node.sent) == 1


def bound(number: int, partition: str) -> Any:
    statement: Any = BoundValues((number,))
    return Bound(write=ROWS[0], statement=statement, partition=(partition,))


def test_batches_hold_one_partition_and_keep_to_their_limits() -> None:
    numbered = [bound(number, "ab"[number % 2]) for number in range(24)]
    groups = group_by_partition(numbered)
    assert sorted(each.statement[0] for group in groups for each in group) == list(range(24))
    assert all(len({each.partition for each in group}) == 1 for group in groups)
    assert [len(group) for group in groups] == [10, 10, 2, 2]


def test_a_row_larger_than_a_batch_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundValues, "values", [b"x" * (MAX_BYTES + 1)])
    assert [len(group) for group in group_by_partition([bound(1, "a"), bound(2, "a")])] == [1, 1]


def test_small_rows_are_at_most_thirty_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundValues, "values", [b"x", None])
    groups = group_by_partition([bound(number, "a") for number in range(61)])
    assert [len(group) for group in groups] == [30, 30, 1]


def test_of_a_refused_batch_only_the_bad_row_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(found: Any, attempt: int) -> Exception | None:
        if isinstance(found, list):
            return InvalidRequest("one of them") if attempt == 1 else None
        return InvalidRequest("too large") if found == 2 else THROTTLED if (found, attempt) == (3, 2) else None

    node = Node(answer)
    monkeypatch.setattr(write_module, "group_by_partition", lambda each: [list(each)])
    monkeypatch.setattr(
        write_module,
        "statement_of",
        lambda group, **_: ([each.statement for each in group],) if len(group) > 1 else group[0].statement,
    )
    outcome = writer(node, monkeypatch).write(ROWS)
    assert (outcome.written, [(write.values[0], reason) for write, reason in outcome.refused]) == (
        4,
        [(2, "the target refuses it: too large")],
    )
    assert [len(each) for each in node.sent] == [1, 5, 1]


def test_an_error_that_concerns_every_row_stops_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(lambda row, _: Unauthorized("no MODIFY") if row == 1 else None)
    with pytest.raises(Unauthorized):
        writer(node, monkeypatch).write(ROWS)


def test_without_a_barrier_each_write_is_stamped_when_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(lambda row, attempt: THROTTLED if row == 0 and attempt == 1 else None)
    writer(node, monkeypatch, barrier_us=None).write(ROWS[:1])
    first, second = (each[0][-1] for each in node.sent)
    assert first == int(NOW.timestamp()) * 1_000_000 + 1
    assert second > first
