"""What can go wrong in a writer, one class for each thing a caller can do about it."""

from keyspaces_migration.errors import MigrationError


class DualWriteError(MigrationError):
    """The root of this room's errors."""


class FlagFormatError(DualWriteError):
    """The document in AppConfig is not a flag of ours. Correct it; no value is ever guessed."""


class FlagUnavailableError(DualWriteError):
    """The flag could not be read at start, so the mode to write in is not known. Nothing was written."""


class WriteRefusedError(DualWriteError):
    """The write can't be made alike in both stores, now or when it is sent again. Nothing was written."""


class WriterClosedError(DualWriteError):
    """The writer is closed, or was opened before. A new one takes up what it left in its journal."""


class WriterNotRegisteredError(DualWriteError):
    """The writer's registration has run out and could not be renewed, so stages don't wait for it.

    Nothing was written. Try again when the source answers.
    """


class RecordFailedError(DualWriteError):
    """The touched key could not be recorded on the source. The write itself was not sent; try again."""


class OutcomeUnknownError(DualWriteError):
    """The leader did not answer in time, several times. The write may have taken place, or will.

    It is in the local journal with its timestamp, and is sent to both stores until they answer. A later write of the
    same cells wins over it.

    Attributes:
        entry_id: Its number in the local journal.
        timestamp_us: Its timestamp.
    """

    def __init__(self, message: str, *, entry_id: int, timestamp_us: int) -> None:
        super().__init__(message)
        self.entry_id = entry_id
        self.timestamp_us = timestamp_us


class JournalError(DualWriteError):
    """The local journal can't be used."""


class JournalFullError(JournalError):
    """The journal holds as many unsent writes as it may. Nothing was written; the follower has to come back first."""


class JournalDamagedError(JournalError):
    """A complete entry of the journal does not carry its own checksum: the file was changed or the disk is bad."""


class JournalInUseError(JournalError):
    """Another process holds the journal. Each writer needs a folder of its own."""


class JournalUnwritableError(JournalError):
    """The journal's file can't be written or synced. Nothing was sent to the stores.

    What reached the file all the same is sent when the writer starts again.
    """


class StoreAwayError(DualWriteError):
    """A store's session could not be opened so far; the message says why. Nothing was sent to it."""


class WriterSettingsError(DualWriteError):
    """A setting of the writer is not what it may be; the message says which, and what is allowed."""


class LettersUnavailableError(DualWriteError):
    """The dead letter queue, or the place of large letters, did not acknowledge: what was to go stays journalled."""


class LetterFormatError(DualWriteError):
    """A message of the dead letter queue is no letter that this release can read; the message says why."""


class BarrierRefusedError(DualWriteError):
    """The barrier can't be fixed now; the message names every reason."""


class RecopyRefusedError(DualWriteError):
    """The recorded keys can't be recopied any more within the target's window of timestamps."""


class PartlyWrittenError(DualWriteError):
    """A statement became several writes; some of them were made, and then one failed. Execute the statement again."""
