"""Whether the target's tables can take dual writes: looked at before any writer is told to record."""

from typing import TYPE_CHECKING

from keyspaces_migration.errors import MigrationError
from keyspaces_provider.aws import account_client, require_aws_connection
from keyspaces_provider.hooks.keyspaces import KeyspacesHook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keyspaces_migration.config import Migration


class TablesNotReadyError(MigrationError):
    """A table of the target can't take dual writes; the message names each, and why. Nothing was changed."""


def require_ready_tables(migration: "Migration") -> None:
    """Return if every table of the migration is live on the target, as the file says, and takes dual writes.

    Raises:
        TablesNotReadyError: one is not.
        StoreError: the target can't be reached.
        AwsRequestError: AWS can't be asked.
    """
    if problems := tuple(_problems(migration)):
        raise TablesNotReadyError(
            f"{migration.name} can't be dual-written yet: {'; '.join(problems)}. Nothing was changed. Wait until the "
            "tables are ACTIVE, or run provision, and then clear this task"
        )


def _problems(migration: "Migration") -> "Iterator[str]":
    from keyspaces_migration.dual_write.errors import WriteRefusedError
    from keyspaces_migration.dual_write.shape import TableShape
    from keyspaces_migration.keyspaces_api import TableMissingError, aws_errors
    from keyspaces_migration.keyspaces_api.dual_writes import why_no_dual_writes
    from keyspaces_migration.parity import compare_schema

    target = migration.target
    require_aws_connection(migration.connections.aws)
    client = account_client(
        "keyspaces", aws_conn_id=migration.connections.aws, region=target.region, roles=target.role_chain
    )
    for name, table in migration.tables.items():
        try:
            TableShape.from_migration(name, table).refuse_if_unrepeatable()
        except WriteRefusedError as error:
            yield str(error)
        try:
            with aws_errors(f"table {target.keyspace}.{name}"):
                live = client.get_table(keyspaceName=target.keyspace, tableName=name)
        except TableMissingError:
            continue  # the comparison below names it
        yield from (f"table {name}: {why}" for why in why_no_dual_writes(live, expires=table.expires))
    with KeyspacesHook(migration.connections.target).session() as session:
        found = compare_schema(session, keyspace=target.keyspace, tables=migration.tables)
    yield from map(str, found)
