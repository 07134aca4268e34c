"""What one call of the driver is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from keyspaces_migration.config import Migration

PROJECT = "keyspaces-migration"
PASSPHRASE = "passphrase"  # noqa: S105 - the name of a secrets provider


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
        secrets_provider: What encrypts the secrets of a stack that is made now: `passphrase`, `default`, `awskms://…`.
        recovers: Whether the caller may take up what an engine left that is proven gone. Only one who holds the stack
            alone may: two that recover at once would remove each other's lock.
        lock_wait_s: How long to wait for an engine that still runs on this machine.
        endpoints: Address by service of a stand-in of AWS; empty for AWS itself.
        environment: Variables for the engine. With `passphrase` it needs PULUMI_CONFIG_PASSPHRASE or
            PULUMI_CONFIG_PASSPHRASE_FILE.
    """

    migration: Migration
    stack: str
    work_dir: Path
    pulumi_home: Path
    backend_url: str
    engine: Path
    secrets_provider: str = PASSPHRASE
    recovers: bool = False
    lock_wait_s: float = 0.0
    endpoints: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
