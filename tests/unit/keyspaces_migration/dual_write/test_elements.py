"""Elements of sets and maps: what may be changed, its CQL, and its form in journals and letters."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.asked import ask
from keyspaces_migration.dual_write.elements import ElementChange, ElementSign
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.recorded import RecordKind, recorded_of
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import mutation_statement

TYPES = {
    "id": "int",
    "v": "text",
    "tags": "set<text>",
    "m": "map<int, text>",
    "l": "list<int>",
    "f": "frozen<set<int>>",
}
ADD, REMOVE = ElementSign.ADD, ElementSign.REMOVE


def shape(**more: Any) -> TableShape:
    columns = {name: parse_type(text) for name, text in TYPES.items()}
    return TableShape(name="t", columns=columns, partition_keys=("id",), **more)


SHAPE = shape()


def changed(elements: dict[str, ElementChange], columns: dict[str, Any] | None = None, **more: Any) -> Mutation:
    return ask(SHAPE, MutationKind.UPDATE, {"id": 1}, columns or {}, elements=elements, **more).at(7)


def test_the_statement_leaves_the_other_elements_as_they_are() -> None:
    mutation = changed({"m": ElementChange(REMOVE, {3}), "tags": ElementChange(ADD, {"a"})}, {"v": "x"})
    statement = mutation_statement("k", mutation)
    sets = '"v" = ?, "m" = "m" - ?, "tags" = "tags" + ?'
    assert statement.cql == f'UPDATE "k"."t" USING TIMESTAMP ? SET {sets} WHERE "id" = ?'
    assert statement.values == (7, "x", {3}, {"a"}, 1)


def test_what_is_taken_away_counts_as_a_delete() -> None:
    assert changed({"tags": ElementChange(REMOVE, {"a"})}).deletes
    assert not changed({"tags": ElementChange(ADD, {"a"})}).deletes


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.builds(ElementChange, st.sampled_from(ElementSign), st.sets(st.text(), min_size=1)),
        "m": st.one_of(
            st.builds(ElementChange, st.just(ADD), st.dictionaries(st.integers(-9, 9), st.text(), min_size=1)),
            st.builds(ElementChange, st.just(REMOVE), st.sets(st.integers(-9, 9), min_size=1)),
        ),
    },
).filter(bool)


@given(elements=CHANGES)
def test_the_form_in_the_journal_gives_the_same_write(elements: dict[str, ElementChange]) -> None:
    mutation = changed(elements)
    assert Mutation.from_json(json.loads(json.dumps(mutation.to_json(SHAPE))), SHAPE) == mutation


@pytest.mark.parametrize(
    ("elements", "columns", "why"),
    [
        ({"l": ElementChange(ADD, [1])}, {}, "l is list<int>. Elements can be added to"),
        ({"f": ElementChange(ADD, {1})}, {}, "f is frozen<set<int>>. Elements can be added to"),
        ({"v": ElementChange(ADD, {"a"})}, {}, "v is text. Elements can be added to"),
        ({"w": ElementChange(ADD, {"a"})}, {}, "w can't be written with this key"),
        ({"tags": ElementChange(ADD, set())}, {}, "no element of tags is given"),
        ({"tags": ElementChange(ADD, {1})}, {}, "column tags: "),
        ({"m": ElementChange(REMOVE, {"a"})}, {}, "column m: "),
        ({"tags": ElementChange(ADD, {"a"})}, {"tags": {"b"}}, "tags is written whole and by elements in one write"),
    ],
)
def test_what_can_not_be_made_alike_in_both_stores_is_refused(
    elements: dict[str, ElementChange], columns: dict[str, Any], why: str
) -> None:
    with pytest.raises(WriteRefusedError) as caught:
        changed(elements, columns)
    assert why in str(caught.value)


def test_elements_with_a_time_to_live_are_refused_as_nobody_could_copy_it() -> None:
    with pytest.raises(WriteRefusedError, match="elements of tags with a time to live"):
        ask(
            shape(expires=True, default_ttl_s=60),
            MutationKind.UPDATE,
            {"id": 1},
            {},
            elements={"tags": ElementChange(ADD, {"a"})},
        )


def test_in_record_the_whole_is_copied_and_in_a_dual_mode_what_was_taken_away_is_recorded() -> None:
    elements = {"tags": ElementChange(REMOVE, {"a"}), "m": ElementChange(ADD, {1: "x"})}
    recorded = recorded_of(changed(elements), shape=SHAPE, mode=WriteMode.RECORD)
    assert (recorded.kind, recorded.collections, recorded.removed) == (RecordKind.UPDATE, ("tags", "m"), {})
    assert not recorded.is_delete
    recorded = recorded_of(changed(elements), shape=SHAPE, mode=WriteMode.DUAL_SOURCE_LEADS)
    assert recorded.removed == {"tags": elements["tags"]}
    assert recorded.is_delete
