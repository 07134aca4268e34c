"""What the tasks of the replay verify, over a real ledger and an HTTP server that answers as Airflow's API does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

from keyspaces_migration.approval import ApprovalRefusedError, ApprovalUnreadableError
from keyspaces_migration.config import load_migration
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.events.watch import Queue
from keyspaces_migration.ledger import ConfigurationChangedError, RunConfiguration
from keyspaces_migration.ledger.letter_records import LetterCounts, LetterOutcome, LetterRecord
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.letters.drain import Drained, LeftLetter
from keyspaces_migration.letters.metrics import metrics_of
from keyspaces_migration.letters.parked import ParkedChoiceError, choose
from keyspaces_migration.letters.report import ADVICE, to_json, to_markdown
from keyspaces_migration.lifecycle import Stage
from keyspaces_migration.pages import html
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.operators import dead_letters
from keyspaces_provider.operators.dead_letters import (
    CloseLettersOperator,
    NoQueueError,
    NotDrainedError,
    PlanClosingOperator,
    RequireDrainedOperator,
)
from keyspaces_provider.run import MigrationRun, recorded_run
from tests.unit.keyspaces_migration.ledger.full_ledger import a_letter
from tests.unit.keyspaces_provider.operators.provision_setting import LEDGER, Setting, shown

DAG_ID, RUN_ID = "flights.replay_dead_letters", "replay-1"
NOW = datetime.now(UTC)
ROOT = Path(__file__).parents[4]
REASON = "the rows were written anew by hand"


def context() -> Any:
    return {"dag_run": SimpleNamespace(dag_id=DAG_ID, run_id=RUN_ID), "ti": SimpleNamespace(try_number=1)}


def the_run() -> MigrationRun:
    return recorded_run(context(), ledger_conn_id=LEDGER)


def letters() -> LetterLedger:
    return LetterLedger(the_run().ledger)


def record(*given: LetterRecord) -> None:
    letters().record(given, dag_id=DAG_ID, run_id=RUN_ID, now=NOW)


@pytest.fixture
def parked(setting: Setting) -> Setting:
    """A recorded run of the replay, and two parked letters."""
    setting.run.ledger.record_run(
        RunConfiguration.of(
            load_migration(setting.file),
            stage=Stage.REPLAY_DEAD_LETTERS,
            dag_id=DAG_ID,
            run_id=RUN_ID,
            recorded_at=NOW,
        )
    )
    record(a_letter("a"), a_letter("b"), a_letter("done", LetterOutcome.REPLAYED))
    return setting


def plan(asked: str = "a", reason: str = REASON) -> Any:
    return PlanClosingOperator(
        task_id="closing", ledger_conn_id=LEDGER, close_parked=asked, close_reason=reason
    ).choose_branch(context())


def close(setting: Setting, asked: str = "a", reason: str = REASON) -> dict[str, int]:
    operator = CloseLettersOperator(
        task_id="close",
        migration_file=str(setting.file),
        ledger_conn_id=LEDGER,
        close_parked=asked,
        close_reason=reason,
    )
    return operator.execute(context())


def answer(setting: Setting, evidence: Evidence, *, age: timedelta = timedelta(), **changes: Any) -> None:
    setting.answers["approve_1"] = {
        "task_instance": {"task_id": "approve_1", "dag_id": DAG_ID, "dag_run_id": RUN_ID},
        "body": shown(evidence),
        "responded_by_user": {"id": "admin"},
        "responded_at": (datetime.now(UTC) - age).isoformat(),
        "chosen_options": ["Approve"],
        "params_input": {"confirm_migration": "flights"},
    } | changes


def test_a_letter_is_closed_by_an_approval_of_this_very_letter_and_reason(parked: Setting) -> None:
    assert plan() == ["approve_1"]
    evidence = the_run().evidence()
    assert REASON in evidence.page
    assert "`a`" in evidence.page
    assert "`b`" not in evidence.page
    answer(parked, evidence)
    assert close(parked) == {"closed": 1}
    assert [each.letter_id for each in letters().parked("flights")] == ["b"]
    assert letters().counts("flights") == LetterCounts(replayed=1, parked=1, closed=1)
    closed = letters().of_run(dag_id=DAG_ID, run_id=RUN_ID)[-1]
    assert closed.reason == f"closed by admin: {REASON}"
    (approval,) = the_run().ledger.approvals("flights")
    assert (approval.task_id, approval.approved_by) == ("close", ("admin",))
    # Closed is closed: the same approval closes nothing more.
    with pytest.raises(ParkedChoiceError, match="names a, which is no parked letter"):
        close(parked)


UNFIT: dict[str, Callable[[Setting, Evidence], None]] = {
    "rejected": lambda setting, evidence: answer(setting, evidence, chosen_options=["Reject"]),
    "by a stranger": lambda setting, evidence: answer(setting, evidence, responded_by_user={"id": "mallory"}),
    "too old": lambda setting, evidence: answer(setting, evidence, age=timedelta(hours=25)),
    "another letter": lambda setting, evidence: answer(
        setting, Evidence(title="x", facts={**evidence.facts, "letters": [{"id": "b"}]}, page="x")
    ),
    "another reason": lambda setting, evidence: answer(
        setting, Evidence(title="x", facts={**evidence.facts, "reason": "because"}, page="x")
    ),
}


@pytest.mark.parametrize("how", UNFIT)
def test_an_approval_that_does_not_count_closes_nothing(how: str, parked: Setting) -> None:
    plan()
    UNFIT[how](parked, the_run().evidence())
    with pytest.raises(ApprovalRefusedError):
        close(parked)
    assert letters().counts("flights").parked == 2


def test_an_approval_for_one_letter_closes_not_all(parked: Setting) -> None:
    plan()
    answer(parked, the_run().evidence())
    with pytest.raises(ApprovalRefusedError):
        close(parked, asked="all")
    with pytest.raises(ApprovalRefusedError):
        close(parked, reason="another")
    parked.answers["approve_1"] = {"body": "x"}
    with pytest.raises(ApprovalUnreadableError):
        close(parked)
    assert letters().counts("flights").parked == 2


def test_a_file_that_changed_closes_nothing(parked: Setting) -> None:
    plan()
    answer(parked, the_run().evidence())
    parked.file.write_text(parked.file.read_text().replace("max_cost_usd: 0.001", "max_cost_usd: 500"))
    with pytest.raises(ConfigurationChangedError):
        close(parked)


@pytest.mark.parametrize(
    ("asked", "reason", "message"),
    [
        ("x", REASON, "close_parked names x, which is no parked letter"),
        ("a, done", REASON, "names done"),
        ("all", "  ", "close_parked needs close_reason"),
        ("all", "None", "close_parked needs close_reason"),
    ],
)
def test_what_can_t_be_closed_is_said_before_anybody_is_asked(
    parked: Setting, asked: str, reason: str, message: str
) -> None:
    assert parked
    with pytest.raises(ParkedChoiceError, match=message):
        plan(asked, reason)


@pytest.mark.parametrize("asked", ["", "None", " , "])
def test_a_run_that_is_to_close_nothing_asks_nobody(parked: Setting, asked: str) -> None:
    assert parked
    assert plan(asked) is None


def test_ids_are_named_once_each_or_all_at_once() -> None:
    found = [a_letter("a"), a_letter("b")]
    assert choose("b, b,a", found, name="n") == (found[1], found[0])
    assert choose("all", found, name="n") == tuple(found)
    assert choose(None, found, name="n") == ()


@pytest.mark.parametrize(
    ("queue", "is_parked", "message"),
    [
        (Queue(name="q", letters=0, oldest_age=None), True, "2 letters are parked, and about 0 are in the queue q"),
        (Queue(name="q", letters=3, oldest_age=None), False, "0 letters are parked, and about 3"),
    ],
)
def test_the_last_task_is_red_while_letters_are_parked_or_wait(
    parked: Setting, monkeypatch: pytest.MonkeyPatch, queue: Queue, message: str, *, is_parked: bool
) -> None:
    monkeypatch.setattr(dead_letters, "look_at_queue", lambda _: queue)
    if not is_parked:
        plan("all")
        answer(parked, the_run().evidence())
        close(parked, "all")
    with pytest.raises(NotDrainedError, match=message):
        RequireDrainedOperator(task_id="drained", ledger_conn_id=LEDGER).execute(context())


def test_the_last_task_is_green_when_nothing_is_left_and_red_when_nobody_knows(
    parked: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan("all")
    answer(parked, the_run().evidence())
    close(parked, "all")
    drained = RequireDrainedOperator(task_id="drained", ledger_conn_id=LEDGER)
    monkeypatch.setattr(dead_letters, "look_at_queue", lambda _: Queue(name="q", letters=0, oldest_age=None))
    assert drained.execute(context()) == {"parked": 0, "in_queue": 0}
    monkeypatch.setattr(dead_letters, "look_at_queue", lambda _: None)
    with pytest.raises(NoQueueError, match=r"Run flights\.provision"):
        drained.execute(context())


def some_work() -> Drained:
    done = Drained(again=2, cells=7, oldest_sent_at=NOW - timedelta(minutes=5))
    done.counts[LetterOutcome.REPLAYED, ReasonClass.THROTTLE] = 4
    done.counts[LetterOutcome.PARKED, ReasonClass.SCHEMA] = 1
    done.left.append(LeftLetter(letter_id="z", table="t", reason_class=ReasonClass.TIMEOUT, reason="no | answer"))
    return done


def test_the_report_says_by_class_what_became_of_letters_and_what_to_do() -> None:
    parked = [replace(a_letter("p"), reason_class=ReasonClass.SCHEMA, reason="unconfigured | table")]
    counts = LetterCounts(replayed=4, parked=1)
    page = to_markdown(some_work(), parked=parked, counts=counts, title="Dead letters of flights")
    assert "4 letters were replayed, 1 parked, 1 left in the queue for the next run" in page
    assert "| SCHEMA | parked | 1 |" in page
    assert "| TIMEOUT | no \\| answer | 1 |" in page
    assert ADVICE[ReasonClass.SCHEMA] in page
    assert '{"origin":"ŌSA"}' in page
    assert "unconfigured \\| table" in page
    assert "<table>" in html(page, title="t", plots={})
    data = to_json(some_work(), parked=parked, counts=counts)
    assert '"what_to_do": "Make the target' in data
    assert '"left_in_queue": 1' in data
    assert "No letter is parked." in to_markdown(Drained(), parked=(), counts=LetterCounts(), title="t")


def test_there_is_advice_for_every_class() -> None:
    assert set(ADVICE) == set(ReasonClass)


def test_depth_and_age_are_numbers_to_watch_and_an_unknown_depth_is_none() -> None:
    counts = LetterCounts(replayed=4, parked=1)
    named = {
        each.name.rpartition(".")[2]: each.value for each in metrics_of(some_work(), counts=counts, depth=3, now=NOW)
    }
    assert named == {
        "replayed": 4,
        "parked_by_run": 1,
        "parked": 1,
        "left_in_queue": 1,
        "oldest_age_s": 300,
        "queue_depth": 3,
    }
    unknown = {each.name for each in metrics_of(Drained(), counts=counts, depth=None, now=NOW)}
    assert not any(name.endswith("queue_depth") for name in unknown)


def test_the_dag_closes_by_gates_alone_and_ends_with_the_judgement() -> None:
    dag = DagBag(dag_folder=str(ROOT / "dags/replay_dead_letters.py")).dags["flights.replay_dead_letters"]
    assert dag.task_dict["close"].upstream_task_ids == {"approve_1"}
    assert dag.task_dict["drained"].upstream_task_ids == {"close", "replay"}
    # The branch skips what comes directly after it: the judgement must not be among that.
    assert dag.task_dict["closing"].downstream_task_ids == {"approve_1"}
    assert dag.task_dict["drained"].trigger_rule == "none_failed"
    assert {task.retries for task in dag.tasks} == {0}
