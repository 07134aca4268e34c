from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from keyspaces_migration.dual_write.barrier import ClockReading, fix_barrier, stamps_settle_in
from keyspaces_migration.dual_write.errors import BarrierRefusedError
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.registry import WriterRecord, missing_writers

NOW_US = 1_790_000_000_000_000
RECORDING = FlagState(mode=WriteMode.RECORD, version=2)
CLOCK = ClockReading(now_us=NOW_US, offset=dt.timedelta(0), uncertainty=dt.timedelta(milliseconds=2))
WRITER = WriterRecord(
    writer_id="a/app/0",
    mode=WriteMode.RECORD,
    flag_version=2,
    barrier_us=None,
    target_read_percent=0,
    host="a",
    pid=7,
    journal_depth=0,
    parked=0,
    follower_lag=dt.timedelta(0),
    oldest_unsent_at=None,
    clock_skew=dt.timedelta(milliseconds=3),
    heartbeat_age=dt.timedelta(seconds=4),
)


def seconds(number: float) -> dt.timedelta:
    return dt.timedelta(seconds=number)


def test_the_barrier_lies_a_minute_back_by_the_earlier_clock() -> None:
    assert fix_barrier([WRITER], RECORDING, CLOCK) == NOW_US - 60_000_000 - 2_000
    behind = replace(CLOCK, offset=seconds(-5))
    assert fix_barrier([WRITER], RECORDING, behind) == NOW_US - 65_000_000 - 2_000
    ahead = replace(CLOCK, offset=seconds(5))
    assert fix_barrier([WRITER], RECORDING, ahead) == NOW_US - 60_000_000


@pytest.mark.parametrize(
    ("writers", "clock", "message"),
    [
        ([], CLOCK, "0 writers are registered"),
        ([replace(WRITER, mode=WriteMode.SOURCE_ONLY)], CLOCK, r"a/app/0 \(process 7 on a\): still in SOURCE_ONLY"),
        ([WRITER, replace(WRITER, writer_id="b", heartbeat_age=seconds(21))], CLOCK, "b .*last heard of 21 s ago"),
        ([replace(WRITER, flag_version=1)], CLOCK, "has flag version 1; wanted 2"),
        ([replace(WRITER, barrier_us=5)], CLOCK, "has barrier 5; wanted None"),
        ([replace(WRITER, clock_skew=seconds(61))], CLOCK, "clock of writer a/app/0"),
        ([replace(WRITER, clock_skew=seconds(-61))], CLOCK, "clock of writer a/app/0"),
        ([replace(WRITER, clock_skew=seconds(31))], replace(CLOCK, offset=seconds(30)), "clock of writer a/app/0"),
        ([WRITER], replace(CLOCK, offset=seconds(61)), "clock of this machine"),
        ([WRITER], replace(CLOCK, uncertainty=seconds(61)), "clock of this machine"),
    ],
)
def test_the_barrier_is_refused_with_the_reason(writers: list[WriterRecord], clock: ClockReading, message: str) -> None:
    with pytest.raises(BarrierRefusedError, match=message):
        fix_barrier(writers, RECORDING, clock)


def test_every_reason_is_in_the_message() -> None:
    writers = [replace(WRITER, mode=WriteMode.SOURCE_ONLY), replace(WRITER, writer_id="b", clock_skew=seconds(99))]
    with pytest.raises(BarrierRefusedError, match=r"SOURCE_ONLY.*; .*99\.0 s apart") as caught:
        fix_barrier(writers, RECORDING, CLOCK, expected_writers=3)
    assert "2 writers are registered; at least 3" in str(caught.value)


def test_clocks_thirty_seconds_apart_are_allowed() -> None:
    writers = [replace(WRITER, clock_skew=seconds(skew)) for skew in (-30, 30)]
    assert fix_barrier(writers, RECORDING, CLOCK) < NOW_US


def test_a_silent_writer_with_unsent_writes_is_said_to_have_them() -> None:
    gone = replace(WRITER, heartbeat_age=dt.timedelta(hours=3), journal_depth=12)
    (missing,) = missing_writers([WRITER, gone], RECORDING)
    assert "with 12 unsent writes in its journal" in missing.reason


def test_what_is_stamped_after_the_wait_is_above_all_from_before_it_whatever_the_clocks() -> None:
    writers = [replace(WRITER, clock_skew=seconds(skew)) for skew in (-12, 3, 18)]
    waited = stamps_settle_in(writers, CLOCK)
    newest_before_s, oldest_after_s = 0 + 18, waited.total_seconds() - 12
    assert newest_before_s < oldest_after_s < newest_before_s + 2
    assert stamps_settle_in([], CLOCK) == seconds(0)
