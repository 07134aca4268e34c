from __future__ import annotations

import json
from typing import Any

import pytest
from pulumi.automation.events import EngineEvent, OpType

from keyspaces_infra.changes import (
    CLOUD_CONTROL_TYPE,
    KEYSPACE_TYPE,
    TABLE_TYPE,
    Op,
    UnknownStepError,
    digest,
    read_changes,
    read_drift,
    refuse,
)


def step(op: str, *, kind: str = TABLE_TYPE, name: str = "t", **metadata: Any) -> EngineEvent:
    urn = f"urn:pulumi:test::keyspaces-migration::{kind}::{name}"
    content = {"op": op, "urn": urn, "type": kind, "provider": "", **metadata}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resourcePreEvent": {"metadata": content}})


def state(**inputs: Any) -> dict[str, Any]:
    return {"type": "", "urn": "", "id": "", "parent": "", "provider": "", "inputs": inputs}


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("create", Op.ADD),
        ("import", Op.ADD),
        ("update", Op.CHANGE),
        ("replace", Op.REPLACE),
        ("create-replacement", Op.REPLACE),
        ("delete-replaced", Op.REPLACE),
        ("discard-replaced", Op.REPLACE),
        ("read-replacement", Op.REPLACE),
        ("import-replacement", Op.REPLACE),
        ("remove-pending-replace", Op.REPLACE),
        ("delete", Op.DELETE),
        ("discard", Op.DELETE),
    ],
)
def test_each_step_of_the_engine_has_its_effect(op: str, expected: Op) -> None:
    assert [change.op for change in read_changes([step(op)])] == [expected]


def test_every_step_that_the_engine_knows_is_classified() -> None:
    for op in OpType:
        assert len(read_changes([step(op.value)])) == (0 if op.value in ("same", "read", "refresh") else 1)


def test_a_step_of_an_unknown_kind_is_not_taken_for_harmless() -> None:
    with pytest.raises((UnknownStepError, ValueError), match="vaporise"):
        read_changes([step("vaporise")])


@pytest.mark.parametrize("order", [("delete-replaced", "replace", "create-replacement"), ("delete", "create")])
def test_of_several_steps_for_one_resource_the_gravest_counts(order: tuple[str, ...]) -> None:
    for steps in (order, order[::-1]):
        changes = read_changes([step(op) for op in steps])
        assert [change.op for change in changes] == [Op.DELETE if "delete" in order else Op.REPLACE]


def test_changes_do_not_depend_on_the_order_of_the_engines_threads() -> None:
    events = [step("create", name=name) for name in ("c", "a", "b")]
    assert read_changes(events) == read_changes(reversed(events))


def test_a_change_shows_only_what_differs_by_its_path() -> None:
    before = {"schemaDefinition": {"columns": [1], "partitionKeys": [2]}, "tags": {"Type": "table"}}
    after = {"schemaDefinition": {"columns": [1, 3], "partitionKeys": [2]}, "tags": {"Type": "table"}}
    (change,) = read_changes([step("update", old=state(**before), new=state(**after))])
    assert (change.before, change.after) == ({"schemaDefinition.columns": [1]}, {"schemaDefinition.columns": [1, 3]})


def test_what_is_known_only_after_apply_is_said_so() -> None:
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    (change,) = read_changes([step("create", new=state(arn=unknown, list=[unknown]))])
    assert change.after == {"arn": "(known after apply)", "list": ["(known after apply)"]}


@pytest.mark.parametrize("kind", [KEYSPACE_TYPE, TABLE_TYPE, CLOUD_CONTROL_TYPE])
@pytest.mark.parametrize("op", ["delete", "replace", "create-replacement", "delete-replaced", "discard"])
def test_deleting_or_replacing_what_holds_rows_is_refused(kind: str, op: str) -> None:
    (refusal,) = refuse(read_changes([step(op, kind=kind)]))
    assert refusal.name == "t"


def test_other_resources_may_be_replaced_and_tables_added_and_changed() -> None:
    events = [step("replace", kind="pulumi:providers:aws"), step("create", name="a"), step("update", name="b")]
    assert refuse(read_changes(events)) == ()


def test_the_reason_names_the_property_that_replaces() -> None:
    detail = {
        "schemaDefinition.clusteringKeys": {"diffKind": "update-replace", "inputDiff": True},
        "tags": {"diffKind": "update", "inputDiff": True},
    }
    (refusal,) = refuse(read_changes([step("replace", keys=["schemaDefinition"], detailedDiff=detail)]))
    assert "because of schemaDefinition.clusteringKeys." in refusal.reason


@pytest.mark.parametrize(
    ("after", "refused"),
    [
        ([{"ColumnName": "a", "ColumnType": "int"}, {"ColumnName": "b", "ColumnType": "int"}], False),
        ([{"ColumnName": "a", "ColumnType": "text"}], True),
        ([], True),
    ],
)
def test_a_column_that_cloud_control_would_drop_is_refused(after: list[dict[str, str]], *, refused: bool) -> None:
    def desired(columns: list[dict[str, str]]) -> dict[str, Any]:
        return state(desiredState=json.dumps({"RegularColumns": columns}))

    before = [{"ColumnName": "a", "ColumnType": "int"}]
    events = [step("update", kind=CLOUD_CONTROL_TYPE, old=desired(before), new=desired(after))]
    assert bool(refuse(read_changes(events))) is refused


def test_the_digest_changes_with_everything_that_was_approved() -> None:
    changes = read_changes([step("create", new=state(a=1))])
    base: dict[str, Any] = {"stack": "s", "migration_digest": "m", "plan": b"p", "changes": changes}
    others: list[dict[str, Any]] = [{"stack": "x"}, {"migration_digest": "x"}, {"plan": b"x"}, {"changes": ()}]
    digests = {digest(**base), *(digest(**base | other) for other in others)}
    assert len(digests) == 5
    assert digest(**base) == digest(**base)


@pytest.mark.parametrize("kind", ["aws:sqs/queue:Queue", "aws:s3/bucket:Bucket"])
def test_what_the_state_protects_is_refused_whatever_the_new_program_says(kind: str) -> None:
    old, new = {**state(), "protect": True}, {**state(), "protect": False}
    (refusal,) = refuse(read_changes([step("replace", kind=kind, old=old, new=new)]))
    assert "its letters" in refusal.reason
    assert refuse(read_changes([step("replace", kind=kind, old=state(), new=state())])) == ()


def looked(op: str, *, kind: str = TABLE_TYPE, **metadata: Any) -> EngineEvent:
    content = {
        "op": op,
        "urn": f"urn:pulumi:test::keyspaces-migration::{kind}::t",
        "type": kind,
        "provider": "",
        **metadata,
    }
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "resOutputsEvent": {"metadata": content}})


LOOKS = step("refresh")


def test_drift_is_what_a_refresh_found_in_the_inputs() -> None:
    old, new = state(ttl={"status": "ENABLED"}, name="t"), state(ttl={"status": "DISABLED"}, name="t")
    (drift,) = read_drift([LOOKS, looked("update", old=old, new=new)])
    assert (drift.op, drift.before, drift.after) == (Op.CHANGE, {"ttl.status": "ENABLED"}, {"ttl.status": "DISABLED"})
    (gone,) = read_drift([LOOKS, looked("delete", old=old)])
    assert (gone.op, gone.after) == (Op.DELETE, None)


def test_what_aws_moves_by_itself_is_no_drift() -> None:
    old, new = {**state(name="t"), "outputs": {"status": "UPDATING"}}, {**state(name="t"), "outputs": {}}
    assert read_drift([LOOKS, looked("update", old=old, new=new)]) == ()
    assert read_drift([LOOKS]) == ()


def test_a_plan_in_the_same_run_is_no_drift() -> None:
    left, live = state(ttl={"status": "ENABLED"}), state(ttl={"status": "DISABLED"})
    looking = [LOOKS, looked("update", old=left, new=live)]
    planned = [step("update", old=live, new=left), looked("update", old=live, new=left)]
    (drift,) = read_drift([*looking, *planned])
    assert (drift.before, drift.after) == ({"ttl.status": "ENABLED"}, {"ttl.status": "DISABLED"})
    assert read_drift(planned) == ()


def test_what_auto_scaling_moves_and_what_is_empty_is_no_drift() -> None:
    units = "capacitySpecification.readCapacityUnits"
    old = state(capacitySpecification={"readCapacityUnits": 10}, staticColumns=[])
    new = state(capacitySpecification={"readCapacityUnits": 50})
    assert read_drift([LOOKS, looked("update", old=old, new=new)], moved=frozenset({("t", units)})) == ()
    (drift,) = read_drift([LOOKS, looked("update", old=old, new=new)], moved=frozenset({("another", units)}))
    assert (drift.before, drift.after) == ({units: 10}, {units: 50})


def test_a_component_is_no_change_of_its_own() -> None:
    assert read_changes([step("create", kind="keyspaces-migration:index:FeatureFlag")]) == ()
