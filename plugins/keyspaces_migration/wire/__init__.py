"""Bulk writes over CQL's native protocol: Arrow columns in, EXECUTE or BATCH frames out, an answer for each request."""

from keyspaces_migration.wire.cells import NULL, UNSET, Cells
from keyspaces_migration.wire.columns import encode_column
from keyspaces_migration.wire.connection import Connection, connect, nodes_of
from keyspaces_migration.wire.link import Budget, Failure, Finished
from keyspaces_migration.wire.pump import ConnectionLostError, Pump, PumpSettings
from keyspaces_migration.wire.requests import Requests

__all__ = [
    "NULL",
    "UNSET",
    "Budget",
    "Cells",
    "Connection",
    "ConnectionLostError",
    "Failure",
    "Finished",
    "Pump",
    "PumpSettings",
    "Requests",
    "connect",
    "encode_column",
    "nodes_of",
]
