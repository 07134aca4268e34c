"""What to do after an engine was killed: its lock, and the resources that it was making."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from keyspaces_infra.changes import CLOUD_CONTROL_TYPE, KEYSPACE_TYPE, TABLE_TYPE
from keyspaces_infra.errors import InterruptedStackError, StackLockedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keyspaces_infra.locks import Lock


def remove_dead(locks: Sequence[Lock]) -> None:
    """Remove the locks of engines that are proven gone.

    `pulumi cancel` would remove every lock, that of a running engine too.

    Raises:
        StackLockedError: One is not proven dead; none was removed.
    """
    if alive := [lock for lock in locks if not lock.is_dead]:
        holders = "\n".join(f"  {lock}" for lock in alive)
        raise StackLockedError(
            f"the stack is locked by\n{holders}\nOnly when it is certain that no engine works on it: `pulumi cancel`"
        )
    for lock in locks:
        lock.path.unlink(missing_ok=True)


def take_up(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stack's deployment in which what was being made stands as made, and nothing is pending.

    A keyspace's and a table's id follow from their names. The refresh that must come next looks each of them up, and
    drops from the state what AWS has not made; changes and deletions that were cut short it resolves by itself.

    Raises:
        InterruptedStackError: One is of a type whose id is not known before it is made.
    """
    known = {resource["urn"] for resource in deployment.get("resources") or ()}
    made = [
        {**operation["resource"], "id": _id(operation["resource"]), "outputs": {}}
        for operation in deployment.get("pending_operations") or ()
        if operation["type"] == "creating" and operation["resource"]["urn"] not in known
    ]
    return {**deployment, "resources": [*(deployment.get("resources") or ()), *made], "pending_operations": []}


def _id(resource: Mapping[str, Any]) -> str:
    inputs = resource.get("inputs") or {}
    match resource["type"]:
        case str(kind) if kind == KEYSPACE_TYPE:
            return str(inputs["name"])
        case str(kind) if kind == TABLE_TYPE:
            return f"{inputs['keyspaceName']}/{inputs['tableName']}"
        case str(kind) if kind == CLOUD_CONTROL_TYPE:
            state = json.loads(inputs["desiredState"])
            return f"{state['KeyspaceName']}|{state['TableName']}"
    raise InterruptedStackError(
        f"{resource['urn']} was being made when the engine was killed. Look in AWS whether it is there, then "
        "`pulumi import` it, or `pulumi refresh --clear-pending-creates`"
    )
