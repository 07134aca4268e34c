from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.assessment import LoadParameterError, Verdict, given_loads
from keyspaces_migration.assessment.errors import NoAnswerError, NotThereError
from keyspaces_migration.assessment.history_partitions import PartitionCount, Widest
from keyspaces_migration.assessment.model import Part
from keyspaces_migration.capacity.load_cost import LoadBudget
from keyspaces_migration.capacity.order_reason import OrderReason
from keyspaces_migration.capacity.partitions import HotReason
from keyspaces_migration.capacity.sizes import RowShape, row_size
from keyspaces_migration.config.tables import LoadOrder, Table
from keyspaces_migration.cql.types import parse_type
from tests.unit.keyspaces_migration.assessment.estimate.ring import Ring
from tests.unit.keyspaces_migration.assessment.estimate.shops import ROWS, Past, assessed, given, queries, ring

if TYPE_CHECKING:
    from keyspaces_migration.assessment.estimate import Estimate, TableEstimate

NOW = dt.datetime(2026, 11, 26, 12, 0, tzinfo=dt.UTC)
WRITES = "system_views.coordinator_write_latency"
NODES = ("10.0.0.1:9042", "10.0.0.2:9042")


def estimated(**more: Any) -> Estimate:
    found = assessed(NOW, **more).estimate
    assert found is not None
    return found


def table_of(**more: Any) -> TableEstimate:
    (found,) = estimated(**more).tables
    return found


def test_load_capacity_and_money_follow_from_sizes_and_what_the_nodes_counted() -> None:
    found = table_of(rows=ring(note="x" * 1_500))
    assert found.load is not None
    # 12 writes of 2 units; 30 reads of 2 rows, each of 1 unit.
    assert (found.load.write_units_per_s, found.load.read_units_per_s) == (24, 60)
    assert found.monthly is not None
    assert (found.monthly.provisioned.wcu, found.monthly.provisioned.rcu) == (math.ceil(24 / 0.7), math.ceil(60 / 0.7))
    assert found.monthly.on_demand.writes_usd == pytest.approx(24 * 730 * 3600 / 1e6 * 0.625)
    assert not found.problems


def test_what_is_stored_is_the_sum_of_all_rows_with_storages_metadata() -> None:
    shape = RowShape(
        columns={name: parse_type(kind) for name, kind in (("id", "int"), ("at", "int"), ("note", "text"))},
        partition_keys=("id",),
        clustering_keys=("at",),
    )
    rows = [
        {"id": row[0], "at": row[1], "note": row[2]} for partition in ring().partitions.values() for row in partition
    ]
    assert len(rows) == ROWS
    assert table_of().storage_bytes == pytest.approx(sum(row_size(row, shape).storage_bytes for row in rows))


def test_a_load_that_a_person_gives_goes_before_what_is_measured() -> None:
    found = table_of(loads=given(writes_per_s=50))
    assert found.load is not None
    assert found.load.write_units_per_s == 50


def test_a_load_for_no_table_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(LoadParameterError, match=r"names event, .*It has: events"):
        estimated(loads={"event": given()["events"]})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"events": {"writes_per_s": -1.0, "reads_per_s": 0.0}}, "greater than or equal to 0"),
        ({"events": {"writes_per_s": 1.0}}, "reads_per_s: Field required"),
        ({"events": {"writes_per_s": 1.0, "reads_per_s": 1.0, "write": 1}}, "Extra inputs"),
        (["events"], "valid dictionary"),
        ({"events": {"writes_per_s": math.nan, "reads_per_s": 0.0}}, "finite number"),
    ],
)
def test_a_load_of_another_form_is_refused_with_what_is_wrong(value: object, problem: str) -> None:
    with pytest.raises(LoadParameterError, match=problem):
        given_loads(value)


def test_a_load_in_whole_numbers_is_taken() -> None:
    assert given_loads({"events": {"writes_per_s": 5, "reads_per_s": 0}})["events"].writes_per_s == 5


def test_no_load_is_known_where_no_node_could_be_asked_and_no_order_is_recommended() -> None:
    found = estimated(source=queries(**{WRITES: NotThereError("not in this version")}))
    (table,) = found.tables
    assert (table.load, table.monthly, table.work) == (None, None, None)
    assert found.recommendations.tables == {}
    assert any("parameter load" in problem for problem in table.problems)
    assert Part.LOAD in {part.part for part in found.unseen}
    assert table.storage_bytes
    assert not found.is_complete


def test_the_load_of_a_silent_node_is_said_to_be_missing() -> None:
    source = queries()
    source.nodes = NODES
    source.answers[f"{WRITES}@{NODES[1]}"] = NoAnswerError("timed out")
    found = table_of(source=source)
    assert found.load is not None
    assert any("at least this" in problem for problem in found.problems)


def test_rows_that_cannot_be_read_leave_everything_else_standing() -> None:
    whole = assessed(NOW, rows=Ring({}, fails_with=NoAnswerError("too slow")))
    assert whole.estimate is not None
    (table,) = whole.estimate.tables
    assert table.looked.sample is None
    assert (table.storage_bytes, table.load, table.work) == (None, None, None)
    assert any(part.part is Part.ROWS and "events: too slow" in part.why for part in whole.unseen)
    assert not whole.is_complete
    assert whole.verdict is Verdict.NOTHING_IN_THE_WAY


def test_rows_are_not_drawn_from_another_partitioner() -> None:
    local = [
        {
            "cluster_name": "prod",
            "release_version": "4.1.3",
            "partitioner": "org.apache.cassandra.dht.RandomPartitioner",
        }
    ]
    found = estimated(source=queries(**{"system.local": local}))
    assert any("RandomPartitioner" in part.why for part in found.unseen)


def test_an_empty_table_that_is_written_to_is_not_taken_for_free() -> None:
    found = table_of(rows=Ring({}))
    assert found.load is None
    assert any("no rows" in problem for problem in found.problems)


def test_a_tables_history_is_needed_for_its_load_to_be_estimated() -> None:
    found = estimated(past=Past(shape=None))
    assert found.recommendations.tables == {}
    assert any("history was not counted" in problem for problem in found.tables[0].problems)


def test_the_order_follows_from_hours_at_the_budget() -> None:
    comfortable = estimated().recommendations.tables["events"]
    assert (comfortable.order, comfortable.reason) == (LoadOrder.DUAL_WRITES_FIRST, OrderReason.ONE_LOAD_IN_TIME)
    # 400 units at a unit in ten minutes take 66 hours.
    slow = LoadBudget(write_units_per_s=1 / 600, hours_to_barrier=0)
    late = estimated(budget=slow, loads=given(writes_per_s=0)).recommendations.tables["events"]
    assert (late.order, late.reason) == (LoadOrder.HISTORY_FIRST, OrderReason.BEYOND_DEADLINE)


def test_hours_and_money_are_told_at_several_budgets_around_the_files() -> None:
    points = estimated().budgets
    assert [point.write_units_per_s for point in points] == [50, 100, 200, 400, 800]
    hours = [point.dual_writes_first_hours for point in points]
    assert hours == sorted(hours, reverse=True)
    assert points[1].dual_writes_first_hours == pytest.approx(ROWS / 100 / 3600)


def test_the_migration_files_throughput_bounds_the_load() -> None:
    table = Table.model_validate_json(
        """{"schema": {"columns": [{"id": "int"}, {"at": "int"}, {"note": "text"}], "partition_keys": ["id"],
            "clustering_keys": [{"at": "ASC"}]},
            "throughput": {"mode": "PROVISIONED", "rcu": 10, "wcu": 20}, "history": {"table": "A.B.C"}}"""
    )
    found = table_of(tables={"events": table})
    assert found.work is not None
    assert found.work.capacity_units_per_s == 20
    assert found.served.is_in_file


def test_the_histories_widest_partition_bounds_the_load_by_one_partitions_units() -> None:
    widest = Widest(by_rows=(PartitionCount(key=("0",), count=100_000_000),))
    found = table_of(past=Past(widest=widest))
    assert found.work is not None
    assert found.work.largest_partition_units == 100_000_000


def test_the_widest_partition_of_the_sample_bounds_the_load_where_the_history_counted_none() -> None:
    found = table_of(past=Past(widest=Widest()))
    assert found.work is not None
    assert found.work.largest_partition_units == 100


def test_a_partition_is_hot_by_the_writes_of_the_histories_last_day() -> None:
    widest = Widest(by_last_day=(PartitionCount(key=("7",), count=86_400 * 900),), written_by="WRITTEN_AT")
    (hot,) = table_of(past=Past(widest=widest)).hot
    assert hot.reasons == (HotReason.WRITES,)
    assert hot.partition.key == "7"
    assert hot.write_share == pytest.approx(0.9)


def test_a_partition_is_hot_by_its_share_of_the_tables_load() -> None:
    # A quarter of 4,000 writes a second.
    (hot,) = table_of(loads=given(writes_per_s=4_000)).hot
    assert HotReason.WRITES in hot.reasons
    assert hot.partition.key == "0"


def test_a_partition_that_only_a_short_load_makes_hot_is_not_worth_a_word() -> None:
    assert table_of(budget=LoadBudget(write_units_per_s=4_000)).hot == ()


def test_partitions_of_the_sample_stand_in_for_a_history_that_tells_of_none() -> None:
    (hot,) = table_of(past=Past(widest=Widest()), loads=given(writes_per_s=4_000)).hot
    assert hot.partition.key == "0"


def test_the_draft_takes_over_the_order_and_the_figures_that_capacity_hangs_on() -> None:
    drafted = assessed(NOW).draft
    assert drafted.value["tables"]["events"]["order"] == "DUAL_WRITES_FIRST"
    assert "on demand about" in drafted.yaml
    assert "wcu" in drafted.yaml


def test_a_table_left_out_of_the_draft_is_not_read() -> None:
    rows = ring()
    found = estimated(source=queries(("clicks", "counter")), rows=rows)
    assert (found.tables, rows.read) == ((), 0)
