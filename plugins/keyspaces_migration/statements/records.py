"""What readers of files and logs hand on."""

from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    """What a file is."""

    CQL = "cql"
    """Statements with semicolons between them."""
    FULL_QUERY_LOG = "full-query-log"
    """What `fqltool dump` prints."""
    AUDIT_LOG = "audit-log"
    """Lines of FileAuditLogger, or what `auditlogviewer` prints of BinAuditLogger's files."""
    SLOW_QUERY_LOG = "slow-query-log"
    """Cassandra's debug.log: the reads that were slow or timed out."""
    JSON_LINES = "json-lines"
    """One JSON object a line, with `query` or `statement`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One statement of a log, or a count of them.

    Attributes:
        text: CQL.
        times: How often it ran; 0 when it was only prepared.
        at_ms: When, in milliseconds since 1970; None when the log does not say.
        keyspace: The one in use, which an unqualified table is in; empty when not known.
    """

    text: str
    times: int = 1
    at_ms: int | None = None
    user: str = ""
    client: str = ""
    keyspace: str = ""
    consistency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A place that could not be read: its first line, what it begins with, and why."""

    line: int
    text: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that was read and is no statement to judge, such as a login; counted by `what`."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolBatch:
    """A batch of the protocol in an audit log, which shows its size and not its kind."""

    size: int


Item = Record | Unreadable | Skipped | ProtocolBatch
