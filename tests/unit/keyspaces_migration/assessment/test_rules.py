"""Each rule by its id: a source where it applies, and one just beside it where it does not."""

import re

import pytest

from keyspaces_migration.assessment.model import (
    Cluster,
    Index,
    Node,
    Part,
    Trigger,
    TypeField,
    Unseen,
    UserType,
    View,
)
from keyspaces_migration.assessment.rules import RULES, Severity, judge
from keyspaces_migration.cql.types import parse_type
from tests.unit.keyspaces_migration.assessment.builders import a_cluster, column, found, rule, severity, source, table


def user_type(name: str, **fields: str) -> UserType:
    made = tuple(TypeField(name=key, type_text=text, type=parse_type(text)) for key, text in fields.items())
    return UserType(name=name, fields=made)


def of_types(**types: str) -> list[str]:
    """Arguments for a table whose regular columns are of these types."""
    return [f"{name} {text}" for name, text in types.items()]


def with_type(type_text: str, *types: UserType) -> object:
    return source(table(column("value", type_text)), types=types)


def test_an_index_is_found_with_its_kind_and_column() -> None:
    plain = Index(name="by_maker", table="events", target="maker", implementation="")
    sai = Index(name="by_vector", table="events", target="embedding", implementation="StorageAttachedIndex")
    judged = source(table(), indexes=(plain, sai))
    assert found("secondary-index", judged) == [
        "events: index by_maker on maker",
        "events: index by_vector (StorageAttachedIndex) on embedding",
    ]
    assert severity("secondary-index") is Severity.CHANGE
    assert found("secondary-index", source(table())) == []


def test_a_view_is_found_at_its_base_table_with_its_key() -> None:
    key = (column("tail", "text", "partition_key"), column("day", "date", "clustering"))
    view = View(name="by_tail", base_table="events", where="tail IS NOT NULL", columns=key)
    assert found("materialized-view", source(table(), views=(view,))) == [
        "events: materialized view by_tail, PRIMARY KEY ((tail), day), WHERE tail IS NOT NULL",
    ]
    assert found("materialized-view", source(table())) == []


def test_a_trigger_is_found() -> None:
    assert found("trigger", source(table(), triggers=(Trigger(name="audit", table="events"),))) == [
        "events: trigger audit",
    ]
    assert found("trigger", source(table())) == []


def test_functions_and_aggregates_are_found_at_the_keyspace() -> None:
    judged = source(table(), functions=("plus(int, int)",), aggregates=("total(int)",))
    assert found("user-defined-function", judged) == ["-: functions plus(int, int)"]
    assert found("user-defined-aggregate", judged) == ["-: aggregates total(int)"]
    assert found("user-defined-function", source(table())) == []
    assert found("user-defined-aggregate", source(table())) == []


def test_a_counter_table_is_blocked() -> None:
    assert found("counter-table", source(table(column("clicks", "counter")))) == ["events: counter columns clicks"]
    assert severity("counter-table") is Severity.BLOCKER
    assert found("counter-table", source(table(column("clicks", "bigint")))) == []


@pytest.mark.parametrize("flags", [frozenset(), frozenset({"dense"}), frozenset({"dense", "compound"})])
def test_compact_storage_is_blocked(flags: frozenset[str]) -> None:
    assert len(found("compact-storage", source(table(flags=flags)))) == 1
    assert severity("compact-storage") is Severity.BLOCKER


def test_a_counter_tables_flags_are_no_compact_storage() -> None:
    assert found("compact-storage", source(table(flags=frozenset({"compound", "counter"})))) == []


def test_masked_dropped_and_static_columns_are_found() -> None:
    judged = source(table(column("s", "text", "static"), masked_columns=("pin",), dropped_columns=("old",)))
    assert found("column-mask", judged) == ["events: masked columns pin"]
    assert found("dropped-column", judged) == ["events: columns dropped earlier: old"]
    assert found("static-column", judged) == ["events: static columns s"]
    for rule_id in ("column-mask", "dropped-column", "static-column"):
        assert found(rule_id, source(table())) == []


@pytest.mark.parametrize(
    "type_text",
    ["duration", "vector<float, 3>", "'org.example.Money'", "map<text, frozen<list<duration>>>", "frozen<span>"],
)
def test_a_type_that_keyspaces_lacks_is_blocked_however_deep_it_is(type_text: str) -> None:
    span = user_type("span", length="duration")
    judged = source(table(column("value", type_text)), types=[span])
    assert found("type-unsupported", judged) == [f"events: columns of types that are not there: value {type_text}"]
    assert severity("type-unsupported") is Severity.BLOCKER


@pytest.mark.parametrize("type_text", ["time", "inet", "varint", "tuple<int, text>", "frozen<span>"])
def test_a_type_that_keyspaces_has_is_not_blocked_as_unsupported(type_text: str) -> None:
    span = user_type("span", length="bigint")
    assert found("type-unsupported", source(table(column("value", type_text)), types=[span])) == []


def test_a_type_that_cannot_be_read_is_blocked_and_says_why() -> None:
    (hit,) = found("type-unreadable", source(table(column("value", "list<"))))
    assert "value list<" in hit
    assert "is no CQL type" in hit
    assert found("type-unreadable", source(table(column("value", "list<int>")))) == []


@pytest.mark.parametrize("type_text", ["location", "frozen<location>", "map<text, frozen<location>>"])
def test_a_user_type_is_blocked(type_text: str) -> None:
    judged = source(table(column("place", type_text)), types=[user_type("location", lat="double")])
    assert found("user-type", judged) == [f"events: columns of user types: place {type_text}"]
    assert severity("user-type") is Severity.BLOCKER


def test_collections_are_no_user_types() -> None:
    assert found("user-type", source(table(column("tags", "set<text>")))) == []


def nested(levels: int) -> str:
    return "list<" + "frozen<list<" * (levels - 1) + "int" + ">>" * (levels - 1) + ">"


def test_nine_levels_of_collections_are_too_deep_and_eight_are_not() -> None:
    assert len(found("frozen-too-deep", source(table(column("value", nested(9)))))) == 1
    assert found("frozen-too-deep", source(table(column("value", nested(8))))) == []


def test_a_key_must_be_a_plain_value() -> None:
    key = column("tags", "frozen<set<text>>", "partition_key")
    assert found("key-of-several-values", source(table(key))) == [
        "events: key columns of several values: tags frozen<set<text>>",
    ]
    assert found("key-of-several-values", source(table(column("tags", "frozen<set<text>>")))) == []


@pytest.mark.parametrize("type_text", ["frozen<list<int>>", "frozen<tuple<int, text>>", "tuple<int, int, int>"])
def test_a_nested_type_is_refused_by_the_provider(type_text: str) -> None:
    assert len(found("type-nested-for-provider", source(table(column("value", type_text))))) == 1


@pytest.mark.parametrize("type_text", ["int", "list<int>", "map<tinyint, int>"])
def test_one_level_of_brackets_passes_the_provider(type_text: str) -> None:
    assert found("type-nested-for-provider", source(table(column("value", type_text)))) == []


def test_varint_is_to_be_checked_for_its_range() -> None:
    assert len(found("varint-range", source(table(column("value", "set<varint>"))))) == 1
    assert found("varint-range", source(table(column("value", "bigint")))) == []


def test_only_a_list_that_is_not_frozen_can_be_appended_to() -> None:
    judged = source(table(column("a", "list<int>"), column("b", "frozen<list<int>>"), column("c", "set<int>")))
    assert found("list-column", judged) == ["events: columns that are no frozen lists: a list<int>"]
    assert found("collection-column", judged) == ["events: collections that are not frozen: a list<int>, c set<int>"]
    assert found("frozen-collection", judged) == ["events: frozen collections: b frozen<list<int>>"]
    for rule_id in ("list-column", "collection-column", "frozen-collection"):
        assert found(rule_id, source(table(column("a", "frozen<tuple<int, int>>")))) == []


def test_a_tuple_is_noted() -> None:
    assert len(found("tuple", source(table(column("pair", "frozen<tuple<int, text>>"))))) == 1
    assert found("tuple", source(table(column("pair", "map<int, text>")))) == []


def test_forty_nine_characters_are_too_many_and_forty_eight_are_not() -> None:
    long, allowed = "x" * 49, "x" * 48
    assert found("name-too-long", source(table(column(long), name=long))) == [
        f"{long}: names of more than 48 characters: table {long}, column {long}",
    ]
    assert found("name-too-long", source(table(), name=long)) == [
        f"-: names of more than 48 characters: keyspace {long}"
    ]
    assert found("name-too-long", source(table(column(allowed), name=allowed), name=allowed)) == []


@pytest.mark.parametrize("name", ["a b", "_a", "é", "a-b", ""])
def test_a_name_with_other_characters_is_blocked(name: str) -> None:
    assert len(found("name-characters", source(table(column(name))))) == 1


@pytest.mark.parametrize("name", ["a", "0", "A_b_", "9lives"])
def test_a_name_of_letters_digits_and_underscores_is_not(name: str) -> None:
    assert found("name-characters", source(table(column(name)))) == []


def test_upper_case_is_blocked_in_columns_alone() -> None:
    assert found("name-upper-case-column", source(table(column("Id"), name="Events"))) == [
        "Events: columns with upper case: Id",
    ]
    assert found("name-upper-case-column", source(table(column("id2"), name="Events"))) == []


def test_names_that_need_quotes_are_noted() -> None:
    assert found("name-quoted", source(table(column("select"), name="Events"))) == [
        "Events: names that need quotes: table Events, column select",
    ]
    assert found("name-quoted", source(table(column("selected")))) == []


@pytest.mark.parametrize(
    ("count", "ttl_s", "blocked"), [(226, 0, True), (225, 0, False), (167, 9, True), (166, 9, False)]
)
def test_columns_outside_the_key_are_counted_against_the_limit(count: int, ttl_s: int, *, blocked: bool) -> None:
    columns = [column(f"c{i}") for i in range(count)]
    judged = source(table(*columns, options={"default_time_to_live": ttl_s}))
    assert bool(found("too-many-columns", judged)) is blocked


def test_a_table_that_could_not_have_a_ttl_is_told() -> None:
    assert found("many-columns-and-ttl", source(table(*[column(f"c{i}") for i in range(167)]))) == [
        "events: 167 columns outside the key",
    ]
    assert found("many-columns-and-ttl", source(table(*[column(f"c{i}") for i in range(166)]))) == []
    blocked_already = table(*[column(f"c{i}") for i in range(226)])
    assert found("many-columns-and-ttl", source(blocked_already)) == []


def test_keys_of_any_length_are_noted_with_their_limit() -> None:
    judged = source(table(column("id", "text", "partition_key"), column("kind", "blob", "clustering")))
    assert found("key-of-any-length", judged) == [
        "events: keys of any length: id (all of its kind: 2048 B), kind (all of its kind: 850 B)",
    ]
    assert found("key-of-any-length", source(table(column("note", "text")))) == []


def test_more_than_256_tables_need_a_quota() -> None:
    assert found("too-many-tables", source(*[table(name=f"t{i}") for i in range(257)])) == ["-: 257 tables"]
    assert found("too-many-tables", source(*[table(name=f"t{i}") for i in range(256)])) == []


def test_a_default_time_to_live_and_cdc_are_found() -> None:
    judged = source(table(options={"default_time_to_live": 3600, "cdc": True}))
    assert found("default-ttl", judged) == ["events: default_time_to_live = 3600 s"]
    assert found("cdc", judged) == ["events: cdc = true"]
    off = source(table(options={"default_time_to_live": 0, "cdc": None}))
    assert found("default-ttl", off) == found("cdc", off) == []


def test_ignored_options_are_one_note_that_lists_what_somebody_chose() -> None:
    compaction = {"class": "org.apache.cassandra.db.compaction.LeveledCompactionStrategy", "sstable_size_in_mb": "160"}
    tuned = table(name="tuned", options={"compaction": compaction, "gc_grace_seconds": 60, "comment": "x"})
    plain = table(name="plain", options={"gc_grace_seconds": 864_000, "speculative_retry": "99p"})
    assert found("options-ignored", source(tuned, plain)) == [
        "-: tuned: compaction = (LeveledCompactionStrategy, sstable_size_in_mb 160), gc_grace_seconds = 60",
    ]
    assert found("options-ignored", source(plain)) == ["-: none is set to anything else than Cassandra's default"]
    assert found("options-ignored", source()) == []


def test_a_comment_is_noted() -> None:
    assert found("comment", source(table(options={"comment": "of the shop"}))) == ["events: comment: of the shop"]
    assert found("comment", source(table(options={"comment": ""}))) == []


@pytest.mark.parametrize(
    ("partitioner", "rule_id"),
    [("ByteOrderedPartitioner", "partitioner-unsupported"), ("RandomPartitioner", "partitioner-random")],
)
def test_a_partitioner_other_than_murmur3_is_found_once(partitioner: str, rule_id: str) -> None:
    judged = source(table(), cluster=a_cluster(partitioner=f"org.apache.cassandra.dht.{partitioner}"))
    both = {"partitioner-unsupported", "partitioner-random"}
    assert {each: found(each, judged) for each in both} == {
        rule_id: [f"-: partitioner {partitioner}"],
        (both - {rule_id}).pop(): [],
    }


def test_murmur3_is_what_keyspaces_has() -> None:
    assert found("partitioner-unsupported", source(table())) == found("partitioner-random", source(table())) == []


def test_several_data_centers_are_a_decision_and_one_is_not() -> None:
    strategy = "org.apache.cassandra.locator.NetworkTopologyStrategy"
    two = source(table(), replication={"class": strategy, "eu": "3", "us": "3"})
    one = source(table(), replication={"class": strategy, "eu": "3"})
    assert found("data-centers", two) == ["-: replicated to the data centres eu, us"]
    assert found("data-centers", one) == []
    assert found("replication", one) == ["-: NetworkTopologyStrategy, eu: 3"]
    assert found("replication", source(table(), replication={})) == []


def test_writes_that_are_not_durable_are_noted() -> None:
    assert found("durable-writes", source(table(), durable_writes=False)) == ["-: durable_writes = false"]
    assert found("durable-writes", source(table())) == []


def test_an_unfinished_upgrade_is_found() -> None:
    nodes = tuple(Node(address=v, data_center="d", rack="r", version=v) for v in ("3.11.4", "4.0.1"))
    assert found("versions-mixed", source(table(), cluster=a_cluster(nodes=nodes))) == [
        "-: nodes of versions 3.11.4, 4.0.1",
    ]
    assert found("versions-mixed", source(table())) == []


def test_a_rule_whose_part_could_not_be_read_is_told_as_not_checked() -> None:
    unseen = (Unseen(part=Part.INDEXES, why="no permission"),)
    findings, not_checked = judge(source(table(), unseen=unseen), RULES)
    assert [(each.rule.id, each.why) for each in not_checked] == [
        ("secondary-index", "secondary indexes: no permission"),
    ]
    assert "secondary-index" not in {finding.rule.id for finding in findings}


def test_a_rule_on_the_cluster_is_not_checked_when_the_cluster_is_silent() -> None:
    silent = Cluster(
        name="",
        version="",
        partitioner="",
        nodes=(),
        unseen=(Unseen(part=Part.CLUSTER, why="down"),),
    )
    _, not_checked = judge(source(table(), cluster=silent), RULES)
    assert {each.rule.id for each in not_checked} == {"partitioner-unsupported", "partitioner-random", "versions-mixed"}


def test_findings_come_by_table_and_the_most_urgent_first() -> None:
    judged = source(
        table(column("s", "text", "static"), column("d", "duration"), name="b"),
        table(column("l", "list<int>"), name="a"),
    )
    findings, _ = judge(judged, RULES)
    order = [(finding.hit.table, finding.rule.severity) for finding in findings]
    assert order == [
        (None, Severity.NOTE),
        (None, Severity.NOTE),
        ("a", Severity.CHANGE),
        ("a", Severity.NOTE),
        ("b", Severity.BLOCKER),
        ("b", Severity.NOTE),
    ]


def test_rules_have_ids_of_their_own_and_say_everything() -> None:
    assert len({each.id for each in RULES}) == len(RULES)
    for each in RULES:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each.id)
        assert all(
            text and not text.endswith(".") for text in (each.title, each.keyspaces, each.reference, each.advice)
        )


def test_every_rule_is_named_in_a_test_of_this_file() -> None:
    with open(__file__, encoding="utf-8") as file:  # noqa: PTH123 -- its own source
        tests = file.read()
    assert [each.id for each in RULES if f'"{each.id}"' not in tests] == []
    assert rule("trigger").id == "trigger"
