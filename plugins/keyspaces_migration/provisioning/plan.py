"""A previewed plan, as the driver prints it."""

from collections import Counter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from keyspaces_migration.provisioning.errors import DriverDefectError


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Change(_Said):
    """One resource that the plan changes.

    Attributes:
        op: What happens to it.
        urn: Pulumi's name of it.
        type: Its type token.
        name: The keyspace's or the table's name.
        before: Inputs that differ, as they are, by path; None when it is added.
        after: The same inputs as they will be; None when it is deleted.
        replace_keys: Properties because of which it would be made anew.
        was_protected: Whether the stack protects it against deletion.
    """

    op: Literal["add", "change", "replace", "delete"]
    urn: str
    type: str
    name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    replace_keys: list[str]
    was_protected: bool


class Drift(_Said):
    """What others have changed since the last update: `before` is what it left, `after` what is live."""

    kind: Literal["result"]
    command: Literal["drift"]
    stack: str
    drift: list[Change]


class Refusal(_Said):
    """A change that is never applied, and why."""

    urn: str
    type: str
    name: str
    reason: str


class Plan(_Said):
    """What an update of a stack would do.

    Attributes:
        kind: Always `result`.
        command: What was previewed: an update, or a destruction.
        stack: The stack.
        changes: Every resource that it would change, Pulumi's own included.
        refused: Those of them that are never applied.
        drift: What others have changed since the last update; `changes` take it back.
        digest: SHA-256, in hexadecimal, that ties an approval to the plan; None where something is refused.
        plan: The engine's plan file; None for a destruction.
    """

    kind: Literal["result"]
    command: Literal["preview", "preview-destroy"]
    stack: str
    changes: list[Change]
    refused: list[Refusal]
    drift: list[Change]
    digest: str | None
    plan: str | None

    def counts(self) -> dict[str, int]:
        """Number of resources by what happens to them."""
        return dict(Counter(change.op for change in self.changes))


def read_plan(result: object) -> Plan:
    """Read the last line of a preview.

    Raises:
        DriverDefectError: it is not what this release understands.
    """
    try:
        plan = Plan.model_validate(result)
    except ValidationError as error:
        raise DriverDefectError(f"the driver's preview is not understood: {error}") from error
    if plan.digest is None and not plan.refused:
        raise DriverDefectError("the driver's preview has neither a digest nor a refusal")
    return plan


def read_drift(result: object) -> list[Change]:
    """Read the last line of a look for drift.

    Raises:
        DriverDefectError: it is not what this release understands.
    """
    try:
        return Drift.model_validate(result).drift
    except ValidationError as error:
        raise DriverDefectError(f"what the driver says of drift is not understood: {error}") from error
