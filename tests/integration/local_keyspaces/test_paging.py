from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.query import SimpleStatement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session

    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin

SEED = 20261125
PARTITIONS = 40


@pytest.fixture(scope="module")
def rows(session: Session) -> Iterator[dict[tuple[int, int], bytes]]:
    """A table of narrow and wide rows, in partitions of 0 to 25, some with static data and no row."""
    chance = random.Random(SEED)
    session.execute("CREATE KEYSPACE paging WITH REPLICATION = {'class': 'SingleRegionStrategy'}")
    session.execute("CREATE TABLE paging.t (p int, c int, s int static, v blob, PRIMARY KEY (p, c))")
    made = {
        (p, c): bytes(chance.choice([1, 100, 2000, 9000]))
        for p in range(PARTITIONS)
        for c in range(chance.choice([1, 3, 25]))
    }
    insert = session.prepare("INSERT INTO paging.t (p, c, v) VALUES (?, ?, ?)")
    execute_concurrent_with_args(session, insert, [(p, c, v) for (p, c), v in made.items()])
    for p in range(0, PARTITIONS, 3):
        session.execute(f"INSERT INTO paging.t (p, s) VALUES ({p}, {p})")
    for p in range(PARTITIONS, PARTITIONS + 5):
        session.execute(f"INSERT INTO paging.t (p, s) VALUES ({p}, {p})")
    yield made
    session.execute("DROP KEYSPACE paging")


def pages(session: Session, query: str, fetch_size: int) -> list[list[Any]]:
    """All pages, each asked for with the state of the one before, as a client that was started again would."""
    found: list[list[Any]] = []
    state = None
    while True:
        answer = session.execute(SimpleStatement(query, fetch_size=fetch_size), paging_state=state)
        found.append(list(answer.current_rows))
        state = answer.paging_state
        if state is None:
            return found


def flat(found: list[list[Any]]) -> list[Any]:
    return [row for page in found for row in page]


@pytest.mark.parametrize("fetch_size", [1, 2, 3, 7, 50, 100, 5000])
@pytest.mark.parametrize("page_bytes", [1, 700, 5000, 20_000, 1 << 20])
def test_the_pages_together_are_the_table(
    session: Session, admin: LocalKeyspacesAdmin, rows: dict[tuple[int, int], bytes], fetch_size: int, page_bytes: int
) -> None:
    admin.change_settings(page_bytes=page_bytes, capacity=False)
    whole = list(session.execute(SimpleStatement("SELECT p, c, s, v FROM paging.t", fetch_size=None)))
    assert {(row.p, row.c): row.v for row in whole if row.c is not None} == rows
    assert len(whole) == len(rows) + 5
    found = pages(session, "SELECT p, c, s, v FROM paging.t", fetch_size)
    assert flat(found) == whole
    assert all(len(page) <= fetch_size for page in found)
    assert all(sum(len(row.v or b"") for row in page[:-1]) < page_bytes for page in found)


@pytest.mark.parametrize("fetch_size", [1, 2, 5, 5000])
@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_a_partition_is_paged_in_either_order(
    session: Session, admin: LocalKeyspacesAdmin, rows: dict[tuple[int, int], bytes], fetch_size: int, order: str
) -> None:
    admin.change_settings(page_bytes=10_000, capacity=False)
    widest = max(range(PARTITIONS), key=lambda p: sum(key[0] == p for key in rows))
    expected = sorted((c for p, c in rows if p == widest), reverse=order == "DESC")
    query = f"SELECT c FROM paging.t WHERE p = {widest} ORDER BY c {order}"
    assert [row.c for row in flat(pages(session, query, fetch_size))] == expected


@pytest.mark.parametrize("limit", [1, 9, 10, 11, 100_000])
def test_limit_counts_what_is_returned(
    session: Session, admin: LocalKeyspacesAdmin, rows: dict[tuple[int, int], bytes], limit: int
) -> None:
    admin.change_settings(page_bytes=5000, capacity=False)
    query = f"SELECT p, c FROM paging.t WHERE v = 0x00 LIMIT {limit} ALLOW FILTERING"
    matching = sum(value == b"\x00" for value in rows.values())
    assert matching > 11
    assert len(flat(pages(session, query, 5))) == min(limit, matching)


def test_rows_that_a_filter_drops_make_pages_short_and_empty(
    session: Session, admin: LocalKeyspacesAdmin, rows: dict[tuple[int, int], bytes]
) -> None:
    admin.change_settings(capacity=False)
    query = "SELECT p, c FROM paging.t WHERE v = 0x00 ALLOW FILTERING"
    found = pages(session, query, 5)
    expected = {key for key, value in rows.items() if value == b"\x00"}
    assert {(row.p, row.c) for row in flat(found)} == expected
    assert len(flat(found)) == len(expected)
    assert any(not page for page in found[:-1])
    assert any(0 < len(page) < 5 for page in found[:-1])
    # Each page reads 5 rows; after a last full one the end shows in one more page.
    assert len(found) in {-(-len(rows) // 5), -(-len(rows) // 5) + 1}


@pytest.mark.usefixtures("rows")
def test_wide_rows_make_pages_short(session: Session, admin: LocalKeyspacesAdmin) -> None:
    admin.change_settings(page_bytes=20_000, capacity=False)
    short = pages(session, "SELECT p, c FROM paging.t", 100)
    assert all(len(page) < 100 for page in short)
    admin.turn_rules({"page-read-limit": False})
    assert any(len(page) == 100 for page in pages(session, "SELECT p, c FROM paging.t", 100))


@pytest.mark.usefixtures("rows")
def test_a_page_reads_one_megabyte_at_most(session: Session, admin: LocalKeyspacesAdmin) -> None:
    session.execute("CREATE TABLE paging.wide (p int, c int, v blob, PRIMARY KEY (p, c))")
    insert = session.prepare("INSERT INTO paging.wide (p, c, v) VALUES (1, ?, ?)")
    admin.change_settings(capacity=False)
    for c in range(30):
        session.execute(insert, (c, bytes(100_000)))
    found = pages(session, "SELECT c, v FROM paging.wide WHERE p = 1", 5000)
    assert [row.c for row in flat(found)] == list(range(30))
    assert [len(page) for page in found] == [11, 11, 8]


@pytest.mark.usefixtures("rows")
def test_the_pages_of_one_prepared_statement_do_not_mix(session: Session, admin: LocalKeyspacesAdmin) -> None:
    admin.change_settings(page_bytes=1 << 20, capacity=False)
    session.execute("CREATE TABLE paging.mixed (p int, c int, PRIMARY KEY (p, c))")
    insert = session.prepare("INSERT INTO paging.mixed (p, c) VALUES (?, ?)")
    sizes = {p: p % 12 for p in range(120)}
    execute_concurrent_with_args(session, insert, [(p, c) for p, size in sizes.items() for c in range(size)])
    select = session.prepare("SELECT p, c FROM paging.mixed WHERE p = ?")
    select.fetch_size = 5
    # What Cassandra knows of a prepared statement's columns is one object for all of its executions.
    long = session.execute(select, (11,))
    assert long.has_more_pages
    for p, size in sizes.items():
        assert session.execute(select, (p,)).has_more_pages is (size >= 5)
    # The answers that were asked for together belong to different partitions, at different places.
    for _ in range(5):
        asked = [(p, session.execute_async(select, (p,))) for p in sizes]
        for p, future in asked:
            assert [(row.p, row.c) for row in future.result()] == [(p, c) for c in range(sizes[p])]
