from __future__ import annotations

from keyspaces_migration.assessment.errors import NoAnswerError, NotThereError
from keyspaces_migration.assessment.estimate.traffic import TableTraffic, read_traffic
from keyspaces_migration.assessment.model import Part
from tests.unit.keyspaces_migration.assessment.builders import FakeQueries

NODES = ("10.0.0.1:9042", "10.0.0.2:9042")
WRITES, READS = "system_views.coordinator_write_latency", "system_views.coordinator_read_latency"
SCANS, ROWS = "system_views.coordinator_scan_latency", "system_views.rows_per_read"


def row(table: str, per_second: float, **more: float) -> dict[str, object]:
    return {"keyspace_name": "shop", "table_name": table, "per_second": per_second, **more}


def test_what_each_node_coordinated_is_added_up_by_table() -> None:
    queries = FakeQueries(
        {
            f"{WRITES}@{NODES[0]}": [row("events", 10.5), row("carts", 1)],
            f"{WRITES}@{NODES[1]}": [row("events", 4.5)],
            f"{READS}@{NODES[1]}": [row("events", 7)],
            f"{SCANS}@{NODES[0]}": [row("carts", 2)],
        },
        nodes=NODES,
    )
    found = read_traffic(queries, keyspace="shop")
    assert found.tables == {
        "carts": TableTraffic(writes_per_s=1, reads_per_s=0, scans_per_s=2),
        "events": TableTraffic(writes_per_s=15, reads_per_s=7),
    }
    assert not found.unseen


def test_rows_a_read_are_the_nodes_medians_by_how_many_reads_each_had() -> None:
    queries = FakeQueries(
        {
            f"{ROWS}@{NODES[0]}": [row("events", 0, count=30, p50th=10)],
            f"{ROWS}@{NODES[1]}": [row("events", 0, count=10, p50th=50)],
        },
        nodes=NODES,
    )
    assert read_traffic(queries, keyspace="shop").tables["events"].rows_per_read == 20


def test_other_keyspaces_load_is_not_counted() -> None:
    queries = FakeQueries({WRITES: [row("events", 1) | {"keyspace_name": "other"}]})
    assert read_traffic(queries, keyspace="shop").tables == {}


def test_a_silent_node_and_an_old_one_are_told_and_not_read_as_no_load() -> None:
    queries = FakeQueries(
        {f"{WRITES}@{NODES[0]}": NoAnswerError("timed out"), f"{WRITES}@{NODES[1]}": NotThereError("no such table")},
        nodes=NODES,
    )
    found = read_traffic(queries, keyspace="shop")
    assert [part.part for part in found.unseen] == [Part.LOAD, Part.LOAD]
    assert "timed out" in found.unseen[0].why
    assert "4.0" in found.unseen[1].why
    assert "parameter `load`" in found.unseen[1].why
