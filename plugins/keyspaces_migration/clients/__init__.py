"""Sessions with Cassandra and Amazon Keyspaces: one factory for Airflow, Lambda and Spark.

Settings and errors can be imported where DAG files are parsed. What needs the driver (`open_session`, `store_errors`,
`translate`, `describe_store`) is loaded when it is first asked for: the driver's import costs more than all the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
from keyspaces_migration.clients.settings import Consistency, PasswordAuth, SessionSettings, TlsSettings

if TYPE_CHECKING:
    from keyspaces_migration.clients.description import StoreDescription, describe_store
    from keyspaces_migration.clients.session import open_session
    from keyspaces_migration.clients.translation import store_errors, translate

_NEEDS_DRIVER = {
    "StoreDescription": "description",
    "describe_store": "description",
    "open_session": "session",
    "store_errors": "translation",
    "translate": "translation",
}

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


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- a module's attributes have no common type
    """Load a name that needs the driver on first use (PEP 562)."""
    if name not in _NEEDS_DRIVER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NEEDS_DRIVER[name]}"), name)
