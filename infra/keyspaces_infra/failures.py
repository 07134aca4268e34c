"""What the engine's failures mean for a caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi import automation

from keyspaces_infra.errors import (
    CancelledError,
    CredentialsError,
    EngineFailedError,
    PlanChangedError,
    ProvisionError,
    QuotaExceededError,
    StackLockedError,
    WrongPassphraseError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pulumi.automation.events import EngineEvent

    from keyspaces_infra.settings import StackSettings

_PLAN = "violates plan"
_WRONG_KEY = "incorrect passphrase"
_TAIL_LINES = 40
_CREDENTIALS = (
    "ExpiredToken",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "AccessDenied",
    "is not authorized to perform",
    "no valid credential sources",
    "not a valid role",
)
_QUOTA = ("ServiceQuotaExceeded", "LimitExceeded", "QuotaExceeded", "TooManyRequestsForAccount")


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
        return StackLockedError(
            f"another engine holds stack {settings.stack}:\n{_tail(text)}\nWait for it. Only when it is certain that "
            f"none works on it: `pulumi cancel --stack {settings.stack}`, with this backend and its credentials"
        )
    if _WRONG_KEY in text:
        return WrongPassphraseError(f"stack {settings.stack} was made with another passphrase than the one given")
    if _PLAN in text:
        return PlanChangedError(f"the engine would do something that the plan does not have:\n{_tail(text)}")
    return refused_by_aws("\n".join(_complaints(events)) or _tail(text))


def refused_by_aws(complaint: str) -> ProvisionError:
    """What the engine, the provider or AWS said; the codes are those of AWS's APIs, which providers hand on."""
    if any(code in complaint for code in _CREDENTIALS):
        return CredentialsError(complaint)
    if any(code in complaint for code in _QUOTA):
        return QuotaExceededError(complaint)
    return EngineFailedError(complaint)


def _complaints(events: Iterable[EngineEvent]) -> Iterable[str]:
    for event in events:
        diagnostic = event.diagnostic_event
        if diagnostic is not None and diagnostic.severity == "error":
            name = (diagnostic.urn or "").rpartition("::")[2]
            yield f"{name}: {diagnostic.message.strip()}" if name else diagnostic.message.strip()


def _tail(text: str) -> str:
    return "\n".join([line for line in text.splitlines() if line.strip()][-_TAIL_LINES:])
