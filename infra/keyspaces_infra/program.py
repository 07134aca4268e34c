"""The Pulumi program of a migration: one for the Automation API and the plain CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from keyspaces_infra.components.account import account_provider
from keyspaces_infra.components.tables import KeyspacesTables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.config import Migration


def declare(migration: Migration, *, endpoints: Mapping[str, str]) -> None:
    """Declare every resource of a migration and the stack's outputs.

    Args:
        migration: What is asked for.
        endpoints: Address by service of a stand-in of AWS; empty for AWS itself.
    """
    tables = KeyspacesTables(migration, provider=account_provider(migration, endpoints=endpoints))
    pulumi.export("keyspace", migration.target.keyspace)
    pulumi.export("keyspace_arn", tables.keyspace_arn)
    pulumi.export("tables", tables.table_names)
