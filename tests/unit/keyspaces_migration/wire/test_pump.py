"""Requests over real sockets: every one is answered, in whatever order, or said to have failed."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from cassandra import InvalidRequest, WriteTimeout
from cassandra.protocol import PreparedQueryNotFound

from keyspaces_migration.clients import SessionSettings, StoreUnreachableError
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.wire import ConnectionLostError, Finished, Pump, PumpSettings, Requests, connect, encode_column
from keyspaces_migration.wire.frames import STREAMS
from tests.unit.keyspaces_migration.wire.scripted_node import (
    BATCH,
    CLOSE,
    EXECUTE,
    NOTHING,
    VOID,
    Request,
    ScriptedNode,
    invalid,
    write_timeout,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

STATEMENT = "INSERT INTO k.t (a, b) VALUES (?, ?)"
LOCAL_QUORUM = 6


def requests(first: int, count: int, *, starts: Iterable[int] | None = None) -> Requests:
    numbers = pa.array(range(first, first + count), pa.int64())
    texts = pa.array([None if number % 3 == 0 else "é" * (number % 7) for number in range(first, first + count)])
    return Requests(
        statement=STATEMENT,
        columns=(encode_column(numbers, parse_type("bigint")), encode_column(texts, parse_type("text"))),
        consistency=LOCAL_QUORUM,
        starts=None if starts is None else np.array(list(starts)),
    )


def pump(
    node: ScriptedNode, *, connections: int = 2, in_flight: int = 64, silence_s: float = 15.0, attempts: int = 8
) -> Pump:
    settings = SessionSettings(hosts=(node.host,), port=node.port)
    hosts = [node.host] * connections
    return Pump(
        PumpSettings(hosts=hosts, in_flight=in_flight, silence_s=silence_s, attempts=attempts),
        connect=lambda host: connect(settings, host=host, statements=[STATEMENT]),
        clock=time.monotonic,
    )


def run(working: Pump, work: Iterable[Requests]) -> list[Finished]:
    waiting = list(work)
    finished: list[Finished] = []
    while waiting or not working.idle:
        while waiting and working.hungry:
            working.submit(waiting.pop(0))
        finished += working.turn(5.0)
    return finished


def number(request: Request) -> int:
    value = request.statements[0][0]
    assert isinstance(value, bytes)
    return int.from_bytes(value, "big", signed=True)


@pytest.mark.parametrize("backwards", [False, True])
def test_every_request_arrives_once_and_is_answered(*, backwards: bool) -> None:
    with ScriptedNode(backwards=backwards) as node, pump(node) as working:
        finished = run(working, [requests(first, 500) for first in range(0, 5_000, 500)])
    assert sum(each.requests.count for each in finished) == 5_000
    assert not any(each.failures for each in finished)
    assert sorted(map(number, node.requests)) == list(range(5_000))
    seven = next(each for each in node.requests if number(each) == 7)
    assert seven == Request(EXECUTE, ((b"\0\0\0\0\0\0\0\x07", b""),), LOCAL_QUORUM)
    assert next(each for each in node.requests if number(each) == 9).statements[0][1] is None


def test_more_requests_than_there_are_streams_go_over_one_connection() -> None:
    with ScriptedNode(backwards=True) as node, pump(node, connections=1, in_flight=4_000) as working:
        finished = run(working, [requests(first, 4_000) for first in range(0, STREAMS + 8_000, 4_000)])
    assert sum(each.requests.count for each in finished) == STREAMS + 8_000
    assert Counter(map(number, node.requests)) == Counter(range(STREAMS + 8_000))


def test_rows_of_a_partition_go_as_one_batch() -> None:
    with ScriptedNode() as node, pump(node) as working:
        run(working, [requests(0, 10, starts=[0, 3, 4, 10])])
    batches = sorted((each for each in node.requests), key=number)
    assert [len(each.statements) for each in batches] == [3, 1, 6]
    assert {each.opcode for each in batches} == {BATCH}
    assert [values[0] for each in batches for values in each.statements] == [
        each.to_bytes(8, "big") for each in range(10)
    ]


def test_a_failure_names_its_request_and_no_other() -> None:
    answers = {3: write_timeout(), 8: invalid("too large")}
    with ScriptedNode(lambda each: answers.get(number(each), VOID), backwards=True) as node, pump(node) as working:
        (finished,) = run(working, [requests(0, 20)])
    failures = {each.request: each.error for each in finished.failures}
    assert set(failures) == {3, 8}
    assert isinstance(failures[3], WriteTimeout)
    assert failures[3].received_responses == 0
    assert isinstance(failures[8], InvalidRequest)


def test_thousands_of_failures_among_answers_are_all_found() -> None:
    with (
        ScriptedNode(lambda each: write_timeout() if number(each) % 2 else VOID) as node,
        pump(node, in_flight=2_000) as working,
    ):
        finished = run(working, [requests(0, 4_000), requests(4_000, 4_000)])
    assert {each.request % 2 for part in finished for each in part.failures} == {1}
    assert sum(len(part.failures) for part in finished) == 4_000


def test_a_lost_connection_fails_what_it_had_not_answered_and_is_opened_anew() -> None:
    closed: list[Request] = []

    def once(each: Request) -> bytes:
        if number(each) == 30 and not closed:
            closed.append(each)
            return CLOSE
        return VOID

    with ScriptedNode(once) as node, pump(node, connections=1, in_flight=10) as working:
        first = run(working, [requests(0, 60)])
        again = run(working, [requests(30, 30)])
    failed = {each.request for part in first for each in part.failures}
    assert 30 in failed
    assert failed <= set(range(60))
    assert set(range(20)) & failed == set()
    assert all(isinstance(each.error, ConnectionLostError) for part in first for each in part.failures)
    assert not any(part.failures for part in again)
    assert len(node.prepared) == 2


def test_a_silent_node_is_given_up_and_its_requests_failed() -> None:
    with (
        ScriptedNode(lambda each: NOTHING if number(each) == 5 else VOID) as node,
        pump(node, connections=1, silence_s=0.2) as working,
    ):
        (finished,) = run(working, [requests(0, 10)])
    assert [each.request for each in finished.failures] == [5]
    assert "nothing came for 0.2 s" in str(finished.failures[0].error)


def test_a_forgotten_statement_is_prepared_again() -> None:
    with ScriptedNode() as node, pump(node, connections=1) as working:
        node.forgotten = True
        (first,) = run(working, [requests(0, 10)])
        assert {type(each.error) for each in first.failures} == {PreparedQueryNotFound}
        (second,) = run(working, [requests(0, 10)])
    assert second.failures == ()
    assert node.prepared[:2] == [STATEMENT, STATEMENT]
    assert len(node.requests) >= 10


def test_an_answer_that_nobody_asked_for_is_no_acknowledgement() -> None:
    with ScriptedNode() as node, pump(node, connections=1, silence_s=5.0) as working:
        node.twice = True
        (finished,) = run(working, [requests(0, 10)])
    assert 9 in {each.request for each in finished.failures}
    assert "answered what nobody asked" in str(finished.failures[0].error)


def test_a_statement_that_gets_another_id_is_taken_up_on_a_new_connection() -> None:
    with ScriptedNode(new_ids=True) as node, pump(node, connections=1) as working:
        node.forgotten = True
        (first,) = run(working, [requests(0, 10)])
        (second,) = run(working, [requests(0, 10)])
    assert len(first.failures) == 10
    assert second.failures == ()


def test_many_that_were_forgotten_ask_once() -> None:
    with ScriptedNode() as node, pump(node, connections=1, in_flight=500) as working:
        node.forgotten = True
        run(working, [requests(0, 500)])
    assert len(node.prepared) <= 3


@pytest.mark.parametrize(
    "wrong", [{"hosts": []}, {"hosts": ["h"], "in_flight": 0}, {"hosts": ["h"], "in_flight": 9_000}]
)
def test_settings_that_would_never_end_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no host|Allowed: 1 to 8000"):
        PumpSettings(**wrong)


def test_a_node_that_does_not_come_back_is_an_error() -> None:
    with ScriptedNode() as node, pump(node, connections=1, attempts=2) as working:
        run(working, [requests(0, 10)])
        node.__exit__(None, None, None)
        with pytest.raises(StoreUnreachableError, match="Check that the node is up"):
            run(working, [requests(0, 10)] * 5)
        node.__enter__()
