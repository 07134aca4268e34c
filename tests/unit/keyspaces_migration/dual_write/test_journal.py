from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyspaces_migration.dual_write.errors import (
    JournalDamagedError,
    JournalFullError,
    JournalInUseError,
    JournalUnwritableError,
)
from keyspaces_migration.dual_write.journal import LocalJournal, SyncPolicy

if TYPE_CHECKING:
    from pathlib import Path


def payload(number: int) -> dict[str, object]:
    return {"row": f"ünïcode {number}\r\n", "timestamp_us": str(number)}


def fill(folder: Path, count: int) -> LocalJournal:
    journal = LocalJournal(folder)
    journal.open()
    for number in range(1, count + 1):
        assert journal.append(payload(number), timestamp_us=number) == number
    return journal


def test_what_is_not_done_is_there_for_the_next_process(tmp_path: Path) -> None:
    first = fill(tmp_path, 3)
    first.mark_done(1)
    first.mark_leader_done(2)
    first.close()
    with LocalJournal(tmp_path) as second:
        assert [(entry.entry_id, entry.leader_done) for entry in second.pending()] == [(2, True), (3, False)]
        assert second.pending()[1].payload == payload(3)
        assert second.append(payload(9), timestamp_us=9) == 4
        second.mark_done(2)
    with LocalJournal(tmp_path) as third:
        assert [entry.entry_id for entry in third.pending()] == [3, 4]


def left_by_a_kill(journal: LocalJournal, folder: Path) -> list[tuple[int, bool]]:
    """What another process reads of the journal if this one is killed now."""
    folder.mkdir()
    (folder / journal.path.name).write_bytes(journal.path.read_bytes())
    with LocalJournal(folder) as read:
        return [(entry.entry_id, entry.leader_done) for entry in read.pending()]


def test_that_the_leader_has_a_write_is_in_the_file_with_the_next_record_or_when_asked_for(tmp_path: Path) -> None:
    journal = fill(tmp_path / "a", 2)
    journal.mark_leader_done(1)
    assert [(entry.entry_id, entry.leader_done) for entry in journal.pending()] == [(1, True), (2, False)]
    assert left_by_a_kill(journal, tmp_path / "b") == [(1, False), (2, False)], "it is repeated then, which is the same"
    journal.append(payload(3), timestamp_us=3)
    assert left_by_a_kill(journal, tmp_path / "c") == [(1, True), (2, False), (3, False)]
    journal.mark_leader_done(2)
    journal.flush()
    assert left_by_a_kill(journal, tmp_path / "d") == [(1, True), (2, True), (3, False)]
    journal.mark_leader_done(3)
    journal.mark_done(3)
    journal.mark_done(1)
    assert left_by_a_kill(journal, tmp_path / "e") == [(2, True)]
    journal.close()


def test_the_greatest_timestamp_outlives_what_is_done_and_compacted(tmp_path: Path) -> None:
    first = fill(tmp_path, 3)
    for number in (1, 2, 3):
        first.mark_done(number)
    first.close()
    for _ in range(2):
        with LocalJournal(tmp_path) as again:
            assert again.depth == 0
            assert again.last_timestamp_us == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_cut_at_any_byte_every_complete_entry_is_kept_and_an_incomplete_one_dropped(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = fill(folder, 4)
    journal.mark_done(2)
    journal.close()
    content = journal.path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    journal.path.write_bytes(content[:cut])
    lines = content[:cut].count(b"\n")  # the header, four entries, the mark
    wanted = [number for number in (1, 2, 3, 4) if number < lines and not (number == 2 and lines == 6)]
    with LocalJournal(folder) as again:
        assert [entry.entry_id for entry in again.pending()] == wanted
        # What was cut off does not spoil what is written next.
        again.append(payload(7), timestamp_us=7)
        again.close()
    with LocalJournal(folder) as third:
        assert len(third.pending()) == len(wanted) + 1


def test_a_changed_byte_in_a_complete_entry_is_refused(tmp_path: Path) -> None:
    journal = fill(tmp_path, 2)
    journal.close()
    content = bytearray(journal.path.read_bytes())
    content[len(content) // 2] ^= 1
    journal.path.write_bytes(content)
    with pytest.raises(JournalDamagedError, match=r"byte \d+: a complete entry does not carry its own checksum"):
        LocalJournal(tmp_path).open()
    assert journal.path.read_bytes() == content


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    with LocalJournal(tmp_path), pytest.raises(JournalInUseError, match="held by another process"):
        LocalJournal(tmp_path).open()
    with LocalJournal(tmp_path):
        pass


def test_a_full_journal_refuses_until_something_is_done(tmp_path: Path) -> None:
    with LocalJournal(tmp_path, max_entries=2) as journal:
        journal.append(payload(1), timestamp_us=1)
        journal.append(payload(2), timestamp_us=2)
        with pytest.raises(JournalFullError, match=r"holds 2 writes .* allowed: 2"):
            journal.append(payload(3), timestamp_us=3)
        journal.mark_done(1)
        journal.append(payload(3), timestamp_us=3)


def test_the_file_stays_small_while_writes_go_through(tmp_path: Path) -> None:
    with LocalJournal(tmp_path, compact_at_bytes=2000) as journal:
        kept = journal.append(payload(0), timestamp_us=0)
        for number in range(500):
            journal.mark_done(journal.append(payload(number), timestamp_us=number))
        assert journal.path.stat().st_size < 4000
    with LocalJournal(tmp_path) as again:
        assert [entry.entry_id for entry in again.pending()] == [kept]


def test_syncing_to_disk_comes_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    with LocalJournal(tmp_path, sync=SyncPolicy.DISK) as journal:
        monkeypatch.setattr(os, "fsync", synced.append)
        journal.append(payload(1), timestamp_us=1)
        assert len(synced) == 1
        journal.mark_done(1)
        assert len(synced) == 1


def test_after_a_failed_write_the_journal_takes_nothing_until_it_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = fill(tmp_path, 1)
    written = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: written(descriptor, line[:10]))
    with pytest.raises(JournalUnwritableError, match="disk is full"):
        journal.append(payload(2), timestamp_us=2)
    monkeypatch.undo()
    with pytest.raises(JournalUnwritableError, match="disk is full"):
        journal.append(payload(3), timestamp_us=3)
    journal.mark_done(1)  # its write has taken place: no error for its caller
    journal.close()
    with LocalJournal(tmp_path) as again:
        assert [entry.entry_id for entry in again.pending()] == [1]
