from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyspaces_migration.cql.json_codec import decode_value, encode_value
from keyspaces_migration.cql.types import CqlType, Frozen, ListOf, MapOf, Scalar, ScalarName, SetOf, TupleOf, parse_type
from keyspaces_migration.wire.conversion import column_values, convert
from keyspaces_migration.wire.driver_types import driver_type, serialise
from rehearsal.synthetic.history import in_history, snowflake_type
from rehearsal.synthetic.values import key_room, large_value, made_key, made_value

REFUSED = {ScalarName.COUNTER, ScalarName.DURATION, ScalarName.EMPTY}
NAMES = [name for name in ScalarName if name not in REFUSED]
SCALARS = st.sampled_from([Scalar(name) for name in NAMES])
INNER = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        inner.map(ListOf).map(Frozen),
        inner.map(SetOf).map(Frozen),
        st.builds(MapOf, SCALARS, inner).map(Frozen),
        st.lists(inner, min_size=1, max_size=3).map(tuple).map(TupleOf),
    ),
    max_leaves=4,
)
TYPES: st.SearchStrategy[CqlType] = st.one_of(
    INNER, INNER.map(ListOf), INNER.map(SetOf), st.builds(MapOf, SCALARS, INNER)
)


def generator(seed: int) -> random.Random:
    return random.Random(seed)


@settings(max_examples=60)
@given(TYPES, st.integers(0, 2**32))
def test_a_value_is_one_of_its_type_for_the_codec_and_for_the_driver(cql_type: CqlType, seed: int) -> None:
    value = made_value(generator(seed), cql_type)
    form = encode_value(value, cql_type)
    assert encode_value(decode_value(form, cql_type), cql_type) == form
    assert isinstance(serialise(value, driver_type(cql_type)), bytes)


@settings(max_examples=60)
@given(TYPES, st.integers(0, 2**32))
def test_what_the_backfill_reads_from_the_history_is_the_value(cql_type: CqlType, seed: int) -> None:
    value = made_value(generator(seed), cql_type)
    kind = snowflake_type(cql_type)
    column = pa.chunked_array([pa.array([in_history(value, kind)], kind.arrow)])
    (read,) = column_values(column)
    assert encode_value(convert(read, cql_type), cql_type) == encode_value(value, cql_type)


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_short_and_not_empty(name: ScalarName) -> None:
    rng = generator(1)
    for _ in range(200):
        written = serialise(made_key(rng, name, room=4), driver_type(Scalar(name)))
        assert 0 < len(written) <= 20


def test_a_key_of_many_columns_gives_each_its_share_of_keyspaces_limit() -> None:
    assert key_room(1, 850) == 24
    assert 200 * key_room(200, 850) <= 850


@pytest.mark.parametrize("text", ["counter", "duration", "vector<float, 3>"])
def test_of_types_that_no_migration_file_has_no_value_is_made(text: str) -> None:
    with pytest.raises(TypeError):
        made_value(generator(1), parse_type(text))


def test_a_large_value_is_as_large_as_asked() -> None:
    assert len(large_value(generator(1), ScalarName.TEXT, 5_000)) == 5_000
    assert len(large_value(generator(1), ScalarName.BLOB, 5_000)) == 5_000
    with pytest.raises(TypeError, match="has no length"):
        large_value(generator(1), ScalarName.INT, 5)
