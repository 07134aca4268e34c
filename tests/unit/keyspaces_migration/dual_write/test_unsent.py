"""Background delivery: several at a time, a store that takes nothing left alone, and what becomes a letter."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.dual_write.failures import Failure, ReasonClass
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.store import StoreName
from keyspaces_migration.dual_write.unsent import LetterRule, Unsent, UnsentWrites, apart_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

DUAL = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=1, version=1)
NOW_US = 10**15
AWAY = Failure(reason=ReasonClass.TIMEOUT, text="no answer", for_good=False)
REFUSED = Failure(reason=ReasonClass.INVALID, text="never", for_good=True)


def write(entry_id: int, *, age_s: float = 0, lane: str | None = None, gate_pass: int | None = None) -> Unsent:
    mutation = Mutation(
        table="t", kind=MutationKind.UPDATE, key={"k": entry_id}, columns={}, timestamp_us=NOW_US - int(age_s * 1e6)
    )
    return Unsent(
        entry_id=entry_id, mutation=mutation, state=DUAL, gate_pass=gate_pass, partition=str(entry_id), lane=lane
    )


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "not within 10 s"
        time.sleep(0.002)


class Follower:
    """A store of the test's own: what it fails, and who was there at a time."""

    def __init__(self) -> None:
        self.fails: Callable[[Unsent], Failure | None] = lambda _: None
        self.holds = threading.Event()
        self.holds.set()
        self.takes_s = 0.0
        self.lock = threading.Lock()
        self.attempts: Counter[int] = Counter()
        self.there: set[int] = set()
        self.most = 0
        self.together: set[frozenset[int]] = set()

    def deliver(self, given: Unsent) -> tuple[Unsent, Failure | None]:
        with self.lock:
            self.attempts[given.entry_id] += 1
            self.there.add(given.entry_id)
            self.most = max(self.most, len(self.there))
            self.together.add(frozenset(self.there))
        assert self.holds.wait(20)
        time.sleep(self.takes_s)
        with self.lock:
            self.there.discard(given.entry_id)
        return given, self.fails(given)


class Post:
    """A queue of the test's own."""

    def __init__(self) -> None:
        self.is_away = False
        self.letters: list[int] = []

    def send(self, writes: Sequence[Unsent]) -> tuple[set[int], str | None]:
        if self.is_away:
            return set(), "the queue is away"
        self.letters += [each.entry_id for each in writes]
        return {each.entry_id for each in writes}, None


@pytest.fixture
def follower() -> Follower:
    return Follower()


@pytest.fixture
def post() -> Post:
    return Post()


def problem(unsent: UnsentWrites) -> str | None:
    return unsent.problem


@contextmanager
def running(follower: Follower, *writes: Unsent, **given: Any) -> Iterator[UnsentWrites]:
    unsent = UnsentWrites(follower.deliver, now_us=lambda: NOW_US, **given)
    for each in writes:
        unsent.add(each)
    unsent.start()
    try:
        yield unsent
    finally:
        follower.holds.set()
        unsent.stop()


@pytest.mark.parametrize("before_start", [True, False])
def test_so_many_are_under_way_at_a_time_and_no_more(follower: Follower, *, before_start: bool) -> None:
    follower.holds.clear()
    writes = [write(number) for number in range(40)]
    with running(follower, *(writes if before_start else ()), in_flight=8) as unsent:
        for each in () if before_start else writes:
            unsent.add(each)
        wait_for(lambda: len(follower.there) == 8)
        assert unsent.count == 40
        follower.holds.set()
        assert unsent.wait_until_sent(timeout_s=10) == 0
    assert follower.most == 8
    assert follower.attempts.total() == 40


def test_writes_of_one_lane_are_never_under_way_together(follower: Follower) -> None:
    writes = [write(number, lane="p" if number % 2 else None) for number in range(60)]
    with running(follower, *writes, in_flight=16) as unsent:
        assert unsent.wait_until_sent(timeout_s=10) == 0
    assert max(sum(number % 2 for number in together) for together in follower.together) == 1
    assert follower.attempts == Counter(range(60))


def test_a_lane_goes_on_after_one_of_its_writes_failed(follower: Follower) -> None:
    follower.fails = lambda given: REFUSED if given.entry_id == 1 else None
    with running(follower, *(write(number, lane="p") for number in range(4)), in_flight=4) as unsent:
        wait_for(lambda: unsent.count == 1)
        assert unsent.holders("1") == unsent.holders(None) == {StoreName.SOURCE}
        assert unsent.holders("2") == frozenset()


def test_a_store_that_takes_nothing_is_tried_by_one_write_at_a_time_with_growing_pauses(follower: Follower) -> None:
    follower.fails = lambda _: AWAY
    follower.holds.clear()
    with running(follower, *map(write, range(100)), in_flight=4) as unsent:
        wait_for(lambda: len(follower.there) == 4)
        follower.holds.set()
        wait_for(lambda: follower.attempts.total() >= 8)
        follower.most = 0
        began, seen = time.monotonic(), follower.attempts.total()
        wait_for(lambda: follower.attempts.total() >= seen + 2)
        # Pauses double from 0.05 s: after four probes the next two take more than 0.8 s together.
        assert time.monotonic() - began > 0.6
        assert follower.most == 1
        assert problem(unsent) == "no answer"
        # Nobody is tried twice while others were not tried at all.
        assert max(follower.attempts.values()) == 1
        follower.takes_s, follower.fails = 0.01, lambda _: None
        assert unsent.wait_until_sent(timeout_s=10) == 0
        assert problem(unsent) is None
        assert follower.most == 4


def test_one_write_that_always_fails_keeps_no_other_waiting(follower: Follower) -> None:
    follower.fails = lambda given: AWAY if given.entry_id == 0 else None
    with running(follower, *map(write, range(50)), in_flight=1) as unsent:
        wait_for(lambda: unsent.count == 1)
        unsent.add(write(99))
        wait_for(lambda: unsent.count == 1)
        wait_for(lambda: follower.attempts[0] >= 3)
    assert follower.attempts[49] == follower.attempts[99] == 1


@pytest.mark.parametrize(("age_s", "apart"), [(0, 0.02), (0.9, 0.02), (1, 0.2), (9.9, 0.2), (10, 1.0), (1e6, 1.0)])
def test_sendings_of_one_write_are_apart_by_its_age(age_s: float, apart: float) -> None:
    """A list that is sent again is told from the sending before by such a step."""
    assert apart_s(int(age_s * 1e6)) == apart


@pytest.mark.parametrize(("age_s", "apart"), [(0, 0.02), (5, 0.2), (20, 1.0)])
def test_a_write_is_not_sent_again_before_its_age_allows_it(follower: Follower, age_s: float, apart: float) -> None:
    sent: list[float] = []

    def fails(_: Unsent) -> Failure | None:
        sent.append(time.monotonic())
        return AWAY if len(sent) < 2 else None

    follower.fails = fails
    began = time.monotonic()
    with running(follower, write(0, age_s=age_s)) as unsent:
        assert unsent.wait_until_sent(timeout_s=10) == 0
    # The first too: whether the process before has just sent it, nobody knows.
    assert [sent[0] - began >= apart, sent[1] - sent[0] >= apart] == [True, True]


def test_an_error_that_nobody_thought_of_ends_no_thread(follower: Follower) -> None:
    def fails(given: Unsent) -> None:
        if given.entry_id == 0 and follower.attempts[0] == 1:
            raise RuntimeError("unheard of")

    follower.fails = fails
    with running(follower, *map(write, range(3)), in_flight=1) as unsent:
        assert unsent.wait_until_sent(timeout_s=10) == 0
    assert follower.attempts == {0: 2, 1: 1, 2: 1}


def test_without_a_queue_what_is_refused_and_what_is_too_old_stays(follower: Follower) -> None:
    follower.fails = lambda given: REFUSED if given.entry_id == 1 else None
    with running(follower, write(0, age_s=48 * 3600), write(1), write(2)) as unsent:
        wait_for(lambda: unsent.count == 2 and follower.attempts[1] >= 2)
        assert [each.entry_id for each in unsent.parked()] == [0]
    assert follower.attempts[0] == 0


def test_what_is_refused_for_good_goes_to_the_queue_after_one_attempt(follower: Follower, post: Post) -> None:
    follower.fails = lambda given: REFUSED if given.entry_id % 2 else None
    rule = LetterRule(after_s=3600)
    with running(follower, *map(write, range(120)), in_flight=8, rule=rule, send_letters=post.send) as unsent:
        assert unsent.wait_until_sent(timeout_s=10) == 0
    assert sorted(post.letters) == list(range(1, 120, 2))
    assert set(follower.attempts.values()) == {1}


def test_letters_wait_for_a_queue_that_is_away_and_nothing_else_does(follower: Follower, post: Post) -> None:
    post.is_away = True
    follower.fails = lambda given: REFUSED if given.entry_id == 0 else None
    rule = LetterRule(after_s=3600)
    with running(follower, *map(write, range(5)), rule=rule, send_letters=post.send) as unsent:
        wait_for(lambda: unsent.count == 1 and unsent.letters_problem == "the queue is away")
        post.is_away = False
        assert unsent.wait_until_sent(timeout_s=10) == 0
        assert unsent.letters_problem is None
    assert post.letters == [0]
    assert follower.attempts[0] == 1


@pytest.mark.parametrize(("age_s", "is_letter"), [(59.9, False), (60, True), (47 * 3600, True)])
def test_age_alone_makes_a_letter_of_what_the_leader_has(
    follower: Follower, post: Post, age_s: float, *, is_letter: bool
) -> None:
    with running(follower, write(0, age_s=age_s), rule=LetterRule(after_s=60), send_letters=post.send) as unsent:
        assert unsent.wait_until_sent(timeout_s=10) == 0
    assert (post.letters, follower.attempts.total()) == (([0], 0) if is_letter else ([], 1))


def test_what_grows_old_while_its_store_is_away_becomes_a_letter(follower: Follower, post: Post) -> None:
    """Whatever keeps its threads: here the store hangs, and the two that wait for it say nothing."""
    follower.fails = lambda _: AWAY
    follower.holds.clear()
    clock = [NOW_US]
    rule = LetterRule(after_s=60)
    unsent = UnsentWrites(follower.deliver, now_us=lambda: clock[0], in_flight=2, rule=rule, send_letters=post.send)
    for number in range(20):
        unsent.add(write(number))
    unsent.start()
    wait_for(lambda: len(follower.there) == 2)
    clock[0] += 61_000_000
    wait_for(lambda: len(post.letters) == 18)
    follower.holds.set()
    assert unsent.wait_until_sent(timeout_s=10) == 0
    unsent.stop()
    assert sorted(post.letters) == list(range(20))


def test_so_many_attempts_make_a_letter(follower: Follower, post: Post) -> None:
    follower.fails = lambda given: AWAY if given.entry_id == 0 else None
    rule = LetterRule(after_s=3600, after_attempts=3)
    with running(follower, write(0), write(1), rule=rule, send_letters=post.send) as unsent:
        assert unsent.wait_until_sent(timeout_s=10) == 0
    assert (post.letters, follower.attempts[0]) == ([0], 3)


def test_what_the_leader_may_not_have_is_no_letter_by_age_or_attempts_but_by_a_refusal(
    follower: Follower, post: Post
) -> None:
    follower.fails = lambda given: AWAY if follower.attempts[given.entry_id] < 3 else REFUSED
    rule = LetterRule(after_s=60, after_attempts=1)
    old = write(0, age_s=50 * 3600, gate_pass=5)
    with running(follower, old, rule=rule, send_letters=post.send) as unsent:
        assert unsent.wait_until_sent(timeout_s=10) == 0
    assert (post.letters, follower.attempts[0]) == ([0], 3)
