"""The acting tasks of `provision`, over a real ledger, a driver that says what a test tells it, and an HTTP server
that answers as Airflow's API does."""

from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.approval import ApprovalRefusedError
from keyspaces_migration.ledger import ConfigurationChangedError, LedgerSignatureError, ReportKind
from keyspaces_migration.provisioning import PlanRefusedError
from keyspaces_provider.evidence import Evidence, EvidenceDamagedError
from keyspaces_provider.operators.provision import ApplyOperator, ApprovalNeededOperator, PreviewOperator
from tests.unit.keyspaces_provider.operators.provision_setting import CHANGE, LEDGER, MIGRATION, RUN_ID, Setting, shown

PLAN = {
    "kind": "result",
    "command": "preview",
    "stack": "flights-rehearsal",
    "changes": [CHANGE],
    "refused": [],
    "drift": [],
}
PLAN = {**PLAN, "digest": "d1", "plan": "plan.json"}


def preview(setting: Setting, plan: dict[str, Any]) -> Evidence:
    setting.driver_says(plan)
    PreviewOperator(task_id="preview", ledger_conn_id=LEDGER).execute(setting.context)
    return setting.run.evidence()


def apply(setting: Setting) -> dict[str, Any]:
    setting.driver_says({"kind": "result", "command": "up", "changes": [CHANGE], "outputs": {}})
    return ApplyOperator(task_id="apply", migration_file=str(setting.file), ledger_conn_id=LEDGER).execute(
        setting.context
    )


def operations(setting: Setting) -> list[str]:
    return [call[0] for call in setting.calls]


def test_the_evidence_covers_the_plan_and_every_change_in_it(setting: Setting) -> None:
    evidence = preview(setting, PLAN)
    assert evidence.facts["plan_digest"] == "d1"
    assert evidence.facts["changes"] == [CHANGE]
    assert evidence.facts["migration_digest"] == MIGRATION.digest
    assert "planes" in evidence.page


def test_what_was_approved_is_applied_under_its_digest_and_the_approval_is_in_the_ledger(setting: Setting) -> None:
    evidence = preview(setting, PLAN)
    setting.answer(body=shown(evidence))
    assert apply(setting) == {"changed": 1, "approved_by": ["admin"]}
    assert operations(setting) == ["preview", "up"]
    assert setting.calls[1][-2:] == ["--digest", "d1"]
    (approval,) = setting.run.ledger.approvals("flights")
    assert (approval.task_id, approval.evidence_digest) == ("apply", evidence.digest)


def test_without_an_answer_nothing_is_applied(setting: Setting) -> None:
    preview(setting, PLAN)
    with pytest.raises(ApprovalRefusedError):
        apply(setting)
    assert operations(setting) == ["preview"]


@pytest.mark.parametrize("wrong", [{"user": "alice"}, {"typed": "trains"}])
def test_an_answer_of_the_wrong_person_or_without_the_name_applies_nothing(
    setting: Setting, wrong: dict[str, str]
) -> None:
    setting.answer(body=shown(preview(setting, PLAN)), **wrong)
    with pytest.raises(ApprovalRefusedError):
        apply(setting)
    assert operations(setting) == ["preview"]


def test_an_approval_of_an_earlier_preview_does_not_count_for_a_later_one(setting: Setting) -> None:
    setting.answer(body=shown(preview(setting, PLAN)))
    preview(setting, {**PLAN, "digest": "d2"})
    with pytest.raises(ApprovalRefusedError, match="other evidence"):
        apply(setting)
    assert operations(setting) == ["preview", "preview"]


def test_a_plan_without_changes_is_not_applied_and_needs_nobody(setting: Setting) -> None:
    preview(setting, {**PLAN, "changes": []})
    needed = ApprovalNeededOperator(task_id="approval_needed", ledger_conn_id=LEDGER, otherwise="apply")
    assert needed.choose_branch(setting.context) == ["apply"]
    assert apply(setting) == {"changed": 0, "approved_by": []}
    assert operations(setting) == ["preview"]


def test_a_plan_with_changes_goes_through_every_gate(setting: Setting) -> None:
    preview(setting, PLAN)
    needed = ApprovalNeededOperator(task_id="approval_needed", ledger_conn_id=LEDGER, otherwise="apply")
    assert needed.choose_branch(setting.context) == ["approve_1"]


def test_a_refused_plan_fails_with_its_report_kept_and_nothing_to_approve(setting: Setting) -> None:
    refusal = {"urn": "u", "type": "t", "name": "planes", "reason": "it would be deleted with its rows"}
    setting.driver_says({**PLAN, "refused": [refusal], "digest": None}, code=10)
    with pytest.raises(PlanRefusedError, match="planes: it would be deleted"):
        PreviewOperator(task_id="preview", ledger_conn_id=LEDGER).execute(setting.context)
    (report,) = setting.run.ledger.reports("flights", run_id=RUN_ID, kind=ReportKind.PROVISION_PLAN)
    assert "it would be deleted" in Path(report.path.removeprefix("file://")).read_text()
    with pytest.raises(EvidenceDamagedError):
        apply(setting)


def test_edited_evidence_is_never_applied(setting: Setting) -> None:
    setting.answer(body=shown(preview(setting, PLAN)))
    (report,) = setting.run.ledger.reports("flights", run_id=RUN_ID, kind=ReportKind.EVIDENCE)
    file = Path(report.path.removeprefix("file://"))
    file.write_text(file.read_text().replace('"d1"', '"d2"'))
    with pytest.raises(EvidenceDamagedError):
        apply(setting)
    assert operations(setting) == ["preview"]


def test_while_an_approval_in_the_ledger_is_not_as_it_was_signed_no_other_counts(setting: Setting) -> None:
    setting.answer(body=shown(preview(setting, PLAN)))
    apply(setting)
    with setting.run.ledger.database.writing() as connection:
        connection.exec_driver_sql("""UPDATE approvals SET approved_by = '["mallory"]'""")
    with pytest.raises(LedgerSignatureError, match="approval"):
        apply(setting)
    assert operations(setting) == ["preview", "up"]


def test_a_file_that_has_changed_since_the_run_began_applies_nothing(setting: Setting) -> None:
    setting.answer(body=shown(preview(setting, PLAN)))
    setting.file.write_text(setting.file.read_text().replace("CostCentre: rehearsal", "CostCentre: another"))
    with pytest.raises(ConfigurationChangedError, match="Start a new run"):
        apply(setting)
    assert operations(setting) == ["preview"]
