"""The tables on the source cluster through which writers and stages know of one another."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from keyspaces_migration.cql.identifiers import quote

if TYPE_CHECKING:
    from cassandra.cluster import Session

CONTROL_KEYSPACE = "keyspaces_migration"
WRITERS = "writers"
RECORDED_KEYS = "recorded_keys"
BUCKETS = 64

WRITERS_TABLE = """
CREATE TABLE IF NOT EXISTS {keyspace}.writers (
  migration text,
  writer_id text,
  mode text,
  flag_version bigint,
  barrier_us bigint,
  target_read_percent int,
  heartbeat_at timestamp,
  server_at timestamp,
  host text,
  pid int,
  journal_depth int,
  parked int,
  follower_lag_ms bigint,
  oldest_unsent_at timestamp,
  flag_age_ms bigint,
  accounts frozen<map<text, bigint>>,
  reads_compared bigint,
  reads_differing bigint,
  reads_not_looked_at bigint,
  reads frozen<map<text, bigint>>,
  started_at timestamp,
  PRIMARY KEY ((migration), writer_id)
)"""
_RECORDED_KEYS = """
CREATE TABLE IF NOT EXISTS {keyspace}.recorded_keys (
  migration text,
  table_name text,
  bucket int,
  seq timeuuid,
  kind text,
  mode text,
  key_json text,
  bounds_json text,
  deleted_columns frozen<list<text>>,
  timestamp_us bigint,
  ttl_s int,
  collections frozen<list<text>>,
  removed_json text,
  writer_id text,
  PRIMARY KEY ((migration, table_name, bucket), seq)
)"""


def create_control_tables(
    session: "Session", *, replication: Mapping[str, str | int], keyspace: str = CONTROL_KEYSPACE
) -> None:
    """Create the keyspace and its tables where they are missing.

    Args:
        session: With the source cluster.
        replication: Of a new keyspace, such as {"class": "NetworkTopologyStrategy", "dc1": 3}. The recorded keys must
            survive what the data survive: give it the factor of the migrated keyspace.
        keyspace: Its name.
    """
    options = ", ".join(f"{_literal(name)}: {_literal(value)}" for name, value in replication.items())
    session.execute(f"CREATE KEYSPACE IF NOT EXISTS {quote(keyspace)} WITH replication = {{{options}}}")
    for statement in (WRITERS_TABLE, _RECORDED_KEYS):
        session.execute(statement.format(keyspace=quote(keyspace)))
    recorded = {
        "bounds_json": "text",
        "ttl_s": "int",
        "collections": "frozen<list<text>>",
        "removed_json": "text",
    }
    for column, of_type in recorded.items():
        _add_missing(session, keyspace, RECORDED_KEYS, column, of_type)
    reported = {
        "accounts": "frozen<map<text, bigint>>",
        "reads_compared": "bigint",
        "reads_differing": "bigint",
        "reads_not_looked_at": "bigint",
        "reads": "frozen<map<text, bigint>>",
        "started_at": "timestamp",
    }
    for column, of_type in reported.items():
        _add_missing(session, keyspace, WRITERS, column, of_type)


def _add_missing(session: "Session", keyspace: str, table: str, column: str, of_type: str) -> None:
    """Add a column that an earlier release's table lacks. Cassandra 3 knows no ADD IF NOT EXISTS."""
    asked = session.prepare(
        "SELECT type FROM system_schema.columns WHERE keyspace_name = ? AND table_name = ? AND column_name = ?"
    )
    if session.execute(asked.bind((keyspace, table, column))).one() is None:
        session.execute(f"ALTER TABLE {quote(keyspace)}.{quote(table)} ADD {quote(column)} {of_type}")


def _literal(value: str | int) -> str:
    # DDL takes no bound values.
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
