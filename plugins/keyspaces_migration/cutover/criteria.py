"""Criteria: what each asks for, and how it stands. What is not known counts as not met."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
class CriterionResult:
    """One criterion, what was observed of it, what is required, and when it was looked at."""

    criterion: Criterion
    state: CriterionState
    observed: str
    required: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.criterion}: {self.state}; observed: {self.observed}; required: {self.required}"


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """All criteria."""

    results: tuple[CriterionResult, ...]

    @property
    def is_ready(self) -> bool:
        """Whether every criterion is met."""
        return not self.missing

    @property
    def missing(self) -> tuple[CriterionResult, ...]:
        """Those that are not met, or not known to be."""
        return tuple(result for result in self.results if result.state is not CriterionState.MET)

    def markdown(self) -> str:
        """A table for people."""
        rows = [
            f"| {each.criterion} | {each.state} | {cell(each.observed)} | {cell(each.required)} "
            f"| {each.at:%Y-%m-%d %H:%M:%S} |"
            for each in self.results
        ]
        return "\n".join(("| Criterion | State | Observed | Required | At (UTC) |", "|---|---|---|---|---|", *rows))


def cell(text: str) -> str:
    """The text as one cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
