"""The driver's caller, held against a program that speaks as the driver does."""

import json
import os
import signal
import sqlite3
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer
from typing import Any

import psutil
import pytest

from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.provisioning import (
    BackendMissingError,
    CredentialsError,
    DriverDefectError,
    EngineMissingError,
    NotDisposableError,
    PassphraseError,
    PlanChangedError,
    ProvisionStoppedError,
    QuotaExceededError,
    StackFilesError,
    StackInterruptedError,
    StackLockedError,
)
from keyspaces_provider.provisioning import Account, Driver
from keyspaces_provider.stack_files import stack_files
from keyspaces_provider.stack_lease import LeaseKeeper
from tests.unit.keyspaces_provider.recorded import a_recorded_run

MIGRATION = load_migration(Path(__file__).parents[3] / "dags/migrations/flights.yaml")
SECRET = "s3cret-key"
PRELUDE = """
import json, os, signal, sys, time
from pathlib import Path
def say(**line):
    print(json.dumps(line), flush=True)
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow.configuration.AIRFLOW_HOME", str(tmp_path / "home"))


def driver(tmp_path: Path, body: str, *, wait_s: float = 0.0) -> Driver:
    program = tmp_path / "driver.py"
    program.write_text(PRELUDE + textwrap.dedent(body))
    run = a_recorded_run(MIGRATION, ledger=tmp_path / "ledger.db")
    files = stack_files(run)
    return Driver(
        files=files,
        account=Account(
            environment={"AWS_SECRET_ACCESS_KEY": SECRET}, endpoints={"keyspaces": "http://127.0.0.1:9170"}
        ),
        lease=LeaseKeeper(run, stack=files.stack, wait_s=wait_s),
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
    assert "--recover" in preview
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
        (13, StackInterruptedError, "takes up what is left"),
        (14, PassphraseError, "PULUMI_CONFIG_PASSPHRASE_FILE"),
        (15, ProvisionStoppedError, "goes on from what is there"),
        (16, EngineMissingError, "install-pulumi.sh"),
        (17, QuotaExceededError, "quota raised"),
        (18, CredentialsError, "Renew the credentials"),
        (19, NotDisposableError, "Nothing was changed"),
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


def test_two_tasks_never_work_on_one_stack(tmp_path: Path) -> None:
    """The second waits for the first; one that may not wait is told who is at work."""
    go_on, begun = tmp_path / "go-on", tmp_path / "begun"
    body = f"""
    Path({str(begun)!r}).touch()
    while not Path({str(go_on)!r}).exists():
        time.sleep(0.01)
    say(kind="result", command="preview")
    """
    first, second, third = (driver(tmp_path, body, wait_s=wait_s) for wait_s in (0, 60, 0))
    with ThreadPoolExecutor(2) as pool:
        working = pool.submit(first.preview, on_line=silent)
        _wait_for(begun)
        with pytest.raises(StackLockedError, match=r"run run-1 of flights\.provision on"):
            third.preview(on_line=silent)
        said: list[str] = []

        def hear(line: str) -> None:
            said.append(line)
            go_on.touch()

        waiting = pool.submit(second.preview, on_line=hear)
        assert working.result(30) == waiting.result(30)
    assert said[0].startswith("waiting: stack flights-rehearsal is worked on")


def test_a_stop_ends_the_wait_for_the_stack(tmp_path: Path) -> None:
    first, second = (driver(tmp_path, "", wait_s=60) for _ in range(2))
    first.lease.take(stopped=Event(), on_line=silent)
    with pytest.raises(ProvisionStoppedError, match="waiting for the stack"):
        second.preview(on_line=lambda line: second.stop() if "waiting" in line else None)


def test_a_call_that_ended_gives_the_stack_back_even_when_it_failed(tmp_path: Path) -> None:
    with pytest.raises(DriverDefectError):
        driver(tmp_path, "1 / 0").preview(on_line=silent)
    assert driver(tmp_path, 'say(kind="result")').preview(on_line=silent) == {"kind": "result"}


def test_the_plan_and_the_stacks_salt_reach_a_worker_with_another_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = edited(lambda whole: whole["reports"].update(path=str(tmp_path / "shared")))
    run = a_recorded_run(shared, ledger=tmp_path / "ledger.db")
    here = stack_files(run)
    here.fetch()
    here.plan.write_text("the plan")
    here.configuration.write_text("encryptionsalt: v1:abc")
    here.keep()
    monkeypatch.setattr("airflow.configuration.AIRFLOW_HOME", str(tmp_path / "another-home"))
    there = stack_files(run)
    assert there.plan != here.plan
    there.fetch()
    assert there.plan.read_text() == "the plan"
    assert there.configuration.read_text() == "encryptionsalt: v1:abc"


def test_a_salt_that_was_made_twice_is_not_overwritten(tmp_path: Path) -> None:
    run = a_recorded_run(MIGRATION, ledger=tmp_path / "ledger.db")
    files = stack_files(run)
    files.fetch()
    files.configuration.write_text("encryptionsalt: v1:first")
    files.keep()
    files.configuration.write_text("encryptionsalt: v1:second")
    with pytest.raises(StackFilesError, match="made twice"):
        files.keep()
    assert files.shared_configuration.read_text() == "encryptionsalt: v1:first"


def test_a_state_that_matters_needs_a_backend(tmp_path: Path) -> None:
    def edit(whole: dict[str, Any]) -> None:
        whole["environment"]["disposable"] = False
        whole["reports"]["path"] = str(tmp_path / "shared")
        whole["consistency"] = {}
        whole["cutover"] = {}

    run = a_recorded_run(edited(edit), ledger=tmp_path / "ledger.db")
    with pytest.raises(BackendMissingError, match=r"provisioning\.backend"):
        stack_files(run).options(environment={})
    assert "s3://workers" in stack_files(run).options(environment={"PULUMI_BACKEND_URL": "s3://workers"})


def edited(edit: Callable[[dict[str, Any]], object]) -> Migration:
    whole = MIGRATION.model_dump(mode="json", by_alias=True)
    edit(whole)
    return Migration.model_validate_json(json.dumps(whole))


def end_leases(tmp_path: Path) -> None:
    """As if the time of every lease had run out."""
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE stack_leases SET lease_until = '2026-01-01 00:00:00.000000'")


def test_what_a_task_of_another_machine_left_is_not_taken_up(tmp_path: Path) -> None:
    left, after = (driver(tmp_path, 'say(kind="result", arguments=sys.argv[1:])') for _ in range(2))
    left.lease._lease = replace(left.lease._lease, host="worker-2 in a container of its own")
    left.lease.take(stopped=Event(), on_line=silent)
    end_leases(tmp_path)
    assert "--recover" not in after.preview(on_line=silent)["arguments"]


def test_what_a_task_of_this_machine_left_is_taken_up(tmp_path: Path) -> None:
    left, after = (driver(tmp_path, 'say(kind="result", arguments=sys.argv[1:])') for _ in range(2))
    left.lease.take(stopped=Event(), on_line=silent)
    end_leases(tmp_path)
    assert "--recover" in after.preview(on_line=silent)["arguments"]


def test_a_task_whose_stack_was_taken_by_another_asks_its_engine_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keyspaces_provider.stack_lease.RENEW_EVERY_S", 0.0)
    slow, other = driver(tmp_path, STOPPABLE), driver(tmp_path, STOPPABLE)
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        if line.startswith("pid"):
            end_leases(tmp_path)
            other.lease.take(stopped=Event(), on_line=silent)

    with pytest.raises(ProvisionStoppedError, match="1 signal"):
        slow.preview(on_line=hear)
    assert any("another run took it: the engine is asked to end" in line for line in said)
    with pytest.raises(StackLockedError):
        driver(tmp_path, "").preview(on_line=silent)


def test_the_workers_own_credentials_do_not_stand_beside_the_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of the worker")
    monkeypatch.setenv("AWS_PROFILE", "of the worker")
    env = driver(tmp_path, 'say(kind="result", env=dict(os.environ))').preview(on_line=silent)["env"]
    assert "of the worker" not in env.values()
