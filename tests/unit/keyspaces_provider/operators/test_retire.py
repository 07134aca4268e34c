"""What the tasks of the retirement verify, over a real ledger and an HTTP server that answers as Airflow's API does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import ObjectStoragePath

from keyspaces_migration.approval import ApprovalRefusedError
from keyspaces_migration.config import load_migration
from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.cutover.facts import LetterQueue
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.ledger import ConfigurationChangedError, ReportKind, RunConfiguration
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.lifecycle import Milestone, OutOfOrderError, Stage, standing
from keyspaces_migration.observed.cloudwatch import MetricsUnavailableError
from keyspaces_provider.flag import FlagNotReadyError
from keyspaces_provider.operators import retire
from keyspaces_provider.operators.retire import (
    FinalReportOperator,
    NotToRetireError,
    RetireEvidenceOperator,
    RetireOperator,
)
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.run import MigrationRun, recorded_run
from tests.checks import a_check
from tests.unit.keyspaces_migration.retirement.uses import capacity_use
from tests.unit.keyspaces_provider.operators.provision_setting import LEDGER, Setting, shown
from tests.writers import a_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyspaces_migration.dual_write.registry import WriterRecord
    from keyspaces_provider.evidence import Evidence

DAG_ID, RUN_ID = "flights.retire", "retire-1"
ROOT = Path(__file__).parents[4]
NOW = datetime.now(UTC)
CUT_OVER_AT = NOW - timedelta(hours=2)
LEADS = FlagState(
    mode=WriteMode.DUAL_TARGET_LEADS, barrier_us=1_790_000_000_000_000, target_read_percent=100, version=9
)
WRITER = a_writer(LEADS)


class World:
    """The flag, the writers, the queue and CloudWatch, as a test has them."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.state = LEADS
        self.writers: tuple[WriterRecord, ...] = (WRITER,)
        self.letters = 0
        self.seen: timedelta | None = timedelta(days=10)

    def current(self) -> FlagState:
        return self.state

    def next_version(self) -> int:
        return self.state.version + 1

    def deploy(self, state: FlagState, *, expected_version: int) -> None:
        assert expected_version == self.state.version
        self.state = state

    def use(self, _migration: object, *, since: datetime, until: datetime) -> Any:
        assert since < until
        if self.seen is None:
            raise MetricsUnavailableError("CloudWatch is away")
        return capacity_use({}, seen=self.seen)


def context() -> Any:
    return {"dag_run": SimpleNamespace(dag_id=DAG_ID, run_id=RUN_ID)}


def the_run() -> MigrationRun:
    return recorded_run(context(), ledger_conn_id=LEDGER)


@pytest.fixture
def world(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> World:
    """A migration that was cut over two hours ago, and checked an hour ago; a run of `retire` is recorded."""
    made, ledger, migration = World(setting), setting.run.ledger, load_migration(setting.file)
    for stage, run_id, milestones in (
        (Stage.PROVISION, "all", (Milestone.PROVISIONED, Milestone.DUAL_WRITES_STARTED, Milestone.BACKFILL_COMPLETE)),
        (Stage.CUTOVER, "cutover-1", (Milestone.CUTOVER_FINISHED,)),
        (Stage.CONSISTENCY_CHECK, "check-1", ()),
        (Stage.RETIRE, RUN_ID, ()),
    ):
        run = {"dag_id": f"flights.{stage.value}", "run_id": run_id}
        ledger.start_run(RunConfiguration.of(migration, stage=stage, recorded_at=CUT_OVER_AT, **run))
        for milestone in milestones:
            ledger.add_milestone(milestone, **run, reached_at=CUT_OVER_AT)
    check(setting)
    monkeypatch.setattr(retire, "flag_writer", lambda _migration: made)
    monkeypatch.setattr(retire, "writers_of", lambda _migration: made.writers)
    monkeypatch.setattr(retire, "letter_queue", lambda _migration: LetterQueue(letters=made.letters, oldest_age=None))
    monkeypatch.setattr(retire, "target_use", made.use)
    return made


def check(setting: Setting, verdict: Verdict = Verdict.PASS, *, attempt: int = 1) -> None:
    at = NOW - timedelta(hours=1)
    found = a_check(run_id="check-1", attempt=attempt, verdict=verdict, started_at=at, finished_at=at)
    CheckLedger(setting.run.ledger).record(found, tables=(), coverage=(), mismatches=())


def keep_evidence() -> Evidence:
    RetireEvidenceOperator(task_id="evidence", ledger_conn_id=LEDGER).execute(context())
    return the_run().evidence()


def act(setting: Setting) -> dict[str, Any]:
    operator = RetireOperator(task_id="retire", migration_file=str(setting.file), ledger_conn_id=LEDGER)
    return operator.execute(context())


def report() -> dict[str, str]:
    return FinalReportOperator(task_id="report", ledger_conn_id=LEDGER).execute(context())


def answer(setting: Setting, evidence: Evidence, **changes: Any) -> None:
    setting.answers["approve_1"] = {
        "task_instance": {"task_id": "approve_1", "dag_id": DAG_ID, "dag_run_id": RUN_ID},
        "body": shown(evidence),
        "responded_by_user": {"id": "admin"},
        "responded_at": datetime.now(UTC).isoformat(),
        "chosen_options": ["Approve"],
        "params_input": {"confirm_migration": "flights"},
    } | changes


def is_retired() -> bool:
    return Milestone.RETIRED in standing(each.milestone for each in the_run().ledger.milestones("flights"))


def test_dual_writes_end_by_an_approval_and_the_report_is_kept(world: World) -> None:
    evidence = keep_evidence()
    assert "no way back to the source" in evidence.page
    assert "| time since the cutover | met |" in evidence.page
    assert "throughput: {mode: PAY_PER_REQUEST}" in evidence.page
    answer(world.setting, evidence)
    assert act(world.setting) == {"mode": "TARGET_ONLY", "version": 10}
    assert (world.state.mode, world.state.target_read_percent) == (WriteMode.TARGET_ONLY, 100)
    kept = report()
    assert is_retired()
    page = ObjectStoragePath(kept["markdown"]).read_text()
    assert "retired" in json.loads(ObjectStoragePath(kept["json"]).read_text())["milestones"][-1]["milestone"]
    assert "| nodes to look after | not known | none |" in page
    assert "`flights.retire.retire`" in page
    assert {each.media_type for each in the_run().ledger.reports("flights", kind=ReportKind.RETIREMENT)} == {
        "text/html",
        "text/markdown",
        "application/json",
    }


def test_a_task_that_is_run_again_changes_nothing_more(world: World) -> None:
    answer(world.setting, keep_evidence())
    act(world.setting)
    assert act(world.setting) == {"mode": "TARGET_ONLY", "version": 10}
    assert len(FlagLedger(the_run().ledger).changes("flights")) == 1
    report()
    report()
    assert [each.milestone for each in the_run().ledger.milestones("flights")].count(Milestone.RETIRED) == 1


def _too_early(world: World) -> None:
    run = {"dag_id": "flights.cutover", "run_id": "cutover-2"}
    ledger, migration = world.setting.run.ledger, load_migration(world.setting.file)
    ledger.record_run(RunConfiguration.of(migration, stage=Stage.CUTOVER, recorded_at=NOW, **run))
    ledger.add_milestone(Milestone.CUTOVER_FINISHED, **run, reached_at=datetime.now(UTC) - timedelta(seconds=30))


def _half_share(world: World) -> None:
    world.state = replace(LEADS, target_read_percent=50)


def _source_leads(world: World) -> None:
    world.state = replace(LEADS, mode=WriteMode.DUAL_SOURCE_LEADS)


def _unsent(world: World) -> None:
    world.writers = (replace(WRITER, journal_depth=2),)


def _nobody(world: World) -> None:
    world.writers = ()


def _letter(world: World) -> None:
    world.letters = 1


def _failed_check(world: World) -> None:
    check(world.setting, Verdict.FAIL, attempt=2)


UNFIT: dict[str, tuple[Callable[[World], None], str]] = {
    "too early": (_too_early, "time since the cutover: unmet"),
    "not read alone": (_half_share, "flag: unmet"),
    "the source leads": (_source_leads, "flag: unmet"),
    "a journal is not empty": (_unsent, "one has 2 writes that are not in both stores"),
    "nobody is there": (_nobody, "no writer is registered"),
    "a letter waits": (_letter, "dead letters: unmet"),
    "the check failed": (_failed_check, "newest check: unmet; observed: FAIL"),
}


@pytest.mark.parametrize("how", UNFIT)
def test_what_is_not_met_is_not_even_shown_for_approval(world: World, how: str) -> None:
    spoil, said = UNFIT[how]
    spoil(world)
    with pytest.raises(NotToRetireError, match="(?i)" + said):
        keep_evidence()


@pytest.mark.parametrize("how", UNFIT)
def test_what_is_not_met_any_more_refuses_what_was_approved(world: World, how: str) -> None:
    answer(world.setting, keep_evidence())
    spoil, said = UNFIT[how]
    spoil(world)
    before = world.state
    with pytest.raises(NotToRetireError, match="(?i)" + said):
        act(world.setting)
    assert world.state == before
    assert the_run().ledger.approvals("flights") == ()


REFUSED: dict[str, Callable[[World, Any], None]] = {
    "nobody answered": lambda _world, _evidence: None,
    "rejected": lambda world, evidence: answer(world.setting, evidence, chosen_options=["Reject"]),
    "by a stranger": lambda world, evidence: answer(world.setting, evidence, responded_by_user={"id": "mallory"}),
    "another name typed": lambda world, evidence: answer(world.setting, evidence, params_input={}),
    "of another state of the flag": lambda world, evidence: answer(
        world.setting, replace(evidence, facts={**evidence.facts, "from": {}})
    ),
    "of a cutover": lambda world, evidence: answer(
        world.setting, replace(evidence, facts={**evidence.facts, "act": "raise_share"})
    ),
}


@pytest.mark.parametrize("how", REFUSED)
def test_without_an_approval_of_this_very_act_nothing_is_changed(world: World, how: str) -> None:
    REFUSED[how](world, keep_evidence())
    with pytest.raises(ApprovalRefusedError):
        act(world.setting)
    assert world.state == LEADS


def test_a_flag_that_was_switched_and_back_since_asks_anew(world: World) -> None:
    answer(world.setting, keep_evidence())
    world.state = replace(LEADS, version=11)
    world.writers = (replace(WRITER, flag_version=11),)
    with pytest.raises(ApprovalRefusedError, match="other evidence"):
        act(world.setting)


def test_a_changed_migration_file_stops_it(world: World) -> None:
    answer(world.setting, keep_evidence())
    world.setting.file.write_text(world.setting.file.read_text().replace("retire_after: PT1M", "retire_after: PT2M"))
    with pytest.raises(ConfigurationChangedError):
        act(world.setting)


def test_marking_the_act_successful_or_the_flag_edited_by_hand_retires_nothing(world: World) -> None:
    answer(world.setting, keep_evidence())
    with pytest.raises(FlagNotReadyError, match="not retired"):
        report()
    world.state = replace(LEADS, mode=WriteMode.TARGET_ONLY, version=10)
    with pytest.raises(FlagNotReadyError, match="Look who changed the flag"):
        report()
    with pytest.raises(NotToRetireError, match="flag: unmet"):
        act(world.setting)
    assert not is_retired()


def test_cloudwatch_away_stands_in_nobodys_way_and_is_said(world: World) -> None:
    world.seen = None
    evidence = keep_evidence()
    assert "No capacity is proposed: what was used could not be looked at: CloudWatch is away" in evidence.page
    answer(world.setting, evidence)
    act(world.setting)
    assert "CloudWatch is away" in ObjectStoragePath(report()["markdown"]).read_text()


def test_after_it_the_stages_that_compare_are_closed_and_provision_is_open(world: World) -> None:
    answer(world.setting, keep_evidence())
    act(world.setting)
    report()
    for stage, is_open in ((Stage.CUTOVER, False), (Stage.CONSISTENCY_CHECK, False), (Stage.PROVISION, True)):
        operator = RecordRunOperator(
            task_id="record_run", stage=stage, migration_file=str(world.setting.file), ledger_conn_id=LEDGER
        )
        run = SimpleNamespace(
            dag_id=f"flights.{stage.value}", run_id="later", run_type="manual", triggering_user_name="alice"
        )
        if is_open:
            operator.execute({"dag_run": run})
        else:
            with pytest.raises(OutOfOrderError, match="retired"):
                operator.execute({"dag_run": run})


def test_the_dag_shows_asks_acts_waits_and_reports_in_that_order() -> None:
    dag = DagBag(dag_folder=str(ROOT / "dags/retire.py")).dags[DAG_ID]
    order = ["record_run", "evidence", "approve_1", "retire", "writers", "report"]
    followed = [(task_id, dag.get_task(task_id).downstream_task_ids) for task_id in order]
    assert followed == [(task_id, set(order[n : n + 1])) for n, task_id in enumerate(order, start=1)]
    assert all(dag.get_task(task_id).retries == 0 for task_id in ("record_run", "retire", "report"))
    assert dag.get_task("writers").retries == 2
