import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql.identifiers import CqlNameError, quote, quote_if_needed


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("carrier", '"carrier"'), ("Carrier", '"Carrier"'), ('a"b', '"a""b"'), ("order", '"order"'), ("a; b", '"a; b"')],
)
def test_a_name_is_quoted_as_it_is(name: str, quoted: str) -> None:
    assert quote(name) == quoted


@given(st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_no_name_can_leave_its_quotes(name: str) -> None:
    inside = quote(name)[1:-1]
    assert '"' not in inside.replace('""', "")
    assert inside.replace('""', '"') == name


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_name_that_cql_cannot_express_is_refused(name: str) -> None:
    with pytest.raises(CqlNameError, match="can't be a CQL name"):
        quote(name)


@pytest.mark.parametrize(
    ("name", "printed"),
    [("carrier", "carrier"), ("_a", '"_a"'), ("1a", '"1a"'), ("Carrier", '"Carrier"'), ("order", '"order"')],
)
def test_a_name_is_printed_as_cassandra_prints_it(name: str, printed: str) -> None:
    assert quote_if_needed(name) == printed
