"""Requests in an order of their own: each frame carries the rows that `rows_of` says, and costs what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.wire import Requests, encode_column
from keyspaces_migration.wire.frames import HEADER_BYTES, STREAMS
from tests.unit.keyspaces_migration.wire.scripted_node import HEADER, read_batch, read_execute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.keyspaces_migration.wire.scripted_node import Request

FIRST_STREAM = STREAMS - 3


@st.composite
def requests(draw: st.DrawFn, *, batched: bool) -> Requests:
    texts = draw(st.lists(st.one_of(st.none(), st.text(max_size=5)), min_size=1, max_size=20))
    rows = len(texts)
    order = draw(st.one_of(st.none(), st.permutations(range(rows)).map(np.array)))
    inner = draw(st.sets(st.integers(1, rows - 1))) if rows > 1 else set()
    return Requests(
        statement="INSERT …",
        columns=(
            encode_column(pa.array(range(rows)), parse_type("int")),
            encode_column(pa.array(texts), parse_type("text")),
        ),
        consistency=6,
        order=order,
        starts=np.array([0, *sorted(inner), rows]) if batched else None,
        units=np.arange(1.0, rows + 1),
    )


def sent(asked: Requests, read: Callable[[bytes], Request]) -> Iterator[tuple[int, Request]]:
    """Yield the stream of each frame, and what a node reads from it."""
    frames = asked.frames(statement_id=b"an id", first_stream=FIRST_STREAM)
    data = bytes(frames.data)
    assert len(frames.offsets) == asked.count + 1
    for first, end in zip(frames.offsets[:-1], frames.offsets[1:], strict=True):
        _, _, stream, _, length = HEADER.unpack_from(data, first)
        assert first + HEADER_BYTES + length == end
        yield stream, read(data[first + HEADER_BYTES : end])


def check(asked: Requests, read: Callable[[bytes], Request]) -> None:
    texts = [
        None if length < 0 else value.as_py()
        for length, value in zip(asked.columns[1].lengths, asked.columns[1].body, strict=True)
    ]
    seen: list[int] = []
    for number, (stream, request) in enumerate(sent(asked, read)):
        rows = list(asked.rows_of(number))
        assert request.statements == tuple((row.to_bytes(4, "big"), texts[row]) for row in rows)
        assert stream == (FIRST_STREAM + number) % STREAMS
        assert asked.costs()[number + 1] - asked.costs()[number] == sum(row + 1 for row in rows)
        seen += rows
    assert sorted(seen) == list(range(asked.rows))


@given(requests(batched=False))
def test_each_execute_carries_the_row_whose_turn_it_is(asked: Requests) -> None:
    check(asked, read_execute)


@given(requests(batched=True))
def test_each_batch_carries_the_rows_whose_turn_it_is(asked: Requests) -> None:
    check(asked, read_batch)
