"""Times to live of writes: what they allow, what is left of them, and their form in the journal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.mutation import MAX_TTL_S, Mutation, MutationKind, check_ttl
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import mutation_statement

SHAPE = TableShape(
    name="t", columns={"p": parse_type("int"), "v": parse_type("text")}, partition_keys=("p",), expires=True
)
AT_US = 1_790_000_000_000_000


def write(ttl_s: int | None, kind: MutationKind = MutationKind.INSERT) -> Mutation:
    return Mutation(table="t", kind=kind, key={"p": 1}, columns={"v": "x"}, timestamp_us=AT_US, ttl_s=ttl_s)


@given(ttl_s=st.integers(1, MAX_TTL_S), late_us=st.integers(-(10**9), 10**16))
def test_what_is_left_never_grows_and_never_means_for_ever(ttl_s: int, late_us: int) -> None:
    left = write(ttl_s).left_s(AT_US + late_us)
    assert left is not None
    assert 1 <= left <= ttl_s
    assert left == max(1, ttl_s - max(0, late_us) // 1_000_000)


@pytest.mark.parametrize("ttl_s", [None, 0])
def test_what_lives_for_ever_or_as_the_table_has_it_does_so_however_late(ttl_s: int | None) -> None:
    assert write(ttl_s).left_s(AT_US + 10**15) == ttl_s


@given(ttl_s=st.none() | st.integers(0, MAX_TTL_S), kind=st.sampled_from([MutationKind.INSERT, MutationKind.UPDATE]))
def test_a_time_to_live_comes_back_from_the_journal(ttl_s: int | None, kind: MutationKind) -> None:
    mutation = write(ttl_s, kind)
    assert Mutation.from_json(json.loads(json.dumps(mutation.to_json(SHAPE))), SHAPE) == mutation


def test_the_statement_binds_timestamp_and_time_to_live_where_cql_wants_them() -> None:
    insert = mutation_statement("k", write(60), now_us=AT_US + 10_000_000)
    assert insert.cql.endswith("USING TIMESTAMP ? AND TTL ?")
    assert insert.values == (1, "x", AT_US, 50)
    update = mutation_statement("k", write(60, MutationKind.UPDATE))
    assert "USING TIMESTAMP ? AND TTL ? SET" in update.cql
    assert update.values == (AT_US, 60, "x", 1)
    assert "TTL" not in mutation_statement("k", write(None)).cql


@pytest.mark.parametrize("ttl_s", [-1, MAX_TTL_S + 1, True, 1.5])
def test_a_time_to_live_that_is_none_is_refused_with_what_is_allowed(ttl_s: int) -> None:
    with pytest.raises(WriteRefusedError, match=f"Allowed: 0 .for ever. to {MAX_TTL_S} seconds"):
        check_ttl(SHAPE, ttl_s)


def test_a_time_to_live_on_a_table_that_has_none_in_the_file_is_refused_and_says_what_to_add() -> None:
    lasting = TableShape(name="t", columns=SHAPE.columns, partition_keys=("p",))
    with pytest.raises(WriteRefusedError, match=r"Add default_ttl or history\.expiry_column"):
        check_ttl(lasting, 60)
    check_ttl(lasting, 0)
    check_ttl(lasting, None)
