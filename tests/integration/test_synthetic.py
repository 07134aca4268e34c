"""Made-up data in both stores: the backfill's own readers find in the history what the source holds."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector

from keyspaces_migration.backfill.history import History
from keyspaces_migration.backfill.rows import selected
from keyspaces_migration.backfill.snapshot import DELETED, EXPIRES_AT, take_snapshot
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.consistency.values import canonical
from keyspaces_migration.cql.identifiers import quote
from keyspaces_migration.wire.conversion import column_values, convert
from rehearsal.data import source as sample
from rehearsal.synthetic import history, source
from rehearsal.synthetic.choice import SyntheticChoice, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cassandra.cluster import Session
    from snowflake.connector.cursor import SnowflakeCursor

    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.synthetic.rows import SyntheticTable

FILES = Path(__file__).parents[1] / "unit" / "rehearsal" / "synthetic"
ROWS = 300


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    with sample.opened(cassandra_node.host, cassandra_node.port) as opened:
        yield opened


class Loaded:
    """A file's data in both stores."""

    def __init__(self, session: Session, cursor: SnowflakeCursor, file: Path) -> None:
        self.session, self.cursor = session, cursor
        self.migration: Migration = load_migration(file)
        # Read here, not when the module is imported: the rows' lives are counted from it.
        self.now = dt.datetime.now(tz=dt.UTC).replace(microsecond=0)
        choice = SyntheticChoice(migration_file=file, rows=ROWS, began=self.now)
        self.tables: Sequence[SyntheticTable] = tables_of(self.migration, choice)

    def load(self) -> None:
        keyspace = self.migration.source.keyspace
        rows = source.load(self.session, keyspace, self.tables, progress=lambda _: None)
        source.verify(self.session, keyspace, rows, progress=lambda _: None)
        versions = history.load(self.cursor, self.tables, progress=lambda _: None)
        history.verify(self.cursor, self.tables, versions, progress=lambda _: None)

    def in_source(self, made: SyntheticTable) -> set[tuple[Any, ...]]:
        names = made.table.schema_.column_types
        rows = self.session.execute(
            f"SELECT {', '.join(map(quote, names))} FROM {quote(self.migration.source.keyspace)}.{quote(made.name)}"
        )
        return {self._canonical(made, row) for row in rows}

    def in_snapshot(self, made: SyntheticTable, read: Any) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
        """Newest living rows: those that live on, and those whose end has come."""
        past = History(self.cursor, snowflake.connector.errors.Error)
        snapshot = take_snapshot(
            past,
            migration=self.migration.name,
            name=made.name,
            table=made.table,
            run_id="test",
            now=self.now,
            since=None,
            deletes=False,
        )
        assert snapshot.repeated_keys == 0
        target = Target(keyspace="k", name=made.name, table=made.table)
        expires = made.table.expires
        names = [*made.table.schema_.column_types, DELETED, *([EXPIRES_AT] if expires else [])]
        wide = len(made.table.schema_.column_types)
        columns = ", ".join(selected(name, target) for name in names)
        living: set[tuple[Any, ...]] = set()
        ended: set[tuple[Any, ...]] = set()
        for batch in past.batches(f"SELECT {columns} FROM {snapshot.address}"):
            for values in zip(*map(column_values, batch.columns), strict=True):
                ends_ms = values[-1] if expires else None
                if not values[wide]:
                    over = ends_ms is not None and ends_ms <= self.now.timestamp() * 1000
                    (ended if over else living).add(self._canonical(made, read(made, values[:wide])))
        return living, ended

    def _canonical(self, made: SyntheticTable, row: Sequence[Any]) -> tuple[Any, ...]:
        types = made.table.schema_.column_types.values()
        return tuple(canonical(kind)(value) for kind, value in zip(types, row, strict=True))


def by_the_backfill(made: SyntheticTable, row: Sequence[Any]) -> list[Any]:
    """As the backfill converts values; moments come as milliseconds."""
    values = []
    for value, kind in zip(row, made.table.schema_.column_types.values(), strict=True):
        found = convert(value, kind)
        is_moment = str(kind) == "timestamp" and found is not None
        values.append(dt.datetime.fromtimestamp(found / 1000, tz=dt.UTC).replace(tzinfo=None) if is_moment else found)
    return values


@pytest.fixture(scope="module", params=["odd_types.yaml", "odd_lives.yaml"])
def loaded(request: pytest.FixtureRequest, session: Session, snowflake_cursor: SnowflakeCursor) -> Iterator[Loaded]:
    made = Loaded(session, snowflake_cursor, FILES / request.param)
    made.load()
    yield made
    session.execute(f"DROP KEYSPACE {quote(made.migration.source.keyspace)}")


def test_the_newest_version_is_the_source_s_row(loaded: Loaded) -> None:
    for made in loaded.tables:
        there = loaded.in_source(made)
        assert len(there) == len(made.living) > 0, made.name
        living, ended = loaded.in_snapshot(made, by_the_backfill)
        assert not living ^ there, (made.name, list(living - there)[:1], list(there - living)[:1])
        assert not ended & there


def test_rows_have_in_the_source_what_is_left_of_their_life_in_the_history(loaded: Loaded) -> None:
    for made in loaded.tables:
        regular = made.facts.regular
        if not made.table.expires or not regular:
            continue
        name = next(name for name in regular if any(row.values[name] is not None for row in made.living))
        address = f"{quote(loaded.migration.source.keyspace)}.{quote(made.name)}"
        left = [row[0] for row in loaded.session.execute(f"SELECT TTL({quote(name)}) FROM {address}")]
        lives = [row.ends_at(made.table) for row in made.living]
        assert any(end is not None for end in lives)
        expected = sorted(
            (end - loaded.now).total_seconds()
            for row, end in zip(made.living, lives, strict=True)
            if end is not None and row.values[name] is not None
        )
        seen = sorted(ttl for ttl in left if ttl is not None)
        assert len(seen) == len(expected)
        # The node has counted down since the load.
        assert all(0 <= wanted - ttl < 600 for wanted, ttl in zip(expected, seen, strict=True)), made.name
