"""What to do after an engine was killed: its lock, and the resources that it was making."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from keyspaces_infra.adoption import Adoption, find_id
from keyspaces_infra.errors import CancelledError, InterruptedStackError, StackLockedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from keyspaces_infra.locks import Lock, LockStore

_LOOK_S = 1.0


class Locks:
    """The locks of a stack, cleared before an operation."""

    def __init__(
        self, store: LockStore, *, stack: str, on_line: Callable[[str], object], interrupted: Callable[[], bool]
    ) -> None:
        self._store = store
        self._stack = stack
        self._on_line = on_line
        self._interrupted = interrupted

    def clear(self, *, recovers: bool, wait_s: float) -> None:
        """Wait for an engine that still runs here, and remove the locks of those that are proven gone.

        `pulumi cancel` would remove every lock, that of a running engine too.

        Args:
            recovers: Whether the caller may remove a lock at all.
            wait_s: How long to wait.

        Raises:
            StackLockedError: One is held by an engine that is not proven gone; none was removed.
            CancelledError: Told to stop while waiting.
        """
        dead = self._when_none_runs(wait_s)
        if dead and not recovers:
            raise StackLockedError(
                f"{self._held(dead)}\nThat engine was killed. `python -m keyspaces_infra recover …` removes its lock "
                "and takes up what it was making"
            )
        for lock in dead:
            self._on_line(f"removing the lock of {lock}")
            self._store.remove(lock)

    def _when_none_runs(self, wait_s: float) -> list[Lock]:
        """The locks of dead engines, of one and the same look in which no other was held."""
        deadline = time.monotonic() + wait_s
        while True:
            found = [(lock, lock.is_dead) for lock in self._store.read()]
            running = [lock for lock, is_dead in found if not is_dead]
            if not running:
                return [lock for lock, _ in found]
            if time.monotonic() >= deadline or not all(lock.is_here for lock in running):
                raise StackLockedError(
                    f"{self._held(running)}\nWait for it. Only when it is certain that no engine works on the stack: "
                    f"`pulumi cancel --stack {self._stack}`, with this backend and its credentials"
                )
            if self._interrupted():
                raise CancelledError("told to stop while waiting for another engine: nothing was changed")
            self._on_line(f"waiting for {', '.join(str(lock) for lock in running)}")
            time.sleep(_LOOK_S)

    def _held(self, locks: Sequence[Lock]) -> str:
        holders = "\n".join(f"  {lock}" for lock in locks)
        return f"stack {self._stack} is locked by\n{holders}"


def describe(pending: Sequence[Mapping[str, Any]]) -> str:
    """What an engine was at when it was killed, for a message."""
    return ", ".join(f"{each['type']} {each['resource']['urn'].rpartition('::')[2]}" for each in pending)


def take_up(deployment: Mapping[str, Any], *, client: Callable[[str], Any]) -> dict[str, Any]:
    """Return a stack's deployment in which what was being made stands as made, and nothing is pending.

    The refresh that must come next looks each of them up, and drops from the state what AWS has not made; changes and
    deletions that were cut short it resolves by itself.

    Args:
        deployment: As the engine exports it.
        client: Gives boto3's client of a service, in the stack's account.

    Raises:
        InterruptedStackError: One is of a type that can't be looked up.
        AmbiguousError: More than one resource in AWS could be it.
    """
    resources = list(deployment.get("resources") or ())
    known = {resource["urn"] for resource in resources}
    taken = {str(resource.get("id")) for resource in resources}
    for operation in deployment.get("pending_operations") or ():
        resource = operation["resource"]
        if operation["type"] != "creating" or resource["urn"] in known:
            continue
        found = _look(resource, taken=taken, client=client)
        if found is not None:
            resources.append({**resource, "id": found, "outputs": {}})
    return {**deployment, "resources": resources, "pending_operations": []}


def _look(resource: Mapping[str, Any], *, taken: set[str], client: Callable[[str], Any]) -> str | None:
    found = find_id(resource["type"], resource.get("inputs") or {}, client=client)
    if found is Adoption.UNKNOWN_TYPE:
        raise InterruptedStackError(
            f"{resource['urn']} was being made when the engine was killed. Look in AWS whether it is there, then "
            "`pulumi import` it, or `pulumi refresh --clear-pending-creates`"
        )
    return None if found is Adoption.MADE_AGAIN or found in taken else found
