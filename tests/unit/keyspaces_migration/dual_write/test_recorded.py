from __future__ import annotations

import datetime as dt
import uuid
import zlib

import pytest

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.recopy import KeyHistory
from keyspaces_migration.dual_write.recorded import RecordedKey, RecordKind, bucket_of, key_text
from keyspaces_migration.dual_write.shape import TableShape

B = 1_790_000_000_000_000
FLIGHTS = TableShape(
    name="flights",
    columns={name: parse_type(text) for name, text in {"n": "int", "carrier": "text", "day": "date"}.items()},
    partition_keys=("carrier", "day"),
    clustering_keys=("n",),
)


def recorded(at_us: int, kind: RecordKind, *columns: str, mode: WriteMode = WriteMode.RECORD) -> RecordedKey:
    return RecordedKey(
        table="flights",
        kind=kind,
        mode=mode,
        key={"carrier": "UA"},
        deleted_columns=columns,
        timestamp_us=at_us,
        seq=uuid.uuid1(),
    )


@pytest.mark.parametrize(("at_us", "applied_us"), [(B - 10**10, B + 1), (B, B + 1), (B + 1, B + 1), (B + 7, B + 7)])
def test_a_delete_is_applied_above_the_backfill_and_else_at_its_own_time(at_us: int, applied_us: int) -> None:
    assert recorded(at_us, RecordKind.DELETE_ROW).target_timestamp_us(B) == applied_us


def test_only_what_takes_something_away_is_a_delete() -> None:
    assert recorded(B, RecordKind.DELETE_ROW).is_delete
    assert recorded(B, RecordKind.UPDATE, "day").is_delete
    assert not recorded(B, RecordKind.INSERT).is_delete


def test_the_text_of_a_key_has_the_table_s_order_whatever_the_caller_s() -> None:
    key = {"n": 5, "day": dt.date(2013, 1, 1), "carrier": "Zürich"}
    text = key_text(FLIGHTS, key)
    assert text == '{"carrier":"Zürich","day":"2013-01-01","n":5}'
    assert bucket_of(text) == zlib.crc32(text.encode()) % 64
    assert key_text(FLIGHTS, {"day": dt.date(2013, 1, 1), "carrier": "UA"}) == '{"carrier":"UA","day":"2013-01-01"}'


def test_a_key_s_history_is_the_newest_of_each_kind_and_is_copied_only_if_the_source_was_alone() -> None:
    dual = WriteMode.DUAL_SOURCE_LEADS
    history = KeyHistory(key={})
    history.add(recorded(9, RecordKind.DELETE_ROW, mode=dual))
    assert (history.copy, history.touched_us, history.deleted_us) == (False, 0, 9)
    for record in (
        recorded(5, RecordKind.INSERT, "a"),
        recorded(3, RecordKind.INSERT, "b"),
        recorded(4, RecordKind.DELETE_ROW),
        recorded(8, RecordKind.UPDATE, "a", mode=dual),
    ):
        history.add(record)
    assert (history.copy, history.touched_us, history.inserted_us, history.deleted_us) == (True, 5, 5, 9)
    assert history.column_deletes_us == {"a": {5, 8}, "b": {3}}


def test_a_recorded_delete_that_is_newer_than_a_cell_of_the_source_was_not_made() -> None:
    history = KeyHistory(key={})
    for record in (
        recorded(4, RecordKind.DELETE_ROW),
        recorded(9, RecordKind.DELETE_ROW),
        recorded(3, RecordKind.UPDATE, "b"),
        recorded(8, RecordKind.UPDATE, "b"),
        recorded(8, RecordKind.UPDATE, "gone"),
    ):
        history.add(record)
    history.leave_out_what_was_not_made({"a": 7, "b": 5})
    assert history.deleted_us == 4
    assert history.column_deletes_us == {"b": {3}, "gone": {8}}
