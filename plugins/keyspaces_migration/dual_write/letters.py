"""Dead letters: writes that one store did not take for good, as messages that `replay_dead_letters` brings back.

The form is part of the contract with writers in other languages (docs/writer-contract.md). What a letter is, is its
`letter_id`: the same write of the same journal entry, sent twice, is the same letter, whatever else it says.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Protocol

from keyspaces_migration.cql.json_codec import JsonCodecError, canonical_text
from keyspaces_migration.dual_write.barrier import ALLOWED_SKEW
from keyspaces_migration.dual_write.elements import check_elements, written
from keyspaces_migration.dual_write.errors import LetterFormatError, WriteRefusedError
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.flag import NO_BARRIER, WriteMode
from keyspaces_migration.dual_write.mutation import Mutation, check_ttl, check_write
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import StoreName

FORM = 1
"""Version of the form. Another one is parked by the replay, never guessed at."""

MAX_BODY_BYTES = 256 * 1024
"""Larger letters go to S3. SQS takes 1 MiB since August 2025, and 256 KiB before: queues may be set to that still."""

_MAX_TEXT_CHARS = 2_000
_ID_CHARS = 32


@dataclass(frozen=True, kw_only=True)
class PayloadPlace:
    """Where the write of a letter is that is too large for a message.

    Attributes:
        sha256: Of its bytes, in hexadecimal.
        size: In bytes.
    """

    bucket: str
    key: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A write that a store lacks.

    Attributes:
        writer_id: Of the writer whose journal held it.
        entry_id: Its number there.
        store: The store that lacks it.
        mode: That the write was begun in.
        barrier_us: The barrier then, in microseconds since 1970.
        flag_version: Of that state.
        leader_acknowledged: Whether the leader has it; otherwise nobody knows, and the leader is asked.
        mutation: The write, at its own timestamp.
        reason: Of the last attempt.
        text: The last attempt's error.
        attempts: How often it was sent to that store.
        sent_us: When the message was made, in microseconds since 1970, by the writer's clock, which gave the write's
            timestamp too. None: the writer does not say.
        taken_us: When the queue took it, by the queue's clock; None where nobody knows, and in the writer.
    """

    migration: str
    writer_id: str
    entry_id: int
    store: StoreName
    mode: WriteMode
    barrier_us: int | None
    flag_version: int
    leader_acknowledged: bool
    mutation: Mutation
    reason: ReasonClass
    text: str
    attempts: int
    sent_us: int | None = None
    taken_us: int | None = None

    @property
    def clock_ahead_us(self) -> int:
        """By how much the writer's clock is ahead of the queue's, as far as clocks may be apart; 0 where not known.

        What is left of a time to live counts from the write's timestamp, and is right by the clock that gave it alone.
        """
        if self.sent_us is None or self.taken_us is None:
            return 0
        most = ALLOWED_SKEW // timedelta(microseconds=1)
        return max(-most, min(most, self.sent_us - self.taken_us))

    def write_text(self, shape: TableShape) -> str:
        """Return the write's own JSON text.

        Raises:
            WriteRefusedError: A value is not of its column's type.
        """
        return canonical_text(self.mutation.to_json(shape))

    def envelope(self, write_text: str) -> dict[str, Any]:
        """Return all of the letter but the write."""
        return {
            "letter": FORM,
            "id": _letter_id(self.migration, self.writer_id, self.entry_id, self.store, write_text),
            "migration": self.migration,
            "writer": self.writer_id,
            "entry": self.entry_id,
            "store": self.store.value,
            "mode": self.mode.value,
            "barrier_us": NO_BARRIER if self.barrier_us is None else str(self.barrier_us),
            "flag_version": self.flag_version,
            "leader_acknowledged": self.leader_acknowledged,
            "reason": {"class": self.reason.value, "text": self.text[:_MAX_TEXT_CHARS]},
            "attempts": self.attempts,
            **({} if self.sent_us is None else {"sent_us": self.sent_us}),
        }


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A message as it was received: the letter without its write, and the write or where it is.

    Attributes:
        write: The write's JSON text, or where that is.
    """

    letter_id: str
    migration: str
    writer_id: str
    entry_id: int
    store: StoreName
    mode: WriteMode
    barrier_us: int | None
    flag_version: int
    leader_acknowledged: bool
    reason: ReasonClass
    text: str
    attempts: int
    write: str | PayloadPlace
    sent_us: int | None

    def opened(self, write_text: str, shapes: Mapping[str, TableShape], *, taken_us: int | None = None) -> Letter:
        """Return the letter, whose write is given, and when the queue took it.

        Raises:
            LetterFormatError: The write is none, is not the one that the id was made from, or is of another table.
        """
        if self.letter_id != _letter_id(self.migration, self.writer_id, self.entry_id, self.store, write_text):
            raise LetterFormatError("its id does not fit its write: one of the two was changed")
        try:
            form = json.loads(write_text)
            shape = shapes.get(form["table"])
            if shape is None:
                raise LetterFormatError(
                    f"it is of table {form['table']}, and the migration's are {', '.join(sorted(shapes))}"
                )
            mutation = Mutation.from_json(form, shape)
            changed = written(mutation.columns, mutation.elements)
            check_write(shape, mutation.key, changed, mutation.kind, mutation.bounds)
            check_elements(shape, mutation.elements, ttl_s=mutation.ttl_s)
            check_ttl(shape, mutation.ttl_s)
        except (KeyError, TypeError, ValueError, AttributeError, JsonCodecError, WriteRefusedError) as error:
            raise LetterFormatError(f"its write can't be read: {type(error).__name__}: {error}") from error
        return Letter(
            migration=self.migration,
            writer_id=self.writer_id,
            entry_id=self.entry_id,
            store=self.store,
            mode=self.mode,
            barrier_us=self.barrier_us,
            flag_version=self.flag_version,
            leader_acknowledged=self.leader_acknowledged,
            mutation=mutation,
            reason=self.reason,
            text=self.text,
            attempts=self.attempts,
            sent_us=self.sent_us,
            taken_us=taken_us,
        )


class Outbox(Protocol):
    """Where letters are sent: SQS and S3 by `sqs_outbox`, or anything else that keeps what it acknowledges."""

    def send(self, bodies: list[str]) -> list[bool]:
        """Send messages of at most `MAX_BODY_BYTES` each; return for each whether it was acknowledged.

        Raises:
            LettersUnavailableError: Nobody knows; they are sent again, which makes no other letter.
        """

    def keep(self, name: str, content: bytes) -> PayloadPlace:
        """Keep what is too large for a message, under a name that is the same for the same letter.

        Raises:
            LettersUnavailableError: It is not kept, or there is no place for it.
        """


def body_of(letter: Letter, shape: TableShape, *, outbox: Outbox) -> str:
    """Return the message for a letter; a large one's write is kept first.

    Raises:
        LettersUnavailableError: It is too large for a message and could not be kept.
        WriteRefusedError: A value is not of its column's type.
    """
    write_text = letter.write_text(shape)
    envelope = letter.envelope(write_text)
    # ASCII alone: SQS refuses some characters that CQL's texts may hold.
    # The write goes as text: its id is made of these very characters, which another JSON library might write otherwise.
    body = json.dumps({**envelope, "write": write_text}, separators=(",", ":"))
    if len(body) <= MAX_BODY_BYTES:
        return body
    place = outbox.keep(f"{envelope['id']}.json", write_text.encode())
    where = {"bucket": place.bucket, "key": place.key, "sha256": place.sha256, "bytes": place.size}
    return json.dumps({**envelope, "write_at": where}, separators=(",", ":"))


def read_envelope(body: str) -> Envelope:
    """Read a message.

    Raises:
        LetterFormatError: It is no letter of this form.
    """
    try:
        content = json.loads(body)
        if not isinstance(content, dict) or "letter" not in content:
            raise LetterFormatError("it is no letter of a writer: it has no key 'letter'")
        if content["letter"] != FORM:
            raise LetterFormatError(f"its form is {content['letter']!r}; this release reads form {FORM}")
        place = content.get("write_at")
        return Envelope(
            letter_id=_text(content, "id"),
            migration=_text(content, "migration"),
            writer_id=_text(content, "writer"),
            entry_id=_whole(content, "entry"),
            store=StoreName(content["store"]),
            mode=WriteMode(content["mode"]),
            barrier_us=None if content["barrier_us"] == NO_BARRIER else int(content["barrier_us"]),
            flag_version=_whole(content, "flag_version"),
            leader_acknowledged=content["leader_acknowledged"] is True,
            reason=ReasonClass(content["reason"]["class"]),
            text=_text(content["reason"], "text"),
            attempts=_whole(content, "attempts"),
            write=_text(content, "write") if place is None else _place(place),
            sent_us=_whole(content, "sent_us") if "sent_us" in content else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LetterFormatError(f"it can't be read: {type(error).__name__}: {error}") from error


def verified_payload(place: PayloadPlace, content: bytes) -> str:
    """Return the write's text from what was kept.

    Raises:
        LetterFormatError: It is not what was kept when the letter was sent.
    """
    found = sha256(content).hexdigest()
    if found != place.sha256:
        raise LetterFormatError(f"s3://{place.bucket}/{place.key} has SHA-256 {found}; the letter says {place.sha256}")
    return content.decode()


def _letter_id(migration: str, writer_id: str, entry_id: int, store: StoreName, write_text: str) -> str:
    parts = canonical_text([migration, writer_id, entry_id, store.value, write_text])
    return sha256(parts.encode()).hexdigest()[:_ID_CHARS]


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}; allowed: text")
    return value


def _whole(content: Mapping[str, Any], name: str) -> int:
    value = content[name]
    if type(value) is not int:
        raise TypeError(f"{name} is {value!r}; allowed: a whole number")
    return value


def _place(form: Mapping[str, Any]) -> PayloadPlace:
    return PayloadPlace(
        bucket=_text(form, "bucket"), key=_text(form, "key"), sha256=_text(form, "sha256"), size=_whole(form, "bytes")
    )
