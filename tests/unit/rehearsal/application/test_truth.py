from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import OperationTimedOut
from hypothesis import given, settings
from hypothesis import strategies as st

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.errors import JournalFullError, OutcomeUnknownError
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import StoreName
from keyspaces_migration.dual_write.writer import ReadResult
from rehearsal.application.audit import audit
from rehearsal.application.truth import Truth, TruthDamagedError, json_row
from rehearsal.application.workload import Operation, Workload

if TYPE_CHECKING:
    from pathlib import Path

PLANES = TableShape(
    name="planes",
    columns={name: parse_type(text) for name, text in {"id": "int", "seats": "int", "tags": "set<text>"}.items()},
    partition_keys=("id",),
)
KEY, OTHER = {"id": 1}, {"id": 2}


def row(seats: int | None, number: int = 1) -> dict[str, Any]:
    return {"id": number, "seats": seats, "tags": None}


def opened(folder: Path) -> Truth:
    truth = Truth(folder / "truth.jsonl")
    truth.open()
    return truth


def state(truth: Truth, key: dict[str, int]) -> tuple[Any, list[Any]]:
    found = truth.of("planes", key)
    assert found is not None
    return found.row, list(found.begun.values())


def test_the_truth_of_a_dead_process_is_the_next_one_s(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.adopt("planes", KEY, row(1))
    first.acknowledge(first.begin("planes", KEY, row(2)))
    first.refuse(first.begin("planes", KEY, row(3)))
    first.begin("planes", OTHER, row(4, 2))
    second = opened(tmp_path)
    assert state(second, KEY) == (row(2), [])
    assert state(second, OTHER) == (None, [row(4, 2)])
    assert second.acknowledged == 1
    second.acknowledge(second.begin("planes", OTHER, None))
    assert state(opened(tmp_path), OTHER) == (None, [])


def test_a_later_acknowledged_write_settles_the_unknown_ones_before_it(tmp_path: Path) -> None:
    truth = opened(tmp_path)
    truth.begin("planes", KEY, row(1))
    sure = truth.begin("planes", KEY, row(2))
    truth.begin("planes", KEY, row(3))
    truth.acknowledge(sure)
    assert state(truth, KEY) == (row(2), [row(3)])


@settings(max_examples=40)
@given(st.data())
def test_cut_at_any_byte_no_acknowledged_write_is_forgotten(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("truth")
    truth, sizes = opened(folder), []
    path = folder / "truth.jsonl"
    for number in range(5):
        truth.acknowledge(truth.begin("planes", KEY, row(number)))
        sizes.append(path.stat().st_size)
    truth.close()
    cut = data.draw(st.integers(0, sizes[-1]))
    path.write_bytes(path.read_bytes()[:cut])
    again = opened(folder)
    assert again.acknowledged == sum(size <= cut for size in sizes)
    if again.acknowledged:
        assert state(again, KEY)[0] == row(again.acknowledged - 1)


def test_a_line_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truth.jsonl").write_text('{"other": 1}\n', encoding="utf-8")
    with pytest.raises(TruthDamagedError, match="is no line of ours"):
        opened(tmp_path)


def test_an_empty_collection_is_null_as_in_cql() -> None:
    assert json_row(PLANES, {"id": 1, "seats": None, "tags": set()}) == row(None)


def test_static_columns_are_no_part_of_a_row() -> None:
    columns = {"id": "int", "number": "int", "shared": "text"}
    shape = TableShape(
        name="lines",
        columns={name: parse_type(text) for name, text in columns.items()},
        partition_keys=("id",),
        clustering_keys=("number",),
        static_columns=("shared",),
    )
    assert json_row(shape, {"id": 1, "number": 2, "shared": "x"}) == {"id": 1, "number": 2}


class FakeWriter:
    """Keeps rows in a map; `fail` is raised instead of writing."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.fail: Exception | None = None

    def insert(self, _: str, values: dict[str, Any]) -> None:
        self._write(values["id"], values)

    def update(self, _: str, key: dict[str, Any], values: dict[str, Any]) -> None:
        self._write(key["id"], values)

    def delete_row(self, _: str, key: dict[str, Any]) -> None:
        if self.fail:
            raise self.fail
        del self.rows[key["id"]]

    def read(self, _: str, key: dict[str, Any]) -> ReadResult:
        return ReadResult(row=self.rows.get(key["id"]), store=StoreName.SOURCE)

    def _write(self, number: int, values: dict[str, Any]) -> None:
        if self.fail:
            raise self.fail
        self.rows[number] = {"id": number, **self.rows.get(number, {}), **values}


def workload(truth: Truth, writer: Any) -> Workload:
    return Workload(writer=writer, truth=truth, tables=[PLANES], rng=random.Random(5))


def test_reads_of_a_store_that_is_right_are_never_wrong_and_of_one_that_is_wrong_are(tmp_path: Path) -> None:
    truth, writer = opened(tmp_path), FakeWriter()
    work = workload(truth, writer)
    for _ in range(500):
        work.step()
    assert work.wrong_read_count == 0
    assert min(work.counts["read"], work.counts["written"]) > 100
    writer.rows.clear()
    for _ in range(50):
        work.step(reads_only=True)
    assert work.wrong_read_count > 10


def test_rows_of_nothing_but_a_key_are_written_whole_where_others_would_be_updated(tmp_path: Path) -> None:
    shape = TableShape(name="seen", columns={"id": parse_type("int")}, partition_keys=("id",))
    truth, writer = opened(tmp_path), FakeWriter()
    updates = {Operation.INSERT: 1, Operation.UPDATE: 5, Operation.READ: 1}
    work = Workload(writer=writer, truth=truth, tables=[shape], rng=random.Random(5), weights=updates)  # type: ignore[arg-type]
    for _ in range(100):
        work.step()
    assert work.counts["written"] > 50
    assert work.wrong_read_count == 0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (JournalFullError("full"), "refused"),
        (OutcomeUnknownError("?", entry_id=1, timestamp_us=1), "unknown"),
        (OperationTimedOut(), "unknown"),
    ],
)
def test_a_failed_write_leaves_the_row_as_it_was_or_in_doubt(tmp_path: Path, error: Exception, outcome: str) -> None:
    truth, writer = opened(tmp_path), FakeWriter()
    work = workload(truth, writer)
    while not list(truth.every()):
        work.step()
    writer.fail = error
    for _ in range(20):
        work.step()
    assert work.counts[outcome] > 0
    in_doubt = any(key.begun for key in truth.every())
    assert in_doubt is (outcome == "unknown")
    assert work.wrong_read_count == 0


class FakeStore:
    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = {each["id"]: each for each in rows}

    def read_row(self, _: TableShape, key: dict[str, Any]) -> dict[str, Any] | None:
        return self.rows.get(key["id"])


def run_audit(truth: Truth, source: FakeStore, target: FakeStore, *, only_written: bool = False) -> dict[str, Any]:
    stores: Any = type("Both", (), {"source": source, "target": target})()
    return audit(stores, truth, {"planes": PLANES}, unsent=0, only_written=only_written).to_json()


def test_the_audit_counts_each_store_s_differences(tmp_path: Path) -> None:
    truth = opened(tmp_path)
    for number, seats in ((1, 10), (2, 20), (3, 30)):
        truth.acknowledge(truth.begin("planes", {"id": number}, row(seats, number)))
    truth.acknowledge(truth.begin("planes", {"id": 4}, None))
    truth.adopt("planes", {"id": 5}, row(50, 5))
    good = [row(10), row(20, 2), row(30, 3), row(50, 5)]
    assert run_audit(truth, FakeStore(*good), FakeStore(*good))["target"]["lost_writes"] == 0
    bad = FakeStore(row(11), row(30, 3), row(40, 4), row(50, 5))  # changed, missing, surplus
    report = run_audit(truth, FakeStore(*good), bad)
    assert (report["source"]["lost_writes"], report["keys"]) == (0, 5)
    assert [report["target"][name] for name in ("lost_writes", "missing", "surplus")] == [3, 1, 1]
    without = FakeStore(*good[:3])
    assert run_audit(truth, FakeStore(*good), without)["target"]["lost_writes"] == 1
    assert run_audit(truth, FakeStore(*good), without, only_written=True)["target"]["lost_writes"] == 0


def test_an_unknown_outcome_may_be_either_but_the_stores_must_agree(tmp_path: Path) -> None:
    truth = opened(tmp_path)
    truth.acknowledge(truth.begin("planes", KEY, row(1)))
    truth.begin("planes", KEY, row(2))
    split = run_audit(truth, FakeStore(row(2)), FakeStore(row(1)))
    assert (split["unsettled"], split["target"]["lost_writes"]) == (1, 0)
    assert run_audit(truth, FakeStore(row(2)), FakeStore(row(2)))["unsettled"] == 0
    assert state(opened(tmp_path), KEY) == (row(2), [])
    assert run_audit(truth, FakeStore(row(2)), FakeStore(row(1)))["target"]["lost_writes"] == 1
