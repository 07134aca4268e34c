"""Loads the sample into a Cassandra node, and counts it there."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.concurrent import execute_concurrent
from cassandra.policies import RoundRobinPolicy
from cassandra.query import UNSET_VALUE, BatchStatement, BatchType

from keyspaces_migration.cql.identifiers import quote
from rehearsal.data.dataset import read
from rehearsal.data.schema import KEYSPACE, MIGRATED, NOT_MIGRATED_AS_IT_STANDS, VIEW
from rehearsal.processes import WorldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cassandra.query import PreparedStatement

    from rehearsal.data.dataset import Values
    from rehearsal.data.tables import Sample, SampleTable

IN_FLIGHT = 24
ROWS_A_BATCH = 50
COUNTS_IN_FLIGHT = 4
TOKEN_RANGES = 256
REQUEST_TIMEOUT_S = 90.0
VIEW_TIMEOUT_S = 900.0
REPORT_S = 1.0
TOKENS = 2**64


class SampleMismatchError(WorldError):
    """A store does not hold what was loaded into it. The message has the table and both counts."""


@contextmanager
def opened(host: str, port: int) -> Iterator[Session]:
    """A session with one plain node."""
    profile = ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(),
        consistency_level=ConsistencyLevel.ONE,
        request_timeout=REQUEST_TIMEOUT_S,
    )
    cluster = Cluster([host], port=port, protocol_version=4, execution_profiles={EXEC_PROFILE_DEFAULT: profile})
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def load(session: Session, sample: Sample, *, progress: Callable[[str], None]) -> dict[str, int]:
    """Replace the keyspace `flights` by the sample.

    Returns:
        Rows by table, which `verify` takes.
    """
    session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
    session.execute(
        f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}}"
    )
    for statement in (*MIGRATED, *NOT_MIGRATED_AS_IT_STANDS):
        session.execute(statement)
    for table in sample.tables():
        _load_table(session, table, progress=progress)
    airports = _load_airports(session)
    _load_counts(session, sample)
    session.execute(VIEW)
    _wait_for_view(session, progress=progress)
    counts = {table.name: len(table.rows) for table in sample.tables()}
    return counts | {"airports": airports, "departure_counts": len(sample.departure_counts)}


def verify(session: Session, expected: dict[str, int], *, progress: Callable[[str], None]) -> None:
    """Count the rows of each table, by token range (a count over a whole large table times out).

    Raises:
        SampleMismatchError: A table has another number of rows than `expected`.
    """
    for table, rows in expected.items():
        progress(f"counting {table}")
        found = count(session, table)
        if found != rows:
            raise SampleMismatchError(f"{KEYSPACE}.{table} has {found:,} rows, and {rows:,} were loaded into it")


def count(session: Session, table: str, *, keyspace: str = KEYSPACE) -> int:
    """Rows of a table."""
    columns = session.cluster.metadata.keyspaces[keyspace].tables[table].partition_key
    token = f"token({', '.join(quote(column.name) for column in columns)})"
    address = f"{quote(keyspace)}.{quote(table)}"
    statement = session.prepare(
        f"SELECT count(*) FROM {address} WHERE {token} > ? AND {token} <= ?"  # noqa: S608 - names are quoted
    )
    # No key has the lowest token, so leaving it out loses nothing.
    bounds = [-(TOKENS // 2) + TOKENS * part // TOKEN_RANGES for part in range(TOKEN_RANGES)] + [TOKENS // 2 - 1]
    pairs = pairwise(bounds)
    results = execute_concurrent(session, ((statement, pair) for pair in pairs), concurrency=COUNTS_IN_FLIGHT)
    return sum(result.result_or_exc.one()[0] for result in results)


def _load_table(session: Session, table: SampleTable, *, progress: Callable[[str], None]) -> None:
    columns = table.key + table.columns
    insert = _prepare_insert(session, table.name, columns)
    batches = _batches(table, insert, width=len(columns))
    run(session, batches, what=table.name, total=len(table.rows), progress=progress)
    if table.static_columns:
        columns = table.partition_key + table.static_columns
        insert = _prepare_insert(session, table.name, columns)
        places = itemgetter(*table.places(columns))
        statements = ((insert.bind(_bound(places(partition[0]))), 0) for partition in table.partitions())
        run(session, statements, what=f"{table.name}, static columns", total=0, progress=progress)


def _batches(table: SampleTable, insert: PreparedStatement, *, width: int) -> Iterator[tuple[Any, int]]:
    """Batches within one partition, which Cassandra writes as one mutation, with the number of rows in each."""
    for partition in table.partitions():
        for first in range(0, len(partition), ROWS_A_BATCH):
            rows = partition[first : first + ROWS_A_BATCH]
            batch = BatchStatement(batch_type=BatchType.UNLOGGED)
            for row in rows:
                batch.add(insert, _bound(row[:width]))
            yield batch, len(rows)


def run(
    session: Session,
    statements: Iterable[tuple[Any, int]],
    *,
    what: str,
    total: int,
    progress: Callable[[str], None],
) -> None:
    """Run statements, each given with the number of rows that it writes, many at a time; an error is raised."""
    sizes: list[int] = []

    def noted() -> Iterator[tuple[Any, tuple[()]]]:
        for statement, size in statements:
            sizes.append(size)
            yield statement, ()

    began = reported = time.monotonic()
    done = 0
    results = execute_concurrent(session, noted(), concurrency=IN_FLIGHT, results_generator=True)
    for number, _ in enumerate(results):  # in the order of the statements; an error is raised
        done += sizes[number]
        if (now := time.monotonic()) - reported >= REPORT_S:
            reported = now
            progress(f"loading {what}: {done:,} of {total:,} rows, {done / (now - began):,.0f} rows/s")


def _load_airports(session: Session) -> int:
    insert = _prepare_insert(session, "airports", ("faa", "name", "tzone", "place"))
    airports = read("airports").select("faa", "name", "tzone", "lat", "lon", "alt")
    values = [(faa, name, tzone, tuple(place)) for faa, name, tzone, *place in airports]
    execute_concurrent(session, ((insert, _bound(each)) for each in values), concurrency=IN_FLIGHT)
    return len({faa for faa, *_ in values})


def _load_counts(session: Session, sample: Sample) -> None:
    update = session.prepare(
        f"UPDATE {KEYSPACE}.departure_counts SET departures = departures + ? "  # noqa: S608 - names of ours
        "WHERE origin = ? AND flight_date = ?"
    )
    values = ((update, (number, *place)) for place, number in sample.departure_counts.items())
    execute_concurrent(session, values, concurrency=IN_FLIGHT)


def _wait_for_view(session: Session, *, progress: Callable[[str], None]) -> None:
    name = "flights_by_tail"
    deadline = time.monotonic() + VIEW_TIMEOUT_S
    built = session.prepare("SELECT view_name FROM system.built_views WHERE keyspace_name = ? AND view_name = ?")
    while session.execute(built, (KEYSPACE, name)).one() is None:
        if time.monotonic() > deadline:
            raise WorldError(f"the view {name} is not built after {VIEW_TIMEOUT_S:.0f} s")
        progress(f"Cassandra builds the view {name}")
        time.sleep(REPORT_S)


def _prepare_insert(session: Session, table: str, columns: tuple[str, ...]) -> PreparedStatement:
    marks = ", ".join("?" * len(columns))
    return session.prepare(
        f"INSERT INTO {KEYSPACE}.{table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of ours
    )


def _bound(values: Values) -> Values:
    # Unset, as null would write a tombstone.
    return tuple(UNSET_VALUE if value is None else value for value in values)
