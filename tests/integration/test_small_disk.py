"""A disk that is filled, and has room again."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from rehearsal.faults.small_disk import NoDiskError, filled, small_disk

if TYPE_CHECKING:
    from pathlib import Path


def test_a_full_disk_takes_nothing_until_it_has_room_again(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    try:
        with small_disk(folder, size_mb=1):
            (folder / "before").write_bytes(b"kept")
            with filled(folder), pytest.raises(OSError, match="No space left") as full:
                (folder / "more").write_bytes(b"x")
            assert full.value.errno == errno.ENOSPC
            (folder / "after").write_bytes(b"x")
            assert (folder / "before").read_bytes() == b"kept"
    except NoDiskError as error:
        pytest.skip(str(error))
    assert list(folder.iterdir()) == []
