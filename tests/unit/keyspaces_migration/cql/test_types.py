import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql.types import (
    MAX_NESTING,
    CqlType,
    CqlTypeError,
    Custom,
    Frozen,
    ListOf,
    MapOf,
    Scalar,
    ScalarName,
    SetOf,
    TupleOf,
    UserType,
    Vector,
    parse_type,
)

NAMES = st.text(min_size=1, max_size=12).filter(lambda name: "\0" not in name) | st.sampled_from(
    ["location", "Location", "order", "int", "list", "varchar", "vector"]
)


def containers(inner: st.SearchStrategy[CqlType]) -> st.SearchStrategy[CqlType]:
    return st.one_of(
        inner.map(ListOf),
        inner.map(SetOf),
        inner.map(Frozen),
        st.builds(MapOf, inner, inner),
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: TupleOf(tuple(parts))),
        st.builds(Vector, inner, st.integers(min_value=1, max_value=8192)),
    )


TYPES: st.SearchStrategy[CqlType] = st.recursive(
    st.one_of(
        st.sampled_from(ScalarName).map(Scalar),
        st.builds(UserType, NAMES, st.none() | NAMES),
        NAMES.map(Custom),
    ),
    containers,
    max_leaves=12,
)


@given(TYPES)
def test_every_type_reads_back_from_its_own_text(cql_type: CqlType) -> None:
    assert parse_type(str(cql_type)) == cql_type


@given(TYPES, st.sampled_from(["", " ", "  ", "\n"]))
def test_spaces_around_marks_do_not_matter(cql_type: CqlType, space: str) -> None:
    # Names may hold any mark, so only types without names of their own are spaced out.
    if any(isinstance(part, UserType | Custom) for part in cql_type.walk()):
        return
    spaced = str(cql_type).replace("<", f"{space}<{space}").replace(">", f"{space}>").replace(",", f"{space},{space}")
    assert parse_type(spaced) == cql_type


@given(st.text(alphabet="abcint<>,. \"'listmapfrozen1é\0", max_size=40))
def test_any_text_is_a_type_or_a_type_error(text: str) -> None:
    try:
        result = parse_type(text)
    except CqlTypeError as caught:
        error = caught
    else:
        assert parse_type(str(result)) == result
        return
    assert 0 <= error.position <= len(text)
    assert error.reason


@pytest.mark.parametrize(
    "text",
    [
        "int",
        "set<text>",
        "map<tinyint, int>",
        "frozen<list<int>>",
        "map<text, frozen<map<text, frozen<location>>>>",
        "tuple<int, text, frozen<set<uuid>>>",
        "vector<float, 3>",
        'frozen<"Location">',
        'frozen<"order">',
        "'org.apache.cassandra.db.marshal.LexicalUUIDType'",
    ],
)
def test_the_text_of_system_schema_comes_back_unchanged(text: str) -> None:
    assert str(parse_type(text)) == text


def test_varchar_is_text_as_cassandra_prints_it() -> None:
    assert parse_type("VarChar") == Scalar(ScalarName.TEXT)


def test_a_quoted_name_is_a_user_type_whatever_it_says() -> None:
    assert parse_type('"int"') == UserType("int")
    assert str(UserType("int")) == '"int"'


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("", 0, "end of the text"),
        ("list<", 5, "end of the text"),
        ("list<int>>", 9, "'>'"),
        ("map<int>", 7, "expected ','"),
        ("set<>", 4, "expected a type"),
        ("list", 0, "double quotes"),
        ("select", 0, "double quotes"),
        ("text;", 4, "';'"),
        ("vector<float>", 12, "expected ','"),
        ("vector<float, 0>", 14, "number of elements"),
        ("a<b>", 1, "expected the end"),
        ('"a', 0, "'\"'"),
    ],
)
def test_a_text_that_is_no_type_says_where_and_why(text: str, position: int, reason: str) -> None:
    with pytest.raises(CqlTypeError) as caught:
        parse_type(text)
    assert caught.value.position == position
    assert reason in caught.value.reason
    assert f"character {position + 1}" in str(caught.value)


def test_a_hostile_depth_is_refused_before_the_stack_ends() -> None:
    deepest = "list<" * MAX_NESTING + "int" + ">" * MAX_NESTING
    assert parse_type(deepest).nesting_depth == MAX_NESTING
    with pytest.raises(CqlTypeError, match="levels of nesting"):
        parse_type("list<" * 100_000 + "int")


@pytest.mark.parametrize(
    ("text", "nesting", "collections"),
    [
        ("int", 0, 0),
        ("frozen<list<int>>", 2, 1),
        ("map<int, frozen<list<int>>>", 3, 2),
        ("tuple<int, frozen<set<int>>>", 3, 2),
    ],
)
def test_depth_counts_brackets_and_collections_apart(text: str, nesting: int, collections: int) -> None:
    assert parse_type(text).nesting_depth == nesting
    assert parse_type(text).collection_depth == collections


def test_what_a_type_is_made_of_can_be_asked() -> None:
    assert parse_type("counter").is_counter
    assert not parse_type("bigint").is_counter
    assert parse_type("map<int, frozen<a>>").user_types == (UserType("a"),)
    assert parse_type("list<int>").is_collection
    assert not parse_type("list<int>").is_frozen
    assert parse_type("frozen<list<int>>").is_collection
    assert parse_type("frozen<list<int>>").is_frozen
    assert not parse_type("location").is_frozen
    assert parse_type("tuple<int, int>").is_frozen
