"""The ledger's records of dead letters of dual writes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.store import StoreName


class LetterOutcome(StrEnum):
    """How a letter stands.

    Attributes:
        REPLAYED: The store that lacked the write has it, or what the leader made of it since.
        PARKED: It could not be replayed; a person has to look.
        CLOSED: Approvers have said that nothing is to be done about it.
    """

    REPLAYED = "replayed"
    PARKED = "parked"
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True)
class LetterRecord:
    """A letter, and what became of it.

    Attributes:
        letter_id: The same however often it came.
        reason_class: Of what stands against it, or stood when it was sent.
        reason: In words: why it is parked, how it was replayed, why it was closed.
        table_name: None where the message can't be read; so are the next four.
        store: That lacks the write.
        writer_id: Who sent it.
        key_json: The write's key, in the JSON of the codec; None also where the write lies in S3.
        timestamp_us: Of the write.
        cells: Of the store that were set or deleted; a whole write counts as one.
        sent_at: When the queue took it.
        body: The message; None where it was replayed.
        body_sha256: Of the message, in hexadecimal.
    """

    letter_id: str
    outcome: LetterOutcome
    reason_class: ReasonClass
    reason: str
    table_name: str | None
    store: StoreName | None
    writer_id: str | None
    key_json: str | None
    timestamp_us: int | None
    cells: int
    sent_at: datetime | None
    body: str | None
    body_sha256: str


@dataclass(frozen=True, kw_only=True)
class LetterCounts:
    """All of a migration's letters that the ledger has, each once.

    Attributes:
        replayed: Are where they belong.
        parked: Wait for a person.
        closed: Were closed.
    """

    replayed: int = 0
    parked: int = 0
    closed: int = 0
