"""Sessions with Cassandra and Amazon Keyspaces: one factory for Airflow, Lambda and Spark.

Importing this package imports the driver.
"""

from keyspaces_migration.clients.description import StoreDescription, describe_store
from keyspaces_migration.clients.errors import (
    AuthenticationRefusedError,
    CredentialsError,
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
from keyspaces_migration.clients.settings import Consistency, PasswordAuth, SessionSettings, SigV4Auth, TlsSettings
from keyspaces_migration.clients.shared import SHARED, SharedSessions
from keyspaces_migration.clients.sigv4 import Credentials, CredentialSource, SessionCredentials, default_credentials
from keyspaces_migration.clients.translation import store_errors, translate

__all__ = [
    "SHARED",
    "AuthenticationRefusedError",
    "Consistency",
    "CredentialSource",
    "Credentials",
    "CredentialsError",
    "DataCenterError",
    "PasswordAuth",
    "PermissionRefusedError",
    "SessionCredentials",
    "SessionSettings",
    "SessionSettingsError",
    "SharedSessions",
    "SigV4Auth",
    "StatementRefusedError",
    "StoreDescription",
    "StoreError",
    "StoreTimeoutError",
    "StoreUnreachableError",
    "TlsRefusedError",
    "TlsSettings",
    "UnknownKeyspaceError",
    "UnknownTableError",
    "default_credentials",
    "describe_store",
    "open_session",
    "store_errors",
    "translate",
]
