"""What the driver's answers and failures become; the real driver is held in tests/integration."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from cassandra import InvalidRequest, OperationTimedOut, Unauthorized
from cassandra.cluster import NoHostAvailable, Session

from keyspaces_migration.assessment.driver import DriverQueries
from keyspaces_migration.assessment.errors import CannotLookError, NoAnswerError, NotPermittedError, NotThereError


def host(address: str) -> SimpleNamespace:
    return SimpleNamespace(endpoint=SimpleNamespace(address=address, port=9042))


class Result(list[Any]):
    def __init__(self, rows: list[Any], answered_by: SimpleNamespace) -> None:
        super().__init__(rows)
        self.column_names = ["a", "b"]
        self.response_future = SimpleNamespace(coordinator_host=answered_by)


class Socket:
    def __init__(self, *, is_open: bool) -> None:
        self.is_open = is_open

    def getsockname(self) -> tuple[str, int]:
        if not self.is_open:
            raise OSError("closed")
        return ("10.9.9.9", 4711)


class FakeSession:
    """A cluster of two nodes, of which `answered_by` answers what is not asked of another."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.hosts = [host("10.0.0.2"), host("10.0.0.1")]
        self.asked: list[Any] = []
        connections = [SimpleNamespace(_socket=Socket(is_open=True)), SimpleNamespace(_socket=Socket(is_open=False))]
        self.pool = SimpleNamespace(get_connections=lambda: connections)
        self.cluster = SimpleNamespace(
            metadata=SimpleNamespace(all_hosts=lambda: self.hosts),
            control_connection=SimpleNamespace(_connection=None),
        )

    def get_pools(self) -> list[Any]:
        return [self.pool]

    def execute(self, _statement: str, _values: Any, *, timeout: float, host: Any) -> Any:
        assert timeout == 3
        self.asked.append(host)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def queries(session: FakeSession) -> DriverQueries:
    return DriverQueries(cast("Session", session), timeout_s=3)


@pytest.mark.parametrize(
    ("failure", "becomes", "says"),
    [
        (Unauthorized("User bob has no SELECT permission"), NotPermittedError, "User bob has no SELECT permission"),
        (InvalidRequest("unconfigured table\nmore"), NotThereError, "unconfigured table"),
        (OperationTimedOut({"10.0.0.1": "slow"}), NoAnswerError, "OperationTimedOut: "),
        (NoHostAvailable("none", {}), NoAnswerError, "no node answers: it is down"),
        (NoHostAvailable("none", {"10.0.0.1": OSError("refused")}), NoAnswerError, "10.0.0.1: refused"),
    ],
)
def test_each_failure_is_told_by_what_it_means(failure: Exception, becomes: type[CannotLookError], says: str) -> None:
    with pytest.raises(CannotLookError) as caught:
        queries(FakeSession(failure)).rows("SELECT 1")
    assert type(caught.value) is becomes
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failure_that_is_a_defect_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        queries(FakeSession(ZeroDivisionError())).rows("SELECT 1")


def test_a_node_without_connection_is_named() -> None:
    with pytest.raises(NoAnswerError, match=r"no connection to 10\.0\.0\.2:9042"):
        queries(FakeSession(NoHostAvailable("none", {}))).rows("SELECT 1", node="10.0.0.2:9042")


def test_the_node_that_answered_first_is_asked_again_and_a_named_node_itself() -> None:
    session = FakeSession(None)
    session.answer = Result([(1, 2)], session.hosts[0])
    asking = queries(session)
    assert asking.rows("SELECT 1") == [{"a": 1, "b": 2}]
    asking.rows("SELECT 1")
    asking.rows("SELECT 1", node="10.0.0.1:9042")
    asking.rows("SELECT 1")
    assert session.asked == [None, session.hosts[0], session.hosts[1], session.hosts[0]]


def test_a_question_to_a_named_node_does_not_choose_the_node_of_the_others() -> None:
    session = FakeSession(None)
    session.answer = Result([], session.hosts[0])
    asking = queries(session)
    asking.rows("SELECT 1", node="10.0.0.1:9042")
    asking.rows("SELECT 1")
    assert session.asked == [session.hosts[1], None]


def test_nodes_are_listed_in_a_stable_order_and_open_sockets_alone_are_ours() -> None:
    asking = queries(FakeSession(None))
    assert asking.nodes == ("10.0.0.1:9042", "10.0.0.2:9042")
    assert asking.own_addresses == {("10.9.9.9", 4711)}
