"""Airflow's connections as the secrets of a Spark job on this machine."""

import base64
import json
from typing import TYPE_CHECKING, Any

from keyspaces_migration.errors import MigrationError
from keyspaces_provider.hooks.cassandra import CassandraHook
from keyspaces_provider.hooks.keyspaces import KeyspacesHook

if TYPE_CHECKING:
    from pathlib import Path

    from keyspaces_migration.clients import SessionSettings, TlsSettings
    from keyspaces_migration.config import Migration

_ADVICE = "Name secrets of Secrets Manager in backfill.spark.secrets of the migration file, or change the connection"
# What the hook adds by itself, or says a default with.
_OF_THE_HOOK = {"application": None, "authenticator": "snowflake", "region": ""}


class ConnectionForSparkError(MigrationError):
    """A connection can't be handed on to Spark as it is; nothing was started."""


def write_secrets(file: "Path", migration: "Migration", *, with_source: bool) -> None:
    """Write the connections of a migration to a file that only this user may read, as `SparkSecrets` of the core.

    Args:
        file: It must not be there yet.
        migration: Whose connections.
        with_source: Whether the source's is among them, which is read after the barrier of dual writes.

    Raises:
        ConnectionForSparkError: a connection has what such a file can't hold.
        ConnectionFieldsError, LedgerAddressError, KeyringError: a connection or the keys can't be used.
    """
    from keyspaces_migration.entrypoints.secret_model import parse_secret
    from keyspaces_migration.entrypoints.spark_secrets import SparkSecrets

    names = migration.connections
    settings = KeyspacesHook(names.target).settings()
    content = {
        "target": store_secret(settings, conn_id=names.target),
        "history": _history_secret(names.history),
        "ledger": _ledger_secret(names.ledger),
    }
    if with_source:
        content["source"] = store_secret(CassandraHook(names.source).settings(), conn_id=names.source)
    text = json.dumps(content)
    parse_secret(text, SparkSecrets, name="of the connections")
    file.touch(mode=0o600, exist_ok=False)
    file.write_text(text, encoding="utf-8")


def store_secret(settings: "SessionSettings", *, conn_id: str) -> dict[str, Any]:
    """A store's connection, as `StoreSecret` and `TargetSecret` of the core.

    Raises:
        ConnectionForSparkError: it signs with another AWS connection, whose credentials may end before the load does,
            or does not look at the name in the certificate.
    """
    from keyspaces_migration.clients import PasswordAuth

    auth = settings.auth
    if auth is not None and not isinstance(auth, PasswordAuth):
        raise ConnectionForSparkError(
            f"Connection {conn_id!r} signs with an AWS connection, whose credentials are renewed in Airflow alone. "
            f"{_ADVICE}"
        )
    secret: dict[str, Any] = {"hosts": list(settings.hosts), "port": settings.port, **_tls(settings.tls, conn_id)}
    if settings.local_data_center is not None:
        secret["local_data_center"] = settings.local_data_center
    if auth is not None:
        secret |= {"username": auth.username, "password": auth.password.get_secret_value()}
    return secret


def _tls(tls: "TlsSettings | None", conn_id: str) -> dict[str, Any]:
    if tls is None:
        return {"tls": False}
    if not tls.check_hostname:
        raise ConnectionForSparkError(
            f"Connection {conn_id!r} has tls_check_hostname off, and Spark looks at the name. {_ADVICE}"
        )
    secret: dict[str, Any] = {"tls": True}
    if tls.ca_file is not None:
        secret["ca_certificates"] = tls.ca_file.read_text(encoding="ascii")
    if tls.server_hostname is not None:
        secret["tls_server_hostname"] = tls.server_hostname
    return secret


def _history_secret(conn_id: str) -> dict[str, Any]:
    from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook

    # There is no public way to the arguments with which the hook connects.
    return history_secret(SnowflakeHook(snowflake_conn_id=conn_id)._get_conn_params(), conn_id=conn_id)  # noqa: SLF001


def history_secret(arguments: dict[str, Any], *, conn_id: str) -> dict[str, Any]:
    """The arguments with which Airflow's hook connects to Snowflake, as `HistorySecret` of the core.

    Raises:
        ConnectionForSparkError: it logs in by other means than password and private key, or has other settings.
    """
    from keyspaces_migration.entrypoints.history_secret import HistorySecret

    known = {field.alias or name for name, field in HistorySecret.model_fields.items()}
    secret: dict[str, Any] = {}
    for name, value in arguments.items():
        if not value or (name in _OF_THE_HOOK and _OF_THE_HOOK[name] in (None, value)):
            continue
        if name not in known:
            raise ConnectionForSparkError(
                f"Connection {conn_id!r} has {name}, and Spark logs in to Snowflake with user and password, or a "
                f"private key, and nothing else. {_ADVICE}"
            )
        secret[name] = base64.b64encode(value).decode() if isinstance(value, bytes) else value
    return secret


def _ledger_secret(conn_id: str) -> dict[str, Any]:
    from airflow.sdk import BaseHook
    from airflow.sdk.configuration import conf
    from airflow.sdk.log import mask_secret

    from keyspaces_provider.ledger import ledger_keyring, ledger_url

    url = ledger_url(BaseHook.get_connection(conn_id), executors=conf.get("core", "executor"))
    text = url.render_as_string(hide_password=False)
    if url.password:
        mask_secret(text)
    return {"url": text, "secret_keys": json.loads(ledger_keyring().to_json())}
