"""Addresses and names in the history's SQL."""

import hashlib
import re

from keyspaces_migration.config.names import SNOWFLAKE_COLUMN
from keyspaces_migration.snowflake_names import quote_name, stored_name

_PART = re.compile(SNOWFLAKE_COLUMN.pattern)


def address_of(written: str) -> str:
    """Return the SQL address of a table that the migration file writes as DATABASE.SCHEMA.TABLE."""
    return ".".join(quote_name(stored_name(part)) for part in _PART.findall(written))


def column_of(written: str) -> str:
    """Return a column of the migration file as an SQL identifier."""
    return quote_name(stored_name(written))


def name_of(address: str) -> str:
    """Return the last name of an address that `snapshot_address` made."""
    return address.rpartition(".")[2].strip('"')


def snapshot_address(history: str, *, migration: str, table: str, run_id: str) -> str:
    """Return the address of a run's snapshot of a table, beside the history table; the same at every call."""
    database, schema, _ = _PART.findall(history)
    digest = hashlib.sha256(f"{migration}\0{table}\0{run_id}".encode()).hexdigest()[:12]
    plain = re.sub("[^A-Za-z0-9]", "_", f"{migration}_{table}").upper()
    return ".".join(quote_name(name) for name in (stored_name(database), stored_name(schema), f"KM_{plain}_{digest}"))
