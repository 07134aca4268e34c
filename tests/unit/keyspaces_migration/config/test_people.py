"""Who is told, and who may see and start the DAGs: what a file may say of it."""

from collections.abc import Callable
from typing import Any

import pytest

from keyspaces_migration.config import Channel, EventKind, Migration, Problem, Right, Severity

Content = dict[str, Any]
SNS = "airflow.providers.amazon.aws.notifications.sns.SnsNotifier"


def test_a_channel_takes_every_event_of_every_severity_unless_it_says_so(
    content: Content, load: Callable[[Content], Migration]
) -> None:
    content["notifications"] = {"channels": {"all": {"notifier": SNS}}}
    channel = load(content).notifications.channels["all"]
    assert all(channel.wants(kind, severity) for kind in EventKind for severity in Severity)


@pytest.mark.parametrize(
    ("kind", "severity", "wanted"),
    [
        (EventKind.DRIFT, Severity.WARNING, True),
        (EventKind.DRIFT, Severity.CRITICAL, True),
        (EventKind.DRIFT, Severity.INFO, False),
        (EventKind.REVERSAL, Severity.CRITICAL, False),
    ],
)
def test_a_channel_wants_its_events_from_its_severity_on(kind: EventKind, severity: Severity, wanted: bool) -> None:  # noqa: FBT001 - a test's parameter
    channel = Channel(notifier=SNS, events=(EventKind.DRIFT,), least_severity=Severity.WARNING)
    assert channel.wants(kind, severity) is wanted


@pytest.mark.parametrize(
    ("change", "path", "allowed"),
    [
        ({"notifier": "sns"}, "notifier", "import path"),
        ({"notifier": "airflow.sdk:BaseNotifier"}, "notifier", "import path"),
        ({"events": ["DRIFT", "DRIFT"]}, "events[1]", "each event once"),
        ({"events": []}, "events", "at least 1"),
        ({"events": ["Drift"]}, "events[0]", "FAILED_TASK or"),
        ({"least_severity": "HIGH"}, "least_severity", "INFO or WARNING or CRITICAL"),
        ({"arguments": {"token": "xoxb-1"}}, "arguments.token", "connection"),
        ({"arguments": {"webhook_url": "https://x"}}, "arguments.webhook_url", "connection"),
        ({"arguments": {"9": 1}}, "arguments['9']", "name of an argument"),
    ],
)
def test_what_is_wrong_with_a_channel_is_said(
    content: Content, problems: Callable[[Content], list[Problem]], change: Content, path: str, allowed: str
) -> None:
    content["notifications"]["channels"]["on_call"].update(change)
    found = {problem.path: problem for problem in problems(content)}
    problem = found[f"notifications.channels.on_call.{path}"]
    assert allowed in problem.allowed
    assert "xoxb-1" not in str(problem)


def test_the_id_of_a_connection_is_no_secret(content: Content, load: Callable[[Content], Migration]) -> None:
    channel = {"notifier": SNS, "arguments": {"slack_webhook_conn_id": "slack"}}
    content["notifications"]["channels"]["on_call"] = channel
    load(content)


@pytest.mark.parametrize(("repeat_after", "is_fine"), [("PT29M", False), ("PT30M", True)])
def test_messages_do_not_flood(
    content: Content,
    problems: Callable[[Content], list[Problem]],
    load: Any,
    repeat_after: str,
    is_fine: bool,  # noqa: FBT001
) -> None:
    content["notifications"]["repeat_after"] = repeat_after
    if is_fine:
        load(content)
    else:
        assert [problem.path for problem in problems(content)] == ["notifications.repeat_after"]


def test_no_access_section_is_not_an_empty_one(content: Content, load: Callable[[Content], Migration]) -> None:
    del content["access"]
    assert load(content).access is None
    content["access"] = {}
    access = load(content).access
    assert access is not None
    assert access.roles == {}


def test_roles_have_their_rights(content: Content, load: Callable[[Content], Migration]) -> None:
    access = load(content).access
    assert access is not None
    assert access.roles["Operators"] == (Right.READ, Right.TRIGGER)


@pytest.mark.parametrize(
    ("roles", "path"),
    [
        ({"Ops": ["READ", "READ"]}, "access.roles.Ops[1]"),
        ({"Ops": []}, "access.roles.Ops"),
        ({"Ops": ["WRITE"]}, "access.roles.Ops[0]"),
        ({" Ops": ["READ"]}, "access.roles[' Ops']"),
    ],
)
def test_what_is_wrong_with_a_role_is_said(
    content: Content, problems: Callable[[Content], list[Problem]], roles: Content, path: str
) -> None:
    content["access"]["roles"] = roles
    assert path in {problem.path for problem in problems(content)}
