"""The same program for the plain Pulumi CLI: `pulumi config set migrationFile …`, then `pulumi preview`."""

from pathlib import Path

import pulumi

from keyspaces_infra.program import declare
from keyspaces_migration.config import load_migration

configuration = pulumi.Config()
declare(
    load_migration(Path(configuration.require("migrationFile"))),
    endpoints=configuration.get_object("endpoints") or {},
    # Tables whose units auto scaling has moved; the DAG's driver reads them from the state.
    scaled=frozenset(configuration.get_object("scaled") or ()),
)
