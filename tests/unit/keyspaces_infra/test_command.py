from __future__ import annotations

import os
import stat
import threading
import time
from typing import TYPE_CHECKING

import pytest
from pulumi import automation

from keyspaces_infra.command import PINNED_VERSION, EngineCommand, find_engine
from keyspaces_infra.errors import CancelledError, InterruptedStackError, NoEngineError

if TYPE_CHECKING:
    from pathlib import Path


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def environment(home: Path) -> dict[str, str]:
    return {"PATH": f"{home / 'bin'}:/usr/bin:/bin", "XDG_CACHE_HOME": str(home / "cache")}


def test_the_pulumi_on_path_is_taken_when_it_is_the_pinned_version(tmp_path: Path) -> None:
    on_path = script(tmp_path / "bin/pulumi", f"echo v{PINNED_VERSION}")
    script(tmp_path / f"cache/keyspaces-migration/pulumi-{PINNED_VERSION}", f"echo v{PINNED_VERSION}")
    assert find_engine(environment(tmp_path)) == on_path


def test_another_version_on_path_is_passed_over_for_the_cache(tmp_path: Path) -> None:
    script(tmp_path / "bin/pulumi", "echo v3.1.0")
    cached = script(tmp_path / f"cache/keyspaces-migration/pulumi-{PINNED_VERSION}", f"echo v{PINNED_VERSION}")
    assert find_engine(environment(tmp_path)) == cached


def test_without_the_pinned_version_the_message_says_what_was_found(tmp_path: Path) -> None:
    script(tmp_path / "bin/pulumi", "echo v3.1.0")
    with pytest.raises(NoEngineError, match=r"bin/pulumi is 3\.1\.0.*tools/install-pulumi\.sh"):
        find_engine(environment(tmp_path))


def test_lines_are_handed_on_as_they_come(tmp_path: Path) -> None:
    command = EngineCommand(script(tmp_path / "pulumi", 'echo "$@"; echo trouble >&2'))
    said: list[str] = []
    result = command.run(["stack", "ls"], str(tmp_path), {}, said.append, said.append)
    assert sorted(said) == ["--non-interactive stack ls", "trouble"]
    assert (result.stdout, result.stderr, result.code) == ("--non-interactive stack ls", "trouble", 0)


def test_a_failure_keeps_the_engines_words(tmp_path: Path) -> None:
    command = EngineCommand(
        script(tmp_path / "pulumi", "echo 'the stack is currently locked by 1 lock(s)' >&2; exit 255")
    )
    with pytest.raises(automation.ConcurrentUpdateError, match="currently locked"):
        command.run(["up"], str(tmp_path), {})


def test_an_engine_that_is_killed_is_not_taken_for_one_that_failed(tmp_path: Path) -> None:
    command = EngineCommand(script(tmp_path / "pulumi", "kill -9 $$"))
    with pytest.raises(InterruptedStackError, match="killed by signal 9"):
        command.run(["up"], str(tmp_path), {})


def test_the_engine_gets_the_interrupt_once_and_in_a_session_of_its_own(tmp_path: Path) -> None:
    body = "trap 'echo asked' INT; echo $(ps -o sid= -p $$); for i in $(seq 50); do sleep 0.1; done; exit 3"
    command = EngineCommand(script(tmp_path / "pulumi", body))
    said: list[str] = []

    def interrupt_twice() -> None:
        while not said:
            time.sleep(0.01)
        command.interrupt()
        time.sleep(0.5)
        command.interrupt()

    thread = threading.Thread(target=interrupt_twice)
    thread.start()
    with pytest.raises(automation.CommandError):
        command.run(["up"], str(tmp_path), {}, said.append)
    thread.join()
    assert int(said[0]) != os.getsid(0)
    assert said.count("asked") == 1


def test_nothing_is_started_once_a_signal_has_come(tmp_path: Path) -> None:
    command = EngineCommand(script(tmp_path / "pulumi", f"touch {tmp_path}/started"))
    command.interrupt()
    with pytest.raises(CancelledError, match="nothing was changed"):
        command.run(["up"], str(tmp_path), {})
    assert not (tmp_path / "started").exists()
