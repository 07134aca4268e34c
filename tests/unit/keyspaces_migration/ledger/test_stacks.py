"""Who works on a stack: one at a time, until the lease ends; and what looks for drift found."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.ledger import Ledger, RunNotRecordedError
from keyspaces_migration.ledger.errors import LeaseLostError
from keyspaces_migration.ledger.stacks import DriftLook, StackLease, StackLeasedError, StackLedger
from keyspaces_migration.lifecycle import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = dt.datetime(2026, 11, 26, 3, tzinfo=dt.UTC)
TERM = dt.timedelta(minutes=2)
DAG = "flights.provision"


def lease(holder: str, *, run_id: str = "one", stack: str = "flights-rehearsal") -> StackLease:
    return StackLease(stack=stack, holder=holder, dag_id=DAG, run_id=run_id, host="worker-1")


@pytest.fixture
def stacks(ledger: Ledger, new_run: Callable[..., Any]) -> StackLedger:
    for run_id in ("one", "two"):
        ledger.record_run(new_run(run_id=run_id, stage=Stage.PROVISION))
    return StackLedger(ledger)


def test_a_stack_is_anothers_until_it_is_given_back(stacks: StackLedger) -> None:
    stacks.take(lease("a"), now=NOW, term=TERM)
    with pytest.raises(StackLeasedError, match=r"run one of flights\.provision on worker-1 since 2026-11-26 03:00:00"):
        stacks.take(lease("b", run_id="two"), now=NOW, term=TERM)
    stacks.take(lease("b", run_id="two", stack="another"), now=NOW, term=TERM)
    stacks.release(lease("a"))
    assert stacks.take(lease("b", run_id="two"), now=NOW, term=TERM) is None


def test_a_renewed_lease_lasts_and_one_that_ended_is_anybodys(stacks: StackLedger) -> None:
    stacks.take(lease("a"), now=NOW, term=TERM)
    stacks.renew(lease("a"), now=NOW + TERM, term=TERM)
    with pytest.raises(StackLeasedError):
        stacks.take(lease("b"), now=NOW + TERM * 1.5, term=TERM)
    assert stacks.take(lease("b"), now=NOW + TERM * 2.5, term=TERM) == "worker-1", "left without being given back"
    with pytest.raises(LeaseLostError, match="another run took it"):
        stacks.renew(lease("a"), now=NOW + TERM * 2.5, term=TERM)
    stacks.release(lease("a"))
    with pytest.raises(StackLeasedError):
        stacks.take(lease("c"), now=NOW + TERM * 2.5, term=TERM)


def test_of_many_that_ask_at_once_one_gets_the_stack(stacks: StackLedger) -> None:
    def ask(holder: str) -> bool:
        try:
            stacks.take(lease(holder), now=NOW, term=TERM)
        except StackLeasedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, (f"holder-{number}" for number in range(24)))) == 1


def test_only_a_recorded_run_works_on_a_stack(stacks: StackLedger) -> None:
    with pytest.raises(RunNotRecordedError):
        stacks.take(lease("a", run_id="unknown"), now=NOW, term=TERM)


def test_the_newest_look_for_drift_counts(stacks: StackLedger) -> None:
    assert stacks.newest_look("flights") is None
    for drifted in (3, 0):
        look = DriftLook(dag_id=DAG, run_id="one", drifted=drifted, looked_at=NOW + dt.timedelta(seconds=drifted))
        stacks.record_look(look)
    assert stacks.newest_look("flights") == look
    assert stacks.newest_look("another") is None
