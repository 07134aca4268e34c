"""What the driver of the target's infrastructure says, read strictly, and what it means for the person who runs it."""

from keyspaces_migration.provisioning.errors import (
    DriverDefectError,
    EngineFailedError,
    EngineMissingError,
    PassphraseError,
    PlanChangedError,
    PlanRefusedError,
    ProvisionError,
    ProvisionStoppedError,
    SchemaNotAsFileError,
    StackInterruptedError,
    StackLockedError,
    error_of,
)
from keyspaces_migration.provisioning.page import parity_page, plan_page
from keyspaces_migration.provisioning.plan import Change, Plan, Refusal, read_plan

__all__ = [
    "Change",
    "DriverDefectError",
    "EngineFailedError",
    "EngineMissingError",
    "PassphraseError",
    "Plan",
    "PlanChangedError",
    "PlanRefusedError",
    "ProvisionError",
    "ProvisionStoppedError",
    "Refusal",
    "SchemaNotAsFileError",
    "StackInterruptedError",
    "StackLockedError",
    "error_of",
    "parity_page",
    "plan_page",
    "read_plan",
]
