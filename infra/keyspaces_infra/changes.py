"""What a plan changes, read from the engine's events, and which of it is never applied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pulumi.automation.events import EngineEvent, StepEventMetadata

KEYSPACE_TYPE = "aws:keyspaces/keyspace:Keyspace"
TABLE_TYPE = "aws:keyspaces/table:Table"
CLOUD_CONTROL_TYPE = "aws:cloudcontrol/resource:Resource"
HOLDS_DATA = frozenset({KEYSPACE_TYPE, TABLE_TYPE, CLOUD_CONTROL_TYPE})
"""Resources whose deletion or replacement loses rows."""

_WHAT = {
    KEYSPACE_TYPE: ("keyspace", "its rows"),
    "aws:sqs/queue:Queue": ("queue", "its letters"),
    "aws:s3/bucket:Bucket": ("bucket", "its letters"),
}
_PROTECTED = ("resource", "what it holds")
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # how the engine writes a string that is known only after `up`
_STACK_TYPE = "pulumi:pulumi:Stack"
_COMPONENTS = "keyspaces-migration:"  # they hold others together, and nothing of AWS stands for them


class Op(StrEnum):
    """What happens to a resource, from the mildest to the gravest."""

    ADD = "add"
    CHANGE = "change"
    REPLACE = "replace"
    DELETE = "delete"


# A step that is not named here changes nothing, or is refused because it is not understood.
_OPS = {
    "create": Op.ADD,
    "import": Op.ADD,
    "update": Op.CHANGE,
    "replace": Op.REPLACE,
    "create-replacement": Op.REPLACE,
    "delete-replaced": Op.REPLACE,
    "discard-replaced": Op.REPLACE,
    "import-replacement": Op.REPLACE,
    "read-replacement": Op.REPLACE,
    "remove-pending-replace": Op.REPLACE,
    "delete": Op.DELETE,
    "discard": Op.DELETE,
}
_NOTHING = frozenset({"same", "read", "refresh"})
_GRAVITY = list(Op)
_REFRESH = "refresh"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One resource that a plan changes.

    Attributes:
        op: What happens to it.
        urn: Pulumi's name of it.
        type: Its type token.
        name: Its name in the program: the keyspace's or the table's.
        before: Inputs that differ (all of them, when it is deleted), as they are, by path (`schemaDefinition.columns`);
            None when it is added.
        after: The same inputs as they will be; None when it is deleted.
        replace_keys: Properties because of which it would be made anew.
        was_protected: Whether the state has it protected: what the new program says of that does not count.
    """

    op: Op
    urn: str
    type: str
    name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    replace_keys: tuple[str, ...]
    was_protected: bool


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A change that is never applied, and why."""

    urn: str
    type: str
    name: str
    reason: str


class UnknownStepError(Exception):
    """The engine plans a kind of step that this release does not know: it must not be taken for harmless."""


def read_changes(events: Iterable[EngineEvent]) -> tuple[Change, ...]:
    """Collect what the events of a preview or an update change: one change for each resource, in the order of URNs.

    The engine's own order is that of its threads, and differs from run to run.

    Raises:
        UnknownStepError: A step of a kind that is not known.
    """
    found: dict[str, Change] = {}
    for event in events:
        step = event.resource_pre_event
        change = None if step is None else _change(step.metadata)
        if change is None:
            continue
        earlier = found.get(change.urn)
        # A replacement comes as several steps for the same resource: the gravest says what it is.
        if earlier is None or _GRAVITY.index(change.op) >= _GRAVITY.index(earlier.op):
            found[change.urn] = change
    return tuple(found[urn] for urn in sorted(found))


def read_drift(events: Iterable[EngineEvent], *, moved: frozenset[tuple[str, str]] = frozenset()) -> tuple[Change, ...]:
    """Collect from the events of a refresh what others have changed since the last update, in the order of URNs.

    Only inputs count: what AWS itself moves, such as a status, is no drift. `before` is what the state had, `after`
    what is live. The engine says so in the outputs' event that ends a step of refresh; where a plan follows in the same
    run, its steps end in such events too, and are no drift.

    Args:
        events: The engine's.
        moved: Inputs that AWS moves by itself, by the name of the resource and the input's path: no drift either.
    """
    found = {}
    refreshed: set[str] = set()
    for event in events:
        if (begun := event.resource_pre_event) is not None:
            (refreshed.add if _kind(begun.metadata) == _REFRESH else refreshed.discard)(begun.metadata.urn)
        step = event.res_outputs_event
        if step is None or step.metadata.type.startswith("pulumi:") or step.metadata.urn not in refreshed:
            continue
        refreshed.discard(step.metadata.urn)
        change = _drift(step.metadata, moved=moved)
        if change is not None:
            found[change.urn] = change
    return tuple(found[urn] for urn in sorted(found))


def _drift(step: StepEventMetadata, *, moved: frozenset[tuple[str, str]]) -> Change | None:
    gone = _kind(step) == "delete"
    before, after = _differing(step, gone=gone)
    if not gone:
        before, after = (
            _told(inputs, moved={path for name, path in moved if name == name_of(step.urn)})
            for inputs in (before, after)
        )
    if before == after:
        return None
    return Change(
        op=Op.DELETE if gone else Op.CHANGE,
        urn=step.urn,
        type=step.type,
        name=name_of(step.urn),
        before=before,
        after=after,
        replace_keys=(),
        was_protected=bool(step.old and step.old.protect),
    )


def _told(inputs: Mapping[str, Any] | None, *, moved: set[str]) -> dict[str, Any]:
    """Inputs less what AWS moves, and less what is empty: providers leave it out, or say so."""
    return {path: value for path, value in (inputs or {}).items() if path not in moved and value not in ([], {}, None)}


def provisioned_modes(deployment: Mapping[str, Any]) -> Iterable[tuple[str, str | None]]:
    """Name and throughput mode of each table in a stack's deployment."""
    for resource in deployment.get("resources") or ():
        if resource["type"] == TABLE_TYPE:
            inputs = resource.get("inputs") or {}
            yield str(inputs.get("tableName")), (inputs.get("capacitySpecification") or {}).get("throughputMode")


def refuse(changes: Iterable[Change]) -> tuple[Refusal, ...]:
    """Find the changes that would lose data: a keyspace or a table deleted or made anew, or a column dropped."""
    return tuple(
        Refusal(urn=change.urn, type=change.type, name=change.name, reason=reason)
        for change in changes
        if (change.type in HOLDS_DATA or change.was_protected) and (reason := _reason(change)) is not None
    )


def digest(*, stack: str, migration_digest: str, plan: bytes, changes: Iterable[Change]) -> str:
    """SHA-256, in hexadecimal, of all that an approval of a plan is about."""
    content = {
        "stack": stack,
        "migration": migration_digest,
        "plan": hashlib.sha256(plan).hexdigest(),
        "changes": [asdict(change) for change in changes],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _change(step: StepEventMetadata) -> Change | None:
    kind = _kind(step)
    if kind in _NOTHING or step.type == _STACK_TYPE or step.type.startswith(_COMPONENTS):
        return None
    if kind not in _OPS:
        raise UnknownStepError(f"step {kind!r} for {step.urn}")
    op = _OPS[kind]
    before, after = _differing(step, gone=op is Op.DELETE)
    return Change(
        op=op,
        urn=step.urn,
        type=step.type,
        name=name_of(step.urn),
        before=before,
        after=after,
        replace_keys=_replace_keys(step) if op is Op.REPLACE else (),
        was_protected=bool(step.old and step.old.protect),
    )


def _differing(step: StepEventMetadata, *, gone: bool) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """The inputs before and after, of those that are in both states only what differs."""
    before = readable_inputs(step.old.inputs if step.old else None)
    after = None if gone else readable_inputs(step.new.inputs if step.new else None)
    if before is None or after is None:
        return before, after
    differing = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    return {key: before[key] for key in differing if key in before}, {
        key: after[key] for key in differing if key in after
    }


def _replace_keys(step: StepEventMetadata) -> tuple[str, ...]:
    detail = step.detailed_diff or {}
    exact = sorted(
        path
        for path, diff in detail.items()
        if str(getattr(diff.diff_kind, "value", diff.diff_kind)).endswith("-replace")
    )
    return tuple(exact or sorted(step.keys or ()))


def _kind(step: StepEventMetadata) -> str:
    return str(getattr(step.op, "value", step.op))


def name_of(urn: str) -> str:
    """The name that the program gave a resource."""
    return urn.rpartition("::")[2]


def readable_inputs(inputs: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Inputs by path: the members of an object one level down each for themselves, as a whole schema says too much."""
    if inputs is None:
        return None
    flat: dict[str, Any] = {}
    for name, value in sorted(inputs.items()):
        if name.startswith("__"):
            continue
        readable = _readable(_unpacked(name, value))
        members = readable if isinstance(readable, dict) else None
        flat |= {name: readable} if members is None else {f"{name}.{inner}": each for inner, each in members.items()}
    return flat


def _unpacked(name: str, value: object) -> object:
    if name != "desiredState" or not isinstance(value, str) or value == _UNKNOWN:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _readable(value: object) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return {key: _readable(inner) for key, inner in value.items() if not str(key).startswith("__")}
    if isinstance(value, list | tuple):
        return [_readable(inner) for inner in value]
    return "(known after apply)" if value == _UNKNOWN else value


def _reason(change: Change) -> str | None:
    what, content = _WHAT.get(change.type, ("table", "its rows") if change.type in HOLDS_DATA else _PROTECTED)
    if change.op is Op.DELETE:
        return (
            f"the migration file no longer asks for this {what}, so it would be deleted with {content}. Put it back; "
            "deleting it is for a person, by hand"
        )
    if change.op is Op.REPLACE:
        because = ", ".join(change.replace_keys) or "a change that can't be made in place"
        elsewhere = ", or migrate into a table of another name" if what == "table" else ""
        return (
            f"the {what} would be deleted and made anew, without {content}, because of {because}. Change the file back"
            f"{elsewhere}"
        )
    if lost := _lost_columns(change):
        return (
            f"Keyspaces can't drop a column or change its type: {', '.join(lost)}. Change the file back, or migrate "
            "into a table of another name"
        )
    return None


def _lost_columns(change: Change) -> list[str]:
    """Columns that an update through Cloud Control would drop: CloudFormation calls that a change in place."""
    path = "desiredState.RegularColumns"
    if change.type != CLOUD_CONTROL_TYPE or change.before is None or change.after is None:
        return []
    after = {column["ColumnName"]: column["ColumnType"] for column in change.after.get(path, ())}
    return sorted(
        column["ColumnName"]
        for column in change.before.get(path, ())
        if after.get(column["ColumnName"]) != column["ColumnType"]
    )
