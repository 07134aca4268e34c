"""The names that a check's results are made of, as they stand in the ledger and in reports. Nothing heavy here."""

from enum import StrEnum


class Store(StrEnum):
    """One of the three places that hold the data."""

    SOURCE = "source"
    TARGET = "target"
    HISTORY = "history"


class Leader(StrEnum):
    """The store whose rows are right by definition; the other one of the two is the follower."""

    SOURCE = "source"
    TARGET = "target"

    @property
    def store(self) -> Store:
        """The store that leads."""
        return Store(self.value)

    @property
    def follower(self) -> Store:
        """The store that is compared with it, and would be repaired."""
        return Store.TARGET if self is Leader.SOURCE else Store.SOURCE


class MismatchKind(StrEnum):
    """What is wrong with a store that does not hold what it should.

    `UNEXPECTED_IN_SOURCE` arises only while the target leads. `TTL_DIFFERS`: all values are the same, and those named
    live for a time in one store and for ever, or for another time, in the other.
    """

    MISSING_IN_TARGET = "missing_in_target"
    MISSING_IN_SOURCE = "missing_in_source"
    MISSING_IN_HISTORY = "missing_in_history"
    UNEXPECTED_IN_TARGET = "unexpected_in_target"
    UNEXPECTED_IN_SOURCE = "unexpected_in_source"
    VALUE_DIFFERS = "value_differs"
    TTL_DIFFERS = "ttl_differs"


class Draw(StrEnum):
    """How the rows that were looked at were chosen.

    Attributes:
        HISTORY_KEYS: Keys drawn at random, each by itself; the sampling unit is the row.
        SOURCE_WINDOWS: Windows of the token ring of one width; the sampling unit is the window.
        TARGET_WINDOWS: The same at other places, read in both stores: what only the target has is in them too.
        WIDEST_PARTITIONS: Those with the most rows by the history, whole. Nothing is drawn at random, so there is no
            bound.
        NEWEST_WRITES: The keys that the history saw written last, deleted ones too; likewise without a bound.
        SWEEP: The token ring from where the last check stopped, range by range, in both stores.
    """

    HISTORY_KEYS = "history_keys"
    SOURCE_WINDOWS = "source_windows"
    TARGET_WINDOWS = "target_windows"
    WIDEST_PARTITIONS = "widest_partitions"
    NEWEST_WRITES = "newest_writes"
    SWEEP = "sweep"


class Verdict(StrEnum):
    """What a check found. `INCONCLUSIVE` is neither good nor bad news: it was not seen enough."""

    PASS = "pass"  # noqa: S105 # not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class HistoryStanding(StrEnum):
    """How the history stands to a row of the leader.

    Attributes:
        AGREES: It has the same values.
        OLDER: The leader changed the row after the history's watermark; nobody's fault.
        UNDATED: It differs, and nothing tells when the leader changed: the row is gone, a value is null, a collection
            has no single write time, or no watermark is known. Counted, and never held against the history.
        WRONG: It differs in a cell that the leader wrote before the watermark.
    """

    AGREES = "agrees"
    OLDER = "older"
    UNDATED = "undated"
    WRONG = "wrong"
