"""Local Keyspaces as a program of its own, started as its guide says, with the guide's own snippets run against it."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from cassandra import InvalidRequest

from rehearsal.processes import processes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guides" / "local-keyspaces.md"
SERVERS = ("CQL", "other nodes", "admin", "control plane")
INTERRUPTED = 130
STOP_TIMEOUT_S = 60

USERS_TEST = """
import boto3

def test_keyspaces_of_the_session(where):
    keyspaces = boto3.client(
        "keyspaces",
        endpoint_url=where["control_plane"],
        region_name=where["region"],
        aws_access_key_id=where["access_key_id"],
        aws_secret_access_key=where["secret_access_key"],
    )
    assert keyspaces.create_keyspace(keyspaceName="users")["resourceArn"].endswith("/keyspace/users/")
"""


@contextmanager
def running(home: Path, *, end: signal.Signals) -> Iterator[dict[str, Any]]:
    """The command of the guide, on free ports; yields what it printed, and ends it, whatever happens meanwhile."""
    command = [sys.executable, "-m", "rehearsal", "up", "--only", "target", "--only", "keyspaces"]
    command += ["--home", str(home), "--free-ports", "--json"]
    errors = home.with_suffix(".err")
    with (
        errors.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT) as program,
    ):
        assert program.stdout is not None
        try:
            line = program.stdout.readline()
            assert line, errors.read_text()
            yield json.loads(line)
        finally:
            program.send_signal(end)
            rest, _ = program.communicate(timeout=STOP_TIMEOUT_S)
    assert (rest, program.returncode) == ("", INTERRUPTED), errors.read_text()


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)


def fixture_snippet() -> str:
    (found,) = (each for each in snippets() if "@pytest.fixture" in each)
    return found


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the guide's snippets left behind, run in their order against the program, and what it was like meanwhile."""
    home = tmp_path_factory.mktemp("alone")
    with running(home, end=signal.SIGINT) as where:
        found: dict[str, Any] = {"where": where, "home": home, "listening": list(listening(home))}
        for snippet in snippets():
            if snippet != fixture_snippet():
                exec(snippet, found)  # noqa: S102 - the guide's own
    found["left"] = list(processes_of(home))
    return found


def listening(home: Path) -> Iterator[str]:
    for process in processes_of(home):
        yield from (c.laddr.ip for c in process.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN)


def test_the_guides_snippets_make_a_table_and_write_and_read_a_row(names: dict[str, Any]) -> None:
    assert names["note"] == "kept"


def test_a_signed_login_reads_the_same_row(names: dict[str, Any]) -> None:
    assert names["note_as_signed"] == "kept"


def test_the_rule_that_the_guide_turns_off_lets_its_statement_pass(names: dict[str, Any]) -> None:
    assert names["rows"] == 1


def test_the_guides_fault_strikes_and_the_write_is_there_all_the_same(names: dict[str, Any]) -> None:
    assert (names["timed_out"], names["late_note"]) == (True, "timed out")


def test_it_says_how_long_the_start_took(names: dict[str, Any]) -> None:
    assert 0 < names["where"]["ready_s"] < 180


def test_it_listens_on_loopback_only(names: dict[str, Any]) -> None:
    assert len(names["listening"]) >= len(SERVERS)
    assert all(ipaddress.ip_address(address.removeprefix("::ffff:")).is_loopback for address in names["listening"])


def test_ctrl_c_leaves_no_process_behind(names: dict[str, Any]) -> None:
    assert names["left"] == []


def test_a_second_start_has_the_rows_and_the_credentials_and_its_rules_on_and_ends_on_sigterm(
    names: dict[str, Any],
) -> None:
    before, home = names["where"], names["home"]
    with running(home, end=signal.SIGTERM) as where:
        assert all(where[name] == before[name] for name in ("username", "password", "secret_access_key", "ca_file"))
        names["where"] = where
        with names["connect"](names["signed"]) as cluster:
            session = cluster.connect()
            found = {row.id: row.note for row in session.execute("SELECT id, note FROM shop.orders")}
            with pytest.raises(InvalidRequest, match="aggregate-function"):
                session.execute("SELECT count(*) FROM shop.orders")
    assert found == {1: "kept", 2: "timed out"}
    assert list(processes_of(home)) == []


def test_the_guides_fixture_serves_another_projects_suite_and_leaves_nothing_behind(tmp_path: Path) -> None:
    suite, scratch = tmp_path / "suite", tmp_path / "scratch"
    suite.mkdir()
    (suite / "conftest.py").write_text(fixture_snippet(), encoding="utf-8")
    (suite / "test_users.py").write_text(USERS_TEST, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(suite), "--basetemp", str(scratch), str(suite)]
    environment = {**os.environ, "KEYSPACES_MIGRATION": str(ROOT)}
    done = subprocess.run(command, cwd=suite, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    home = scratch / "local-keyspaces0"
    assert (home / "target").is_dir()
    assert list(processes_of(home)) == []
