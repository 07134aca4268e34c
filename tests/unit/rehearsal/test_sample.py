from __future__ import annotations

import datetime as dt
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from rehearsal.data import manifest
from rehearsal.data.history import TYPES, arrow_table, snowflake_name
from rehearsal.data.schema import MIGRATED
from rehearsal.data.tables import Sample, SampleTable, stable_hash
from rehearsal.data.versions import history, newest

if TYPE_CHECKING:
    from pathlib import Path

DAYS = 5
TABLES = ("flights_unarchived", "departures", "planes", "weather")


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample(days=DAYS)


@pytest.fixture(params=TABLES)
def table(sample: Sample, request: pytest.FixtureRequest) -> SampleTable:
    made: SampleTable = getattr(sample, request.param)
    return made


def column(table: SampleTable, name: str) -> list[object]:
    (place,) = table.places([name])
    return [row[place] for row in table.rows]


def test_keys_are_unique_and_complete(table: SampleTable) -> None:
    keys = [row[: len(table.key)] for row in table.rows]
    assert len(set(keys)) == len(keys) > 100
    assert not any(part is None for key in keys for part in key)


def test_every_column_is_in_the_schema_of_source_and_history(table: SampleTable) -> None:
    (created,) = [statement for statement in MIGRATED if f"flights.{table.name} " in statement]
    for name in table.all_columns:
        assert f" {name} " in created.replace("\n", " ").replace(",", " ").replace("(", " ")
        assert name in TYPES


def test_nulls_stay_nulls_and_integers_stay_integers(sample: Sample) -> None:
    delays = column(sample.flights_unarchived, "dep_delay")
    assert None in delays
    assert {type(delay) for delay in delays} == {int, type(None)}
    assert None in column(sample.flights_unarchived, "tailnum")
    assert {type(value) for value in column(sample.weather, "temp")} <= {float, type(None)}


def test_the_first_flight_is_the_real_one(sample: Sample) -> None:
    table = sample.flights_unarchived
    key = ("UA", dt.date(2013, 1, 1), 515, 1545)
    (row,) = [row for row in table.rows if row[:4] == key]
    named = dict(zip(table.all_columns, row, strict=True))
    assert (named["dep_time"], named["dep_delay"], named["arr_time"], named["arr_delay"]) == (517, 2, 830, 11)
    assert (named["tailnum"], named["origin"], named["dest"], named["distance"]) == ("N14228", "EWR", "IAH", 1400)
    assert named["time_hour"] == dt.datetime(2013, 1, 1, 10, tzinfo=dt.UTC)


def test_some_text_is_not_ascii(sample: Sample) -> None:
    notes = [note for note in column(sample.flights_unarchived, "note") if isinstance(note, str)]
    assert notes
    assert not any(note.isascii() for note in notes)


def test_static_columns_are_the_same_in_all_rows_of_a_partition(sample: Sample) -> None:
    table = sample.departures
    place = table.places(table.static_columns)
    for partition in table.partitions():
        assert len({tuple(row[each] for each in place) for row in partition}) == 1
    assert "Newark Liberty Intl" in column(table, "airport_name")


def test_partitions_come_whole_and_once(table: SampleTable) -> None:
    width = len(table.partition_key)
    firsts = [rows[0][:width] for rows in table.partitions()]
    assert len(set(firsts)) == len(firsts)
    assert sum(len(rows) for rows in table.partitions()) == len(table.rows)


def test_a_planes_collections_agree_with_its_flights(sample: Sample) -> None:
    flights = sample.flights_unarchived
    tailnums = column(flights, "tailnum")
    for tailnum, by_month, destinations in zip(
        column(sample.planes, "tailnum"),
        column(sample.planes, "flights_by_month"),
        column(sample.planes, "destinations"),
        strict=True,
    ):
        flown = tailnums.count(tailnum)
        assert by_month == ({1: flown} if flown else None)
        assert (destinations is None) == (flown == 0)


def test_the_newest_versions_are_what_the_source_holds(table: SampleTable) -> None:
    assert newest(table, history(table)) == {row[: len(table.key)]: row for row in table.rows}


def test_some_keys_have_two_versions_and_the_older_one_knows_less(table: SampleTable) -> None:
    width = len(table.key)
    versions = list(history(table))
    older = {row[:width]: row for row in versions if row[-2] == 1}
    updated = [row for row in versions if row[-2] == 2 and not row[-1]]
    assert 0.03 < len(updated) / len(table.rows) < 0.1
    for row in updated:
        before = older[row[:width]]
        assert all(before[place] is None for place in table.places(table.preliminary))
    assert any(older[row[:width]][:-2] != row[:-2] for row in updated)


def test_deleted_keys_are_not_in_the_source() -> None:
    table = Sample(days=15).flights_unarchived
    held = {row[: len(table.key)] for row in table.rows}
    deleted = [row for row in history(table) if row[-1]]
    assert deleted
    assert not held & {row[: len(table.key)] for row in deleted}
    assert all(row[-2] == 2 for row in deleted)


def test_versions_are_the_same_at_every_run(table: SampleTable) -> None:
    again: SampleTable = getattr(Sample(days=DAYS), table.name)
    assert list(history(table)) == list(history(again))


def test_the_hash_that_chooses_versions_is_the_same_on_every_machine() -> None:
    assert stable_hash(("UA", dt.date(2013, 1, 1), 515, 1545)) == zlib.crc32(b"UA\x1f2013-01-01\x1f515\x1f1545")


def test_the_history_keeps_every_version_in_upper_case_columns(table: SampleTable) -> None:
    made = arrow_table(table)
    assert made.num_rows == sum(1 for _ in history(table))
    assert made.column_names == [*(name.upper() for name in table.all_columns), "VERSION", "IS_DELETED"]
    assert snowflake_name(table) in {"FLIGHTS", "DEPARTURES", "PLANES", "WEATHER"}


def test_rows_are_sorted_so_that_partitions_are_written_one_after_the_other(table: SampleTable) -> None:
    width = len(table.key)
    assert all(before[:width] < after[:width] for before, after in pairwise(table.rows))


def test_a_manifest_counts_for_the_same_days_only(tmp_path: Path) -> None:
    path = tmp_path / "loaded.json"
    assert not manifest.is_loaded(path, digest=manifest.digest(days=DAYS))
    manifest.write(path, digest=manifest.digest(days=DAYS), rows={"planes": 1})
    assert manifest.is_loaded(path, digest=manifest.digest(days=DAYS))
    assert not manifest.is_loaded(path, digest=manifest.digest(days=None))


def test_a_manifest_of_another_loader_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "loaded.json"
    manifest.write(path, digest=manifest.digest(days=DAYS), rows={})
    monkeypatch.setattr(manifest, "dataset_version", lambda: "another data set")
    assert not manifest.is_loaded(path, digest=manifest.digest(days=DAYS))
