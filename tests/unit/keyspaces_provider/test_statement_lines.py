from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from dags.assess import PARAMS
from keyspaces_migration.statements import Format
from keyspaces_provider.statement_lines import StatementsNotReadError, statement_lines

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "SELECT 1;\nINSERT INTO t (a) VALUES ('é');\n"


@pytest.mark.parametrize("name", ["statements.cql", "statements.cql.gz"])
def test_lines_are_read_from_a_file_plain_or_gzipped(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(TEXT.encode()) if name.endswith("gz") else TEXT.encode())
    for address in (str(file), f"file://{file}"):
        with statement_lines(address, format_name="cql", conn_id="aws") as found:
            assert found is not None
            assert found.format is Format.CQL
            assert list(found.lines) == TEXT.splitlines(keepends=True)


def test_no_address_is_no_file(tmp_path: Path) -> None:
    del tmp_path
    with statement_lines("", format_name="", conn_id="aws") as found:
        assert found is None


def test_bytes_that_are_no_text_do_not_end_the_reading(tmp_path: Path) -> None:
    file = tmp_path / "odd.log"
    file.write_bytes(b"SELECT \xff;\nSELECT 2;\n")
    with statement_lines(str(file), format_name="", conn_id="aws") as found:
        assert found is not None
        assert found.format is None
        assert len(list(found.lines)) == 2


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.log")
    with (
        pytest.raises(StatementsNotReadError, match=r"none\.log"),
        statement_lines(missing, format_name="", conn_id="aws"),
    ):
        pass


def test_a_file_that_is_cut_short_is_no_shorter_file(tmp_path: Path) -> None:
    file = tmp_path / "cut.gz"
    file.write_bytes(gzip.compress(TEXT.encode() * 1_000)[:-20])
    with statement_lines(str(file), format_name="", conn_id="aws") as found:
        assert found is not None
        with pytest.raises(StatementsNotReadError, match=r"cut\.gz"):
            list(found.lines)


def test_a_damaged_file_is_refused_and_not_half_read(tmp_path: Path) -> None:
    file = tmp_path / "damaged.gz"
    file.write_bytes(gzip.compress(TEXT.encode())[:10] + b"\xff" * 60)
    with statement_lines(str(file), format_name="", conn_id="aws") as found:
        assert found is not None
        with pytest.raises(StatementsNotReadError, match=r"damaged\.gz"):
            list(found.lines)


def test_a_mark_before_the_first_statement_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "windows.cql"
    file.write_bytes(b"\xef\xbb\xbfSELECT 1;\n")
    with statement_lines(str(file), format_name="", conn_id="aws") as found:
        assert found is not None
        assert list(found.lines) == ["SELECT 1;\n"]


def test_a_format_that_is_none_is_refused_with_those_that_are() -> None:
    refused = pytest.raises(StatementsNotReadError, match=r"'sql'.*Allowed: cql, full-query-log")
    with refused, statement_lines("x", format_name="sql", conn_id="aws"):
        pass


def test_the_dag_offers_every_format() -> None:
    assert PARAMS["statements_format"].schema["enum"] == ["", *(each.value for each in Format)]
