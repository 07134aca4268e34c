"""The driver's caller, held against a program that speaks as the driver does."""

import json
import os
import signal
import sys
import textwrap
import time
from pathlib import Path
from threading import Timer
from typing import Any

import psutil
import pytest

from keyspaces_migration.config import load_migration
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.provisioning import (
    DriverDefectError,
    EngineMissingError,
    PassphraseError,
    PlanChangedError,
    ProvisionStoppedError,
    StackInterruptedError,
    StackLockedError,
)
from keyspaces_provider.provisioning import Account, Driver, StackFolder

MIGRATION = load_migration(Path(__file__).parents[3] / "dags/migrations/flights.yaml")
SECRET = "s3cret-key"
PRELUDE = """
import json, os, signal, sys, time
from pathlib import Path
def say(**line):
    print(json.dumps(line), flush=True)
"""


def driver(tmp_path: Path, body: str) -> Driver:
    program = tmp_path / "driver.py"
    program.write_text(PRELUDE + textwrap.dedent(body))
    return Driver(
        folder=StackFolder(base=tmp_path / "stack", run="run-1"),
        migration=MIGRATION,
        account=Account(
            environment={"AWS_SECRET_ACCESS_KEY": SECRET}, endpoints={"keyspaces": "http://127.0.0.1:9170"}
        ),
        program=(sys.executable, str(program)),
    )


def silent(line: str) -> None:
    del line


def test_the_engines_lines_are_handed_on_while_it_works_and_its_result_is_returned(tmp_path: Path) -> None:
    said: list[str] = []
    go_on = tmp_path / "go-on"
    body = f"""
    say(kind="engine", line="first")
    while not Path({str(go_on)!r}).exists():
        time.sleep(0.01)
    sys.stdout.write('{{"kind": "engine", ')
    sys.stdout.flush()
    time.sleep(0.5)
    print('"line": "in two halves"}}', flush=True)
    print("a warning of a library", flush=True)
    say(kind="result", command="preview")
    """

    def hear(line: str) -> None:
        said.append(line)
        if line == "first":
            go_on.touch()

    assert driver(tmp_path, body).preview(on_line=hear) == {"kind": "result", "command": "preview"}
    assert said[1:] == ["first", "in two halves", "a warning of a library"]


def test_each_call_is_given_the_recorded_file_and_the_same_stack_and_folders(tmp_path: Path) -> None:
    body = 'say(kind="result", arguments=sys.argv[1:])'
    preview = driver(tmp_path, body).preview(on_line=silent)["arguments"]
    up = driver(tmp_path, body).up(digest="d1gest", on_line=silent)["arguments"]
    assert preview[0] == "preview"
    assert up == ["up", *preview[1:], "--digest", "d1gest"]
    options = dict(zip(preview[1::2], preview[2::2], strict=False))
    assert options["--stack"] == "flights-rehearsal"
    assert Path(options["--migration-json"]).read_text() == MIGRATION.canonical_json()
    assert "--endpoint=keyspaces=http://127.0.0.1:9170" in preview


def test_the_driver_gets_credentials_by_its_environment_and_nothing_of_airflows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "of Airflow")
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "flights.provision")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "kept")
    said: list[str] = []
    got = driver(tmp_path, 'say(kind="result", env=dict(os.environ), arguments=sys.argv)').preview(on_line=said.append)
    assert got["env"]["AWS_SECRET_ACCESS_KEY"] == SECRET
    assert got["env"]["PULUMI_CONFIG_PASSPHRASE_FILE"] == "kept"
    assert not [name for name in got["env"] if "AIRFLOW" in name]
    assert SECRET not in json.dumps([said, got["arguments"]])


@pytest.mark.parametrize(
    ("code", "error", "todo"),
    [
        (11, PlanChangedError, "asks for approval anew"),
        (12, StackLockedError, "trigger a new run"),
        (13, StackInterruptedError, "recover"),
        (14, PassphraseError, "PULUMI_CONFIG_PASSPHRASE_FILE"),
        (15, ProvisionStoppedError, "goes on from what is there"),
        (16, EngineMissingError, "install-pulumi.sh"),
        (77, DriverDefectError, "exit code 77"),
    ],
)
def test_an_exit_code_becomes_an_error_with_the_drivers_words_and_what_to_do(
    tmp_path: Path, code: int, error: type[MigrationError], todo: str
) -> None:
    body = f'say(kind="error", error="X", message="the driver says why"); sys.exit({code})'
    with pytest.raises(error, match=f"(?s)the driver says why.*{todo}|{todo}.*the driver says why"):
        driver(tmp_path, body).preview(on_line=silent)


def test_a_driver_that_dies_without_a_word_is_a_defect_with_its_last_output(tmp_path: Path) -> None:
    with pytest.raises(DriverDefectError, match="ZeroDivisionError"):
        driver(tmp_path, "1 / 0").preview(on_line=silent)


@pytest.mark.parametrize("body", ["pass", 'say(kind="engine", line="x")', 'say(kind="error", message="x")'])
def test_a_good_exit_without_a_result_is_never_taken_for_one(tmp_path: Path, body: str) -> None:
    with pytest.raises(DriverDefectError, match="without a result"):
        driver(tmp_path, body).up(digest="d", on_line=silent)


def test_a_refused_preview_is_returned_as_its_report_names_what_is_refused(tmp_path: Path) -> None:
    body = 'say(kind="result", refused=["x"]); sys.exit(10)'
    assert driver(tmp_path, body).preview(on_line=silent)["refused"] == ["x"]


STOPPABLE = """
signals = []
signal.signal(signal.SIGTERM, lambda *_: signals.append(1))
say(kind="engine", line=f"pid {os.getpid()} session {os.getsid(0)}")
deadline = time.monotonic() + 20
while not signals and time.monotonic() < deadline:
    time.sleep(0.01)
time.sleep(0.7)
say(kind="error", error="CancelledError", message=f"{len(signals)} signal")
sys.exit(15)
"""


def test_stopping_signals_the_driver_once_and_waits_for_its_clean_end(tmp_path: Path) -> None:
    call = driver(tmp_path, STOPPABLE)
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        if line.startswith("pid"):
            for after_s in (0.0, 0.2, 0.4):
                Timer(after_s, call.stop).start()

    with pytest.raises(ProvisionStoppedError, match="1 signal"):
        call.preview(on_line=hear)
    _, pid, _, session = said[1].split()
    assert pid == session, "a signal to the task's process group would reach the driver a second time"


def test_after_a_stop_nothing_is_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    call = driver(tmp_path, f"Path({str(started)!r}).touch()")
    call.stop()
    with pytest.raises(ProvisionStoppedError, match="before the driver was started"):
        call.up(digest="d", on_line=silent)
    assert not started.exists()


def test_a_task_that_is_killed_leaves_the_driver_to_finish(tmp_path: Path) -> None:
    done = tmp_path / "done"
    body = f"""
    say(kind="engine", line="working")
    while os.getppid() != 1 and not Path({str(tmp_path / "orphaned")!r}).exists():
        time.sleep(0.01)
    for number in range(5000):
        say(kind="engine", line="x" * 100)
    Path({str(done)!r}).touch()
    """
    call = driver(tmp_path, body)
    pid = os.fork()
    if pid == 0:  # the task's process, killed by its supervisor in the middle
        call.preview(on_line=lambda line: os.kill(os.getpid(), signal.SIGKILL) if line == "working" else None)
        os._exit(1)
    os.waitpid(pid, 0)
    (tmp_path / "orphaned").touch()
    _wait_for(done)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, [process.cmdline() for process in _drivers(path.parent)]
        time.sleep(0.05)


def _drivers(folder: Path) -> list[Any]:
    return [process for process in psutil.process_iter() if str(folder) in " ".join(process.cmdline())]
