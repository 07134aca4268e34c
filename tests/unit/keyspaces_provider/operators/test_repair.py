"""What a repair verifies before it writes, over a real ledger and an HTTP server that answers as Airflow's API does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from keyspaces_migration.approval import ApprovalRefusedError, ApprovalUnreadableError
from keyspaces_migration.config import load_migration
from keyspaces_migration.consistency.kinds import Draw, Leader, MismatchKind, Store, Verdict
from keyspaces_migration.consistency.repair_plan import RepairRefusedError
from keyspaces_migration.ledger import ConfigurationChangedError, LedgerSignatureError, RunConfiguration, schema
from keyspaces_migration.ledger.check_records import MismatchRecord
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.errors import PlanNotRecordedError
from keyspaces_migration.ledger.records import ReportKind
from keyspaces_migration.ledger.repair_records import PlannedRepair, RepairedRow, RepairOutcome, RepairStep
from keyspaces_migration.ledger.repairs import RepairLedger
from keyspaces_migration.lifecycle import Stage
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.operators import repair
from keyspaces_provider.operators.repair import (
    CheckAgainOperator,
    LeaderChangedError,
    NotRepairedError,
    ParamError,
    PlanRepairOperator,
    RepairApprovalNeededOperator,
    RepairOperator,
)
from keyspaces_provider.run import MigrationRun, recorded_run
from tests.checks import a_check
from tests.unit.keyspaces_provider.operators.provision_setting import LEDGER, Setting, shown

DAG_ID, RUN_ID = "flights.repair", "repair-1"
NOW = datetime.now(UTC)
Rows = list[PlannedRepair]


class Stores:
    """Stands where the stores are; what it is asked to write is what got past every check."""

    def __init__(self) -> None:
        self.written: list[Rows] = []
        self.becomes = RepairOutcome.REPAIRED
        self.leads = Leader.SOURCE

    def preview(self, rows: Rows) -> tuple[RepairedRow, ...]:
        return outcomes(rows, RepairOutcome.WRITTEN)

    def repair(self, rows: Rows) -> tuple[RepairedRow, ...]:
        self.written.append(rows)
        return outcomes(rows, RepairOutcome.WRITTEN)

    def check_again(self, rows: Rows, *, done: Any) -> tuple[RepairedRow, ...]:
        assert len(done) in {0, len(rows)}
        return outcomes(rows, self.becomes)


def outcomes(rows: Rows, outcome: RepairOutcome) -> tuple[RepairedRow, ...]:
    return tuple(RepairedRow(table=row.table, key=row.key, outcome=outcome, cells=1) for row in rows)


def write_file(file: Path, *, enabled: bool) -> None:
    content = yaml.safe_load(file.read_text())
    content["consistency"]["repair"] = {"enabled": enabled, "max_rows": 10}
    file.write_text(yaml.safe_dump(content, sort_keys=False))


def record_run(setting: Setting, *, stage: Stage, run_id: str) -> None:
    migration = load_migration(setting.file)
    dag_id = f"flights.{stage.value}"
    setting.run.ledger.record_run(
        RunConfiguration.of(migration, stage=stage, dag_id=dag_id, run_id=run_id, recorded_at=NOW)
    )


def record_check(setting: Setting, *, tail: str = "N1", attempt: int = 1) -> None:
    check = a_check(attempt=attempt, verdict=Verdict.FAIL, started_at=NOW, finished_at=NOW)
    found = MismatchRecord(
        table_name="planes",
        kind=MismatchKind.VALUE_DIFFERS,
        store=Store.TARGET,
        draw=Draw.HISTORY_KEYS,
        key={"tailnum": tail},
        columns=("model",),
        values=None,
        seen_at=NOW,
        confirmed_at=NOW,
    )
    assert CheckLedger(setting.run.ledger).record(check, tables=[], coverage=[], mismatches=[found])


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Stores:
    made = Stores()

    @contextmanager
    def opened(_run: MigrationRun, _leader: Leader) -> Iterator[Stores]:
        yield made

    monkeypatch.setattr(repair, "repairer", opened)
    monkeypatch.setattr(repair, "leader_of", lambda _migration: made.leads)
    return made


@pytest.fixture
def found(setting: Setting, stores: Stores) -> Setting:
    """A recorded run of `repair`, whose file allows repairs, after a check that found one row."""
    assert stores.written == []
    write_file(setting.file, enabled=True)
    record_run(setting, stage=Stage.CONSISTENCY_CHECK, run_id="check-1")
    record_run(setting, stage=Stage.REPAIR, run_id=RUN_ID)
    record_check(setting)
    return setting


def context(*, dry_run: bool = False) -> Any:
    return {
        "dag_run": SimpleNamespace(dag_id=DAG_ID, run_id=RUN_ID),
        "params": {"dry_run": dry_run},
        "ti": SimpleNamespace(try_number=1),
    }


def the_run() -> MigrationRun:
    return recorded_run(context(), ledger_conn_id=LEDGER)


def plan(*, dry_run: bool = False, max_rows: str = "None") -> dict[str, Any]:
    operator = PlanRepairOperator(task_id="plan", ledger_conn_id=LEDGER, check_run_id="None", max_rows=max_rows)
    return operator.execute(context(dry_run=dry_run))


def write(setting: Setting) -> dict[str, int]:
    operator = RepairOperator(task_id="repair", migration_file=str(setting.file), ledger_conn_id=LEDGER)
    return operator.execute(context())


def check_again() -> dict[str, int]:
    return CheckAgainOperator(task_id="check_again", ledger_conn_id=LEDGER).execute(context())


def branch() -> Any:
    return RepairApprovalNeededOperator(task_id="approval_needed", ledger_conn_id=LEDGER).choose_branch(context())


def answer(setting: Setting, evidence: Evidence, *, age: timedelta = timedelta(), **changes: Any) -> None:
    """What Airflow's API says of the gate: approved by the one approver, with the plan shown; `changes` change that."""
    setting.answers["approve_1"] = {
        "task_instance": {"task_id": "approve_1", "dag_id": DAG_ID, "dag_run_id": RUN_ID},
        "body": shown(evidence),
        "responded_by_user": {"id": "admin"},
        "responded_at": (datetime.now(UTC) - age).isoformat(),
        "chosen_options": ["Approve"],
        "params_input": {"confirm_migration": "flights"},
    } | changes


def test_an_approved_plan_is_written_and_what_became_of_it_recorded(found: Setting, stores: Stores) -> None:
    assert plan()["rows"] == 1
    assert branch() == ["approve_1"]
    answer(found, the_run().evidence())
    assert write(found) == {"written": 1}
    ((row,),) = stores.written
    assert (row.table, row.key) == ("planes", {"tailnum": "N1"})
    (approval,) = the_run().ledger.approvals("flights")
    assert (approval.task_id, approval.approved_by) == ("repair", ("admin",))
    assert check_again() == {"repaired": 1}
    results = RepairLedger(the_run().ledger).results(dag_id=DAG_ID, run_id=RUN_ID)
    assert [(result.step, result.counts) for result in results] == [
        (RepairStep.REPAIR, {RepairOutcome.WRITTEN: 1}),
        (RepairStep.CHECK_AGAIN, {RepairOutcome.REPAIRED: 1}),
    ]


def test_nothing_is_written_over_the_store_that_leads_by_now(found: Setting, stores: Stores) -> None:
    plan()
    answer(found, the_run().evidence())
    stores.leads = Leader.TARGET
    with pytest.raises(LeaderChangedError, match="looked while the source led, and the target leads now"):
        write(found)
    assert stores.written == []


def test_rows_that_still_differ_make_the_last_task_red_and_are_reported(found: Setting, stores: Stores) -> None:
    plan()
    answer(found, the_run().evidence())
    write(found)
    stores.becomes = RepairOutcome.STILL_DIFFERENT
    with pytest.raises(NotRepairedError, match="1 still different"):
        check_again()
    (report,) = the_run().ledger.reports("flights", kind=ReportKind.REPAIR)
    assert "still different" in Path(report.path.removeprefix("file://")).read_text()


def test_a_dry_run_reports_and_records_nothing_that_could_be_approved(found: Setting, stores: Stores) -> None:
    assert plan(dry_run=True)["rows"] == 1
    (report,) = the_run().ledger.reports("flights", kind=ReportKind.REPAIR_PLAN)
    assert "This is a dry run" in Path(report.path.removeprefix("file://")).read_text()
    assert the_run().ledger.reports("flights", run_id=RUN_ID, kind=ReportKind.EVIDENCE) == ()
    assert branch() is None
    with pytest.raises(PlanNotRecordedError, match="it was a dry run"):
        write(found)
    assert stores.written == []


def test_without_an_answer_nothing_is_written(found: Setting, stores: Stores) -> None:
    plan()
    with pytest.raises(ApprovalRefusedError, match="required, 0 found"):
        write(found)
    assert stores.written == []


UNFIT: dict[str, Callable[[Setting, Evidence], None]] = {
    "rejected": lambda setting, evidence: answer(setting, evidence, chosen_options=["Reject"]),
    "by a stranger": lambda setting, evidence: answer(setting, evidence, responded_by_user={"id": "mallory"}),
    "another name": lambda setting, evidence: answer(setting, evidence, params_input={"confirm_migration": "trains"}),
    "too old": lambda setting, evidence: answer(setting, evidence, age=timedelta(hours=25)),
    "another plan": lambda setting, evidence: answer(
        setting, Evidence(title="x", facts={**evidence.facts, "max_rows": 9}, page="x")
    ),
    "not answered": lambda setting, evidence: answer(setting, evidence, responded_at=None, responded_by_user=None),
}


@pytest.mark.parametrize("how", UNFIT)
def test_an_approval_that_does_not_count_writes_nothing(how: str, found: Setting, stores: Stores) -> None:
    plan()
    UNFIT[how](found, the_run().evidence())
    with pytest.raises(ApprovalRefusedError):
        write(found)
    assert stores.written == []
    assert the_run().ledger.approvals("flights") == ()


def test_an_answer_that_is_not_understood_writes_nothing(found: Setting, stores: Stores) -> None:
    plan()
    found.answers["approve_1"] = {"body": "x"}
    with pytest.raises(ApprovalUnreadableError):
        write(found)
    assert stores.written == []


def test_a_plan_that_somebody_changed_in_the_database_writes_nothing(found: Setting, stores: Stores) -> None:
    plan()
    answer(found, the_run().evidence())
    recorded = RepairLedger(the_run().ledger).plan(dag_id=DAG_ID, run_id=RUN_ID)
    other = replace(recorded, rows=(replace(recorded.rows[0], key={"tailnum": "N2"}),))
    with the_run().ledger.database.writing() as connection:
        connection.execute(sa.update(schema.repair_plans).values(facts=other.to_json(), digest=other.digest))
    with pytest.raises(LedgerSignatureError, match="repair_plans"):
        write(found)
    assert stores.written == []


def test_a_file_that_changed_since_the_approval_writes_nothing(found: Setting, stores: Stores) -> None:
    plan()
    answer(found, the_run().evidence())
    found.file.write_text(found.file.read_text().replace("max_rows: 10", "max_rows: 9"))
    with pytest.raises(ConfigurationChangedError):
        write(found)
    assert stores.written == []


def test_a_newer_check_does_not_change_what_was_approved(found: Setting, stores: Stores) -> None:
    plan()
    answer(found, the_run().evidence())
    record_check(found, tail="N2", attempt=2)
    write(found)
    assert [[row.key for row in rows] for rows in stores.written] == [[{"tailnum": "N1"}]]


def test_a_file_that_does_not_allow_repairs_is_refused_unless_the_run_is_dry(setting: Setting, stores: Stores) -> None:
    write_file(setting.file, enabled=False)
    record_run(setting, stage=Stage.CONSISTENCY_CHECK, run_id="check-1")
    record_run(setting, stage=Stage.REPAIR, run_id=RUN_ID)
    record_check(setting)
    assert plan(dry_run=True)["rows"] == 1
    with pytest.raises(RepairRefusedError, match="set it to true in the migration file"):
        plan()
    assert stores.written == []


@pytest.mark.parametrize("given", ["many", "-1", "1.5"])
def test_a_cap_that_is_no_number_is_refused(found: Setting, given: str) -> None:
    assert found
    with pytest.raises(ParamError, match="a whole number from 1"):
        plan(max_rows=given)
