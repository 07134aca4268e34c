"""How many letters of a batch are sent at once, and which are not; what a store does with them is tested elsewhere."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import Any

from cassandra import OperationTimedOut

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.letters import Letter
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.ledger.letter_records import LetterOutcome
from keyspaces_migration.letters.replay import IN_FLIGHT, Replayer

NOW_US = 1_790_000_000_000_000
INT = parse_type("int")
ROWS = TableShape(name="rows", columns={"p": INT, "c": INT, "v": INT}, partition_keys=("p",), clustering_keys=("c",))
STATIC = TableShape(
    name="static",
    columns={"p": INT, "c": INT, "s": INT},
    partition_keys=("p",),
    clustering_keys=("c",),
    static_columns=("s",),
)
SHAPES = {shape.name: shape for shape in (ROWS, STATIC)}


class Watched(Store):
    """A store that is never reached: it notes which writes are under way together."""

    def __init__(self, name: StoreName, *, together: int = 1, is_away: bool = False) -> None:
        super().__init__(name=name, session=None, keyspace="k")
        self._meeting = threading.Barrier(together)
        self._is_away = is_away
        self._lock = threading.Lock()
        self._under_way: Counter[tuple[str, int]] = Counter()
        self.sent: list[int] = []
        self.met_in_a_partition = 0

    def apply_to(self, shape: TableShape, mutation: Mutation, **_: Any) -> None:
        place = shape.name, mutation.key["p"]
        with self._lock:
            self._under_way[place] += 1
            self.met_in_a_partition = max(self.met_in_a_partition, self._under_way[place])
            self.sent.append(mutation.key["c"])
        self._meeting.wait(timeout=20)
        with self._lock:
            self._under_way[place] -= 1
        if self._is_away:
            raise OperationTimedOut("no answer")


def replayer(target: Store) -> Replayer:
    stores = Stores(source=Watched(StoreName.SOURCE), target=target)
    return Replayer(
        stores=stores, shapes=SHAPES, copier=None, leader=None, now_us=lambda: NOW_US, pause=lambda _seconds: None
    )


def letter(shape: TableShape, number: int, *, partition: int = 1) -> Letter:
    column = shape.regular_columns[0] if shape is ROWS else "s"
    key = {"p": partition, "c": number}
    mutation = Mutation(
        table=shape.name, kind=MutationKind.UPDATE, key=key, columns={column: 1}, timestamp_us=NOW_US - number
    )
    return Letter(
        migration="m",
        writer_id="w",
        entry_id=number,
        store=StoreName.TARGET,
        mode=WriteMode.DUAL_SOURCE_LEADS,
        barrier_us=1,
        flag_version=1,
        leader_acknowledged=True,
        mutation=mutation,
        reason=ReasonClass.TIMEOUT,
        text="",
        attempts=1,
    )


def test_the_letters_of_a_batch_are_sent_several_at_once_and_answered_in_their_order() -> None:
    target = Watched(StoreName.TARGET, together=IN_FLIGHT)
    decisions = replayer(target).replay([letter(ROWS, number) for number in range(2 * IN_FLIGHT)])
    assert [each.outcome for each in decisions] == [LetterOutcome.REPLAYED] * (2 * IN_FLIGHT)
    assert sorted(target.sent) == list(range(2 * IN_FLIGHT))
    assert target.met_in_a_partition > 1


def test_letters_of_one_partition_of_a_table_with_static_columns_go_one_after_the_other() -> None:
    """Keyspaces lets writes time out that meet there."""
    target = Watched(StoreName.TARGET)
    decisions = replayer(target).replay([letter(STATIC, number) for number in range(20)])
    assert all(each.outcome is LetterOutcome.REPLAYED for each in decisions)
    assert target.sent == list(range(20))
    assert target.met_in_a_partition == 1


def test_a_store_that_takes_nothing_is_not_tried_with_every_letter() -> None:
    target = Watched(StoreName.TARGET, is_away=True)
    decisions = replayer(target).replay([letter(ROWS, number) for number in range(50)])
    assert all((each.outcome, each.store_is_away) == (None, True) for each in decisions)
    assert 1 <= len(set(target.sent)) <= IN_FLIGHT


def test_what_is_left_of_a_time_to_live_is_reckoned_by_the_clock_of_the_writer() -> None:
    """A row would otherwise die before, or after, its twin in the leader, by as much as clocks are apart."""
    ahead_us = 30_000_000

    class ByClock(Watched):
        asked: list[int] = []  # noqa: RUF012 -- of one test

        def by_clock(self, ahead_us: int) -> Store:
            self.asked.append(ahead_us)
            return self

    target = ByClock(StoreName.TARGET)
    sent = replace(letter(ROWS, 1), sent_us=NOW_US + ahead_us, taken_us=NOW_US)
    replayer(target).replay([sent, letter(ROWS, 2)])
    assert sorted(target.asked) == [0, ahead_us]
