"""What can go wrong, one class for each decision that a caller can take, with the exit code that stands for it."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keyspaces_infra.changes import Refusal


class ExitCode(IntEnum):
    """How `python -m keyspaces_infra` ends. 2 is argparse's own, for a command that is written wrong."""

    DONE = 0
    DEFECT = 1
    USAGE = 2
    REFUSED = 10
    PLAN_CHANGED = 11
    LOCKED = 12
    INTERRUPTED = 13
    WRONG_PASSPHRASE = 14
    CANCELLED = 15
    NO_ENGINE = 16
    QUOTA = 17
    CREDENTIALS = 18
    NOT_DISPOSABLE = 19
    ENGINE_FAILED = 20


class ProvisionError(Exception):
    """Something a person can act on."""

    exit_code: ClassVar[ExitCode] = ExitCode.ENGINE_FAILED


class RefusedError(ProvisionError):
    """The plan deletes or replaces a keyspace or a table. Change the migration file back."""

    exit_code = ExitCode.REFUSED

    def __init__(self, refused: Sequence[Refusal]) -> None:
        lines = [f"  {refusal.name}: {refusal.reason}" for refusal in refused]
        super().__init__("\n".join(["nothing was changed, because the plan would lose data:", *lines]))
        self.refused = tuple(refused)


class TableNotExpressibleError(ProvisionError):
    """A table of the migration file that no resource type of pulumi_aws can make. Change the file."""

    exit_code = ExitCode.REFUSED


class PlanChangedError(ProvisionError):
    """What would be done now is not what was approved. Preview and approve anew."""

    exit_code = ExitCode.PLAN_CHANGED


class StackLockedError(ProvisionError):
    """Another run holds the stack, or held it and died."""

    exit_code = ExitCode.LOCKED


class InterruptedStackError(ProvisionError):
    """A run was killed in the middle of a change; what it was doing is recorded. Recover first."""

    exit_code = ExitCode.INTERRUPTED


class AmbiguousError(InterruptedStackError):
    """What a killed engine was making can't be told from other resources of the same name. Delete the superfluous."""


class WrongPassphraseError(ProvisionError):
    """The passphrase is missing, or not the one that the stack was made with."""

    exit_code = ExitCode.WRONG_PASSPHRASE


class CancelledError(ProvisionError):
    """A signal ended the run. The engine finished cleanly; running again goes on from there."""

    exit_code = ExitCode.CANCELLED


class NoEngineError(ProvisionError):
    """There is no Pulumi CLI of the pinned version."""

    exit_code = ExitCode.NO_ENGINE


class QuotaExceededError(ProvisionError):
    """AWS refused something for a quota of the account. Have it raised; what was made stays, and is not made again."""

    exit_code = ExitCode.QUOTA


class CredentialsError(ProvisionError):
    """AWS takes the credentials no more, or they don't allow what was asked. Renew or extend them, and run again."""

    exit_code = ExitCode.CREDENTIALS


class NotDisposableError(ProvisionError):
    """The migration file does not call this environment disposable, so nothing in it is destroyed."""

    exit_code = ExitCode.NOT_DISPOSABLE


class EngineFailedError(ProvisionError):
    """The engine, the provider or AWS refused; the engine's own words are in the message."""

    exit_code = ExitCode.ENGINE_FAILED
