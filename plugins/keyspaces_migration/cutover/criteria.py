"""Criteria: what each asks for, and how it stands. What is not known counts as not met."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

NOT_SEEN = "could not be looked at"
"""What is observed of what is UNKNOWN."""


class Criterion(StrEnum):
    """What must hold before the share of reads on the target is raised."""

    PROVISIONED = "provisioned"
    DUAL_WRITES = "dual writes"
    BACKFILL = "backfill"
    CHECKS = "checks"
    CHECK_FRESH = "newest check"
    SWEEP = "complete sweep"
    WAITING_PERIOD = "waiting period"
    LETTERS = "dead letters"
    FOLLOWER_LAG = "follower lag"
    DRIFT = "drift"
    FLAG = "flag"
    ALARMS = "alarms"
    THROTTLES = "throttles"


class CriterionState(StrEnum):
    """Unknown counts as unmet."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One criterion, what was observed of it, and what is required."""

    criterion: StrEnum
    state: CriterionState
    observed: str
    required: str

    def __str__(self) -> str:
        return f"{self.criterion}: {self.state}; observed: {self.observed}; required: {self.required}"


@dataclass(frozen=True, kw_only=True)
class CriterionResult(Finding):
    """A finding, and when it was looked at."""

    at: datetime


Found = TypeVar("Found", bound=Finding)


@dataclass(frozen=True, kw_only=True)
class Judged(Generic[Found]):
    """All criteria of an act."""

    results: tuple[Found, ...]

    @property
    def is_ready(self) -> bool:
        """Whether every criterion is met."""
        return not self.missing

    @property
    def missing(self) -> tuple[Found, ...]:
        """Those that are not met, or not known to be."""
        return tuple(result for result in self.results if result.state is not CriterionState.MET)


@dataclass(frozen=True, kw_only=True)
class Readiness(Judged[CriterionResult]):
    """All criteria of raising the share."""

    def markdown(self) -> str:
        """A table for people."""
        rows = [
            f"| {each.criterion} | {each.state} | {cell(each.observed)} | {cell(each.required)} "
            f"| {each.at:%Y-%m-%d %H:%M:%S} |"
            for each in self.results
        ]
        return "\n".join(("| Criterion | State | Observed | Required | At (UTC) |", "|---|---|---|---|---|", *rows))


def state_of(met: bool) -> CriterionState:  # noqa: FBT001 -- a plain conversion
    """Of a criterion that was looked at."""
    return CriterionState.MET if met else CriterionState.UNMET


def cell(text: str) -> str:
    """The text as one cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
