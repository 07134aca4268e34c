"""Bring a ledger's schema to the code's revision, and back. Safe when several tasks do it at once."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from keyspaces_migration.ledger.database import Address, Database
from keyspaces_migration.ledger.errors import LedgerAddressError, LedgerSchemaError
from keyspaces_migration.ledger.schema import HEAD, VERSION_TABLE

UPGRADE_COMMAND = "LEDGER_URL=… python -m keyspaces_migration.ledger upgrade"
# Any number will do, as long as it stays the same and nobody else in the database uses it.
_ADVISORY_LOCK = 0x6B73_6C65_6467_6572


def current_revision(connection: sa.Connection) -> str | None:
    """The revision that the ledger's schema is at; None where it has none."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 # a constant of ours
    return version


def require_current_schema(connection: sa.Connection, *, where: Address) -> None:
    """Refuse a ledger whose schema this code was not written for.

    Raises:
        LedgerSchemaError: It is older than the code, newer, or not there.
    """
    found = current_revision(connection)
    if found == HEAD:
        return
    if found is None or found in _known_revisions():
        raise LedgerSchemaError(
            f"The ledger ({where}) has schema {found or 'none'}, older than {HEAD}, which this code needs. "
            f"Upgrade it: {UPGRADE_COMMAND}"
        )
    raise _newer(found, where=where)


def upgrade(database: Database, *, revision: str = "head") -> None:
    """Create the ledger or bring it to `revision`; nothing happens where it is there already.

    Raises:
        LedgerSchemaError: The ledger is newer than this code, which then must not touch it.
        LedgerUnreachableError: The database does not answer.
    """
    if revision == "head" and _is_current(database):
        return
    with _locked(database) as connection:
        _refuse_newer(connection, where=database.address)
        command.upgrade(_config(connection), revision)


def downgrade(database: Database, *, revision: str) -> None:
    """Take the ledger back to `revision`, "base" for none. What later revisions held is lost.

    Raises:
        LedgerSchemaError: The ledger is newer than this code, or knows no such revision.
        LedgerUnreachableError: The database does not answer.
    """
    with _locked(database) as connection:
        _refuse_newer(connection, where=database.address)
        try:
            command.downgrade(_config(connection), revision)
        except CommandError as error:
            raise LedgerSchemaError(f"The ledger cannot go back to {revision!r}: {error}") from error


@contextmanager
def _locked(database: Database) -> Iterator[sa.Connection]:
    """A writing transaction that one process at a time gets."""
    folder_lock = _only_one_process_in_folder_of(database.address) if database.address.is_sqlite else nullcontext()
    with folder_lock, database.writing(create=True) as connection:
        if not database.address.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        yield connection


@contextmanager
def _only_one_process_in_folder_of(address: Address) -> Iterator[None]:
    """BEGIN IMMEDIATE is not enough: SQLite switches to WAL outside a transaction, and waits for nobody there.

    The lock is on the folder, as closing another handle of the file itself would drop SQLite's own locks.
    """
    try:
        folder = os.open(address.file.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise LedgerAddressError(
            f"The folder of the {address} cannot be opened: {error.strerror}. Create it"
        ) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _is_current(database: Database) -> bool:
    """Spares the lock to all but the first: every task of a run opens the ledger."""
    if database.address.is_sqlite and not database.address.file.exists():
        return False
    with database.reading() as connection:
        return current_revision(connection) == HEAD


def _refuse_newer(connection: sa.Connection, *, where: Address) -> None:
    found = current_revision(connection)
    if found is not None and found not in _known_revisions():
        raise _newer(found, where=where)


def _newer(found: str, *, where: Address) -> LedgerSchemaError:
    return LedgerSchemaError(
        f"The ledger ({where}) has schema {found}, which this code does not know: its newest is {HEAD}. A newer "
        "version of the package has upgraded it. Install that version here too: pip install -U keyspaces-migration"
    )


def _known_revisions() -> frozenset[str]:
    scripts = ScriptDirectory.from_config(_config(None))
    return frozenset(script.revision for script in scripts.walk_revisions())


def _config(connection: sa.Connection | None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "keyspaces_migration.ledger:migrations")
    return config
