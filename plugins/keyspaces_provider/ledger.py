"""From an Airflow connection to the ledger behind it."""

import re
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, Variable
from airflow.sdk.configuration import conf
from airflow.sdk.log import mask_secret

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import URL

    from keyspaces_migration.ledger import Keyring, Ledger

KEYS_VARIABLE = "keyspaces_ledger_secret_keys"
"""The Airflow variable with the keys that sign the ledger's records; best kept in a secrets backend."""

# Every task of these runs on the machine of the scheduler, so that one file serves them all.
_ONE_MACHINE = frozenset({"LocalExecutor", "airflow.executors.local_executor.LocalExecutor"})
# What libpq understands of a connection's extra; host, user, password and database have fields of their own.
_POSTGRESQL_OPTIONS = frozenset(
    {
        "application_name",
        "channel_binding",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "options",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
        "tcp_user_timeout",
    }
)


def ledger_from_connection(conn_id: str) -> "Ledger":
    """The ledger that an Airflow connection leads to, brought to this code's schema.

    Args:
        conn_id: A connection of type `postgres` (host, port, login, password, schema = database, and in the extra
            libpq's options such as `sslmode`), or of type `sqlite` with an absolute path, as the host field or as
            `sqlite:///folder/ledger.db`. SQLite is for LocalExecutor alone.

    Raises:
        AirflowNotFoundException: There is no such connection.
        LedgerAddressError: The connection leads to no ledger that this Airflow may use.
        KeyringError: The variable `keyspaces_ledger_secret_keys` is missing, or holds no keyring of strong keys.
        LedgerSchemaError: The ledger is newer than this code.
        LedgerUnreachableError: The database does not answer.
    """
    from keyspaces_migration.ledger import open_ledger

    connection = BaseHook.get_connection(conn_id)
    url = ledger_url(connection, executors=conf.get("core", "executor"))
    return open_ledger(url, keyring=ledger_keyring())


def ledger_keyring() -> "Keyring":
    """The keys that sign the ledger's records, from Airflow's secrets backends.

    Raises:
        KeyringError: The variable is missing, or holds no keyring of strong keys.
    """
    return keyring_of(Variable.get(KEYS_VARIABLE, default=None))


def keyring_of(text: str | None) -> "Keyring":
    """The keys in the variable's text, which logs mask from here on.

    Raises:
        KeyringError: There is no text, or it holds no keyring of strong keys.
    """
    from keyspaces_migration.ledger import Keyring, KeyringError

    if text is None:
        raise KeyringError(
            f"Airflow has no variable {KEYS_VARIABLE}, which holds the secret keys that sign the ledger's records. "
            "Make it with: python -m keyspaces_migration.ledger new-key; and keep it in the secrets backend"
        )
    mask_secret(text)
    keyring = Keyring.from_json(text)
    for encoded in keyring.encoded_keys().values():
        # Each by itself too: a log may show the text in another layout.
        mask_secret(encoded)
    return keyring


def ledger_url(connection: "Connection", *, executors: str) -> "URL":
    """The SQLAlchemy URL of a connection; messages name the connection and its fields, never what they hold.

    Args:
        connection: The connection.
        executors: Airflow's `[core] executor`: names, aliased names or module paths, separated by commas, and
            with semicolons between teams.

    Raises:
        LedgerAddressError: The connection leads to no ledger that this Airflow may use.
    """
    from keyspaces_migration.ledger import LedgerAddressError

    if connection.conn_type == "postgres":
        return _postgresql_url(connection)
    if connection.conn_type == "sqlite":
        _refuse_sqlite_on_several_machines(connection.conn_id, executors=executors)
        return _sqlite_url(connection)
    raise LedgerAddressError(
        f"Connection {connection.conn_id!r} has type {connection.conn_type!r}; a ledger's is postgres, or sqlite for a "
        "rehearsal on one machine. Correct the type, or name another connection in the migration file"
    )


def _refuse_sqlite_on_several_machines(conn_id: str, *, executors: str) -> None:
    from keyspaces_migration.ledger import LedgerAddressError

    entries = [entry.strip() for entry in re.split("[,;]", executors) if entry.strip()]
    # An entry may carry a team and an alias: team=alias:executor.
    names = {entry.rpartition("=")[2].rpartition(":")[2] for entry in entries}
    if names and names <= _ONE_MACHINE:
        return
    raise LedgerAddressError(
        f"Connection {conn_id!r} is an SQLite file, but this Airflow runs tasks with {executors!r}: workers on other "
        "machines would each write a file of their own. Use a connection of type postgres, or LocalExecutor alone"
    )


def _sqlite_url(connection: "Connection") -> "URL":
    from sqlalchemy import URL

    from keyspaces_migration.ledger import LedgerAddressError

    # Airflow reads sqlite:///folder/file as no host and the schema folder/file, and means an absolute path by it.
    path = connection.host or f"/{(connection.schema or '').lstrip('/')}"
    relative = not path.startswith("/") or path == "/" or (connection.host and connection.schema)
    if relative:
        raise LedgerAddressError(
            f"Connection {connection.conn_id!r} is an SQLite file without an absolute path, so each process would look "
            "for it in its own folder. Give the path as the host field, or as sqlite:///folder/ledger.db"
        )
    return URL.create("sqlite", database=path)


def _postgresql_url(connection: "Connection") -> "URL":
    from sqlalchemy import URL

    from keyspaces_migration.ledger import LedgerAddressError

    options = connection.extra_dejson
    unknown = sorted(set(options) - _POSTGRESQL_OPTIONS)
    if unknown:
        raise LedgerAddressError(
            f"Connection {connection.conn_id!r} has in its extra {', '.join(unknown)}, which the ledger cannot use. "
            f"Allowed: {', '.join(sorted(_POSTGRESQL_OPTIONS))}. Remove them, or make a connection for the ledger"
        )
    if not connection.schema:
        raise LedgerAddressError(
            f"Connection {connection.conn_id!r} names no database; give the ledger's as the connection's schema field"
        )
    return URL.create(
        "postgresql+psycopg2",
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema,
        query={name: str(value) for name, value in options.items()},
    )
