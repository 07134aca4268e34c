from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_infra.changes import CLOUD_CONTROL_TYPE, KEYSPACE_TYPE, TABLE_TYPE
from keyspaces_infra.errors import InterruptedStackError, StackLockedError
from keyspaces_infra.locks import Lock, read_locks
from keyspaces_infra.recovery import remove_dead, take_up

if TYPE_CHECKING:
    from pathlib import Path


def a_dead_pid() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def lock_file(state: Path, *, pid: int, host: str | None = None, stack: str = "s") -> Path:
    path = state / ".pulumi/locks/organization/p" / stack / f"{pid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "pid": pid,
        "hostname": host or socket.gethostname(),
        "username": "u",
        "timestamp": "2026-11-23T10:00:00Z",
    }
    path.write_text(json.dumps(content))
    return path


def locks(state: Path) -> tuple[Lock, ...]:
    return read_locks(backend_url=f"file://{state}", project="p", stack="s")


def test_only_the_stacks_own_locks_are_read(tmp_path: Path) -> None:
    mine = lock_file(tmp_path, pid=os.getpid())
    lock_file(tmp_path, pid=os.getpid(), stack="another")
    assert [lock.path for lock in locks(tmp_path)] == [mine]
    assert read_locks(backend_url="s3://bucket", project="p", stack="s") == ()


def test_the_lock_of_an_engine_that_is_gone_is_removed(tmp_path: Path) -> None:
    path = lock_file(tmp_path, pid=a_dead_pid())
    remove_dead(locks(tmp_path))
    assert not path.exists()


@pytest.mark.parametrize("alive", [{"pid": os.getpid()}, {"pid": 1}, {"pid": 2**22, "host": "elsewhere"}])
def test_a_lock_that_is_not_proven_dead_stays_and_so_do_all_others(tmp_path: Path, alive: dict[str, Any]) -> None:
    dead, other = lock_file(tmp_path, pid=a_dead_pid()), lock_file(tmp_path, **alive)
    with pytest.raises(StackLockedError, match=f"process {alive['pid']} on"):
        remove_dead(locks(tmp_path))
    assert dead.exists()
    assert other.exists()


def pending(kind: str, operation: str = "creating", **inputs: Any) -> dict[str, Any]:
    return {"type": operation, "resource": {"urn": f"urn::{kind}::x", "type": kind, "inputs": inputs}}


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
    taken = take_up(deployment)
    assert [each.get("id") for each in taken["resources"]] == [None, "k", "k/t", "k|t"]
    assert taken["pending_operations"] == []


def test_a_change_that_was_cut_short_is_left_to_the_refresh() -> None:
    update = pending(TABLE_TYPE, "updating", keyspaceName="k", tableName="t")
    there = {**update["resource"], "id": "k/t"}
    taken = take_up({"resources": [there], "pending_operations": [update]})
    assert taken["resources"] == [there]


def test_a_resource_whose_id_is_not_known_beforehand_is_for_a_person() -> None:
    with pytest.raises(InterruptedStackError, match="Look in AWS"):
        take_up({"resources": [], "pending_operations": [pending("aws:sqs/queue:Queue")]})
