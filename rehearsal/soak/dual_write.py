"""Dual writes under faults: from SOURCE_ONLY to DUAL under load, one fault after the other, replay, audit."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyspaces_migration.config import load_migration
from keyspaces_migration.dual_write.barrier import fix_barrier, read_source_clock, stamps_settle_in
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.recopy import RecopyCounts, recopy_table
from keyspaces_migration.dual_write.registry import list_writers, missing_writers
from rehearsal.local_keyspaces.admin import Fault, FaultKind, Operation
from rehearsal.processes import WorldError
from rehearsal.soak.letters import Replay
from rehearsal.soak.pair import Pair, pair_of
from rehearsal.soak.writers import LETTERS_AFTER_S, MIGRATION_FILE, READ_SHARE, WritingProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)
PROCESSES = 3
ARRIVAL_TIMEOUT_S = 120.0
STALLED_S = 60.0
"""For how long the number of writes in a journal may stay the same while it is to become empty."""
DEATHS_S = 12.0
"""How long to wait before the audit, so that a row whose time has come is gone in both stores."""
LEAST_FAULT_S = 3.0
LONG_S = 36_000.0
LATER_S_A_MINUTE = 12.0
"""By so much later a write becomes a letter for each minute beyond the first, in seconds."""


@dataclass(frozen=True, kw_only=True)
class SoakPlan:
    """What a soak does.

    Attributes:
        minutes: From the first write to the end of the last fault; without the target, so long as it is away.
        writes_per_s: Over all processes.
        clocks_apart_s: Between the slowest and the fastest.
        follower_down: The target is cut off from when dual writes are on to the end, and nothing else happens: writes
            wait in the journals, of which each holds 100,000.
    """

    minutes: float = 10.0
    writes_per_s: float = 500.0
    clocks_apart_s: float = 30.0
    follower_down: bool = False

    @property
    def letters_after_s(self) -> float:
        """How old a write gets that the target does not take, before it is a letter.

        The longer the faults, the later, so that what they keep back comes partly as letters, partly from journals. If
        nearly all of it were letters, the stand-in's queue would take most of the time: what it takes for one letter
        grows with their number.
        """
        if self.follower_down:
            return LONG_S
        return LETTERS_AFTER_S + LATER_S_A_MINUTE * max(0.0, self.minutes - 1)


class DualWriteSoak:
    """One run over stores of its own."""

    def __init__(self, plan: SoakPlan, *, home: Path) -> None:
        self._plan, self._home = plan, home
        self._faults = 0

    def run(self) -> dict[str, Any]:
        """Run it; return what it came to.

        Raises:
            WorldError: A part did not do what the soak needs: no result is given.
        """
        with pair_of(load_migration(MIGRATION_FILE), home=self._home) as pair, ExitStack() as stack:
            pair.flag.deploy(FlagState(mode=WriteMode.SOURCE_ONLY, version=1), expected_version=None)
            writers = [self._writer(pair, number) for number in range(PROCESSES)]
            for writer in writers:
                stack.callback(writer.stop)
                writer.start()
            began = time.monotonic()
            recopied = self._begin_dual_writes(pair)
            if self._plan.follower_down:
                seen = self._without_target(pair, writers)
            else:
                seen = self._suffer(pair, writers, until=began + 60 * self._plan.minutes)
            took_s = time.monotonic() - began
            return self._account(pair, writers, took_s=took_s) | {"recopied_rows": recopied.rows_copied} | seen

    def _writer(self, pair: Pair, number: int) -> WritingProcess:
        rate = self._plan.writes_per_s / PROCESSES / (1 - READ_SHARE)
        ahead_s = self._plan.clocks_apart_s * (number / (PROCESSES - 1) - 0.5)
        return WritingProcess(
            pair,
            home=self._home,
            number=number,
            rate_per_s=rate,
            clock_ahead_s=ahead_s,
            letters_after_s=self._plan.letters_after_s,
        )

    def _begin_dual_writes(self, pair: Pair) -> RecopyCounts:
        """What the stage `start_dual_writes` does, by the calls that it makes."""
        session, name = pair.stores.source.session, pair.migration.name
        recording = FlagState(mode=WriteMode.RECORD, version=2)
        pair.flag.deploy(recording, expected_version=1)
        self._wait_for_all(pair, recording)
        clock = read_source_clock(session)
        time.sleep(stamps_settle_in(list_writers(session, name), clock).total_seconds())
        barrier_us = fix_barrier(
            list_writers(session, name), recording, read_source_clock(session), expected_writers=PROCESSES
        )
        dual = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=barrier_us, version=3)
        pair.flag.deploy(dual, expected_version=2)
        self._wait_for_all(pair, dual)
        time.sleep(stamps_settle_in(list_writers(session, name), read_source_clock(session)).total_seconds())
        total = RecopyCounts()
        for shape in pair.shapes:
            total += recopy_table(pair.stores, shape, migration=name, barrier_us=barrier_us, now_us=system_now_us())
        _log.info("dual writes are on: %s", total)
        return total

    def _wait_for_all(self, pair: Pair, state: FlagState) -> None:
        deadline = time.monotonic() + ARRIVAL_TIMEOUT_S
        while True:
            writers = list_writers(pair.stores.source.session, pair.migration.name)
            missing = missing_writers(writers, state)
            if len(writers) == PROCESSES and not missing:
                return
            if time.monotonic() > deadline:
                raise WorldError(f"{len(writers)} writers, and not in {state.mode}: {'; '.join(map(str, missing))}")
            time.sleep(0.5)

    def _without_target(self, pair: Pair, writers: Sequence[WritingProcess]) -> dict[str, Any]:
        """Cut the target off for all the minutes; what stages saw of it just before it came back."""
        pair.to_target.vanish()
        self._faults += 1
        time.sleep(60 * self._plan.minutes)
        listed = list_writers(pair.stores.source.session, pair.migration.name)
        for writer in writers:
            writer.note_memory()
        pair.to_target.come_back()
        return {
            "unsent_at_the_end": sum(each.journal_depth for each in listed),
            "follower_lag_s": round(max(each.follower_lag.total_seconds() for each in listed)),
        }

    def _suffer(self, pair: Pair, writers: Sequence[WritingProcess], *, until: float) -> dict[str, Any]:
        """One fault after the other, each as long as there is time for, with a pause of half of that behind it."""
        faults: list[tuple[str, Callable[[], object], Callable[[], object], WritingProcess | None]] = [
            (
                "the target throttles half of the writes",
                lambda: self._throttle(pair),
                pair.target.admin.clear_faults,
                None,
            ),
            ("the target is cut off", pair.to_target.vanish, pair.to_target.come_back, writers[0]),
            ("the target restarts", pair.target.stop, pair.target.start, None),
            ("SQS and the target are cut off", lambda: self._cut_off(pair), lambda: self._connect(pair), writers[1]),
            ("the target answers too late", lambda: self._late(pair), pair.target.admin.clear_faults, None),
            ("the target is silent", pair.to_target.fall_silent, pair.to_target.come_back, None),
        ]
        for number, (name, begin, end, victim) in enumerate(faults):
            left_s = max(0.0, until - time.monotonic())
            each_s = max(LEAST_FAULT_S, left_s / (len(faults) - number) / 1.5)
            _log.info("%s for %.0f s", name, each_s)
            begin()
            self._faults += 1
            time.sleep(each_s / 2)
            if victim is not None:
                _log.info("kill -9, and start again")
                victim.kill()
                victim.start()
            time.sleep(each_s / 2)
            end()
            time.sleep(each_s / 2)
            for writer in writers:
                writer.note_memory()
        return {}

    def _throttle(self, pair: Pair) -> None:
        # A throttle of Keyspaces looks like a time-out with nothing received.
        pair.target.admin.add_fault(Fault(kind=FaultKind.TIMEOUT_BEFORE, operation=Operation.WRITE, percentage=50))

    def _late(self, pair: Pair) -> None:
        pair.target.admin.add_fault(Fault(kind=FaultKind.TIMEOUT_AFTER, operation=Operation.WRITE, percentage=30))

    def _cut_off(self, pair: Pair) -> None:
        pair.to_queue.vanish()
        pair.to_target.vanish()

    def _connect(self, pair: Pair) -> None:
        pair.to_target.come_back()
        pair.to_queue.come_back()

    def _account(self, pair: Pair, writers: Sequence[WritingProcess], *, took_s: float) -> dict[str, Any]:
        """Let everything arrive, replay, and audit; nothing is written meanwhile."""
        for writer in writers:
            writer.ask("pause")
        paused = time.monotonic()
        for writer in writers:
            writer.wait_until_sent(stalled_s=STALLED_S)
        drained_s = time.monotonic() - paused
        replayed = Replay(pair, home=self._home).until_empty()
        time.sleep(DEATHS_S)
        answers = [writer.ask("audit") for writer in writers]
        audits = [answer["audit"] for answer in answers]
        counts = {
            name: sum(int(answer["counts"].get(name, 0)) for answer in answers)
            for name in ("written", "refused", "unknown", "by_cql", "read", "read_failed")
        }
        differences = sum(each[store]["lost_writes"] for each in audits for store in ("source", "target"))
        for each in audits:
            for store in ("source", "target"):
                for example in each[store]["examples"]:
                    _log.error("difference in the %s: %s", store, example)
        for writer in writers:
            writer.note_memory()
        return {
            "soak": "follower-down" if self._plan.follower_down else "dual-write",
            "minutes": round(took_s / 60, 2),
            "drained_s": round(drained_s),
            "acknowledged": sum(each["acknowledged"] for each in audits),
            "keys": sum(each["keys"] for each in audits),
            "mortal_keys": sum(each["mortal"] for each in audits),
            "differences": differences,
            "unsettled": sum(each["unsettled"] for each in audits),
            "dead_lettered": replayed.received,
            "replayed": replayed.replayed,
            "parked": replayed.parked,
            "wrong_reads": sum(answer["wrong_reads"] for answer in answers),
            "faults": self._faults,
            "kills": sum(writer.kills for writer in writers),
            "calls_since_last_start": counts,
            "peak_rss_mb": round(max(writer.peak_rss_mb for writer in writers), 1),
        }
