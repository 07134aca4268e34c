from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from keyspaces_infra.changes import CLOUD_CONTROL_TYPE, KEYSPACE_TYPE, TABLE_TYPE
from keyspaces_infra.errors import CancelledError, InterruptedStackError, StackLockedError
from keyspaces_infra.locks import FolderLocks, Lock, lock_store
from keyspaces_infra.recovery import Locks, take_up

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime.now(UTC)


def a_dead_pid() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def lock_file(state: Path, *, pid: int, host: str | None = None, stack: str = "s", since: datetime = NOW) -> Path:
    path = state / ".pulumi/locks/organization/p" / stack / f"{pid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"pid": pid, "hostname": host or socket.gethostname(), "username": "u", "timestamp": since.isoformat()}
    path.write_text(json.dumps(content))
    return path


def store(state: Path) -> FolderLocks:
    found = lock_store(backend_url=f"file://{state}", project="p", stack="s", environment={})
    assert isinstance(found, FolderLocks)
    return found


def locks(state: Path, *, heard: list[str] | None = None, interrupted: bool = False) -> Locks:
    listener = [] if heard is None else heard
    return Locks(store(state), stack="s", on_line=listener.append, interrupted=lambda: interrupted)


def test_only_the_stacks_own_locks_are_read(tmp_path: Path) -> None:
    mine = lock_file(tmp_path, pid=os.getpid())
    lock_file(tmp_path, pid=os.getpid(), stack="another")
    assert [lock.key for lock in store(tmp_path).read()] == [str(mine)]
    cloud = lock_store(backend_url="https://api.pulumi.com", project="p", stack="s", environment={})
    assert cloud.read() == ()


def test_the_lock_of_an_engine_that_is_gone_is_removed_by_one_who_may(tmp_path: Path) -> None:
    path = lock_file(tmp_path, pid=a_dead_pid())
    with pytest.raises(StackLockedError, match="recover"):
        locks(tmp_path).clear(recovers=False, wait_s=0)
    assert path.exists()
    heard: list[str] = []
    locks(tmp_path, heard=heard).clear(recovers=True, wait_s=0)
    assert not path.exists()
    assert "removing the lock" in heard[0]


def test_a_process_that_began_after_the_lock_is_another_under_its_id(tmp_path: Path) -> None:
    path = lock_file(tmp_path, pid=os.getpid(), since=NOW - timedelta(days=30))
    locks(tmp_path).clear(recovers=True, wait_s=0)
    assert not path.exists()


@pytest.mark.parametrize(
    "alive",
    [{"pid": os.getpid(), "since": NOW + timedelta(minutes=1)}, {"pid": 2**22, "host": "elsewhere"}],
    ids=["runs here", "is elsewhere"],
)
def test_a_lock_that_is_not_proven_dead_stays_and_so_do_all_others(tmp_path: Path, alive: dict[str, Any]) -> None:
    dead, other = lock_file(tmp_path, pid=a_dead_pid()), lock_file(tmp_path, **alive)
    with pytest.raises(StackLockedError, match=rf"process {alive['pid']} on .*[\s\S]*pulumi cancel"):
        locks(tmp_path).clear(recovers=True, wait_s=0)
    assert dead.exists()
    assert other.exists()


def test_an_engine_that_still_runs_here_is_waited_for(tmp_path: Path) -> None:
    running = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    path = lock_file(tmp_path, pid=running.pid, since=datetime.now(UTC))
    heard: list[str] = []

    def hear(line: str) -> None:
        heard.append(line)
        if running.poll() is None:
            running.communicate()

    Locks(store(tmp_path), stack="s", on_line=hear, interrupted=lambda: False).clear(recovers=True, wait_s=60)
    assert f"waiting for process {running.pid}" in heard[0]
    assert not path.exists()


class Flickering(FolderLocks):
    """Between two looks another engine begins."""

    def __init__(self, folder: Path, begins: Callable[[], object]) -> None:
        super().__init__(folder)
        self._begins = begins

    def read(self) -> tuple[Lock, ...]:
        found = super().read()
        self._begins()
        return found


def test_an_engine_that_begins_between_two_looks_keeps_its_lock(tmp_path: Path) -> None:
    dead = lock_file(tmp_path, pid=a_dead_pid())

    def another_begins() -> Path:
        return lock_file(tmp_path, pid=2**22, host="elsewhere")

    store_of_both = Flickering(dead.parent, another_begins)
    heard: list[str] = []
    Locks(store_of_both, stack="s", on_line=heard.append, interrupted=lambda: False).clear(recovers=True, wait_s=0)
    assert not dead.exists()
    assert another_begins().exists()
    assert [lock.host for lock in store(tmp_path).read()] == ["elsewhere"]


def test_a_killed_engine_that_nobody_has_collected_is_gone(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    path = lock_file(tmp_path, pid=killed.pid, since=datetime.now(UTC))
    killed.kill()
    while psutil.Process(killed.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    locks(tmp_path).clear(recovers=True, wait_s=0)
    assert not path.exists()
    killed.communicate()


def test_a_signal_ends_the_wait(tmp_path: Path) -> None:
    lock_file(tmp_path, pid=os.getpid(), since=NOW + timedelta(minutes=1))
    with pytest.raises(CancelledError, match="nothing was changed"):
        locks(tmp_path, interrupted=True).clear(recovers=True, wait_s=60)


def pending(kind: str, operation: str = "creating", **inputs: Any) -> dict[str, Any]:
    return {"type": operation, "resource": {"urn": f"urn::{kind}::x", "type": kind, "inputs": inputs}}


def no_client(service: str) -> Any:
    raise AssertionError(f"{service} was asked")


def test_what_was_being_made_is_taken_up_under_the_id_that_follows_from_its_names() -> None:
    state = json.dumps({"KeyspaceName": "k", "TableName": "t"})
    deployment = {
        "resources": [{"urn": "stack"}],
        "pending_operations": [
            pending(KEYSPACE_TYPE, name="k"),
            pending(TABLE_TYPE, keyspaceName="k", tableName="t"),
            pending(CLOUD_CONTROL_TYPE, desiredState=state),
        ],
    }
    taken = take_up(deployment, client=no_client)
    assert [each.get("id") for each in taken["resources"]] == [None, "k", "k/t", "k|t"]
    assert taken["pending_operations"] == []


def test_what_aws_makes_twice_without_harm_is_left_to_the_next_update() -> None:
    queue = pending("aws:sqs/queue:Queue", name="q")
    assert take_up({"resources": [], "pending_operations": [queue]}, client=no_client)["resources"] == []


def test_a_change_that_was_cut_short_is_left_to_the_refresh() -> None:
    update = pending(TABLE_TYPE, "updating", keyspaceName="k", tableName="t")
    there = {**update["resource"], "id": "k/t"}
    taken = take_up({"resources": [there], "pending_operations": [update]}, client=no_client)
    assert taken["resources"] == [there]


def test_a_resource_that_can_not_be_looked_up_is_for_a_person() -> None:
    deployment = {"resources": [], "pending_operations": [pending("aws:ec2/instance:Instance")]}
    with pytest.raises(InterruptedStackError, match="Look in AWS"):
        take_up(deployment, client=no_client)
