"""The short form of `make soak NAME=dual-write`: real stores, three processes, each fault for some seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.processes import end_processes_of
from rehearsal.soak.dual_write import DualWriteSoak, SoakPlan

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_acknowledged_is_lost_or_wrong_through_a_minute_of_faults(tmp_path: Path) -> None:
    try:
        found = DualWriteSoak(SoakPlan(minutes=1, writes_per_s=120, clocks_apart_s=4), home=tmp_path).run()
    finally:
        end_processes_of(tmp_path)
    assert found["acknowledged"] > 1_000
    assert (found["differences"], found["unsettled"], found["parked"], found["wrong_reads"]) == (0, 0, 0, 0)
    assert found["replayed"] == found["dead_lettered"] > 0
    assert (found["faults"], found["kills"]) == (6, 2)
    calls = found["calls_since_last_start"]
    assert (calls["refused"], calls["unknown"]) == (0, 0)
    assert calls["by_cql"] > 100
