from __future__ import annotations

import datetime as dt
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.data import history, source
from rehearsal.data.source import SampleMismatchError
from rehearsal.data.tables import Sample
from rehearsal.data.versions import newest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session
    from snowflake.connector.cursor import SnowflakeCursor

    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.servers.snowflake import SnowflakeStandIn

UA_FIRST = ("UA", dt.date(2013, 1, 1), 515, 1545)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample(days=3)


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    with source.opened(cassandra_node.host, cassandra_node.port) as opened:
        yield opened
        opened.execute("DROP KEYSPACE IF EXISTS flights")


@pytest.fixture(scope="module")
def loaded(session: Session, sample: Sample) -> dict[str, int]:
    return source.load(session, sample, progress=lambda _: None)


def test_the_source_holds_what_was_derived(session: Session, sample: Sample, loaded: dict[str, int]) -> None:
    source.verify(session, loaded, progress=lambda _: None)
    row = session.execute(
        "SELECT dep_time, tailnum, time_hour, note FROM flights.flights_unarchived "
        "WHERE carrier = %s AND flight_date = %s AND sched_dep_time = %s AND flight = %s",
        UA_FIRST,
    ).one()
    assert tuple(row) == (517, "N14228", dt.datetime(2013, 1, 1, 10), None)  # noqa: DTZ001 - as the driver gives it
    table = sample.planes
    wanted = next(row for row in table.rows if row[table.places(["destinations"])[0]])
    plane = session.execute(
        "SELECT destinations, flights_by_month, recent_delays FROM flights.planes WHERE tailnum = %s", wanted[:1]
    ).one()
    assert (set(plane[0]), dict(plane[1]), list(plane[2])) == wanted[-3:]
    static = session.execute(
        "SELECT DISTINCT origin, flight_date, airport_name, visibility_miles FROM flights.departures "
        "WHERE origin = 'EWR' AND flight_date = '2013-01-01'"
    ).one()
    assert (static.airport_name, static.visibility_miles) == ("Newark Liberty Intl", 10.0)


def test_nulls_leave_no_tombstones(session: Session, loaded: dict[str, int]) -> None:
    assert loaded
    result = session.execute(
        "SELECT * FROM flights.flights_unarchived WHERE carrier = 'UA' AND flight_date = '2013-01-01'", trace=True
    )
    assert None in {row.note for row in result}
    read = [event.description for event in result.get_query_trace().events if "tombstone cells" in event.description]
    assert len(read) == 1
    assert " and 0 tombstone cells" in read[0]


def test_assess_has_something_to_find(session: Session, loaded: dict[str, int]) -> None:
    assert loaded
    cluster = session.cluster
    cluster.refresh_schema_metadata()
    keyspace = cluster.metadata.keyspaces["flights"]
    assert set(keyspace.indexes) == {"planes_by_manufacturer"}
    assert set(keyspace.views) == {"flights_by_tail"}
    assert set(keyspace.user_types) == {"location"}
    counted = session.execute(
        "SELECT departures FROM flights.departure_counts WHERE origin = 'EWR' AND flight_date = '2013-01-01'"
    ).one()
    assert counted.departures == 305
    place = session.execute("SELECT place FROM flights.airports WHERE faa = 'EWR'").one().place
    assert (round(place.lat, 2), place.alt) == (40.69, 18)


def test_a_lost_row_is_noticed(session: Session, loaded: dict[str, int]) -> None:
    rows = loaded["weather"]
    with pytest.raises(SampleMismatchError, match=f"flights.weather has {rows:,} rows, and {rows + 1:,} were loaded"):
        source.verify(session, {"weather": rows + 1}, progress=lambda _: None)


@pytest.fixture(scope="module")
def versions(snowflake_cursor: SnowflakeCursor, sample: Sample) -> dict[str, int]:
    return history.load(snowflake_cursor, sample, progress=lambda _: None)


def test_the_newest_versions_in_snowflake_are_the_sources_rows(
    snowflake_cursor: SnowflakeCursor, sample: Sample, versions: dict[str, int]
) -> None:
    history.verify(snowflake_cursor, sample, versions, progress=lambda _: None)
    table = sample.flights_unarchived
    names = (*table.all_columns, "version", "is_deleted")
    snowflake_cursor.execute(f"SELECT {', '.join(names)} FROM FLIGHTS")
    held = snowflake_cursor.fetchall()
    assert len(held) == versions["FLIGHTS"] > len(table.rows)
    (place,) = table.places(["time_hour"])
    assert newest(table, (_aware(row, place) for row in held)) == {row[: len(table.key)]: row for row in table.rows}


def test_collections_arrive_as_arrays_and_objects(
    snowflake_cursor: SnowflakeCursor, sample: Sample, versions: dict[str, int]
) -> None:
    assert versions
    table = sample.planes
    (place,) = table.places(["destinations"])
    tailnum, destinations = next((row[0], row[place]) for row in table.rows if row[place])
    snowflake_cursor.execute(
        "SELECT ARRAY_SIZE(DESTINATIONS) FROM PLANES WHERE TAILNUM = %s ORDER BY VERSION DESC LIMIT 1", (tailnum,)
    )
    assert snowflake_cursor.fetchone() == (len(destinations),)


def test_lost_versions_are_noticed(snowflake_cursor: SnowflakeCursor, sample: Sample, versions: dict[str, int]) -> None:
    snowflake_cursor.execute("DELETE FROM WEATHER WHERE VERSION = 2 AND NOT IS_DELETED")
    with pytest.raises(SampleMismatchError, match="WEATHER has"):
        history.verify(snowflake_cursor, sample, versions, progress=lambda _: None)


def test_the_stand_in_is_trusted_through_the_worlds_authority_only(snowflake_stand_in: SnowflakeStandIn) -> None:
    with (
        socket.create_connection(("127.0.0.1", snowflake_stand_in.port)) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


def _aware(row: Any, place: int) -> tuple[Any, ...]:
    return (*row[:place], row[place].replace(tzinfo=dt.UTC), *row[place + 1 :])
