"""What a load may cost, over a real ledger and an HTTP server that answers as Airflow's API does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from keyspaces_migration.approval import ApprovalUnreadableError
from keyspaces_migration.backfill import PlanChangedError, approval_counts_for
from keyspaces_migration.config import load_migration
from keyspaces_migration.ledger import LedgerSignatureError, RunConfiguration, schema
from keyspaces_migration.ledger.backfill_records import SplitCounts, SplitUsage
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.errors import PlanNotRecordedError
from keyspaces_migration.ledger.plan_records import LoadPlan
from keyspaces_migration.lifecycle import Stage
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.operators import backfill
from keyspaces_provider.operators.backfill import LoadTableOperator
from keyspaces_provider.operators.backfill_cost import CostApprovalNeededOperator, CostNotAllowedError
from keyspaces_provider.run import MigrationRun, recorded_run
from tests.unit.keyspaces_provider.operators.provision_setting import LEDGER, Setting, shown
from tests.unit.keyspaces_provider.recorded import SNAPSHOT, a_load_plan, record_plan

DAG_ID, RUN_ID = "flights.historical_backfill", "load-1"
NOW = datetime.now(UTC)
ALLOWED_USD = 0.001
"""What the sample's file lets a load cost."""


class ReachedTheHistoryError(Exception):
    """The task has let itself act: it opens the history, which is the first thing that a load needs."""


@pytest.fixture
def load_setting(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """A recorded run of `historical_backfill`; whoever opens the history has got past every check."""

    def history(_run: MigrationRun) -> None:
        raise ReachedTheHistoryError

    monkeypatch.setattr(backfill, "_history", history)
    migration = load_migration(setting.file)
    setting.run.ledger.record_run(
        RunConfiguration.of(migration, stage=Stage.HISTORICAL_BACKFILL, dag_id=DAG_ID, run_id=RUN_ID, recorded_at=NOW)
    )
    return setting


def context() -> Any:
    return {"dag_run": SimpleNamespace(dag_id=DAG_ID, run_id=RUN_ID)}


def the_run() -> MigrationRun:
    return recorded_run(context(), ledger_conn_id=LEDGER)


def a_plan(*, cost_usd: float) -> LoadPlan:
    return a_load_plan(the_run(), cost_usd=cost_usd, planned_at=NOW)


def plan(*, cost_usd: float, snapshot: str = SNAPSHOT) -> Evidence:
    """Record a plan as the task `plan` does, and return what approvers are shown."""
    made = a_plan(cost_usd=cost_usd)
    record_plan(the_run(), made, snapshot=snapshot)
    evidence = Evidence(title="Load", facts=made.facts(), page="# The plan")
    the_run().keep_evidence(evidence)
    return evidence


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


def load(setting: Setting) -> None:
    LoadTableOperator(
        task_id="load", migration_file=str(setting.file), ledger_conn_id=LEDGER, table="planes", slot=1
    ).execute(context())


def branch() -> Any:
    return CostApprovalNeededOperator(task_id="approval_needed", ledger_conn_id=LEDGER, otherwise="load").choose_branch(
        context()
    )


def test_a_plan_within_the_budget_is_loaded_and_nobody_is_asked(load_setting: Setting) -> None:
    plan(cost_usd=ALLOWED_USD)
    assert branch() == ["load"]
    with pytest.raises(ReachedTheHistoryError):
        load(load_setting)
    assert the_run().ledger.approvals("flights") == ()


def test_a_plan_above_the_budget_is_shown_and_loaded_once_it_is_approved(load_setting: Setting) -> None:
    evidence = plan(cost_usd=ALLOWED_USD + 1)
    assert branch() == ["approve_1"]
    assert the_run().evidence().digest == evidence.digest
    with pytest.raises(CostNotAllowedError, match="required, 0 found"):
        load(load_setting)
    answer(load_setting, evidence)
    with pytest.raises(ReachedTheHistoryError):
        load(load_setting)
    (approval,) = the_run().ledger.approvals("flights")
    assert (approval.task_id, approval.evidence_digest) == ("load", evidence.digest)
    assert approval.approved_by == ("admin",)


def finish_a_split(*, units: int, at: datetime) -> None:
    ledger = BackfillLedger(the_run().ledger)
    claimed = ledger.claim(dag_id=DAG_ID, run_id=RUN_ID, worker="w", now=at, lease=timedelta(minutes=5))
    assert claimed is not None
    # Half of the plan: a load that has ended is not asked about.
    counts, usage = SplitCounts(rows_read=10, written=10), SplitUsage(write_units=units)
    ledger.finish(claimed, counts, dead_letters=(), now=at, usage=usage)


def test_a_load_that_got_dearer_than_approved_stops_and_goes_on_once_it_is_approved_anew(load_setting: Setting) -> None:
    """Planned at 2 USD, so it may cost 2.40; 4,800,000 units cost 3 USD."""
    evidence = plan(cost_usd=2)
    answer(load_setting, evidence, age=timedelta(minutes=10))
    with pytest.raises(ReachedTheHistoryError):
        load(load_setting)
    finish_a_split(units=4_800_000, at=datetime.now(UTC) - timedelta(minutes=5))
    with pytest.raises(
        CostNotAllowedError, match=r"about 3\.00 USD so far, more than the 2\.40 USD .* \(planned: 2\.00"
    ):
        load(load_setting)
    answer(load_setting, evidence)
    with pytest.raises(ReachedTheHistoryError):
        load(load_setting)


def test_a_load_within_the_plan_and_its_margin_goes_on(load_setting: Setting) -> None:
    answer(load_setting, plan(cost_usd=2), age=timedelta(minutes=10))
    finish_a_split(units=3_800_000, at=NOW)
    with pytest.raises(ReachedTheHistoryError):
        load(load_setting)


def test_a_load_that_needed_no_approval_needs_one_when_it_has_spent_what_the_file_allows(load_setting: Setting) -> None:
    evidence = plan(cost_usd=ALLOWED_USD / 2)
    assert branch() == ["load"]
    finish_a_split(units=1_601, at=NOW - timedelta(minutes=5))
    assert branch() == ["approve_1"]
    with pytest.raises(CostNotAllowedError, match="required, 0 found"):
        load(load_setting)
    answer(load_setting, evidence)
    with pytest.raises(ReachedTheHistoryError):
        load(load_setting)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"responded_by_user": {"id": "mallory"}}, "answered by mallory, who is not an approver"),
        ({"responded_by_user": None}, "answered by no user"),
        ({"responded_at": None, "chosen_options": None}, "marking it successful is none"),
        ({"chosen_options": ["Reject"]}, "was answered Reject"),
        ({"params_input": {"confirm_migration": "trains"}}, "lacks the typed confirmation"),
        ({"body": "# The plan"}, "showed other evidence than what would be done now"),
    ],
    ids=["not listed", "nobody", "marked successful", "rejected", "another name", "another plan"],
)
def test_an_answer_that_does_not_count_loads_nothing(
    load_setting: Setting, changes: dict[str, Any], reason: str
) -> None:
    answer(load_setting, plan(cost_usd=2), **changes)
    with pytest.raises(CostNotAllowedError, match=reason):
        load(load_setting)
    assert the_run().ledger.approvals("flights") == ()


def test_an_approval_counts_for_as_long_as_the_load_it_allows_may_take(load_setting: Setting) -> None:
    """Two days, and three times the two hours that were planned: a resumed load needs it again long after."""
    evidence = plan(cost_usd=2)
    counts_for = timedelta(days=2, hours=6)
    assert approval_counts_for(a_plan(cost_usd=2)) == counts_for
    answer(load_setting, evidence, age=counts_for - timedelta(minutes=1))
    with pytest.raises(ReachedTheHistoryError):
        load(load_setting)
    answer(load_setting, evidence, age=counts_for + timedelta(minutes=1))
    with pytest.raises(CostNotAllowedError, match="and an answer counts for"):
        load(load_setting)


@pytest.mark.usefixtures("load_setting")
def test_a_plan_recorded_again_stays_the_one_that_was_shown() -> None:
    evidence = plan(cost_usd=2)
    again = BackfillLedger(the_run().ledger).record_plan(a_plan(cost_usd=3))
    assert again.digest == evidence.digest
    assert again.cost_usd == 2


def test_splits_of_another_snapshot_than_the_approved_one_are_not_loaded(load_setting: Setting) -> None:
    answer(load_setting, plan(cost_usd=2, snapshot='"A"."B"."ANOTHER"'))
    with pytest.raises(PlanChangedError, match="into planes is not what was planned and shown"):
        load(load_setting)


def test_a_plan_made_cheaper_in_the_database_loads_nothing(load_setting: Setting) -> None:
    plan(cost_usd=2)
    cheap = a_plan(cost_usd=ALLOWED_USD / 2)
    with the_run().ledger.database.writing() as connection:
        values = {"facts": cheap.to_json(), "digest": cheap.digest}
        connection.execute(sa.update(schema.backfill_plans).values(values))
    with pytest.raises(LedgerSignatureError, match="backfill_plans"):
        load(load_setting)


def test_a_dry_run_ends_with_the_plan_and_its_load_does_nothing_however_it_is_started(load_setting: Setting) -> None:
    assert branch() is None
    with pytest.raises(PlanNotRecordedError, match="dry_run off"):
        load(load_setting)


def test_an_airflow_that_does_not_answer_counts_as_refused(
    load_setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(load_setting, plan(cost_usd=2))
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_AIRFLOW", "http://reader:r@127.0.0.1:9")
    with pytest.raises(ApprovalUnreadableError):
        load(load_setting)


@pytest.mark.usefixtures("load_setting")
def test_the_digest_covers_everything_but_the_time_of_planning() -> None:
    made = a_plan(cost_usd=2)
    assert replace(made, planned_at=NOW + timedelta(hours=1)).digest == made.digest
    changes: dict[str, Any] = {"run_id": "other", "max_cost_usd": 9.0, "max_write_units_per_s": 1, "configuration": "d"}
    others = [replace(made, **{name: value}) for name, value in changes.items()]
    others += [replace(made, tables=(replace(made.tables[0], rows=21),))]
    assert len({made.digest, *(other.digest for other in others)}) == len(others) + 1
    assert LoadPlan.from_json(made.to_json(), planned_at=NOW) == made
