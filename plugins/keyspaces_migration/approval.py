"""Verified approval: what every acting step checks, in the same call in which it acts.

There is no guard task that could be marked successful. The function that acts reads the records of the approval gates
(through an adapter: this module knows no Airflow), hands them to `verify_approvals` with the digest of what it is about
to do, and acts on nothing but its result.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType

from keyspaces_migration.errors import MigrationError

APPROVE = "Approve"
"""The one option that approves."""

CONFIRMATION = "confirm_migration"
"""The parameter in which an approver types the migration's name."""

CLOCK_SKEW = timedelta(minutes=2)
"""How far in the future an answer may seem to lie, as the API server's clock is not ours."""


class ApprovalRefusedError(MigrationError):
    """The step may not act on these answers. Nothing was done; `reasons` are all that stand against it."""

    def __init__(self, message: str, *, reasons: tuple[str, ...]) -> None:
        super().__init__(message)
        self.reasons = reasons


class ApprovalUnreadableError(MigrationError):
    """The record of an approval could not be read or not understood, which counts as refused. It may be tried again."""


@dataclass(frozen=True, kw_only=True)
class GateAnswer:
    """The human-in-the-loop record of one approval gate, as Airflow's API gives it.

    Attributes:
        gate: Id of the gate's task.
        responder: Id of the user who answered; None while nobody has, and where the answer did not come from a user.
        chosen: The options chosen.
        responded_at: When, with a time zone.
        body: What the responder was shown.
        typed: The parameters that the responder filled in. Airflow does not hold an API caller to their types.
    """

    gate: str
    responder: str | None
    chosen: tuple[str, ...]
    responded_at: datetime | None
    body: str
    typed: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, kw_only=True)
class ApprovalPolicy:
    """Who may approve, how many must, and for how long it counts.

    Attributes:
        migration: Name of the migration, which each approver types.
        approvers: Ids of the users whose answer counts.
        required: Number of distinct approvers, which is also the number of gates.
        valid_for: Age up to which an answer counts.
    """

    migration: str
    approvers: frozenset[str]
    required: int
    valid_for: timedelta


@dataclass(frozen=True, kw_only=True)
class VerifiedApproval:
    """The proof that an acting step asks for: made by `verify_approvals` and by nothing else in the product.

    Attributes:
        evidence_digest: SHA-256, in hexadecimal, of what was approved.
        approved_by: Distinct user ids, in the order of their gates.
        approved_at: The moment of the last answer.
    """

    evidence_digest: str
    approved_by: tuple[str, ...]
    approved_at: datetime


def facts_digest(facts: Mapping[str, object]) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON of what an act rests on."""
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()


def digest_line(evidence_digest: str) -> str:
    """The line of a gate's body that ties the answer to what was shown."""
    return f"Evidence digest: `sha256:{evidence_digest}`"


def verify_approvals(
    answers: Iterable[GateAnswer],
    *,
    policy: ApprovalPolicy,
    evidence_digest: str,
    now: datetime,
) -> VerifiedApproval:
    """Judge the answers of all gates of a run; every one of them must stand.

    Args:
        answers: One per gate, just read from Airflow's own record.
        policy: From the migration file as the run recorded it.
        evidence_digest: Of what the caller is about to do, computed anew by the caller.
        now: The real time, with a time zone.

    Raises:
        ApprovalRefusedError: an answer is missing, not an approval, from the wrong person, too old, given to other
            evidence, or without the typed confirmation; or there are too few gates or distinct people.
    """
    found = tuple(answers)
    reasons = [reason for answer in found for reason in _against(answer, policy, evidence_digest, now)]
    people = tuple(dict.fromkeys(answer.responder for answer in found if answer.responder is not None))
    if len(found) != policy.required:
        reasons.append(f"{policy.required} gate(s) are required, {len(found)} found")
    if not reasons and len(people) < policy.required:
        reasons.append(f"{policy.required} distinct people are required, answered by {', '.join(people)}")
    moments = [answer.responded_at for answer in found if answer.responded_at is not None]
    if reasons or policy.required < 1 or not moments:
        listed = "; ".join(reasons) or "no gate is required, which no policy may say"
        message = f"Not approved, so nothing was done: {listed}. Trigger a new run to ask again."
        raise ApprovalRefusedError(message, reasons=tuple(reasons) or (listed,))
    return VerifiedApproval(evidence_digest=evidence_digest, approved_by=people, approved_at=max(moments))


def _against(answer: GateAnswer, policy: ApprovalPolicy, evidence_digest: str, now: datetime) -> Iterable[str]:
    """What stands against one answer."""
    gate = answer.gate
    if answer.responded_at is None or not answer.chosen:
        yield f"gate {gate} has no answer (marking it successful is none)"
        return
    if answer.chosen != (APPROVE,):
        yield f"gate {gate} was answered {', '.join(answer.chosen)}"
    if answer.responder is None:
        yield f"gate {gate} was answered by no user"
    elif answer.responder not in policy.approvers:
        allowed = ", ".join(sorted(policy.approvers)) or "nobody"
        yield f"gate {gate} was answered by {answer.responder}, who is not an approver (allowed: {allowed})"
    if digest_line(evidence_digest) not in answer.body.splitlines():
        yield f"gate {gate} showed other evidence than what would be done now (sha256:{evidence_digest})"
    if answer.typed.get(CONFIRMATION) != policy.migration:
        yield f"gate {gate} lacks the typed confirmation: {CONFIRMATION} must be {policy.migration}"
    age = now - answer.responded_at
    if age > policy.valid_for:
        yield f"gate {gate} was answered {age} ago, and an answer counts for {policy.valid_for}"
    if age < -CLOCK_SKEW:
        yield f"gate {gate} was answered {-age} in the future: check the clocks"
