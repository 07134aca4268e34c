"""The stores of a soak, and what can go wrong with them: both nodes, AWS's stand-in, and relays."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.cutover.flag_writer import FlagWriter, flag_address
from keyspaces_migration.dual_write.control_tables import create_control_tables
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.doubts.relay import Relay
from rehearsal.flag_parts import flag_parts
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until
from rehearsal.servers.aws import AwsStandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from keyspaces_migration.config import Migration
    from keyspaces_migration.config.tables import Table

REPLICATION: dict[str, str | int] = {"class": "SimpleStrategy", "replication_factor": 1}
PROPERTIES = "CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}, 'ttl': {'status': 'enabled'}}"
"""As `provision` makes tables that are dual-written and whose rows may die."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Both stores, the flag and the queue.

    Attributes:
        to_target: Between the writers and the target.
        to_queue: Between the writers and SQS.
        stores: Reached past the relays, for recopy, replay and audit.
    """

    migration: Migration
    shapes: tuple[TableShape, ...]
    source: CassandraNode
    target: LocalKeyspacesNode
    aws: AwsStandIn
    to_target: Relay
    to_queue: Relay
    stores: Stores
    flag: FlagWriter
    queue_url: str
    bucket: str

    def client(self, service: str) -> Any:  # noqa: ANN401 -- boto3's clients have no types
        """A client of the stand-in, past the relay."""
        return self.aws.client(service)


@contextmanager
def pair_of(migration: Migration, *, home: Path) -> Iterator[Pair]:
    """Start everything, with empty tables; stop it at the end."""
    ports = free_ports(6)
    shapes = tuple(TableShape.from_migration(name, table) for name, table in migration.tables.items())
    source = CassandraNode(NodeSettings(home=home / "source", native_port=ports[0], storage_port=ports[1]))
    target = LocalKeyspacesNode(
        LocalKeyspacesSettings(
            home=home / "target", native_port=ports[2], storage_port=ports[3], admin_port=ports[4], capacity=False
        )
    )
    aws = AwsStandIn(home=home, port=ports[5], log=home / "aws.log")
    with ExitStack() as stack:
        aws.launch()
        stack.callback(aws.stop)
        stack.enter_context(source)
        stack.enter_context(target)
        wait_until(aws.why_not_healthy, name=aws.name, log=aws.log, timeout_s=60)
        sessions = [
            stack.enter_context(
                open_session(SessionSettings(hosts=("127.0.0.1",), port=port, consistency=Consistency.LOCAL_QUORUM))
            )
            for port in (ports[0], ports[2])
        ]
        _create(sessions[0], sessions[1], migration)
        flag = stack.enter_context(flag_parts(aws.client("appconfig"), flag_address(migration)))
        queue_url = aws.client("sqs").create_queue(QueueName="soak-dead-letters")["QueueUrl"]
        bucket = "soak-dead-letters"
        aws.client("s3").create_bucket(Bucket=bucket)
        yield Pair(
            migration=migration,
            shapes=shapes,
            source=source,
            target=target,
            aws=aws,
            to_target=stack.enter_context(Relay(to_port=ports[2])),
            to_queue=stack.enter_context(Relay(to_port=ports[5])),
            stores=Stores(
                source=Store(name=StoreName.SOURCE, session=sessions[0], keyspace=migration.source.keyspace),
                target=Store(name=StoreName.TARGET, session=sessions[1], keyspace=migration.target.keyspace),
            ),
            flag=FlagWriter(flag),
            queue_url=queue_url,
            bucket=bucket,
        )


def _create(source: Session, target: Session, migration: Migration) -> None:
    create_control_tables(source, replication=REPLICATION)
    replication = ", ".join(f"'{name}': '{value}'" for name, value in REPLICATION.items())
    source.execute(f"CREATE KEYSPACE {migration.source.keyspace} WITH replication = {{{replication}}}")
    target.execute(
        f"CREATE KEYSPACE {migration.target.keyspace} WITH replication = {{'class': 'SingleRegionStrategy'}}"
    )
    for name, table in migration.tables.items():
        source.execute(table_statement(migration.source.keyspace, name, table))
        target.execute(table_statement(migration.target.keyspace, name, table, PROPERTIES))


def table_statement(keyspace: str, name: str, table: Table, *options: str) -> str:
    """Return the statement that makes a table of a migration file in a keyspace, with options."""
    schema = table.schema_
    columns = ", ".join(f"{column} {cql_type}" for column, cql_type in schema.column_types.items())
    key = ", ".join([f"({', '.join(schema.partition_keys)})", *(each.name for each in schema.clustering_keys)])
    order = ", ".join(f"{each.name} {each.order.value}" for each in schema.clustering_keys)
    given = [*([f"CLUSTERING ORDER BY ({order})"] if order else []), *options]
    with_options = f" WITH {' AND '.join(given)}" if given else ""
    return f"CREATE TABLE {keyspace}.{name} ({columns}, PRIMARY KEY ({key})){with_options}"
