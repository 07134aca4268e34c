from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.home import HomeLock, WorldHeldError, holder, remove, wipe
from rehearsal.processes import WorldError

REPOSITORY = Path(__file__).parents[3]


def test_a_second_supervisor_is_refused_and_told_who_runs_it(tmp_path: Path) -> None:
    home = tmp_path / "world"
    with HomeLock(home):
        assert holder(home) == os.getpid()
        with pytest.raises(WorldHeldError, match=f"run by process {os.getpid()} already"):
            HomeLock(home).take()
    assert holder(home) is None


def test_the_lock_of_a_killed_supervisor_is_free(tmp_path: Path) -> None:
    home = tmp_path / "world"
    code = f"import os, pathlib; from rehearsal.home import HomeLock; HomeLock(pathlib.Path({str(home)!r})).take(); "
    subprocess.run([sys.executable, "-c", code + "os.kill(os.getpid(), 9)"], cwd=REPOSITORY, check=False)
    assert (home / "supervisor.lock").read_text().isdigit()
    assert holder(home) is None
    with HomeLock(home):
        assert holder(home) == os.getpid()


def test_a_folder_that_is_no_worlds_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for act in (HomeLock(tmp_path).take, lambda: wipe(tmp_path), lambda: remove(tmp_path)):
        with pytest.raises(WorldError, match="is not a local world's folder"):
            act()
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_wipe_keeps_what_it_is_told_and_remove_takes_all(tmp_path: Path) -> None:
    home = tmp_path / "world"
    with HomeLock(home):
        (home / "source").mkdir()
        (home / "source" / "data").write_text("rows")
        wipe(home, keep=frozenset({"supervisor.lock"}))
        assert sorted(entry.name for entry in home.iterdir()) == ["supervisor.lock", "this-is-a-local-world"]
    remove(home)
    assert not home.exists()


def test_removing_a_world_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove(tmp_path / "world")


def test_wipe_does_not_follow_links_out_of_the_world(tmp_path: Path) -> None:
    home, outside = tmp_path / "world", tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    with HomeLock(home):
        (home / "link").symlink_to(outside)
        wipe(home, keep=frozenset({"supervisor.lock"}))
        assert not (home / "link").exists()
    assert (outside / "kept").exists()
