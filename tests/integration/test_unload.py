"""Large histories from files: Snowflake's COPY INTO as a stand-in writes it, on disk and on S3, read by splits."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import uuid
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pyarrow as pa
import pytest
import snowflake.connector
from botocore.exceptions import BotoCoreError
from cassandra.util import Date, Time
from fakesnow import server as snowflake_stand_in  # the first call puts a module of that name in its place

from keyspaces_migration.backfill import (
    FilesChangedError,
    FilesUnusableError,
    History,
    NotUnloadedError,
    Storage,
    Target,
    UnloadDiffersError,
    take_snapshot,
    unload_folder,
    unload_table,
)
from keyspaces_migration.backfill.encoding import Encoder
from keyspaces_migration.backfill.plan import make_splits
from keyspaces_migration.backfill.rows import SplitReader
from keyspaces_migration.backfill.unloaded import UnloadedReader
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.config.sections import Unload
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.ledger.backfill_records import BackfillTable, LoadMode, PlannedSplit
from keyspaces_migration.wire import NULL
from keyspaces_migration.wire.driver_types import driver_type, serialise
from rehearsal.data import history as sample_history
from rehearsal.data.tables import Sample
from tests.integration.unloading import STAGE, Interrupted, Told, UnloadingCursor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from snowflake.connector.cursor import SnowflakeCursor

    from rehearsal.servers.aws import AwsStandIn

MIGRATION_FILE = Path(__file__).parents[2] / "dags/migrations/flights.yaml"
NOW = dt.datetime.now(dt.UTC)
TABLES = ("flights_unarchived", "departures", "planes", "weather")
ROWS_A_SPLIT = 200
_runs = (f"unload-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def cursor() -> Iterator[SnowflakeCursor]:
    with (
        snowflake_stand_in() as address,
        closing(snowflake.connector.connect(**address, database="ANALYTICS", schema="PUBLIC")) as connection,
        connection.cursor() as opened,
    ):
        connection.arrow_number_to_decimal_setter = True  # as `keyspaces_provider.history` has it
        sample_history.load(opened, Sample(days=1), progress=lambda _: None)
        yield opened


@pytest.fixture
def migration() -> Migration:
    return load_migration(MIGRATION_FILE)


@pytest.fixture
def disk(tmp_path: Path) -> Storage:
    return Storage(files=fsspec.filesystem("file"), root=str(tmp_path), errors=(OSError,))


@dataclass
class Unloading:
    """One planned table, and what unloads and reads it."""

    cursor: UnloadingCursor
    storage: Storage
    target: Target
    table: BackfillTable
    splits: tuple[PlannedSplit, ...]
    unload: Unload
    attempts: Iterator[str] = field(default_factory=lambda: (f"attempt{number}" for number in itertools.count()))

    @property
    def history(self) -> History:
        return History(self.cursor, snowflake.connector.Error)

    @property
    def folder(self) -> str:
        found = unload_folder(self.unload, snapshot=self.table.snapshot, rows=self.table.rows)
        assert found is not None
        return found

    def run(self) -> Any:
        return unload_table(
            self.history,
            self.storage,
            unload=self.unload,
            target=self.target,
            table=self.table,
            splits=self.splits,
            folder=self.folder,
            attempt=next(self.attempts),
        )

    @property
    def by_files(self) -> UnloadedReader:
        return UnloadedReader(
            storage=self.storage, target=self.target, snapshot=self.table.snapshot, folder=self.folder
        )

    @property
    def by_queries(self) -> SplitReader:
        return SplitReader(history=self.history, target=self.target, snapshot=self.table.snapshot, mode=self.table.mode)

    def written(self, reader: SplitReader | UnloadedReader, split: PlannedSplit) -> list[Any]:
        """What a split's writes are, byte by byte, in an order of their own."""
        encoder = Encoder(self.target, null=NULL)
        encoded = [
            *(encoder.rows(part) for part in reader.rows(split)),
            *(encoder.statics(part, without_values=True) for part in reader.statics(split)),
        ]
        writes = [
            (each.kind.value, cells, None if each.expires_at_ms is None else int(each.expires_at_ms[row]))
            for part in encoded
            for each in part.writes
            for row, cells in enumerate(zip(*(values(column) for column in each.cells), strict=True))
        ]
        return sorted([*writes, *(("letter", each.reason, each.key_json) for part in encoded for each in part.letters)])


def values(column: Any) -> list[tuple[int, bytes]]:
    body = column.body.to_pylist() if isinstance(column.body, pa.Array) else [bytes(row) for row in column.body]
    return [(int(length), body[row]) for row, length in enumerate(column.lengths)]


def planned(  # noqa: PLR0913 # what a plan is made of
    cursor: SnowflakeCursor,
    storage: Storage,
    migration: Migration,
    name: str,
    mode: LoadMode = LoadMode.FULL,
    *,
    rows_a_split: int = ROWS_A_SPLIT,
) -> Unloading:
    run_id, table = next(_runs), migration.tables[name]
    history = History(cursor, snowflake.connector.Error)
    snapshot = take_snapshot(
        history,
        migration=migration.name,
        name=name,
        table=table,
        run_id=run_id,
        now=NOW,
        since=None,
        deletes=mode is not LoadMode.FULL,
    )
    return Unloading(
        cursor=UnloadingCursor(cursor, storage.files, storage.root),
        storage=storage,
        target=Target(keyspace="flights", name=name, table=table),
        table=BackfillTable(
            dag_id="flights.historical_backfill",
            run_id=run_id,
            table_name=name,
            snapshot=snapshot.address,
            mode=mode,
            barrier_us=None,
            rows=snapshot.rows,
            deleted=snapshot.deleted,
            watermark=None,
            snapshot_at=NOW,
            planned_at=NOW,
        ),
        splits=make_splits(snapshot.bucket_rows, rows_a_split=rows_a_split),
        unload=Unload(stage=STAGE, path="/unloaded", above_rows=0),
    )


@pytest.mark.parametrize("mode", [LoadMode.FULL, LoadMode.RELOAD])
@pytest.mark.parametrize("name", TABLES)
def test_files_give_the_very_writes_that_queries_give(
    cursor: SnowflakeCursor, disk: Storage, migration: Migration, name: str, mode: LoadMode
) -> None:
    unloading = planned(cursor, disk, migration, name, mode)
    manifest = unloading.run()
    rows = 0
    for split in unloading.splits:
        by_files = unloading.written(unloading.by_files, split)
        assert by_files == unloading.written(unloading.by_queries, split)
        rows += sum(kind in {"row", "delete"} for kind, *_ in by_files)
    assert rows == unloading.table.rows == sum(file.rows for files in manifest.rows.values() for file in files)
    assert len(unloading.splits) > 1 or name in {"planes", "weather"}


@pytest.mark.parametrize("told", list(Told), ids=lambda told: told.value)
def test_files_are_found_wherever_their_names_begin(
    cursor: SnowflakeCursor, disk: Storage, migration: Migration, told: Told
) -> None:
    unloading = planned(cursor, disk, migration, "departures")
    unloading.cursor.told = told
    assert unloading.run().files > len(unloading.splits)
    split = unloading.splits[-1]
    assert unloading.written(unloading.by_files, split) == unloading.written(unloading.by_queries, split)


def test_an_unloading_killed_midway_is_done_anew_and_what_it_left_is_not_read(
    cursor: SnowflakeCursor, disk: Storage, migration: Migration
) -> None:
    unloading = planned(cursor, disk, migration, "flights_unarchived")
    unloading.cursor.interrupt_after = 3
    with pytest.raises(Interrupted):
        unloading.run()
    with pytest.raises(NotUnloadedError, match="`unload`"):
        list(unloading.by_files.rows(unloading.splits[0]))
    unloading.cursor.interrupt_after = None
    manifest = unloading.run()
    assert manifest.folder.endswith("attempt1")
    left = [name for name in disk.sizes(unloading.folder) if name.startswith("attempt0/")]
    assert len(left) == 3
    read = sum(part.num_rows for split in unloading.splits for part in unloading.by_files.rows(split))
    assert read == unloading.table.rows
    # Once more changes nothing, and asks Snowflake for nothing.
    copies = len(unloading.cursor.copies)
    assert unloading.run() == manifest
    assert len(unloading.cursor.copies) == copies


def first_file(unloading: Unloading) -> str:
    manifest = unloading.run()
    return unloading.storage.path_of(f"{manifest.folder}/{manifest.rows[unloading.splits[0].number][0].name}")


def lose(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def scramble(path: Path) -> None:
    path.write_bytes(bytes(len(path.read_bytes())))


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a file is lost": (lose, "is not there any more"),
    "a file is cut": (cut, "bytes, and had"),
    "a file is none of Parquet": (scramble, "no Parquet file that can be read"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_files_that_are_not_those_unloaded_are_refused(
    cursor: SnowflakeCursor, disk: Storage, migration: Migration, change: str
) -> None:
    unloading = planned(cursor, disk, migration, "departures")
    make, says = CHANGES[change]
    path = Path(first_file(unloading))
    make(path)
    with pytest.raises(FilesChangedError, match=says) as raised:
        list(unloading.by_files.rows(unloading.splits[0]))
    assert str(path) in str(raised.value)


def test_another_splits_file_and_another_count_of_rows_are_refused(
    cursor: SnowflakeCursor, disk: Storage, migration: Migration
) -> None:
    unloading = planned(cursor, disk, migration, "departures")
    manifest = unloading.run()
    path = Path(disk.path_of(f"{unloading.folder}/manifest.json"))
    told = json.loads(path.read_text())
    first, second = unloading.splits[:2]

    swapped = {**told, "rows": {**told["rows"], str(first.number): told["rows"][str(second.number)]}}
    path.write_text(json.dumps(swapped))
    bent = replace(first, planned_rows=sum(file.rows for file in manifest.rows[second.number]))
    with pytest.raises(FilesChangedError, match="has buckets"):
        list(unloading.by_files.rows(bent))

    path.write_text(json.dumps({**told, "rows": {**told["rows"], str(first.number): []}}))
    with pytest.raises(FilesChangedError, match=f"0 rows of split 0 of {first.of}, planned with {first.planned_rows}"):
        list(unloading.by_files.rows(first))

    told["rows"][str(first.number)][0]["rows"] += 1
    path.write_text(json.dumps(told))
    with pytest.raises(FilesChangedError, match="were unloaded to it"):
        list(unloading.by_files.rows(replace(first, planned_rows=first.planned_rows + 1)))


def test_a_manifest_of_another_snapshot_and_one_that_is_none_are_refused(
    cursor: SnowflakeCursor, disk: Storage, migration: Migration
) -> None:
    unloading = planned(cursor, disk, migration, "weather")
    unloading.run()
    path = Path(disk.path_of(f"{unloading.folder}/manifest.json"))
    path.write_text(path.read_text().replace("KM_FLIGHTS", "KM_OTHERS"))
    with pytest.raises(FilesChangedError, match="tells of"):
        unloading.run()
    path.write_text("[]")
    with pytest.raises(FilesChangedError, match="no manifest of ours"):
        list(unloading.by_files.rows(unloading.splits[0]))


def test_a_stage_that_points_elsewhere_is_told_before_anything_is_recorded(
    cursor: SnowflakeCursor, disk: Storage, migration: Migration, tmp_path: Path
) -> None:
    unloading = planned(cursor, disk, migration, "weather")
    unloading.storage = replace(disk, root=str(tmp_path / "elsewhere"))
    with pytest.raises(UnloadDiffersError, match=r"must be where backfill\.unload\.stage points"):
        unloading.run()
    assert not disk.sizes(unloading.folder).keys() & {"manifest.json"}


def test_a_snapshot_that_changed_since_the_plan_and_a_file_more_are_refused(
    cursor: SnowflakeCursor, disk: Storage, migration: Migration
) -> None:
    unloading = planned(cursor, disk, migration, "weather")
    cursor.execute(f"INSERT INTO {unloading.table.snapshot} SELECT * FROM {unloading.table.snapshot} LIMIT 1")
    with pytest.raises(UnloadDiffersError, match="the snapshot was changed"):
        unloading.run()

    unloading = planned(cursor, disk, migration, "weather")
    disk.files.makedirs(disk.path_of(f"{unloading.folder}/attempt0/rows/split=0"), exist_ok=True)
    disk.files.pipe_file(disk.path_of(f"{unloading.folder}/attempt0/rows/split=0/data_left.parquet"), b"left")
    with pytest.raises(UnloadDiffersError, match="broken off"):
        unloading.run()


def test_a_table_without_rows_is_unloaded_to_no_file(
    cursor: SnowflakeCursor, disk: Storage, migration: Migration
) -> None:
    cursor.execute("CREATE OR REPLACE TABLE NO_WEATHER AS SELECT * FROM WEATHER WHERE FALSE")
    content = json.loads(migration.canonical_json())
    content["tables"]["weather"]["history"]["table"] = "ANALYTICS.PUBLIC.NO_WEATHER"
    unloading = planned(cursor, disk, Migration.from_canonical_json(json.dumps(content)), "weather")
    assert unload_folder(unloading.unload, snapshot=unloading.table.snapshot, rows=0) is None
    unloading.table = replace(unloading.table, rows=1)  # so that it is unloaded all the same
    assert unloading.run().files == 0
    assert list(unloading.by_files.rows(unloading.splits[0])) == []


def test_all_splits_that_there_may_be_are_told_apart_in_one_statement(
    cursor: SnowflakeCursor, disk: Storage, migration: Migration
) -> None:
    unloading = planned(cursor, disk, migration, "planes", rows_a_split=1)
    assert len(unloading.splits) > 100
    manifest = unloading.run()
    assert len(unloading.cursor.copies[0]) < 1_000_000  # Snowflake's limit of a statement's text
    for split in unloading.splits[::40]:
        assert unloading.written(unloading.by_files, split) == unloading.written(unloading.by_queries, split)
    assert sum(map(len, manifest.rows.values())) == len([each for each in unloading.splits if each.planned_rows])


def test_unloaded_files_are_read_from_s3(
    cursor: SnowflakeCursor, aws_stand_in: AwsStandIn, migration: Migration
) -> None:
    s3 = aws_stand_in.client("s3")
    bucket = f"unloaded-{next(_runs)}"
    s3.create_bucket(Bucket=bucket)
    files = fsspec.filesystem(
        "s3", key="a", secret="b", endpoint_url=aws_stand_in.endpoint_url, client_kwargs={"region_name": "us-east-1"}
    )
    storage = Storage(files=files, root=f"{bucket}/history", errors=(OSError, BotoCoreError))
    unloading = planned(cursor, storage, migration, "departures")
    unloading.cursor.told = Told.IN_THE_STAGE
    unloading.run()
    for split in unloading.splits:
        assert unloading.written(unloading.by_files, split) == unloading.written(unloading.by_queries, split)
    gone = replace(storage, root="no-such-bucket/history")
    with pytest.raises(NotUnloadedError, match="no-such-bucket"):
        list(replace(unloading, storage=gone).by_files.rows(unloading.splits[0]))
    away = fsspec.filesystem(
        "s3",
        key="a",
        secret="b",
        endpoint_url="http://127.0.0.9:9",
        client_kwargs={"region_name": "us-east-1"},
        config_kwargs={"retries": {"max_attempts": 1}, "connect_timeout": 1},
    )
    with pytest.raises(FilesUnusableError, match="rights of its connection"):
        list(replace(unloading, storage=replace(storage, files=away)).by_files.rows(unloading.splits[0]))


# By column: its CQL type, Snowflake's type, values as SQL, and what is written for each.
KINDS: dict[str, tuple[str, str, tuple[str, ...], tuple[Any, ...]]] = {
    "a_text": ("text", "VARCHAR", ("''", "NULL", "'é\U0001f600'"), ("", None, "é\U0001f600")),
    "a_bigint": ("bigint", "NUMBER(38,0)", ("-9223372036854775807", "NULL", "7"), (1 - 2**63, None, 7)),
    "a_varint": ("varint", "VARCHAR", (f"'{10**50}'", "'-1'", "NULL"), (10**50, -1, None)),
    "a_decimal": ("decimal", "NUMBER(10,2)", ("1.50", "-0.01", "NULL"), (Decimal("1.50"), Decimal("-0.01"), None)),
    "a_long_decimal": ("decimal", "VARCHAR", ("'1.5'", "'1E-40'", "NULL"), (Decimal("1.5"), Decimal("1E-40"), None)),
    "a_double": ("double", "FLOAT", ("'NaN'::FLOAT", "'-inf'::FLOAT", "0.1"), (math.nan, -math.inf, 0.1)),
    "a_float": ("float", "FLOAT", ("1.5", "NULL", "'inf'::FLOAT"), (1.5, None, math.inf)),
    "a_boolean": ("boolean", "BOOLEAN", ("TRUE", "FALSE", "NULL"), (True, False, None)),
    "a_blob": ("blob", "BINARY", ("TO_BINARY('00FF', 'HEX')", "NULL", "TO_BINARY('', 'HEX')"), (b"\0\xff", None, b"")),
    "a_date": (
        "date",
        "DATE",
        ("'0001-01-01'", "'9999-12-31'", "'1969-12-31'"),
        (Date(-719_162), Date(2_932_896), Date(-1)),
    ),
    "a_time": ("time", "TIME", ("'23:59:59.999999'", "'00:00:00'", "NULL"), (Time(86_399_999_999_000), Time(0), None)),
    "a_timestamp": (
        "timestamp",
        "TIMESTAMP_NTZ",
        ("'1969-12-31 23:59:59.999'", "'9999-12-31 00:00:00'", "NULL"),
        (-1, 253_402_214_400_000, None),
    ),
    "a_zoned": (
        "timestamp",
        "TIMESTAMP_TZ",
        ("'2013-01-01 02:00:00+02'", "NULL", "'1960-01-01 00:00:00+00'"),
        (1_356_998_400_000, None, -315_619_200_000),
    ),
    "a_uuid": ("uuid", "VARCHAR", (f"'{uuid.UUID(int=7)}'", "NULL", "NULL"), (uuid.UUID(int=7), None, None)),
    "an_inet": ("inet", "VARCHAR", ("'127.0.0.1'", "'2001:db8::1'", "NULL"), ("127.0.0.1", "2001:db8::1", None)),
    "a_list": ("list<double>", "ARRAY", ("PARSE_JSON('[1, 2.5]')", "NULL", "PARSE_JSON('[]')"), ([1.0, 2.5], None, [])),
    "a_set": ("set<text>", "VARIANT", ('PARSE_JSON(\'["b", "a"]\')', "NULL", "NULL"), (["b", "a"], None, None)),
    "a_map": ("map<int, text>", "OBJECT", ('PARSE_JSON(\'{"7": "x"}\')', "NULL", "NULL"), ({7: "x"}, None, None)),
    "a_tuple": ("tuple<int, text>", "ARRAY", ("PARSE_JSON('[1, null]')", "NULL", "NULL"), ((1, None), None, None)),
    "a_nest": (
        "map<text, frozen<list<frozen<set<int>>>>>",
        "VARIANT",
        ("PARSE_JSON('{\"k\": [[1], [2, 3]]}')", "NULL", "NULL"),
        ({"k": [[1], [2, 3]]}, None, None),
    ),
}


def test_every_type_is_the_same_from_files_and_from_queries_by_mapped_and_quoted_columns_of_a_view(
    cursor: SnowflakeCursor, disk: Storage, migration: Migration
) -> None:
    # An expression is a view's: the migration file names its columns.
    selects = [
        ", ".join([f"{row} AS ID", *(f'{sql[row]}::{kind} AS "{name}!"' for name, (_, kind, sql, _) in KINDS.items())])
        for row in range(3)
    ]
    cursor.execute(f"CREATE OR REPLACE TABLE KINDS_BASE AS {' UNION ALL '.join(f'SELECT {each}' for each in selects)}")
    cursor.execute("CREATE OR REPLACE VIEW KINDS AS SELECT *, CONCAT('n', ID * 2) AS DOUBLED FROM KINDS_BASE")
    content = json.loads(migration.canonical_json())
    table = content["tables"]["weather"]
    columns = [{"number": "int"}, {"named": "text"}, *({name: kinds[0]} for name, kinds in KINDS.items())]
    table["schema"] |= {"columns": columns, "partition_keys": ["number"], "clustering_keys": []}
    mapped = {"number": "ID", "named": "DOUBLED", **{name: f'"{name}!"' for name in KINDS}}
    table["history"] = {"table": "ANALYTICS.PUBLIC.KINDS", "columns": mapped}
    unloading = planned(cursor, disk, Migration.from_canonical_json(json.dumps(content)), "weather")
    unloading.run()
    (split,) = unloading.splits
    by_files = unloading.written(unloading.by_files, split)
    assert by_files == unloading.written(unloading.by_queries, split)
    types = {name: kinds[0] for name, kinds in KINDS.items()}
    places = {name: place for place, name in enumerate(unloading.target.row_columns)}
    for row, (kind, cells, _) in enumerate(by_files):
        assert kind == "row"
        assert cells[places["named"]] == (2, f"n{row * 2}".encode())
        for name, text in types.items():
            wanted = KINDS[name][3][row]
            sent = None if wanted is None else serialise(wanted, driver_type(parse_type(text)))
            assert cells[places[name]] == ((NULL, b"") if sent is None else (len(sent), sent)), name
