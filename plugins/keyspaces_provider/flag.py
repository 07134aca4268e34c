"""The flag of a migration, through its AWS connection."""

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from keyspaces_migration.errors import MigrationError
from keyspaces_provider.hooks.cassandra import CassandraHook

if TYPE_CHECKING:
    from keyspaces_migration.config import Migration
    from keyspaces_migration.consistency.kinds import Leader
    from keyspaces_migration.cutover.flag_writer import FlagWriter
    from keyspaces_migration.dual_write.flag import FlagState
    from keyspaces_migration.dual_write.registry import WriterRecord
    from keyspaces_provider.run import MigrationRun


log = logging.getLogger(__name__)


class FlagNotReadyError(MigrationError):
    """The flag is not in a state from which this step may go on; the message says which it is in."""


def flag_writer(migration: "Migration") -> "FlagWriter":
    """The writer of the migration's flag."""
    from keyspaces_migration.cutover.appconfig import FlagStore
    from keyspaces_migration.cutover.flag_writer import FlagWriter, flag_address
    from keyspaces_provider.aws import account_client

    target = migration.target
    client = account_client(
        "appconfig", aws_conn_id=migration.connections.aws, region=target.region, roles=target.role_chain
    )
    return FlagWriter(FlagStore(client, flag_address(migration)))


def require_flag(writer: "FlagWriter") -> "FlagState":
    """The state in force.

    Raises:
        FlagNotReadyError: there is none.
    """
    state = writer.current()
    if state is None:
        raise FlagNotReadyError("No flag is deployed yet: run start_dual_writes first.")
    return state


def leader_of(migration: "Migration") -> "Leader":
    """The store whose rows are right now: the source until the flag says that the target leads.

    Raises:
        FlagWriteError: a deployment is on its way, so that nobody knows; or AppConfig lacks the flag's parts.
        FlagFormatError: what is deployed is no flag of ours.
        FlagUnreachableError: AppConfig did not answer.
    """
    from keyspaces_migration.consistency.kinds import Leader

    state = flag_writer(migration).current()
    return Leader.TARGET if state is not None and state.mode.target_leads else Leader.SOURCE


def leader_for_check(run: "MigrationRun") -> "Leader":
    """As `leader_of`; where the flag can't be looked at, by the newest change of it in the ledger, which is logged.

    A check only looks. What it may lead to, a repair, asks `leader_of` itself.

    Raises:
        LedgerError: the ledger can't be read either.
    """
    from keyspaces_migration.consistency.kinds import Leader
    from keyspaces_migration.ledger.flags import FlagLedger
    from keyspaces_provider.aws import require_aws_connection

    try:
        require_aws_connection(run.migration.connections.aws)
        return leader_of(run.migration)
    except could_not_look() as error:
        changes = FlagLedger(run.ledger).changes(run.migration.name)
        leads = Leader.TARGET if changes and changes[-1].state.mode.target_leads else Leader.SOURCE
        log.warning(
            "The flag could not be looked at (%s: %s). By the newest change in the ledger, the %s leads",
            type(error).__name__,
            error,
            leads.value,
        )
        return leads


def could_not_look() -> tuple[type[Exception], ...]:
    """Return every class of errors by which a look at AWS, a store or the flag can fail. Loads boto3 and the driver."""
    from botocore.exceptions import BotoCoreError, ClientError

    from keyspaces_migration.dual_write.store import driver_failures

    return (MigrationError, BotoCoreError, ClientError, *driver_failures())


def change_flag(run: "MigrationRun", writer: "FlagWriter", state: "FlagState", *, expected_version: int | None) -> None:
    """Record the change in the ledger, then make it.

    Raises:
        LedgerError: it could not be recorded; nothing was changed.
        FlagWriteError: it was not made, or nobody knows; the message says which.
    """
    from keyspaces_migration.ledger.flags import FlagLedger

    now = datetime.now(UTC)
    FlagLedger(run.ledger).record_change(state, dag_id=run.dag_id, run_id=run.run_id, now=now)
    writer.deploy(state, expected_version=expected_version)


def writers_of(migration: "Migration") -> "tuple[WriterRecord, ...]":
    """The registered writers, as they stand on the source now.

    Raises:
        StoreError: the source can't be reached.
    """
    from keyspaces_migration.dual_write.registry import list_writers

    with CassandraHook(migration.connections.source).session() as session:
        return list_writers(session, migration.name)
