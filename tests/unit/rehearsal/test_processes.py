from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from rehearsal.processes import (
    MARKER,
    Child,
    Program,
    ProgramDiedError,
    ProgramNotHealthyError,
    end_processes_of,
    marked_environment,
    processes_of,
    tail,
    wait_until,
)
from rehearsal.world import WorldOpenError, require_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLEEP = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)
# A grandchild in a session of its own, as a task of Airflow is: killing the child's process group does not reach it.
WITH_GRANDCHILD = (
    "import subprocess, sys, time; "
    f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True); "
    "print(child.pid, flush=True); time.sleep(600)"
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    end_processes_of(tmp_path, grace_s=0.2)


def program(home: Path, code: str, **environment: str) -> Program:
    command = (sys.executable, "-c", code)
    return Program(name="sleeper", command=command, log=home / "log", home=home, environment=environment)


def wait_for(condition: Callable[[], object], *, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_child_carries_the_mark_of_its_world_and_ends_when_told(home: Path) -> None:
    child = Child(program(home, SLEEP))
    child.start()
    assert child.pid in {process.pid for process in processes_of(home)}
    child.stop()
    assert list(processes_of(home)) == []


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(home: Path) -> None:
    child = Child(program(home, STUBBORN))
    child.start()
    wait_for(lambda: "ready" in tail(home / "log"))
    child.stop(grace_s=0.3)
    assert list(processes_of(home)) == []


def test_a_dead_child_is_reported_with_its_exit_code_and_the_end_of_its_log(home: Path) -> None:
    child = Child(program(home, "print('the disk is full'); raise SystemExit(3)"))
    child.start()
    wait_for(lambda: child.exit_code() is not None)
    with pytest.raises(ProgramDiedError, match=r"(?s)exit code 3.*the disk is full"):
        child.check()


def test_a_child_ends_when_the_process_that_started_it_is_killed(home: Path) -> None:
    sleep = f"print('ready', flush=True); {SLEEP}"
    code = (
        "import os, pathlib, sys; from rehearsal.processes import Child, Program; "
        f"home = pathlib.Path({str(home)!r}); "
        f"child = Child(Program(name='c', command=(sys.executable, '-c', {sleep!r}), log=home / 'log', home=home)); "
        "child.start(); print(child.pid, flush=True); input()"
    )
    repository = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))  # noqa: PTH120
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=repository, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    wait_for(lambda: "ready" in tail(home / "log"))  # before, the guard itself would notice
    assert psutil.pid_exists(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_survivors_are_found_in_sessions_of_their_own_and_named(home: Path) -> None:
    child = Child(program(home, WITH_GRANDCHILD))
    child.start()
    wait_for(lambda: tail(home / "log").strip().isdigit())
    grandchild = int(tail(home / "log"))
    child.stop()
    assert [process.pid for process in processes_of(home)] == [grandchild]
    (line,) = end_processes_of(home)
    assert line.startswith(f"{grandchild} ")
    assert list(processes_of(home)) == []


def test_processes_of_another_world_are_left_alone(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    child = Child(program(other, SLEEP))
    child.start()
    assert end_processes_of(home) == []
    assert child.is_running()
    child.stop()


def test_settings_of_the_persons_shell_can_be_kept_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/somewhere")
    made = marked_environment(home, {"AIRFLOW_HOME": "/world"}, forget=("AIRFLOW_",))
    assert "AIRFLOW__CORE__DAGS_FOLDER" not in made
    assert (made["AIRFLOW_HOME"], made[MARKER]) == ("/world", str(home))


def test_waiting_ends_with_the_last_reason_and_the_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("starting slowly")
    with pytest.raises(ProgramNotHealthyError, match=r"(?s)the thing is not healthy after 0 s: port closed.*slowly"):
        wait_until(lambda: "port closed", name="the thing", log=tmp_path / "log", timeout_s=0)


@pytest.mark.parametrize(("address", "opens"), [("127.0.0.1", False), ("0.0.0.0", True)])  # noqa: S104 - on purpose
def test_a_process_that_other_machines_can_reach_is_refused(home: Path, address: str, *, opens: bool) -> None:
    code = (
        f"import socket, time; server = socket.create_server(({address!r}, 0)); "
        "print(server.getsockname()[1], flush=True); time.sleep(600)"
    )
    child = Child(program(home, code))
    child.start()
    wait_for(lambda: tail(home / "log").strip().isdigit())
    if opens:
        with pytest.raises(WorldOpenError, match=f"process {child.pid} .* listens on {address}:"):
            require_loopback(home)
    else:
        require_loopback(home)
        with socket.create_connection((address, int(tail(home / "log")))):
            pass
    child.stop()
