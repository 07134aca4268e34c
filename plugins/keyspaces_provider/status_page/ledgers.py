"""The ledgers that the page shows, as the API server reaches them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.configuration import conf

from keyspaces_provider.ledger import KEYS_VARIABLE, keyring_of, ledger_url

if TYPE_CHECKING:
    from keyspaces_migration.ledger import Ledger

SECTION, OPTION = "keyspaces_migration", "ledger_conn_ids"
"""Of Airflow's configuration: the connections of the ledgers, separated by commas."""


@dataclass(frozen=True, kw_only=True)
class Blind:
    """A ledger that could not be looked at, and why."""

    conn_id: str
    why: str


def ledger_conn_ids() -> tuple[str, ...]:
    """The connections that Airflow's configuration names; none where it names none."""
    listed = conf.get(SECTION, OPTION, fallback="") or ""
    return tuple(each.strip() for each in listed.split(",") if each.strip())


def ledger_of_server(conn_id: str) -> "Ledger":
    """The ledger behind a connection, from the API server, which no task runs in; nothing in it is changed.

    Raises:
        AirflowNotFoundException: There is no such connection.
        LedgerAddressError: It leads to no ledger that this Airflow may use.
        KeyringError: The variable with the keys is missing, or holds no keyring.
    """
    from airflow.models.connection import Connection
    from airflow.models.variable import Variable

    from keyspaces_migration.ledger import Ledger

    connection = Connection.get_connection_from_secrets(conn_id)
    keyring = keyring_of(Variable.get(KEYS_VARIABLE, default_var=None))
    return Ledger(ledger_url(connection, executors=conf.get("core", "executor")), keyring=keyring)
