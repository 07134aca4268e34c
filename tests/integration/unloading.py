"""COPY INTO an external stage, which fakesnow does not have: the very statement's SELECT through fakesnow, as files.

What is written is what Snowflake's documentation of COPY INTO <location> says: a folder for each value of PARTITION BY,
names that begin with data_ and have the query's id in them, NUMBERs as DECIMALs, no file without rows, and one line of
answer a file. What it says of itself (`Told`) is documented less well, so the tests try several.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from snowflake.connector.constants import FIELD_ID_TO_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake.connector.cursor import SnowflakeCursor

COPY = re.compile(
    r'COPY INTO @"STAGES"\."PUBLIC"\."KM"/(?P<folder>[A-Za-z0-9_/]+)/ FROM \((?P<query>.*)\) '
    r"PARTITION BY \((?P<partition>.*)\) FILE_FORMAT = \(TYPE = PARQUET COMPRESSION = SNAPPY\) "
    r"MAX_FILE_SIZE = (?P<bytes>\d+) HEADER = TRUE DETAILED_OUTPUT = TRUE"
)
STAGE = "STAGES.PUBLIC.KM"
ROWS_A_FILE = 150
UNSURE = {"TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "TIMESTAMP_TZ", "TIMESTAMP", "TIME", "VARIANT", "ARRAY", "OBJECT"}
"""Types that an unload to Parquet refuses, or of which the documentation leaves open what they become there."""
_NUMBER = pa.decimal128(38, 0)


class Told(Enum):
    """Where the names begin that COPY INTO answers with."""

    IN_THE_FOLDER = "in the folder"
    IN_THE_STAGE = "in the stage"
    IN_THE_BUCKET = "in the bucket"


class Interrupted(BaseException):
    """Ends an unloading where no `except Exception` can tidy up after it."""


@dataclass
class UnloadingCursor:
    """A cursor on fakesnow that unloads to files below `root`; `interrupt_after` ends it after so many of them."""

    cursor: SnowflakeCursor
    files: Any
    root: str
    told: Told = Told.IN_THE_FOLDER
    interrupt_after: int | None = None
    copies: list[str] = field(default_factory=list)
    answer: list[tuple[str, int, int]] | None = None

    def execute(self, command: str, params: Any = None) -> Any:
        match = COPY.fullmatch(command)
        self.answer = None
        if match is None:
            assert "COPY INTO" not in command
            return self.cursor.execute(command, params)
        self.copies.append(command)
        self.answer = self._unload(**match.groupdict())
        return self

    def describe(self, command: str) -> Any:
        return self.cursor.describe(command)

    def fetchall(self) -> list[Any]:
        return self.cursor.fetchall() if self.answer is None else self.answer

    def fetch_arrow_batches(self) -> Iterator[pa.Table]:
        return self.cursor.fetch_arrow_batches()

    def _unload(self, *, folder: str, query: str, partition: str, bytes: str) -> list[tuple[str, int, int]]:  # noqa: A002
        assert int(bytes) <= 5_368_709_120
        kinds = {column.name: FIELD_ID_TO_NAME[column.type_code] for column in self.cursor.describe(query)}
        assert not set(kinds.values()) & UNSURE, kinds
        self.cursor.execute(f"SELECT *, {partition} AS PARTITION_ FROM ({query}) AS rows_")  # ours
        tables = [self._as_unloaded(batch) for batch in self.cursor.fetch_arrow_batches()]
        if not tables or not sum(map(len, tables)):
            return []
        answer: list[tuple[str, int, int]] = []
        table, query_id = pa.concat_tables(tables), uuid.uuid4()
        for name in sorted(set(table["PARTITION_"].to_pylist())):
            part = table.filter(pc.equal(table["PARTITION_"], name)).drop_columns(["PARTITION_"])
            for number, start in enumerate(range(0, len(part), ROWS_A_FILE)):
                if len(answer) == self.interrupt_after:
                    raise Interrupted
                file = f"{name}/data_{query_id}_006_{number}_0.snappy.parquet"
                rows = part.slice(start, ROWS_A_FILE)
                answer.append((self._name(folder, file), self._write(f"{self.root}/{folder}/{file}", rows), len(rows)))
        return answer

    def _write(self, path: str, rows: pa.Table) -> int:
        buffer = pa.BufferOutputStream()
        # Row groups of several, as the real ones are in large files.
        pq.write_table(rows, buffer, compression="snappy", row_group_size=ROWS_A_FILE // 2)
        content = buffer.getvalue().to_pybytes()
        self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.files.pipe_file(path, content)
        return len(content)

    def _name(self, folder: str, file: str) -> str:
        begins = {Told.IN_THE_FOLDER: "", Told.IN_THE_STAGE: f"{folder}/", Told.IN_THE_BUCKET: f"{self.root}/{folder}/"}
        return f"{begins[self.told]}{file}".lstrip("/")

    def _as_unloaded(self, batch: pa.Table) -> pa.Table:
        for index, column in enumerate(batch.schema):
            if pa.types.is_integer(column.type):
                batch = batch.set_column(index, column.name, batch[column.name].cast(_NUMBER))
        return batch
