"""What one call of the driver is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from keyspaces_migration.config import Migration

PROJECT = "keyspaces-migration"


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """A stack and where its state is.

    Attributes:
        migration: What the stack is to hold.
        stack: Name of the stack, one for each migration and environment.
        work_dir: Folder of the stack's configuration. It holds the salt of the stack's secrets: the same one for every
            call, or a plan can't be read back.
        pulumi_home: Folder of the CLI's own files (plugins, credentials).
        backend_url: Where states are kept: `file:///…`, `s3://…`, `https://api.pulumi.com`.
        engine: The CLI.
        endpoints: Address by service of a stand-in of AWS; empty for AWS itself.
        environment: Variables for the engine. It needs PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE.
    """

    migration: Migration
    stack: str
    work_dir: Path
    pulumi_home: Path
    backend_url: str
    engine: Path
    endpoints: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
