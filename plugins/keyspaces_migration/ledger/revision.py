"""Which schema a ledger has, and whether this code may use it."""

import sqlalchemy as sa

from keyspaces_migration.ledger.database import Address, Database
from keyspaces_migration.ledger.errors import LedgerSchemaError
from keyspaces_migration.ledger.schema import HEAD, VERSION_TABLE


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
    from keyspaces_migration.ledger.migrate import known_revisions  # noqa: PLC0415 # brings Alembic

    if found is None or found in known_revisions():
        raise LedgerSchemaError(
            f"The ledger ({where}) has schema {found or 'none'}, older than {HEAD}, which this code needs. "
            f"Upgrade it: LEDGER_URL=… python -m keyspaces_migration.ledger upgrade"
        )
    raise newer_than_code(found, where=where)


def is_current(database: Database) -> bool:
    """Whether nothing is to be done: it spares the lock, and Alembic, to all but the first task."""
    if database.address.is_sqlite and not database.address.file.exists():
        return False
    with database.reading() as connection:
        return current_revision(connection) == HEAD


def newer_than_code(found: str, *, where: Address) -> LedgerSchemaError:
    """The refusal of a schema that only newer code knows."""
    return LedgerSchemaError(
        f"The ledger ({where}) has schema {found}, which this code does not know: its newest is {HEAD}. A newer "
        "version of the package has upgraded it. Install that version here too: pip install -U keyspaces-migration"
    )
