"""The keys with which tests sign their ledgers."""

from keyspaces_migration.ledger import Keyring

KEYRING = Keyring(current="tests", keys={"tests": bytes(range(32))})
VARIABLE = "AIRFLOW_VAR_KEYSPACES_LEDGER_SECRET_KEYS"
"""The environment variable in which Airflow finds the keys, as `KEYRING.to_json()`."""


def other_keyring(key_id: str = "another") -> Keyring:
    """A keyring that has another key, and not that of `KEYRING`."""
    return Keyring(current=key_id, keys={key_id: bytes(range(100, 132))})
