"""The tasks that look at a stack or destroy it, over a real ledger and a driver that says what a test tells it."""

import json
from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.approval import ApprovalRefusedError
from keyspaces_migration.ledger import ReportKind
from keyspaces_migration.ledger.stacks import StackLedger
from keyspaces_migration.lifecycle import Milestone
from keyspaces_migration.provisioning import DriftError, DriverDefectError, NotDisposableError
from keyspaces_provider.operators.destroy import DestroyOperator, PreviewDestroyOperator
from keyspaces_provider.operators.stack import DriftOperator, OutputsOperator
from tests.unit.keyspaces_provider.operators.provision_setting import CHANGE, LEDGER, Setting, shown

BY_HAND = {**CHANGE, "op": "change", "before": {"ttl.status": "ENABLED"}, "after": {"ttl.status": "DISABLED"}}
GONE = {**CHANGE, "op": "delete", "before": {"tableName": "planes"}, "after": None, "was_protected": True}


def look(setting: Setting, drift: list[dict[str, Any]]) -> Any:
    setting.driver_says({"kind": "result", "command": "drift", "stack": "flights-rehearsal", "drift": drift})
    return DriftOperator(task_id="drift", ledger_conn_id=LEDGER).execute(setting.context)


def test_a_look_that_finds_nothing_is_recorded_as_such(setting: Setting) -> None:
    assert look(setting, [])["drifted"] == 0
    newest = StackLedger(setting.run.ledger).newest_look("flights")
    assert newest is not None
    assert newest.drifted == 0


def test_drift_is_recorded_reported_and_fails_the_task(setting: Setting) -> None:
    with pytest.raises(DriftError, match=r"planes \(changed\).*flights\.provision"):
        look(setting, [BY_HAND])
    newest = StackLedger(setting.run.ledger).newest_look("flights")
    assert newest is not None
    assert newest.drifted == 1
    (report,) = setting.run.ledger.reports("flights", kind=ReportKind.DRIFT)
    assert '+ ttl.status: "DISABLED"' in Path(report.path.removeprefix("file://")).read_text()


def test_a_look_that_could_not_be_made_is_no_look(setting: Setting) -> None:
    setting.driver_says({"kind": "error", "error": "X", "message": "AWS does not answer"}, code=77)
    with pytest.raises(DriverDefectError, match="AWS does not answer"):
        DriftOperator(task_id="drift", ledger_conn_id=LEDGER).execute(setting.context)
    assert StackLedger(setting.run.ledger).newest_look("flights") is None


def test_the_outputs_are_kept_as_a_report(setting: Setting) -> None:
    outputs = {"dead_letter_queue_url": "https://queue", "tables": ["planes"]}
    setting.driver_says({"kind": "result", "command": "outputs", "outputs": outputs})
    found = OutputsOperator(task_id="outputs", ledger_conn_id=LEDGER).execute(setting.context)
    assert found["outputs"] == outputs
    (report,) = setting.run.ledger.reports("flights", kind=ReportKind.STACK_OUTPUTS)
    assert json.loads(Path(report.path.removeprefix("file://")).read_text()) == outputs


def preview(setting: Setting) -> None:
    plan = {"kind": "result", "command": "preview-destroy", "stack": "flights-rehearsal", "changes": [GONE]}
    setting.driver_says({**plan, "refused": [], "drift": [], "digest": "d9", "plan": None})
    PreviewDestroyOperator(task_id="preview", ledger_conn_id=LEDGER).execute(setting.context)


def destroy(setting: Setting) -> Any:
    setting.driver_says({"kind": "result", "command": "destroy", "changes": [GONE], "outputs": {}})
    return DestroyOperator(task_id="destroy", migration_file=str(setting.file), ledger_conn_id=LEDGER).execute(
        setting.context
    )


def test_what_was_approved_is_destroyed_and_what_stood_on_it_is_undone(setting: Setting) -> None:
    preview(setting)
    setting.answer(body=shown(setting.run.evidence()))
    assert destroy(setting) == {"deleted": 1, "approved_by": ["admin"]}
    assert setting.calls[1][0] == "destroy"
    assert setting.calls[1][-2:] == ["--digest", "d9"]
    assert Milestone.DESTROYED in {reached.milestone for reached in setting.run.ledger.milestones("flights")}


def test_without_an_approval_nothing_is_destroyed(setting: Setting) -> None:
    preview(setting)
    with pytest.raises(ApprovalRefusedError):
        destroy(setting)
    assert [call[0] for call in setting.calls] == ["preview-destroy"]
    assert Milestone.DESTROYED not in {reached.milestone for reached in setting.run.ledger.milestones("flights")}


def test_an_environment_that_matters_is_not_even_listed(setting: Setting) -> None:
    setting.driver_says({"kind": "error", "error": "NotDisposableError", "message": "rows matter"}, code=19)
    with pytest.raises(NotDisposableError, match="rows matter"):
        PreviewDestroyOperator(task_id="preview", ledger_conn_id=LEDGER).execute(setting.context)
