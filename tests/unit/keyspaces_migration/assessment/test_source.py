"""Reading a source of any version: what is there, what is not, and what could not be looked at."""

from typing import Any

import pytest

from keyspaces_migration.assessment.errors import (
    NoAnswerError,
    NotPermittedError,
    NotThereError,
    SchemaUnreadableError,
    SourceKeyspaceNotFoundError,
    SystemKeyspaceError,
)
from keyspaces_migration.assessment.model import ColumnKind, Part, SizeEstimate
from keyspaces_migration.assessment.source import read_source
from tests.unit.keyspaces_migration.assessment.builders import MURMUR3, FakeQueries

Answers = dict[str, Any]
NO_TABLE = NotThereError("unconfigured table")


def row(**values: object) -> dict[str, object]:
    return {"keyspace_name": "shop", **values}


@pytest.fixture
def answers() -> Answers:
    """A keyspace of one table on Cassandra 3.11, without a part that came later."""
    return {
        "system.local": [
            {
                "cluster_name": "prod",
                "release_version": "3.11.14",
                "partitioner": MURMUR3,
                "data_center": "dc1",
                "rack": "r1",
                "rpc_address": "10.0.0.1",
            },
        ],
        "system.peers_v2": NO_TABLE,
        "system.peers": [{"peer": "10.0.0.2", "data_center": "dc1", "rack": "r2", "release_version": "3.11.14"}],
        "system_schema.keyspaces": [row(replication={"class": "SimpleStrategy"}, durable_writes=True)],
        "system_schema.column_masks": NO_TABLE,
        "system_schema.tables": [row(table_name="events", flags={"compound"}, gc_grace_seconds=60, id="x")],
        "system_schema.columns": [
            row(
                table_name="events", column_name="b", kind="clustering", position=1, type="int", clustering_order="desc"
            ),
            row(table_name="events", column_name="z", kind="partition_key", position=0, type="text"),
            row(
                table_name="events", column_name="y", kind="clustering", position=0, type="int", clustering_order="asc"
            ),
            row(table_name="events", column_name="n", kind="regular", position=-1, type="frozen<list<int>>"),
            row(table_name="events", column_name="m", kind="static", position=-1, type="text"),
        ],
    }


def test_a_311_source_is_read_whole_without_the_tables_that_came_later(answers: Answers) -> None:
    source = read_source(FakeQueries(answers), keyspace="shop")
    assert source.cluster.unseen == source.keyspace.unseen == ()
    assert source.cluster.version == "3.11.14"
    assert [node.address for node in source.cluster.nodes] == ["10.0.0.1", "10.0.0.2"]


def test_columns_come_in_key_order_with_their_direction(answers: Answers) -> None:
    (table,) = read_source(FakeQueries(answers), keyspace="shop").keyspace.tables
    assert [(column.name, column.descending) for column in table.columns] == [
        ("z", False),
        ("y", False),
        ("b", True),
        ("m", False),
        ("n", False),
    ]
    assert [column.name for column in table.primary_key] == ["z", "y", "b"]
    assert [column.name for column in table.of_kind(ColumnKind.STATIC)] == ["m"]
    assert table.options == {"gc_grace_seconds": 60}


def test_a_keyspace_that_is_not_there_is_refused_with_those_that_are(answers: Answers) -> None:
    with pytest.raises(
        SourceKeyspaceNotFoundError, match=r"'Shop' is not on the source, which has: shop\. Did you mean"
    ):
        read_source(FakeQueries(answers), keyspace="Shop")


def test_a_source_without_keyspaces_says_so(answers: Answers) -> None:
    answers["system_schema.keyspaces"] = [{"keyspace_name": "system_auth"}]
    with pytest.raises(SourceKeyspaceNotFoundError, match="none but its own"):
        read_source(FakeQueries(answers), keyspace="shop")


def test_cassandras_own_keyspaces_are_refused_without_a_question() -> None:
    queries = FakeQueries({})
    with pytest.raises(SystemKeyspaceError, match="system_auth"):
        read_source(queries, keyspace="system_auth")
    assert queries.asked == []


@pytest.mark.parametrize("part", ["keyspaces", "tables", "columns"])
def test_without_tables_or_columns_there_is_no_assessment(answers: Answers, part: str) -> None:
    answers[f"system_schema.{part}"] = NotPermittedError("User bob has no SELECT permission")
    with pytest.raises(SchemaUnreadableError, match=f"no SELECT permission.*system_schema.{part}.*Grant SELECT"):
        read_source(FakeQueries(answers), keyspace="shop")


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ("indexes", Part.INDEXES),
        ("views", Part.VIEWS),
        ("types", Part.TYPES),
        ("triggers", Part.TRIGGERS),
        ("functions", Part.FUNCTIONS),
        ("aggregates", Part.AGGREGATES),
        ("dropped_columns", Part.DROPPED_COLUMNS),
    ],
)
def test_any_other_part_that_is_unreadable_is_told_as_such(answers: Answers, table: str, part: Part) -> None:
    answers[f"system_schema.{table}"] = NotPermittedError("no SELECT permission")
    (unseen,) = read_source(FakeQueries(answers), keyspace="shop").keyspace.unseen
    assert (unseen.part, unseen.why) == (part, "no SELECT permission")


def test_peers_that_do_not_answer_are_told_and_not_taken_from_the_older_table(answers: Answers) -> None:
    answers["system.peers_v2"] = NoAnswerError("timed out")
    cluster = read_source(FakeQueries(answers), keyspace="shop").cluster
    assert [(part.part, part.why) for part in cluster.unseen] == [(Part.NODES, "timed out")]
    assert len(cluster.nodes) == 1


def test_masks_are_asked_of_version_5_alone(answers: Answers) -> None:
    answers["system_schema.column_masks"] = [row(table_name="events", column_name="m")]
    assert read_source(FakeQueries(answers), keyspace="shop").keyspace.tables[0].masked_columns == ()
    answers["system.local"][0]["release_version"] = "5.0.6"
    assert read_source(FakeQueries(answers), keyspace="shop").keyspace.tables[0].masked_columns == ("m",)


def test_masks_are_asked_when_the_version_is_unknown(answers: Answers) -> None:
    answers["system.local"] = NoAnswerError("timed out")
    keyspace = read_source(FakeQueries(answers), keyspace="shop").keyspace
    assert [part.part for part in keyspace.unseen] == [Part.COLUMN_MASKS]


def test_sizes_are_summed_over_nodes_and_a_silent_node_is_named(answers: Answers) -> None:
    one = [
        row(table_name="events", partitions_count=10, mean_partition_size=100),
        row(table_name="events", partitions_count=1, mean_partition_size=5),
    ]
    answers |= {
        "system.size_estimates@a:1": one,
        "system.size_estimates@b:1": NoAnswerError("down"),
        "system.size_estimates@c:1": [row(table_name="events", partitions_count=2, mean_partition_size=50)],
    }
    keyspace = read_source(FakeQueries(answers, nodes=("a:1", "b:1", "c:1")), keyspace="shop").keyspace
    assert keyspace.tables[0].estimate == SizeEstimate(partitions=13, bytes=1105)
    assert [(part.part, part.why) for part in keyspace.unseen] == [(Part.SIZES, "node b:1: down")]


def test_indexes_views_types_and_functions_are_read(answers: Answers) -> None:
    sai = "org.apache.cassandra.index.sai.StorageAttachedIndex"
    answers |= {
        "system_schema.indexes": [row(table_name="events", index_name="i", options={"target": "n", "class_name": sai})],
        "system_schema.views": [row(view_name="v", base_table_name="events", where_clause="n IS NOT NULL")],
        "system_schema.types": [row(type_name="t", field_names=["x"], field_types=["frozen<set<int>>"])],
        "system_schema.triggers": [row(trigger_name="audit", table_name="events")],
        "system_schema.functions": [row(function_name="f", argument_types=["int", "text"])],
        "system_schema.aggregates": [row(aggregate_name="g", argument_types=[])],
        "system_schema.dropped_columns": [row(table_name="events", column_name="old")],
    }
    answers["system_schema.columns"].append(
        row(table_name="v", column_name="n", kind="partition_key", position=0, type="int"),
    )
    keyspace = read_source(FakeQueries(answers), keyspace="shop").keyspace
    assert (keyspace.indexes[0].target, keyspace.indexes[0].implementation) == ("n", "StorageAttachedIndex")
    assert [(view.name, view.base_table, len(view.columns)) for view in keyspace.views] == [("v", "events", 1)]
    assert keyspace.types[0].fields[0].type_text == "frozen<set<int>>"
    assert keyspace.triggers[0].name == "audit"
    assert (keyspace.functions, keyspace.aggregates) == (("f(int, text)",), ("g()",))
    assert keyspace.tables[0].dropped_columns == ("old",)
