from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyspaces_migration.capacity.sizes import row_size, shape_of
from keyspaces_migration.capacity.units import MAX_ROW_BYTES
from keyspaces_migration.config import Table, load_migration
from keyspaces_migration.cql.json_codec import canonical_text, encode_columns
from keyspaces_migration.cql.types import Scalar, ScalarName
from rehearsal.synthetic.history import columns_of, versions
from rehearsal.synthetic.roles import Facts, Role
from rehearsal.synthetic.rows import Kind, Row, SyntheticTable
from rehearsal.synthetic.source import create_statement, life_s

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[3]
FILES = (
    *sorted((REPOSITORY / "dags" / "migrations").glob("*.yaml")),
    *sorted(HERE.glob("*.yaml")),
    REPOSITORY / "rehearsal" / "soak" / "migration.yaml",
    REPOSITORY / "tests" / "unit" / "keyspaces_migration" / "config" / "full.yaml",
)
BEGAN = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
ROWS = 400
SCALARS = [name.value for name in ScalarName if name not in {ScalarName.COUNTER, ScalarName.DURATION, ScalarName.EMPTY}]


@cache
def made(file: Path, name: str) -> SyntheticTable:
    return synthetic(name, load_migration(file).tables[name])


def synthetic(name: str, table: Table, *, rows: int = ROWS, seed: int = 1) -> SyntheticTable:
    return SyntheticTable(name=name, table=table, wanted=rows, seed=seed, began=BEGAN)


TABLES = [(file, name) for file in FILES for name in load_migration(file).tables]


@pytest.fixture(params=TABLES, ids=lambda each: f"{each[0].stem}.{each[1]}")
def table(request: pytest.FixtureRequest) -> SyntheticTable:
    file, name = request.param
    return made(file, name)


def key_of(of: SyntheticTable, values: Any) -> str:
    key = {name: values[name] for name in of.facts.key}
    return canonical_text(list(encode_columns(key, of.table.schema_.column_types).values()))


def check(of: SyntheticTable) -> None:
    """Every value is of its column's type, no key comes twice, none is null, and no row is too large for Keyspaces."""
    shape = shape_of(of.table)
    keys = Counter(key_of(of, row.values) for row in of.rows)
    assert max(keys.values()) == 1
    for row in of.rows:
        assert list(row.values) == list(of.table.schema_.column_types)
        encode_columns(row.values, of.table.schema_.column_types)
        assert all(row.values[name] is not None for name in of.facts.key)
        assert row_size(row.values, shape).storage_bytes < MAX_ROW_BYTES


def test_every_file_gets_data_that_fits(table: SyntheticTable) -> None:
    assert table.living
    check(table)
    if table.name != "flags":
        assert len(table.rows) == ROWS


def test_a_key_with_few_values_gets_as_many_rows_as_it_has() -> None:
    assert 2 <= len(made(HERE / "odd_lives.yaml", "flags").rows) <= 4


def test_one_seed_makes_the_same_rows_and_another_others(table: SyntheticTable) -> None:
    assert synthetic(table.name, table.table).rows == table.rows
    if table.name != "flags":
        assert synthetic(table.name, table.table, seed=2).rows != table.rows


def test_a_few_partitions_are_wide_and_most_are_narrow(table: SyntheticTable) -> None:
    if not table.table.schema_.clustering_keys or table.name == "flags":
        pytest.skip("its partitions have one row, or its key has four values")
    sizes = sorted((len(partition) for partition in table.partitions()), reverse=True)
    assert sizes[0] > ROWS // 10
    assert sizes[len(sizes) // 2] <= 6


def test_a_partition_comes_in_one_piece_with_one_value_in_each_static_column(table: SyntheticTable) -> None:
    partitions = [table.partition_of(partition[0]) for partition in table.partitions()]
    assert len(set(map(repr, partitions))) == len(partitions)
    for partition in table.partitions():
        for name in table.table.schema_.static_columns:
            assert len({repr(row.values[name]) for row in partition}) == 1


def test_some_cells_are_null() -> None:
    table = made(HERE / "odd_types.yaml", "everything")
    for name in table.facts.regular:
        share = sum(row.values[name] is None for row in table.rows) / len(table.rows)
        assert 0.02 < share < 0.3


def newest(of: SyntheticTable) -> dict[str, dict[str, Any]]:
    """The newest version of each key, as the backfill finds it: by the version column alone."""
    version = of.facts.named.get(Role.VERSION)
    found: dict[str, dict[str, Any]] = {}
    for each in versions(of):
        key = key_of(of, {name: each[stored] for name, stored in of.facts.stored.items()})
        if key in found:
            assert version is not None, "a key comes twice, and nothing says which is the newest"
            assert each[version] != found[key][version], "two versions that nothing tells apart"
        if key not in found or (version is not None and each[version] > found[key][version]):
            found[key] = each
    return found


def test_the_newest_version_is_the_row_of_the_source_or_says_why_there_is_none(table: SyntheticTable) -> None:
    latest = newest(table)
    assert len(latest) == len(table.rows)
    deleted = table.facts.named.get(Role.DELETED)
    for row in table.rows:
        version = latest[key_of(table, row.values)]
        if row.kind is Kind.DELETED:
            assert deleted is not None
            assert version[deleted] is True
            continue
        assert not (deleted and version[deleted])
        assert {name: version[stored] for name, stored in table.facts.stored.items()} == dict(row.values)


def test_the_history_has_every_column_that_the_file_names(table: SyntheticTable) -> None:
    columns = columns_of(table)
    for version in versions(table):
        assert version.keys() == columns.keys()
    assert set(table.facts.named.values()) <= columns.keys()


def test_versions_repeat_and_rows_are_deleted_where_the_file_has_columns_for_it() -> None:
    table = made(FILES[0], "weather")
    counts = Counter(row.versions for row in table.rows)
    assert counts[1] > counts[2] > 0
    assert any(row.kind is Kind.DELETED for row in table.rows)
    bare = made(HERE / "odd_types.yaml", "keys")
    assert {row.versions for row in bare.rows} == {1}
    assert {row.kind for row in bare.rows} == {Kind.LIVING}


def ends(of: SyntheticTable, version: dict[str, Any]) -> dt.datetime | None:
    """When a version ends, as the backfill reckons it from the history alone."""
    named, ttl = of.facts.named, of.table.default_ttl
    given = version[named[Role.EXPIRY]] if Role.EXPIRY in named else None
    if given is not None or ttl is None or Role.WRITE_TIME not in named:
        return given
    written: dt.datetime = version[named[Role.WRITE_TIME]]
    return written + ttl


def test_living_rows_outlive_a_rehearsal_and_ended_ones_have_ended(table: SyntheticTable) -> None:
    latest = newest(table)
    for row in table.rows:
        end = row.ends_at(table.table)
        if row.kind is not Kind.DELETED:
            assert end == ends(table, latest[key_of(table, row.values)])
        if not table.table.expires:
            assert end is None
        elif row.kind is Kind.LIVING and end is not None:
            assert end >= BEGAN + dt.timedelta(hours=12)
        elif row.kind is Kind.EXPIRED:
            assert end is not None
            assert end < BEGAN


def test_rows_of_a_table_that_expires_have_ended_in_the_history_alone() -> None:
    table = made(HERE / "odd_lives.yaml", "sessions")
    assert any(row.kind is Kind.EXPIRED for row in synthetic("sessions", table.table, rows=2_000).rows)
    assert all(row.kind is Kind.LIVING for row in table.living)


def test_the_source_is_given_what_is_left_of_a_life() -> None:
    table = made(HERE / "odd_lives.yaml", "sessions")
    row = next(row for row in table.living if row.own_end is not None)
    assert row.own_end is not None
    assert life_s(row, table.table, now=row.own_end - dt.timedelta(seconds=90)) == 90
    assert life_s(row, table.table, now=row.own_end + dt.timedelta(seconds=90)) == 1
    forever = Row(values={}, kind=Kind.LIVING, versions=1, written_at=BEGAN, own_end=None)
    assert life_s(forever, table.table, now=BEGAN) == 0


def test_a_version_that_is_the_table_s_own_column_steps_with_the_versions() -> None:
    table = made(HERE / "odd_lives.yaml", "numbered")
    assert table.facts.owners == {Role.VERSION: "revision"}
    row = next(row for row in table.rows if row.versions > 2)
    revisions = [
        each["REVISION"] for each in versions(table) if each["ID"] == row.values["id"] and not each["IS_DELETED"]
    ]
    assert revisions == sorted(revisions)
    assert revisions[-1] == row.values["revision"]


def test_the_source_s_table_is_the_one_of_the_file() -> None:
    table = load_migration(HERE / "odd_lives.yaml").tables["events"]
    assert create_statement("Shop", "events", table) == (
        'CREATE TABLE "Shop"."events" ("device" int, "at" timestamp, "kind" text, "size" int, '
        'PRIMARY KEY (("device"), "at")) WITH CLUSTERING ORDER BY ("at" DESC) AND default_time_to_live = 2592000'
    )


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A table with a key of any types, and some other columns."""
    partition = draw(st.lists(st.sampled_from(SCALARS), min_size=1, max_size=3))
    clustering = draw(st.lists(st.sampled_from(SCALARS), max_size=3))
    others = draw(
        st.lists(
            st.sampled_from([*SCALARS, "set<text>", "list<frozen<map<int, uuid>>>", "tuple<blob, time>"]), max_size=4
        )
    )
    static = draw(st.booleans()) and bool(clustering)
    names = {"p": partition, "c": clustering, "v": others}
    columns = {f"{role}{place}": text for role, types in names.items() for place, text in enumerate(types)}
    if static:
        columns["s"] = draw(st.sampled_from(SCALARS))
    content = {
        "schema": {
            "columns": [{name: text} for name, text in columns.items()],
            "partition_keys": [name for name in columns if name.startswith("p")],
            "clustering_keys": [{name: "DESC"} for name in columns if name.startswith("c")],
            "static_columns": ["s"] if static else [],
        },
        "throughput": {"mode": "PAY_PER_REQUEST"},
        "history": {
            "table": "A.B.C",
            "version_column": draw(st.sampled_from([None, "VERSION", "V0"])),
            "deleted_column": draw(st.sampled_from([None, "GONE"])),
        },
    }
    return Table.model_validate_json(json.dumps(content))


@settings(max_examples=25)
@given(tables(), st.integers(0, 1000))
def test_any_schema_gets_data_that_fits(table: Table, seed: int) -> None:
    of = synthetic("any", table, rows=25, seed=seed)
    check(of)
    assert len(newest(of)) == len(of.rows)
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in of.living:
        groups[repr(of.partition_of(row))].append(row)
    assert sum(map(len, of.partitions())) == sum(map(len, groups.values())) == len(of.living)


def test_a_column_that_can_t_be_what_its_role_asks_for_is_named() -> None:
    content = load_migration(HERE / "odd_lives.yaml").tables["sessions"].model_dump(mode="json", by_alias=True)
    content["schema"]["columns"][-1] = {"removed": "int"}
    table = Table.model_validate_json(json.dumps(content))
    with pytest.raises(ValueError, match=r"REMOVED is the table's own column removed, a int, and .* be a boolean"):
        Facts.of(table)


def test_a_number_in_text_is_no_version_that_steps() -> None:
    table = load_migration(HERE / "odd_lives.yaml").tables["numbered"]
    assert Facts.of(table).may_repeat
    columns = [{"id": "bigint"}, {"revision": "varint"}, {"text": "text"}]
    content = table.model_dump(mode="json", by_alias=True)
    content["schema"]["columns"] = columns
    other = Table.model_validate_json(json.dumps(content))
    assert not Facts.of(other).may_repeat
    assert other.schema_.column_types["revision"] == Scalar(ScalarName.VARINT)
