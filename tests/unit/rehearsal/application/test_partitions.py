"""The application's deletes of many rows, and its rows that die, against a store in memory that does as CQL says."""

from __future__ import annotations

import operator
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import StoreName
from keyspaces_migration.dual_write.writer import ReadResult
from rehearsal.application.audit import audit
from rehearsal.application.truth import DEATH_TAKES_S, Truth
from rehearsal.application.workload import WEIGHTS, Operation, Workload, weights_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from keyspaces_migration.dual_write.bounds import Bound

TYPES = {"p": "int", "q": "text", "c": "int", "d": "text", "v": "int"}
SHAPE = TableShape(
    name="t",
    columns={name: parse_type(text) for name, text in TYPES.items()},
    partition_keys=("p", "q"),
    clustering_keys=("c", "d"),
    expires=True,
)
HOLDS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


class MemoryTable:
    """One table, written as `DualWriter` is and read as a store is."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.ttls: list[int] = []
        self.deleted_many = 0

    def insert(self, _: str, row: Mapping[str, Any], *, ttl_s: int | None = None) -> None:
        if ttl_s is not None:
            self.ttls.append(ttl_s)
        key = tuple(row[name] for name in SHAPE.primary_key)
        self.rows[key] = {**dict.fromkeys(TYPES), **self.rows.get(key, {}), **row}

    def update(self, _: str, key: Mapping[str, Any], columns: Mapping[str, Any]) -> None:
        self.insert("t", {**key, **columns})

    def delete_row(self, _: str, key: Mapping[str, Any]) -> None:
        self.rows.pop(tuple(key.values()), None)

    def delete_partition(self, table: str, key: Mapping[str, Any]) -> None:
        self.delete_range(table, key, ())

    def delete_range(self, _: str, key: Mapping[str, Any], bounds: Sequence[Bound]) -> None:
        def holds(row: Mapping[str, Any]) -> bool:
            return all(row[name] == value for name, value in key.items()) and all(
                HOLDS[bound.comparison](row[bound.column], bound.value) for bound in bounds
            )

        kept = {each: row for each, row in self.rows.items() if not holds(row)}
        self.deleted_many += len(self.rows) - len(kept)
        self.rows = kept

    def read(self, _: str, key: Mapping[str, Any]) -> ReadResult:
        return ReadResult(row=self.read_row(SHAPE, key), store=StoreName.SOURCE)

    def read_row(self, _: TableShape, key: Mapping[str, Any]) -> dict[str, Any] | None:
        return self.rows.get(tuple(key[name] for name in SHAPE.primary_key))


def opened(folder: Path) -> Truth:
    truth = Truth(folder / "truth.jsonl")
    truth.open()
    return truth


def work(truth: Truth, table: Any, *, seed: int, steps: int) -> Workload:
    busy = {**WEIGHTS, Operation.DELETE_PARTITION: 5, Operation.DELETE_RANGE: 10, Operation.NEW_PARTITION: 20}
    made = Workload(writer=table, truth=truth, tables=[SHAPE], rng=random.Random(seed), weights=busy)
    for _ in range(steps):
        made.step()
    return made


def differences(truth: Truth, table: Any) -> int:
    stores: Any = type("Both", (), {"source": table, "target": table})()
    report = audit(stores, truth, {"t": SHAPE}, unsent=0, only_written=True)
    return report.source.lost_writes + report.unsettled


@pytest.mark.parametrize("seed", range(5))
def test_the_truth_follows_deletes_of_partitions_and_ranges_also_through_a_restart(tmp_path: Path, seed: int) -> None:
    table, truth = MemoryTable(), opened(tmp_path)
    first = work(truth, table, seed=seed, steps=400)
    truth.close()
    again = opened(tmp_path)
    second = work(again, table, seed=seed + 100, steps=400)
    assert (first.wrong_read_count, second.wrong_read_count) == (0, 0)
    assert table.deleted_many > 20
    assert differences(again, table) == 0
    table.rows.clear()
    assert differences(again, table) > 20


def test_a_row_that_the_application_did_not_make_is_never_deleted_with_others(tmp_path: Path) -> None:
    table, truth = MemoryTable(), opened(tmp_path)
    for c in range(3):
        row = {"p": 1, "q": "theirs", "c": c, "d": "x", "v": 1}
        truth.adopt("t", {name: row[name] for name in SHAPE.primary_key}, row)
        table.insert("t", row)
    deletes = {Operation.INSERT: 1, Operation.DELETE_PARTITION: 1, Operation.DELETE_RANGE: 1}
    made = Workload(writer=table, truth=truth, tables=[SHAPE], rng=random.Random(1), weights=deletes)  # type: ignore[arg-type]
    for _ in range(200):
        made.step()
    assert made.counts["nothing_to_delete"] > 20
    assert table.deleted_many == 0


def test_a_row_with_a_time_to_live_must_be_there_and_then_must_not(tmp_path: Path) -> None:
    table, truth = MemoryTable(), opened(tmp_path)
    mortal = {Operation.INSERT_MORTAL: 1, Operation.UPDATE: 1, Operation.DELETE: 1}
    made = Workload(writer=table, truth=truth, tables=[SHAPE], rng=random.Random(1), weights=mortal)  # type: ignore[arg-type]
    while not table.ttls:
        made.step()
    (key,) = (each for each in truth.every() if each.dies_at is not None)
    assert key.dies_at is not None
    assert key.dies_at == pytest.approx(time.time() + table.ttls[0], abs=5)
    assert key.possible_at(key.dies_at - DEATH_TAKES_S - 1) == [key.row]
    assert None in key.possible_at(key.dies_at)
    assert key.row in key.possible_at(key.dies_at)
    assert key.possible_at(key.dies_at + DEATH_TAKES_S + 1) == [None]
    truth.close()
    (read,) = (each for each in opened(tmp_path).every() if each.dies_at is not None)
    assert read.dies_at == key.dies_at


def test_the_share_of_reads_is_what_was_asked_for() -> None:
    weights = weights_of(0.1)
    assert sum(weights.values()) == pytest.approx(1)
    assert weights[Operation.READ] == pytest.approx(0.1)
    assert weights[Operation.UPDATE] / weights[Operation.DELETE] == pytest.approx(28 / 8)
