"""Events go through the channels that want them; a channel that fails is said, and nothing else fails with it."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseNotifier
from airflow.sdk.log import mask_secret

from keyspaces_migration.backfill import DeadlineError, TooManyDeadLettersError
from keyspaces_migration.config import Channel, EventKind, Migration, Severity, load_migration
from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.events import happening
from keyspaces_migration.lifecycle import Stage
from keyspaces_migration.provisioning import DriftError
from keyspaces_provider.notifications import (
    FailureCallback,
    NotifierUnusableError,
    Sent,
    kind_of_failure,
    notifier_of,
    place_of,
    send,
    tell,
)
from keyspaces_provider.operators.backfill_cost import CostNotAllowedError
from keyspaces_provider.operators.consistency import CheckNotPassedError

FILE = Path(__file__).parents[3] / "dags/migrations/flights.yaml"
HERE = "tests.unit.keyspaces_provider.test_notifications"
RECEIVED: list[tuple[str, str]] = []


class Kept(BaseNotifier):
    """Keeps what it is told in a list."""

    template_fields = ("text",)

    def __init__(self, *, name: str = "kept", text: str = "{{ event.text }}") -> None:
        super().__init__()
        self.name = name
        self.text = text

    def notify(self, context: Any) -> None:
        assert context["event"]
        RECEIVED.append((self.name, self.text))


class Broken(BaseNotifier):
    """Fails as a service does that is down."""

    def notify(self, context: Any) -> None:
        raise ConnectionError(f"no route to {min(context)}")


@pytest.fixture(autouse=True)
def received() -> list[tuple[str, str]]:
    RECEIVED.clear()
    return RECEIVED


def migration(channels: dict[str, dict[str, Any]]) -> Migration:
    flights = load_migration(FILE)
    made = {name: Channel.model_validate_json(Channel(**each).model_dump_json()) for name, each in channels.items()}
    section = flights.notifications.model_copy(update={"channels": made})
    return flights.model_copy(update={"notifications": section})


def context() -> dict[str, Any]:
    ti = SimpleNamespace(dag_id="flights.drift", run_id="run", task_id="drift", log_url="http://airflow/x")
    return {"ti": ti, "text": "the task's own"}


def event(of: Migration, kind: EventKind = EventKind.DRIFT, *, happened: str = "A table has gone.") -> Any:
    return happening(kind, migration=of, place=place_of(context(), migration=of), happened=happened)


def test_a_channel_that_fails_is_logged_and_the_next_one_is_told(
    received: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    flights = migration({"a": {"notifier": f"{HERE}.Broken"}, "b": {"notifier": f"{HERE}.Kept"}})
    with caplog.at_level(logging.INFO):
        assert send(event(flights), migration=flights, context=context()) == Sent(through=("b",), failed=("a",))
    ((_, text),) = received
    assert "A table has gone." in text
    (error,) = [each for each in caplog.records if each.levelname == "ERROR" and "Channel a" in each.getMessage()]
    assert "DRIFT" in error.getMessage()


@pytest.mark.parametrize(
    ("channel", "says"),
    [
        ({"notifier": "no.such.module.Notifier"}, "can't be imported"),
        ({"notifier": f"{HERE}.Nothing"}, "can't be imported"),
        ({"notifier": "pathlib.Path"}, "no subclass of Airflow's BaseNotifier"),
        ({"notifier": f"{HERE}.context"}, "no subclass of Airflow's BaseNotifier"),
        ({"notifier": f"{HERE}.Kept", "arguments": {"channel": "#x"}}, "does not take these arguments"),
        ({"notifier": f"{HERE}.Kept", "arguments": {"name": "{{ event.title }}"}}, "does not render name"),
    ],
)
def test_a_channel_that_can_not_be_made_says_why_and_names_its_place(channel: dict[str, Any], says: str) -> None:
    with pytest.raises(NotifierUnusableError, match=says) as caught:
        notifier_of("on_call", Channel(**channel))
    assert "notifications.channels.on_call" in str(caught.value)


def test_only_channels_that_want_the_event_are_told(received: list[tuple[str, str]]) -> None:
    kept = f"{HERE}.Kept"
    flights = migration(
        {
            "all": {"notifier": kept, "arguments": {"name": "all"}},
            "now": {"notifier": kept, "arguments": {"name": "now"}, "least_severity": Severity.CRITICAL},
            "gates": {"notifier": kept, "arguments": {"name": "gates"}, "events": (EventKind.APPROVAL_NEEDED,)},
        }
    )
    send(event(flights), migration=flights, context=context())
    send(event(flights, EventKind.APPROVAL_NEEDED), migration=flights, context=context())
    send(event(flights, EventKind.REVERSAL), migration=flights, context=context())
    assert [name for name, _ in received] == ["all", "all", "gates", "all", "now"]


def test_an_event_that_no_channel_wants_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    flights = migration({})
    with caplog.at_level(logging.INFO):
        send(event(flights), migration=flights, context=context())
    assert "No channel wants DRIFT" in caplog.text


def test_what_an_error_says_is_no_template_and_the_tasks_context_stays_as_it_is(
    received: list[tuple[str, str]],
) -> None:
    flights, given = migration({"a": {"notifier": f"{HERE}.Kept"}}), context()
    send(event(flights, happened="{{ 7 * 7 }} {% bad"), migration=flights, context=given)
    assert "{{ 7 * 7 }} {% bad" in received[0][1]
    assert given == context()


def test_a_secret_that_airflow_masks_in_its_logs_is_in_no_message(received: list[tuple[str, str]]) -> None:
    mask_secret("hunter2-hunter2")
    flights = migration({"a": {"notifier": f"{HERE}.Kept"}})
    send(event(flights, happened="refused: password hunter2-hunter2"), migration=flights, context=context())
    assert "hunter2" not in received[0][1]
    assert "refused: password ***" in received[0][1]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CheckNotPassedError("x", verdict=Verdict.FAIL), EventKind.VERDICT_FAIL),
        (CheckNotPassedError("x", verdict=Verdict.INCONCLUSIVE), EventKind.VERDICT_INCONCLUSIVE),
        (DriftError("x"), EventKind.DRIFT),
        (CostNotAllowedError("x"), EventKind.BUDGET_STOP),
        (DeadlineError("x"), EventKind.BARRIER_AT_RISK),
        (TooManyDeadLettersError("x"), EventKind.LETTERS_GROWING),
        (ValueError("x"), EventKind.FAILED_TASK),
        ("killed by the scheduler", EventKind.FAILED_TASK),
        (None, EventKind.FAILED_TASK),
    ],
)
def test_people_are_told_the_reason_of_a_failure_once_and_not_that_a_task_failed_too(
    error: object, kind: EventKind, received: list[tuple[str, str]]
) -> None:
    assert kind_of_failure(error) is kind
    flights = migration({"a": {"notifier": f"{HERE}.Kept", "arguments": {"text": "{{ event.kind.value }}"}}})
    failed: Any = {**context(), "exception": error}
    FailureCallback(flights, stage=Stage.DRIFT)(failed)
    assert received == [("kept", kind.value)]


def test_a_killed_task_is_told_of_without_a_reason(received: list[tuple[str, str]]) -> None:
    killed: Any = context()
    flights = migration({"a": {"notifier": f"{HERE}.Kept"}})
    FailureCallback(flights, stage=Stage.DRIFT)(killed)
    assert "It gave no reason" in received[0][1]


def test_what_a_task_did_stands_even_if_nobody_could_be_told(caplog: pytest.LogCaptureFixture) -> None:
    flights = migration({"a": {"notifier": f"{HERE}.Kept"}})
    tell(EventKind.REVERSAL, "All reads go to the source.", migration=flights, context={})
    assert "Nobody was told of REVERSAL: All reads go to the source." in caplog.text
