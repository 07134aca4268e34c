"""Loads the made-up source: the keyspace and tables of a migration file, and their rows."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from cassandra.query import UNSET_VALUE, BatchStatement, BatchType

from keyspaces_migration.cql.identifiers import quote
from rehearsal.data import source as sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cassandra.cluster import Session

    from keyspaces_migration.config import Table
    from rehearsal.synthetic.rows import Row, SyntheticTable

FOR_EVER = 0
"""As a time to live in CQL, also where the table has a default."""


def load(
    session: Session, keyspace: str, tables: Sequence[SyntheticTable], *, progress: Callable[[str], None]
) -> dict[str, int]:
    """Replace the keyspace.

    Returns:
        Rows by table, which `verify` takes.
    """
    session.execute(f"DROP KEYSPACE IF EXISTS {quote(keyspace)}")
    session.execute(
        f"CREATE KEYSPACE {quote(keyspace)} WITH replication = {{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}}"
    )
    for made in tables:
        session.execute(create_statement(keyspace, made.name, made.table))
        _load_table(session, keyspace, made, progress=progress)
    return {made.name: len(made.living) for made in tables}


def verify(session: Session, keyspace: str, expected: Mapping[str, int], *, progress: Callable[[str], None]) -> None:
    """Count the rows of each table.

    Raises:
        SampleMismatchError: A table has another number of rows than `expected`.
    """
    for table, rows in expected.items():
        progress(f"counting {table}")
        found = sample.count(session, table, keyspace=keyspace)
        if found != rows:
            raise sample.SampleMismatchError(f"{keyspace}.{table} has {found:,} rows, and {rows:,} were loaded into it")


def create_statement(keyspace: str, name: str, table: Table) -> str:
    """Return the CREATE TABLE of a table of the migration file, as it stands on a Cassandra."""
    schema = table.schema_
    columns = [
        f"{quote(column.name)} {column.cql_type}{' static' if column.name in schema.static_columns else ''}"
        for column in schema.columns
    ]
    partition = f"({', '.join(map(quote, schema.partition_keys))})"
    key = ", ".join([partition, *(quote(each.name) for each in schema.clustering_keys)])
    order = ", ".join(f"{quote(each.name)} {each.order.value}" for each in schema.clustering_keys)
    options = [f"CLUSTERING ORDER BY ({order})"] if order else []
    options += [f"default_time_to_live = {table.default_ttl_s}"] if table.default_ttl_s else []
    made = f"CREATE TABLE {quote(keyspace)}.{quote(name)} ({', '.join(columns)}, PRIMARY KEY ({key}))"
    return made + (f" WITH {' AND '.join(options)}" if options else "")


def life_s(row: Row, table: Table, *, now: dt.datetime) -> int:
    """The time to live that a row is written with: what is left of its life, at least a second, or `FOR_EVER`."""
    ends_at = row.ends_at(table)
    return FOR_EVER if ends_at is None else max(1, (ends_at - now) // dt.timedelta(seconds=1))


def _load_table(session: Session, keyspace: str, made: SyntheticTable, *, progress: Callable[[str], None]) -> None:
    schema = made.table.schema_
    address = f"{quote(keyspace)}.{quote(made.name)}"
    names = [*schema.primary_key, *(column.name for column in schema.regular_columns)]
    using = " USING TTL ?" if made.table.expires else ""
    insert = session.prepare(_insert(address, names) + using)

    def batches() -> Iterator[tuple[Any, int]]:
        for partition in made.partitions():
            for first in range(0, len(partition), sample.ROWS_A_BATCH):
                rows = partition[first : first + sample.ROWS_A_BATCH]
                batch = BatchStatement(batch_type=BatchType.UNLOGGED)
                now = dt.datetime.now(tz=dt.UTC)
                for row in rows:
                    lives = (life_s(row, made.table, now=now),) if made.table.expires else ()
                    batch.add(insert, (*_bound(row, names), *lives))
                yield batch, len(rows)

    sample.run(session, batches(), what=made.name, total=len(made.living), progress=progress)
    if schema.static_columns:
        names = [*schema.partition_keys, *schema.static_columns]
        statics = session.prepare(_insert(address, names))
        bound = ((statics.bind(_bound(partition[0], names)), 0) for partition in made.partitions())
        sample.run(session, bound, what=f"{made.name}, static columns", total=0, progress=progress)


def _insert(address: str, names: Sequence[str]) -> str:
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {address} ({', '.join(map(quote, names))}) VALUES ({marks})"  # noqa: S608 -- names are quoted


def _bound(row: Row, names: Sequence[str]) -> tuple[Any, ...]:
    # Unset, as null would write a tombstone.
    return tuple(UNSET_VALUE if row.values[name] is None else row.values[name] for name in names)
