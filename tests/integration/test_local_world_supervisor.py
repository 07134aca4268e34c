from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from rehearsal.home import take_down
from rehearsal.ports import free_ports
from rehearsal.processes import processes_of
from rehearsal.settings import Component, WorldPorts, WorldSettings
from rehearsal.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
START_TIMEOUT_S = 180


class Supervised:
    """A world whose supervisor is a process that can be signalled."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.aws, self.snowflake = free_ports(2)
        self.output = home.with_suffix(".out")

    def rehearsal(self, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", "rehearsal", *arguments, "--home", str(self.home))

    def up_command(self, *more: str) -> tuple[str, ...]:
        ports = ("--port", f"aws={self.aws}", "--port", f"snowflake={self.snowflake}")
        return (*self.rehearsal("up", *more), *ports, "--days", "1")

    def up(self, *more: str) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            supervisor = subprocess.Popen(self.up_command(*more), cwd=REPOSITORY, stdout=output, stderr=output)
        deadline = time.monotonic() + START_TIMEOUT_S
        while "Ctrl-C takes it down" not in self.output.read_text():
            assert supervisor.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.1)
        return supervisor

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self.rehearsal(*arguments)
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Supervised]:
    made = Supervised(tmp_path / "world")
    yield made
    take_down(made.home)


def test_sigkill_of_the_supervisor_costs_no_data_and_leaves_nothing_behind(world: Supervised) -> None:
    supervisor = world.up("--only", "aws", "--only", "snowflake")
    assert "sample data of the history: loaded and counted" in world.output.read_text()
    assert len(list(processes_of(world.home))) >= 2
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    again = world.up("--only", "aws", "--only", "snowflake")
    assert "sample data of the history: kept from an earlier run" in world.output.read_text()
    again.send_signal(signal.SIGKILL)
    again.wait()
    cleaned = world.run("clean")
    assert cleaned.returncode == 0, cleaned.stdout + cleaned.stderr
    assert list(processes_of(world.home)) == []
    assert not world.home.exists()


@pytest.mark.full
def test_a_survivor_that_ignores_its_supervisors_death_is_ended_by_the_next_start(world: Supervised) -> None:
    supervisor = world.up("--only", "aws")
    stubborn = subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"],
        env={**os.environ, "KEYSPACES_MIGRATION_WORLD": str(world.home)},
        start_new_session=True,
    )
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait()
    again = world.up("--only", "aws")
    assert stubborn.wait(timeout=5) == -signal.SIGKILL
    assert f"ended what an earlier run left behind: {stubborn.pid} " in world.output.read_text().replace("\n", " ")
    again.send_signal(signal.SIGTERM)
    assert again.wait(timeout=60) == 130
    assert list(processes_of(world.home)) == []


def test_a_second_supervisor_is_refused_and_down_ends_the_first(world: Supervised) -> None:
    supervisor = world.up("--only", "aws")
    second = subprocess.run(
        world.up_command("--only", "aws"), cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
    )
    assert second.returncode == 1
    assert f"is run by process {supervisor.pid} already" in second.stdout
    assert world.run("status").returncode == 0
    down = world.run("down")
    assert down.returncode == 0
    assert supervisor.wait(timeout=10) == 130
    assert list(processes_of(world.home)) == []
    assert world.home.exists()


def test_a_part_that_dies_takes_the_world_down_with_its_log(world: Supervised) -> None:
    supervisor = world.up("--only", "aws")
    (aws,) = processes_of(world.home)
    aws.kill()
    assert supervisor.wait(timeout=60) == 1
    assert "AWS stand-in ended by itself with exit code -9" in world.output.read_text()


def test_a_taken_port_is_said_before_anything_starts(world: Supervised) -> None:
    with socket.create_server(("127.0.0.1", world.aws)):
        refused = subprocess.run(
            world.up_command("--only", "aws"), cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
        )
    assert refused.returncode == 1
    assert (
        f"port {world.aws} on 127.0.0.1, which AWS stand-in needs, is held by process {os.getpid()}" in refused.stdout
    )
    assert not (world.home / "logs" / "aws.log").exists()


def test_data_is_kept_between_runs_unless_it_is_wiped(tmp_path: Path) -> None:
    ports = WorldPorts.free()

    def queues(*, wipe: bool, make: str | None = None) -> list[str]:
        settings = WorldSettings(home=tmp_path / "world", ports=ports, components=frozenset({Component.AWS}), wipe=wipe)
        with World(settings) as world:
            client = boto3.client(
                "sqs",
                endpoint_url=world.aws.endpoint_url,
                region_name="eu-west-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            if make:
                client.create_queue(QueueName=make)
            return [url.rpartition("/")[2] for url in client.list_queues().get("QueueUrls", [])]

    assert queues(wipe=False, make="letters") == ["letters"]
    assert queues(wipe=False) == ["letters"]
    assert queues(wipe=True) == []
