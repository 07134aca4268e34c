"""Writes over a real socket to a node that throttles, refuses, or fails on them."""

from __future__ import annotations

import datetime as dt
import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from cassandra import Unauthorized

from keyspaces_migration.backfill.encoding import Encoder
from keyspaces_migration.backfill.errors import TargetOverloadedError
from keyspaces_migration.backfill.rows import CHUNK_ROWS, rows_at_once
from keyspaces_migration.backfill.snapshot import DELETED, EXPIRES_AT
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.backfill.write import Outcome, Pacing, Writer, statement_texts
from keyspaces_migration.clients import SessionSettings
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.wire import UNSET, Pump, PumpSettings, connect
from tests.unit.keyspaces_migration.wire.scripted_node import (
    BATCH,
    VOID,
    Request,
    ScriptedNode,
    error,
    invalid,
    write_timeout,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE = Path(__file__).parents[4] / "dags/migrations/flights.yaml"
BARRIER_US = 7
HOUR_MS = 3_600_000


def target(*, expires: bool = False) -> Target:
    """A table of `hour: int` in partitions of `place: text`, with a value."""
    content = json.loads(load_migration(FILE).canonical_json())
    table = content["tables"]["weather"]
    table["schema"] |= {
        "columns": [{"place": "text"}, {"hour": "int"}, {"temp": "double"}],
        "partition_keys": ["place"],
        "clustering_keys": [{"hour": "ASC"}],
        "static_columns": [],
    }
    table["history"] = {"table": "A.B.C"} | ({"expiry_column": "EXPIRES"} if expires else {})
    content["tables"] = {"readings": table}
    migration = Migration.from_canonical_json(json.dumps(content))
    return Target(keyspace="k", name="readings", table=migration.tables["readings"])


def readings(places: str, *, deleted: str = "", expiries: list[int | None] | None = None) -> pa.Table:
    """A row for each letter: its place, and its number as its hour."""
    rows = range(len(places))
    columns = {
        "place": list(places),
        "hour": pa.array(rows, pa.int64()),
        "temp": [float(row) for row in rows],
        DELETED: [place in deleted for place in places],
    }
    return pa.table(columns if expiries is None else columns | {EXPIRES_AT: expiries})


@contextmanager
def writer(
    node: ScriptedNode, *, to: Target, attempts: int = 4, barrier_us: int | None = BARRIER_US
) -> Iterator[Writer]:
    texts = tuple(statement_texts(to).values())
    settings = SessionSettings(hosts=(node.host,), port=node.port)
    pump = Pump(
        PumpSettings(hosts=[node.host] * 2),
        connect=lambda host: connect(settings, host=host, statements=texts),
        clock=time.monotonic,
    )
    with pump:
        yield Writer(
            pump=pump,
            target=to,
            barrier_us=barrier_us,
            clock=lambda: dt.datetime.now(dt.UTC),
            pacing=Pacing(wait=time.sleep, chance=lambda: 0.0, attempts=attempts, first_wait_s=0.01),
        )


def write(answer: Callable[[Request], bytes], rows: pa.Table, **options: Any) -> tuple[Outcome, list[Request]]:
    """What became of the rows, all together, and what the node was sent."""
    to = target(expires=EXPIRES_AT in rows.column_names)
    encoded = Encoder(to, null=UNSET).rows(rows)
    assert encoded.letters == ()
    with ScriptedNode(answer) as node, writer(node, to=to, **options) as writing:
        parts = list(writing.write(encoded.writes))
    whole = Outcome(
        written=sum(part.written for part in parts),
        expired=sum(part.expired for part in parts),
        refused=tuple(refused for part in parts for refused in part.refused),
    )
    return whole, node.requests


def as_number(value: bytes | str | None) -> int:
    assert isinstance(value, bytes)
    return int.from_bytes(value, "big", signed=True)


def hours(request: Request) -> list[int]:
    return [as_number(values[1]) for values in request.statements]


def test_a_throttled_row_is_sent_again_until_it_is_taken() -> None:
    times: list[float] = []

    def answer(request: Request) -> bytes:
        if 3 not in hours(request) or len(times) == 3:
            return VOID
        times.append(time.monotonic())
        return write_timeout()

    outcome, sent = write(answer, readings("abcdef"))
    assert (outcome.written, outcome.expired, outcome.refused) == (6, 0, ())
    assert sorted(hour for each in sent for hour in hours(each)) == [0, 1, 2, 3, 3, 3, 3, 4, 5]
    assert times[1] - times[0] >= 0.005
    assert times[2] - times[1] >= 0.01
    assert {each.statements[0][-1] for each in sent} == {BARRIER_US.to_bytes(8, "big")}


def test_a_row_that_is_never_taken_is_no_dead_letter_but_an_error() -> None:
    with pytest.raises(TargetOverloadedError, match=r"1 writes were not taken in 4 attempts, now with 1 WriteTimeout"):
        write(lambda each: write_timeout() if 3 in hours(each) else VOID, readings("abcdef"))


def test_a_refused_row_is_told_with_its_reason_and_not_sent_again() -> None:
    outcome, sent = write(lambda each: invalid("too large") if 1 in hours(each) else VOID, readings("abcdef"))
    assert outcome.written == 5
    ((writes, rows),) = outcome.refused
    assert [writes.source["hour"][row].as_py() for row in rows] == [1]
    assert "the target refuses it" in next(iter(rows.values()))
    assert "too large" in next(iter(rows.values()))
    assert len(sent) == 6


def test_one_refused_row_costs_the_others_of_its_batch_nothing() -> None:
    outcome, sent = write(lambda each: invalid("no") if 7 in hours(each) else VOID, readings("a" * 20 + "b" * 20))
    assert outcome.written == 39
    assert sum(len(rows) for _, rows in outcome.refused) == 1
    assert sorted(len(each.statements) for each in sent) == [1] * 20 + [20, 20]


def test_batches_hold_one_partition_and_keep_to_their_limit() -> None:
    outcome, sent = write(lambda _: VOID, readings("ab" * 50))
    assert outcome.written == 100
    assert {each.opcode for each in sent} == {BATCH}
    assert all(len({values[0] for values in each.statements}) == 1 for each in sent)
    assert sorted(len(each.statements) for each in sent) == [20, 20, 30, 30]


def test_a_delete_of_the_history_is_a_delete_with_the_stamp_first() -> None:
    outcome, sent = write(lambda _: VOID, readings("abc", deleted="b"))
    assert outcome.written == 3
    deletes = [each for each in sent if len(each.statements[0]) == 3]
    assert [each.statements[0] for each in deletes] == [(BARRIER_US.to_bytes(8, "big"), b"b", b"\0\0\0\x01")]


def test_rows_get_the_life_that_is_left_and_expired_ones_are_not_sent() -> None:
    now_ms = int(time.time() * 1000)
    expiries = [now_ms + HOUR_MS, now_ms - 1, None]
    outcome, sent = write(lambda _: VOID, readings("abc", expiries=expiries))
    assert (outcome.written, outcome.expired) == (2, 1)
    lives = {each.statements[0][0]: as_number(each.statements[0][-1]) for each in sent}
    assert 3_500 < lives[b"a"] <= 3_600
    assert lives[b"c"] == 0


def test_without_a_barrier_each_write_is_stamped_when_it_is_sent() -> None:
    before_us = time.time_ns() // 1000
    _, sent = write(lambda _: VOID, readings("ab"), barrier_us=None)
    stamps = [as_number(each.statements[0][-1]) for each in sent]
    assert all(before_us <= stamp <= time.time_ns() // 1000 for stamp in stamps)


def test_an_error_that_says_something_about_all_writes_is_raised() -> None:
    with pytest.raises(Unauthorized, match="may not modify"):
        write(lambda _: error(0x2100, "may not modify"), readings("abcdef"))


def test_large_rows_are_encoded_few_at_a_time() -> None:
    small, large = readings("a" * 5_000), readings("a" * 100)
    assert rows_at_once(small) == CHUNK_ROWS
    large = large.append_column("page", pa.array(["x" * 1_000_000] * 100))
    assert 1 <= rows_at_once(large) <= 4
    assert rows_at_once(large.slice(0, 0)) == CHUNK_ROWS
