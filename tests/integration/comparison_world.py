"""The parts of the local world that the comparison Lambda needs, with one table whose copy is true."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cassandra.concurrent import execute_concurrent_with_args

from keyspaces_migration.clients import open_session
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.entrypoints.secret_model import parse_secret
from keyspaces_migration.entrypoints.store_secrets import StoreSecret, source_settings
from rehearsal.comparison_zip import HANDLER
from rehearsal.data.schema import MIGRATED
from rehearsal.processes import wait_until
from rehearsal.servers import comparison
from rehearsal.settings import Component, WorldPorts, WorldSettings
from rehearsal.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassandra.cluster import Session

FILE = Path(__file__).parents[2] / "dags" / "migrations" / "flights.yaml"
TABLE = "weather"
PARTS = frozenset({Component.SOURCE, Component.TARGET, Component.SNOWFLAKE, Component.AWS})


def migration() -> Migration:
    """flights.yaml, but a difference has little time to settle."""
    content = json.loads(load_migration(FILE).canonical_json())
    content["consistency"]["settle_time"] = "PT1S"
    return Migration.from_canonical_json(json.dumps(content))


MIGRATION = migration()


@contextmanager
def running(home: Path) -> Iterator[World]:
    """The world, up."""
    with World(WorldSettings(home=home, ports=WorldPorts.free(), components=PARTS, days=1)) as up:
        yield up


@contextmanager
def copied(world: World) -> Iterator[Session]:
    """A session with the target, which has a true copy of the source's table."""
    with world.target.session() as session:
        _make_table(world, session)
        _copy(world, session)
        yield session


@contextmanager
def spoilt(target: Session) -> Iterator[None]:
    """One cell of the target is wrong meanwhile."""
    row = target.execute(f"SELECT origin, time_hour, temp FROM flights.{TABLE} LIMIT 1").one()
    update = target.prepare(f"UPDATE flights.{TABLE} SET temp = ? WHERE origin = ? AND time_hour = ?")
    target.execute(update, (-459.67, row.origin, row.time_hour))
    try:
        yield
    finally:
        target.execute(update, (row.temp, row.origin, row.time_hour))


def make_function(world: World, name: str, **environment: str) -> str:
    """Create a function from what lies in the stand-in's S3, and return its name."""
    asked = MIGRATION.comparison_lambda
    assert asked is not None
    bucket, key = str(asked.zip).removeprefix("s3://").split("/", 1)
    client = comparison.client(world.aws, "lambda")
    client.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler=HANDLER,
        Role="arn:aws:iam::000000000000:role/comparison",
        Code={"S3Bucket": bucket, "S3Key": key},
        Timeout=120,
        MemorySize=1024,
        Environment={"Variables": asked.variables() | environment},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def _make_table(world: World, session: Session) -> None:
    """As in Keyspaces, a keyspace and a table can be used once a system table shows them."""
    keyspace = "SELECT keyspace_name FROM system_schema_mcs.keyspaces WHERE keyspace_name = 'flights'"
    table = f"SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = 'flights' AND table_name = '{TABLE}'"
    session.execute("CREATE KEYSPACE flights WITH replication = {'class': 'SingleRegionStrategy'}")
    _until(world, lambda: session.execute(keyspace).one() is not None, what="keyspace")
    session.execute(next(statement for statement in MIGRATED if f"flights.{TABLE} " in statement))
    _until(world, lambda: getattr(session.execute(table).one(), "status", None) == "ACTIVE", what="table")


def _until(world: World, is_there: Callable[[], bool], *, what: str) -> None:
    wait_until(lambda: None if is_there() else "not ACTIVE", name=what, log=world.target.log, timeout_s=60)


def _copy(world: World, target: Session) -> None:
    secret = parse_secret(json.dumps(comparison.source(world.source)), StoreSecret, name="source")
    with open_session(source_settings(secret, folder=world.home)) as source:
        found = source.execute(f"SELECT * FROM flights.{TABLE}")
        columns, rows = found.column_names, [tuple(row) for row in found]
    assert len(rows) > 50
    marks = ", ".join("?" * len(columns))
    insert = target.prepare(f"INSERT INTO flights.{TABLE} ({', '.join(columns)}) VALUES ({marks})")
    execute_concurrent_with_args(target, insert, rows)
