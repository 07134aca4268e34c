"""Where letters are received from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from keyspaces_migration.dual_write.letters import PayloadPlace
from keyspaces_migration.errors import MigrationError


class PayloadMissingError(MigrationError):
    """What a letter points to is not there, or is not where this migration's large letters are."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """A message, hidden from others for a while.

    Attributes:
        handle: By which it is deleted, or given back.
        sent_at: When the queue took it.
    """

    handle: str
    body: str
    sent_at: datetime | None


class Inbox(Protocol):
    """A queue that gives a message again unless it is deleted: SQS by `sqs_inbox`."""

    def receive(self) -> list[Received]:
        """Return some messages; none where none waits.

        Raises:
            LettersUnavailableError: The queue does not answer.
        """

    def delete(self, handles: Sequence[str]) -> None:
        """Take messages away for good; those that are gone already are no error.

        Raises:
            LettersUnavailableError: Some may be left, and come again.
        """

    def give_back(self, handles: Sequence[str]) -> None:
        """Let messages be received again at once.

        Raises:
            LettersUnavailableError: Some come again only later.
        """

    def fetch(self, place: PayloadPlace) -> bytes:
        """Return what was kept of a large letter.

        Raises:
            PayloadMissingError: It is not there, or is nowhere where this may look.
            LettersUnavailableError: The store of such does not answer.
        """
