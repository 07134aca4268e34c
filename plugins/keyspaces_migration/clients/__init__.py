"""Sessions with Cassandra and Amazon Keyspaces: one factory for Airflow, Lambda and Spark.

Importing this package imports the driver.
"""

from keyspaces_migration.clients.description import StoreDescription, describe_store
from keyspaces_migration.clients.errors import (
    AuthenticationRefusedError,
    DataCenterError,
    PermissionRefusedError,
    SessionSettingsError,
    StatementRefusedError,
    StoreError,
    StoreTimeoutError,
    StoreUnreachableError,
    TlsRefusedError,
    UnknownKeyspaceError,
    UnknownTableError,
)
from keyspaces_migration.clients.session import open_session
from keyspaces_migration.clients.settings import Consistency, PasswordAuth, SessionSettings, TlsSettings
from keyspaces_migration.clients.translation import store_errors, translate

__all__ = [
    "AuthenticationRefusedError",
    "Consistency",
    "DataCenterError",
    "PasswordAuth",
    "PermissionRefusedError",
    "SessionSettings",
    "SessionSettingsError",
    "StatementRefusedError",
    "StoreDescription",
    "StoreError",
    "StoreTimeoutError",
    "StoreUnreachableError",
    "TlsRefusedError",
    "TlsSettings",
    "UnknownKeyspaceError",
    "UnknownTableError",
    "describe_store",
    "open_session",
    "store_errors",
    "translate",
]
