"""Why a store did not take a write, told from the driver's error, and whether sending it again could help."""

import re
from dataclasses import dataclass
from enum import StrEnum

from keyspaces_migration.dual_write.errors import StoreAwayError
from keyspaces_migration.dual_write.store import BINDING_FAILURES, StoreName


class ReasonClass(StrEnum):
    """What kind of reason it is: what a person would do about it differs by class."""

    THROTTLE = "THROTTLE"
    """The store has no capacity for it now; Keyspaces says so by a time-out with no replica's answer."""
    TIMEOUT = "TIMEOUT"
    """No answer, or not from enough replicas: the write may have taken place."""
    INVALID = "INVALID"
    """The store refuses what the other one took."""
    TOO_LARGE = "TOO_LARGE"
    """A row, key or statement is larger than the store takes."""
    SCHEMA = "SCHEMA"
    """Table or column is missing or of another type there."""
    OTHER = "OTHER"
    UNREADABLE = "UNREADABLE"
    """It is no letter that this release can read; only the replay says so."""

    @property
    def may_pass(self) -> bool:
        """Whether the same write may be taken later without anybody doing anything."""
        return self in {ReasonClass.THROTTLE, ReasonClass.TIMEOUT}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One attempt that failed.

    Attributes:
        text: The error in words.
        for_good: Whether repeating the very same write can't mend it.
    """

    reason: ReasonClass
    text: str
    for_good: bool


# One code of the protocol stands for every invalid request, so only the text tells them apart. Cassandra 3.11, as which
# Keyspaces presents itself, and 5.0 word them differently; a text not known here is INVALID.
_TOO_LARGE = re.compile(r"too large|too long|too big|larger than|exceed|at most [\d,]+ are allowed", re.IGNORECASE)
_SCHEMA = re.compile(
    r"unconfigured table|does(?: not|n't) exist|not found in keyspace|undefined (?:column|name)|unknown (?:id|col)"
    r"|timestamps are not enabled|expected \d+ or \d+ byte|invalid (?:type|string constant)"
    r"|time to live is not enabled",
    re.IGNORECASE,
)


def failure_of(error: Exception, *, store: StoreName) -> Failure:
    """Return what an error of sending a write to a store says. Loads the driver.

    Args:
        error: One of `store.delivery_failures()`.
        store: Which one it was sent to: a time-out without an answer is Keyspaces' way to throttle.
    """
    return Failure(
        reason=classify(error, store=store),
        text=f"{type(error).__name__}: {error}",
        for_good=is_for_good(error),
    )


def is_for_good(error: Exception) -> bool:
    """Whether the store refused the write itself, so that it will refuse it again. Missing rights may be given."""
    from cassandra import RequestValidationException, Unauthorized  # noqa: PLC0415 -- loaded only where it is needed
    from cassandra.protocol import SyntaxException  # noqa: PLC0415

    if isinstance(error, BINDING_FAILURES):
        return True
    return isinstance(error, RequestValidationException | SyntaxException) and not isinstance(error, Unauthorized)


def classify(error: Exception, *, store: StoreName) -> ReasonClass:
    """Return the class of an error, as `failure_of`."""
    from cassandra import CoordinationFailure, OperationTimedOut, Timeout, Unavailable  # noqa: PLC0415
    from cassandra.cluster import NoHostAvailable  # noqa: PLC0415
    from cassandra.connection import ConnectionException  # noqa: PLC0415
    from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage  # noqa: PLC0415

    if isinstance(error, OverloadedErrorMessage):
        return ReasonClass.THROTTLE
    if isinstance(error, Timeout):
        unanswered = not error.received_responses and store is StoreName.TARGET
        return ReasonClass.THROTTLE if unanswered else ReasonClass.TIMEOUT
    lost = Unavailable, CoordinationFailure, OperationTimedOut, NoHostAvailable, ConnectionException, StoreAwayError
    if isinstance(error, (*lost, IsBootstrappingErrorMessage)):
        return ReasonClass.TIMEOUT
    if isinstance(error, BINDING_FAILURES):
        # The leader has bound the same values.
        return ReasonClass.SCHEMA
    if not is_for_good(error):
        return ReasonClass.OTHER
    return _of_refusal(str(error))


def _of_refusal(text: str) -> ReasonClass:
    if _TOO_LARGE.search(text):
        return ReasonClass.TOO_LARGE
    return ReasonClass.SCHEMA if _SCHEMA.search(text) else ReasonClass.INVALID
