"""The local journal: what was begun and is not yet in both stores, in one append-only file.

Each line is a checksum and a JSON object. A line without its end is what the process was writing when it died: nothing
had been sent for it, so it is dropped. A complete line that does not carry its own checksum is damage, and refused.
"""

import fcntl
import json
import os
import threading
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from keyspaces_migration.dual_write.errors import (
    JournalDamagedError,
    JournalFullError,
    JournalInUseError,
    JournalUnwritableError,
)

FILE_NAME = "writes.journal"
_CHECKSUM_CHARS = 8


class SyncPolicy(StrEnum):
    """What an entry has survived when `append` returns."""

    PROCESS = "PROCESS"
    """The death of the process: it is with the operating system."""
    DISK = "DISK"
    """The death of the operating system too: it is synced to the disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalEntry:
    """One write that was begun.

    Attributes:
        payload: JSON object, the writer's own.
        leader_done: Whether the leader has acknowledged it; what remains is the follower.
    """

    entry_id: int
    payload: Mapping[str, Any]
    leader_done: bool = False


class LocalJournal:
    """The journal of one writer, in a folder of its own. Methods may be called from several threads.

    A mark that is lost in a crash only makes a write be repeated, which changes nothing; so marks are never synced, and
    that the leader has a write is written with the next record, or by `flush`: mostly the write is done by then, and
    nobody needs to know.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sync: SyncPolicy = SyncPolicy.PROCESS,
        max_entries: int = 100_000,
        max_bytes: int = 256 * 2**20,
        compact_at_bytes: int = 8 * 2**20,
    ) -> None:
        """Keep the limits.

        Args:
            folder: Of this journal alone.
            sync: What an entry survives.
            max_entries: How many may be pending.
            max_bytes: How much they may have together, in the file and about as much in memory. A single entry may
                be larger.
            compact_at_bytes: The file is written anew when it is larger than this and most of it is done.
        """
        self.folder = folder
        self.path = folder / FILE_NAME
        self._sync = sync
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._compact_at_bytes = compact_at_bytes
        self._lock = threading.Lock()
        self._descriptor = -1
        self._lock_descriptor = -1
        self._size = 0
        self._broken: str | None = None
        self._next_id = 1
        self._last_timestamp_us = 0
        self._pending: dict[int, JournalEntry] = {}
        self._sizes: dict[int, int] = {}
        self._pending_bytes = 0
        self._unwritten: dict[int, None] = {}  # entries whose leader is done, in memory only

    def open(self) -> None:
        """Take the folder for this process, and read what an earlier one left.

        Raises:
            JournalInUseError: Another process holds it.
            JournalDamagedError: A complete entry is damaged.
            JournalUnwritableError: The folder or the file can't be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._take()
            self._read()
            self._rewrite()
        except OSError as error:
            self.close()
            raise JournalUnwritableError(f"{self.path}: {error}") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the folder free. What is pending stays in the file."""
        if self._descriptor >= 0:
            self.flush()
        for descriptor in (self._descriptor, self._lock_descriptor):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._lock_descriptor = -1

    def append(self, payload: Mapping[str, Any], *, timestamp_us: int) -> int:
        """Write an entry and return its number. When this returns, the entry outlives what the policy says.

        Raises:
            JournalFullError: `max_entries` are pending, or they have `max_bytes`.
            JournalUnwritableError: The file can't be written or synced.
        """
        body = _json(payload)
        with self._lock:
            if len(self._pending) >= self._max_entries or self._pending_bytes >= self._max_bytes:
                raise JournalFullError(
                    f"{self.path} holds {len(self._pending)} writes of {self._pending_bytes:,} bytes that the "
                    f"follower has not taken; allowed: {self._max_entries} writes, {self._max_bytes:,} bytes. Bring "
                    "the follower back, then write again."
                )
            entry_id = self._next_id
            self._next_id += 1
            self._last_timestamp_us = max(self._last_timestamp_us, timestamp_us)
            line = _line_of(b'{"entry":%d,"payload":%b}' % (entry_id, body))
            self._write(line, sync=self._sync is SyncPolicy.DISK)
            self._add(JournalEntry(entry_id=entry_id, payload=payload), len(line))
            return entry_id

    def mark_leader_done(self, entry_id: int) -> None:
        """Note that only the follower remains. It is in the file with the next record, or after `flush`."""
        with self._lock:
            self._note_leader_done(entry_id)
            self._unwritten[entry_id] = None

    def flush(self) -> None:
        """Write the marks that are in memory only."""
        with self._lock:
            if self._unwritten:
                self._mark(b"")

    def mark_done(self, entry_id: int) -> None:
        """Note that nothing remains of an entry."""
        with self._lock:
            self._remove(entry_id)
            self._unwritten.pop(entry_id, None)
            self._mark(_line_of(b'{"done":%d}' % entry_id))
            # What is pending is written once more for each time that as much became done: work stays in proportion.
            if self._size > max(self._compact_at_bytes, 2 * self._pending_bytes):
                self._compact()

    def holds(self, entry_id: int) -> bool:
        """Whether an entry is not done."""
        with self._lock:
            return entry_id in self._pending

    def pending(self) -> tuple[JournalEntry, ...]:
        """Return the entries that are not done, oldest first."""
        with self._lock:
            return tuple(self._pending.values())

    @property
    def depth(self) -> int:
        """How many entries are not done."""
        return len(self._pending)

    @property
    def last_timestamp_us(self) -> int:
        """The greatest timestamp that was ever appended; the next process's clock starts above it."""
        return self._last_timestamp_us

    def _take(self) -> None:
        self._lock_descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalInUseError(
                f"{self.folder} is held by another process. Give each writer a folder of its own."
            ) from None

    def _read(self) -> None:
        content = self.path.read_bytes() if self.path.exists() else b""
        self._pending.clear()
        self._sizes.clear()
        self._pending_bytes = position = 0
        for line in content.split(b"\n")[:-1]:  # what follows the last line's end was being written at the death
            self._apply(_parse(line, path=self.path, position=position), size=len(line) + 1)
            position += len(line) + 1

    def _add(self, entry: JournalEntry, size: int) -> None:
        self._pending[entry.entry_id] = entry
        self._sizes[entry.entry_id] = size
        self._pending_bytes += size

    def _remove(self, entry_id: int) -> None:
        del self._pending[entry_id]
        self._pending_bytes -= self._sizes.pop(entry_id)

    def _note_leader_done(self, entry_id: int) -> None:
        payload = self._pending[entry_id].payload
        self._pending[entry_id] = JournalEntry(entry_id=entry_id, payload=payload, leader_done=True)

    def _apply(self, record: Mapping[str, Any], *, size: int) -> None:
        match record:
            case {"entry": entry_id, "payload": payload}:
                self._add(JournalEntry(entry_id=entry_id, payload=payload), size)
                self._next_id = max(self._next_id, entry_id + 1)
                self._last_timestamp_us = max(self._last_timestamp_us, int(payload.get("timestamp_us", 0)))
            case {"leader_done": entry_id}:
                self._note_leader_done(entry_id)
            case {"done": entry_id}:
                self._remove(entry_id)
            case {"next_id": next_id, "last_timestamp_us": last_us}:
                self._next_id, self._last_timestamp_us = next_id, last_us
            case _:
                raise JournalDamagedError(f"{self.path} holds {record!r}, which this version does not write")

    def _compact(self) -> None:
        try:
            self._rewrite()
        except OSError as error:
            self._break(f"{error}")

    def _rewrite(self) -> None:
        """Replace the file by one of only what is pending, synced before it takes the old one's place."""
        records: list[dict[str, Any]] = [{"next_id": self._next_id, "last_timestamp_us": self._last_timestamp_us}]
        for entry in self._pending.values():
            records.append({"entry": entry.entry_id, "payload": dict(entry.payload)})
            if entry.leader_done:
                records.append({"leader_done": entry.entry_id})
        content = b"".join(map(_line, records))
        new = self.path.with_suffix(".new")
        new.write_bytes(content)
        descriptor = os.open(new, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        os.fsync(descriptor)
        new.replace(self.path)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._size = descriptor, len(content)
        self._unwritten.clear()
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fsync(folder)
        os.close(folder)

    def _mark(self, line: bytes) -> None:
        # The write that is marked has taken place: its caller is not told that the file failed, the next one is.
        with suppress(JournalUnwritableError):
            self._write(line)

    def _write(self, line: bytes, *, sync: bool = False) -> None:
        """Write a record, and before it the marks that are in memory only."""
        if self._broken is not None or self._descriptor < 0:
            raise JournalUnwritableError(f"{self.path}: {self._broken or 'not open'}")
        marks = (_line_of(b'{"leader_done":%d}' % entry_id) for entry_id in self._unwritten)
        line = b"".join((*marks, line))
        self._unwritten.clear()
        try:
            written = os.write(self._descriptor, line)
            if sync:
                os.fsync(self._descriptor)
        except OSError as error:
            raise self._break(f"{error}") from error
        if written < len(line):
            raise self._break(f"only {written} of {len(line)} bytes were taken: the disk is full")
        self._size += len(line)

    def _break(self, reason: str) -> JournalUnwritableError:
        # After a failed write or sync nobody knows what is on the disk: only a new start, which reads it, does.
        self._broken = f"{reason}. Make room or mend the disk, then start the writer again."
        return JournalUnwritableError(f"{self.path}: {self._broken}")

    def __enter__(self) -> Self:
        """Open."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


_ENCODER = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))


def _json(record: Mapping[str, Any]) -> bytes:
    return _ENCODER.encode(dict(record)).encode()


def _line(record: Mapping[str, Any]) -> bytes:
    return _line_of(_json(record))


def _line_of(body: bytes) -> bytes:
    return b"%08x %b\n" % (zlib.crc32(body), body)


def _parse(line: bytes, *, path: Path, position: int) -> Mapping[str, Any]:
    checksum, body = line[:_CHECKSUM_CHARS], line[_CHECKSUM_CHARS + 1 :]
    if checksum != b"%08x" % zlib.crc32(body):
        raise JournalDamagedError(
            f"{path}, byte {position}: a complete entry does not carry its own checksum. Keep the file: what it holds "
            "may be missing in one of the stores. Run the consistency check before this writer starts anew elsewhere."
        )
    record: Mapping[str, Any] = json.loads(body)
    return record
