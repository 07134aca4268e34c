"""Bring a ledger's schema to the code's revision, and back. Safe when several tasks do it at once.

Imported only where that is needed: Alembic costs every task that opens a ledger most of a second.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from keyspaces_migration.ledger.database import Address, Database, create_sqlite_file
from keyspaces_migration.ledger.errors import LedgerAddressError, LedgerSchemaError
from keyspaces_migration.ledger.revision import current_revision, newer_than_code

# Any number will do, as long as it stays the same and nobody else in the database uses it.
_ADVISORY_LOCK = 0x6B73_6C65_6467_6572


def upgrade(database: Database) -> None:
    """Create the ledger or bring it to the code's revision; nothing happens where it is there already.

    Raises:
        LedgerSchemaError: The ledger is newer than this code, which then must not touch it.
        LedgerUnreachableError: The database does not answer.
    """
    with _locked(database) as connection:
        _refuse_newer(connection, where=database.address)
        command.upgrade(_config(connection), "head")


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
    sqlite_lock = _sqlite_file(database.address) if database.address.is_sqlite else nullcontext()
    with sqlite_lock, database.migrating() as connection:
        if not database.address.is_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        yield connection


@contextmanager
def _sqlite_file(address: Address) -> Iterator[None]:
    """See that the file is there, and keep other upgrades in its folder out.

    SQLite switches a file to WAL outside of any transaction, and fails at once where another process has it open:
    so a new file is switched under another name first. The lock is on the folder, as closing another handle of the
    file itself would drop SQLite's own locks.
    """
    try:
        folder = os.open(address.file.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise LedgerAddressError(
            f"The folder of the {address} cannot be opened: {error.strerror}. Create it"
        ) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if not address.file.exists():
            unfinished = address.file.with_name(f".{address.file.name}.new")
            create_sqlite_file(unfinished)
            unfinished.rename(address.file)
        yield
    finally:
        os.close(folder)


def _refuse_newer(connection: sa.Connection, *, where: Address) -> None:
    found = current_revision(connection)
    if found is not None and found not in known_revisions():
        raise newer_than_code(found, where=where)


def known_revisions() -> frozenset[str]:
    """The revisions that this code can bring a ledger to."""
    scripts = ScriptDirectory.from_config(_config(None))
    return frozenset(script.revision for script in scripts.walk_revisions())


def _config(connection: sa.Connection | None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "keyspaces_migration.ledger:migrations")
    return config
