"""Local Keyspaces as a program of its own, started as its guide says, with the guide's own snippets run against it."""

from __future__ import annotations

import ipaddress
import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from cassandra.cluster import Cluster

from rehearsal.ports import free_ports
from rehearsal.processes import processes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guides" / "local-keyspaces.md"
PORTS = ("target", "target-storage", "target-admin", "keyspaces")


@contextmanager
def running(home: Path) -> Iterator[dict[str, Any]]:
    """The command of the guide, on free ports; yields what it printed, and ends it as Ctrl-C does."""
    moved = [f"{name}={port}" for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)]
    command = [sys.executable, "-m", "rehearsal", "up", "--home", str(home), "--json"]
    command += ["--only", "target", "--only", "keyspaces", *(part for port in moved for part in ("--port", port))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as program:
        assert program.stdout is not None
        line = program.stdout.readline()
        assert line, program.communicate()[1]
        yield json.loads(line)
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=60)


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the guide's snippets left behind, run in their order against the program, and what it was like meanwhile."""
    home = tmp_path_factory.mktemp("alone")
    with running(home) as where:
        found: dict[str, Any] = {"where": where, "home": home, "listening": list(listening(home))}
        for snippet in snippets():
            exec(snippet, found)  # noqa: S102 - the guide's own
        with Cluster(
            [where["host"]],
            port=where["port"],
            ssl_context=found["ssl"].create_default_context(cafile=where["ca_file"]),
            protocol_version=4,
            auth_provider=found["signed"],
            execution_profiles={found["EXEC_PROFILE_DEFAULT"]: found["profile"]},
        ) as cluster:
            found["note_as_signed"] = cluster.connect().execute("SELECT note FROM shop.orders").one().note
    return found


def listening(home: Path) -> Iterator[str]:
    for process in processes_of(home):
        yield from (c.laddr.ip for c in process.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN)


def test_the_guides_snippets_make_a_table_and_write_and_read_a_row(names: dict[str, Any]) -> None:
    assert names["note"] == "kept"


def test_a_signed_login_reads_the_same_row(names: dict[str, Any]) -> None:
    assert names["note_as_signed"] == "kept"


def test_it_listens_on_loopback_only(names: dict[str, Any]) -> None:
    assert len(names["listening"]) >= len(PORTS)
    assert all(ipaddress.ip_address(address.removeprefix("::ffff:")).is_loopback for address in names["listening"])


def test_it_leaves_no_process_behind(names: dict[str, Any]) -> None:
    assert list(processes_of(names["home"])) == []


def test_a_second_start_has_the_rows_and_lets_the_same_user_in(names: dict[str, Any]) -> None:
    before = names["where"]
    with running(names["home"]) as where:
        assert (where["password"], where["secret_access_key"]) == (before["password"], before["secret_access_key"])
        read = next(each for each in snippets() if "SELECT note" in each).replace("INSERT INTO", "-- INSERT INTO")
        found: dict[str, Any] = {"where": where}
        exec(re.sub(r"session\.execute\(\"-- .*\n", "", read), found)  # noqa: S102 - the guide's own
        assert found["note"] == "kept"
