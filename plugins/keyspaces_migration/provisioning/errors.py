"""How a call of the driver can fail: one class for each decision that a person can take."""

from collections.abc import Mapping
from types import MappingProxyType

from keyspaces_migration.errors import MigrationError


class ProvisionError(MigrationError):
    """Provisioning did not do what was asked."""


class PlanRefusedError(ProvisionError):
    """The plan would lose data, or a table can't be made as the file says. The file is to be changed."""


class PlanChangedError(ProvisionError):
    """What would be done now is not what was approved. A new run asks anew."""


class StackLockedError(ProvisionError):
    """Another run holds the stack, or held it and died."""


class StackInterruptedError(ProvisionError):
    """A run was killed in the middle of a change; the stack is to be recovered first."""


class PassphraseError(ProvisionError):
    """The passphrase of the stack's secrets is missing or wrong."""


class ProvisionStoppedError(ProvisionError):
    """A signal ended the call cleanly; a new run goes on from there."""


class EngineMissingError(ProvisionError):
    """The worker has no Pulumi CLI of the pinned version."""


class QuotaExceededError(ProvisionError):
    """AWS refused for a quota of the account; what was made stays."""


class CredentialsError(ProvisionError):
    """AWS takes the credentials no more, or they don't allow what was asked."""


class NotDisposableError(ProvisionError):
    """The migration file does not call the environment disposable."""


class BackendMissingError(ProvisionError):
    """Nothing says where Pulumi keeps the state."""


class StackFilesError(ProvisionError):
    """The stack's configuration or the run's plan could not be read or kept where every worker sees them."""


class DriftError(ProvisionError):
    """What is live is not what the last update left."""


class EngineFailedError(ProvisionError):
    """The engine or AWS refused."""


class DriverDefectError(ProvisionError):
    """The driver ended in a way that it does not document, or said something that is not understood."""


class SchemaNotAsFileError(ProvisionError):
    """The live schema is not what the migration file says."""


# Exit codes of `python -m keyspaces_infra`, and what to do in Airflow.
_MEANING: Mapping[int, tuple[type[ProvisionError], str]] = MappingProxyType(
    {
        10: (PlanRefusedError, "Change the migration file and trigger a new run."),
        11: (PlanChangedError, "Trigger a new run: it previews and asks for approval anew."),
        12: (StackLockedError, "When nothing works on the stack any more, trigger a new run."),
        13: (StackInterruptedError, "When that is settled, trigger a new run: it takes up what is left by itself."),
        14: (
            PassphraseError,
            "Give the workers the stack's PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE.",
        ),
        15: (ProvisionStoppedError, "Trigger a new run: it goes on from what is there."),
        16: (EngineMissingError, "Install it on the workers: tools/install-pulumi.sh."),
        17: (
            QuotaExceededError,
            "Have the quota raised in Service Quotas, then trigger a new run: it makes what is missing.",
        ),
        18: (
            CredentialsError,
            "Renew the credentials of the Airflow connection, or the rights of its role, then trigger a new run.",
        ),
        19: (NotDisposableError, "Nothing was changed."),
        20: (EngineFailedError, "Settle what the engine says, then trigger a new run."),
    }
)


def error_of(*, exit_code: int, message: str) -> ProvisionError:
    """The error that stands for an exit code of the driver other than 0.

    Args:
        exit_code: How it ended; negative where a signal killed it.
        message: What it said was wrong, or the end of its output.
    """
    kind, todo = _MEANING.get(
        exit_code, (DriverDefectError, "This is a defect: report it with this log. Nothing is known of what was done.")
    )
    said = message if kind is not DriverDefectError else f"the driver ended with exit code {exit_code}: {message}"
    return kind(f"{said}\n{todo}")
