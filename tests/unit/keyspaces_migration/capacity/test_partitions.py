from __future__ import annotations

from typing import Any

import pytest

from keyspaces_migration.capacity.partitions import HotPartition, HotReason, PartitionLoad, hot_partitions

KB = 1024


def hot(*loads: PartitionLoad, **more: Any) -> tuple[HotPartition, ...]:
    return hot_partitions(loads, **{"table_write_units": 1e9, "load_units_per_s": 1_000.0, **more})


def test_writes_count_by_the_units_of_a_row() -> None:
    # 1.5 KB are 2 units: 400 writes are 800 units, 0.8 of 1,000
    load = PartitionLoad(key="a", rows=10, bytes=15 * KB, writes_per_s=400)
    (found,) = hot(load)
    assert (found.reasons, found.write_share) == ((HotReason.WRITES,), 0.8)
    assert hot(PartitionLoad(key="a", rows=10, bytes=15 * KB, writes_per_s=399)) == ()


def test_reads_count_by_4_kb_against_3000() -> None:
    (found,) = hot(PartitionLoad(key="a", rows=1, bytes=5 * KB, reads_per_s=1_500))
    assert (found.reasons, found.read_share, found.write_share) == ((HotReason.READS,), 1.0, 0)


def test_a_partition_that_holds_much_of_the_table_is_hot_when_the_table_is_loaded_fast() -> None:
    # Half of a table of 40,000 units, loaded at 4,000 a second: 2,000 a second, for 20 s at 1,000
    load = PartitionLoad(key="whale", rows=20_000, bytes=20_000 * 300)
    (found,) = hot(load, table_write_units=40_000, load_units_per_s=4_000)
    assert (found.reasons, found.load_share) == ((HotReason.LOAD,), 2.0)
    assert found.least_load_hours == pytest.approx(20 / 3600)
    assert hot(load, table_write_units=40_000, load_units_per_s=1_500) == ()


def test_the_hottest_come_first_with_every_reason() -> None:
    warm = PartitionLoad(key="warm", rows=1, bytes=100, writes_per_s=900)
    both = PartitionLoad(key="both", rows=1, bytes=100, writes_per_s=900, reads_per_s=6_000)
    cold = PartitionLoad(key="cold", rows=1, bytes=100, writes_per_s=1)
    found = hot(warm, cold, both)
    assert [each.partition.key for each in found] == ["both", "warm"]
    assert found[0].reasons == (HotReason.WRITES, HotReason.READS)


def test_how_near_counts_as_hot_is_the_callers_choice() -> None:
    load = PartitionLoad(key="a", rows=1, bytes=100, writes_per_s=300)
    assert hot(load) == ()
    assert len(hot(load, hot_from=0.3)) == 1


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"bytes": 0}, {"writes_per_s": -1}, {"reads_per_s": -1}, {"rows": 2, "bytes": 1}]
)
def test_an_impossible_partition_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no partition has"):
        PartitionLoad(**{"key": "a", "rows": 1, "bytes": 1, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"table_write_units": 0}, {"load_units_per_s": 0}, {"hot_from": 0}])
def test_an_impossible_load_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        hot(PartitionLoad(key="a", rows=1, bytes=1), **wrong)
