"""What the engine's failures mean for a caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi import automation

from keyspaces_infra.errors import (
    CancelledError,
    EngineFailedError,
    PlanChangedError,
    ProvisionError,
    StackLockedError,
    WrongPassphraseError,
)
from keyspaces_infra.locks import read_locks
from keyspaces_infra.settings import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pulumi.automation.events import EngineEvent

    from keyspaces_infra.settings import StackSettings

_PLAN = "violates plan"
_WRONG_KEY = "incorrect passphrase"
_TAIL_LINES = 40


def translate(
    error: automation.CommandError, events: Sequence[EngineEvent], *, settings: StackSettings, interrupted: bool
) -> ProvisionError:
    """Say what a failed command of the engine means.

    Args:
        error: What the Automation API raised.
        events: The engine's events up to then.
        settings: The stack.
        interrupted: Whether a signal was forwarded to the engine before.
    """
    text = str(error)
    if interrupted:
        return CancelledError("told to stop: the engine let what was in flight end. Running again goes on from there")
    if isinstance(error, automation.ConcurrentUpdateError):
        return _locked(settings)
    if _WRONG_KEY in text:
        return WrongPassphraseError(f"stack {settings.stack} was made with another passphrase than the one given")
    if _PLAN in text:
        return PlanChangedError(f"the engine would do something that the plan does not have:\n{_tail(text)}")
    return EngineFailedError("\n".join(_complaints(events)) or _tail(text))


def _locked(settings: StackSettings) -> StackLockedError:
    locks = read_locks(backend_url=settings.backend_url, project=PROJECT, stack=settings.stack)
    holders = "\n".join(f"  {lock}" for lock in locks) or "  (who holds it can't be read from this backend)"
    todo = (
        "That run was killed. `python -m keyspaces_infra recover …` removes its lock and takes up what it was making"
        if locks and all(lock.is_dead for lock in locks)
        else "Wait for it. Only when it is certain that no engine works on the stack: `pulumi cancel`"
    )
    return StackLockedError(f"stack {settings.stack} is locked by\n{holders}\n{todo}")


def _complaints(events: Iterable[EngineEvent]) -> Iterable[str]:
    for event in events:
        diagnostic = event.diagnostic_event
        if diagnostic is not None and diagnostic.severity == "error":
            name = (diagnostic.urn or "").rpartition("::")[2]
            yield f"{name}: {diagnostic.message.strip()}" if name else diagnostic.message.strip()


def _tail(text: str) -> str:
    return "\n".join([line for line in text.splitlines() if line.strip()][-_TAIL_LINES:])
