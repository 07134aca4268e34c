"""A stack of the Automation API, made from settings."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from pulumi import automation

from keyspaces_infra.errors import WrongPassphraseError
from keyspaces_infra.program import declare
from keyspaces_infra.settings import PASSPHRASE, PROJECT, StackSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyspaces_infra.command import EngineCommand

_PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


def open_stack(settings: StackSettings, command: EngineCommand) -> automation.Stack:
    """Select the stack, or make it where the backend has none of its name.

    Raises:
        WrongPassphraseError: The stack's secrets need one, and the environment has none.
        automation.CommandError: The CLI failed.
    """
    needs_passphrase = settings.secrets_provider == PASSPHRASE
    if needs_passphrase and not any(settings.environment.get(name) for name in _PASSPHRASES):
        raise WrongPassphraseError(f"set {' or '.join(_PASSPHRASES)}: the stack's secrets are encrypted with it")
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    settings.pulumi_home.mkdir(parents=True, exist_ok=True)
    backend = urlsplit(settings.backend_url)
    if backend.scheme == "file":
        Path(unquote(backend.path)).mkdir(parents=True, exist_ok=True)
    return automation.create_or_select_stack(
        settings.stack,
        project_name=PROJECT,
        program=program_of(settings),
        opts=automation.LocalWorkspaceOptions(
            work_dir=str(settings.work_dir),
            pulumi_home=str(settings.pulumi_home),
            pulumi_command=command,
            secrets_provider=settings.secrets_provider,
            env_vars={**settings.environment, "PULUMI_BACKEND_URL": settings.backend_url},
            project_settings=automation.ProjectSettings(
                name=PROJECT, runtime="python", backend=automation.ProjectBackend(url=settings.backend_url)
            ),
        ),
    )


def program_of(
    settings: StackSettings, *, scaled: frozenset[str] = frozenset(), protect: bool = True
) -> Callable[[], None]:
    """The program of a stack, as the engine runs it.

    Args:
        settings: The stack.
        scaled: Tables whose provisioned units auto scaling may have moved.
        protect: Whether it protects what holds data; not so only to destroy it.
    """
    return partial(declare, settings.migration, endpoints=settings.endpoints, scaled=scaled, protect=protect)
