from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.gate import ModeGate
from keyspaces_migration.dual_write.routing import partition_slot, partition_text, read_store
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import StoreName

RECORD = FlagState(mode=WriteMode.RECORD, version=2)
DUAL = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=10, version=3)


@dataclass
class Flag:
    state: FlagState

    def current(self) -> FlagState:
        return self.state

    def refresh(self) -> None:
        pass


def test_a_mode_is_reported_only_when_no_write_of_the_mode_before_is_under_way() -> None:
    flag = Flag(RECORD)
    gate = ModeGate(flag)
    slow, state = gate.enter()
    assert state is RECORD
    flag.state = DUAL
    quick, state = gate.enter()
    assert state is DUAL
    gate.leave(quick)
    assert gate.settled() is RECORD
    gate.leave(slow)
    assert gate.settled() is DUAL


def test_a_write_of_an_earlier_process_holds_the_report_back() -> None:
    gate = ModeGate(Flag(DUAL))
    younger = gate.hold(DUAL)
    older = gate.hold(RECORD)
    assert gate.settled() is RECORD
    gate.leave(older)
    assert gate.settled() is DUAL
    gate.leave(younger)
    gate.leave(None)
    assert gate.settled() is DUAL


FLIGHTS = TableShape(
    name="flights",
    columns={name: parse_type(text) for name, text in {"carrier": "text", "day": "date", "n": "int"}.items()},
    partition_keys=("carrier", "day"),
    clustering_keys=("n",),
)


@pytest.mark.parametrize(
    ("carrier", "day", "text", "slot"),
    [("UA", "2013-01-01", '["UA","2013-01-01"]', 72), ("Zürich", "2013-12-31", '["Zürich","2013-12-31"]', 47)],
)
def test_a_partition_s_slot_is_the_contract_s(carrier: str, day: str, text: str, slot: int) -> None:
    found = partition_text(FLIGHTS, {"carrier": carrier, "day": dt.date.fromisoformat(day), "n": 5})
    assert found == text
    assert partition_slot(found) == slot


def test_raising_the_percentage_moves_partitions_to_the_target_and_none_back() -> None:
    def stores(percent: int) -> list[StoreName]:
        state = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=1, target_read_percent=percent)
        return [read_store(state, slot) for slot in range(100)]

    assert stores(0).count(StoreName.TARGET) == 0
    assert stores(100).count(StoreName.TARGET) == 100
    for percent in range(100):
        before, after = stores(percent), stores(percent + 1)
        assert after.count(StoreName.TARGET) == percent + 1
        assert all(b is a for b, a in zip(before, after, strict=True) if b is StoreName.TARGET)


def test_slots_are_spread_evenly() -> None:
    counts = [0] * 100
    for number in range(20_000):
        counts[partition_slot(f'["{number}"]')] += 1
    assert min(counts) > 130
    assert max(counts) < 270


@pytest.mark.parametrize(("mode", "leader"), [("DUAL_SOURCE_LEADS", "SOURCE"), ("DUAL_TARGET_LEADS", "TARGET")])
def test_a_process_sees_its_own_writes_while_the_follower_lacks_them(mode: str, leader: str) -> None:
    for percent in (0, 100):
        state = FlagState(mode=WriteMode(mode), barrier_us=1, target_read_percent=percent)
        assert read_store(state, 50, holders={StoreName(leader)}) is StoreName(leader)


@pytest.mark.parametrize("percent", [0, 100])
def test_after_the_leader_has_changed_a_process_sees_its_own_write_where_it_is(percent: int) -> None:
    state = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=1, target_read_percent=percent)
    assert read_store(state, 50, holders={StoreName.TARGET}) is StoreName.TARGET
    assert read_store(state, 50, holders=set(StoreName)) is StoreName.SOURCE
