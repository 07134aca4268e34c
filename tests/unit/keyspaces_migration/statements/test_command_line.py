"""`python -m keyspaces_migration.statements`, as an application's CI runs it."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keyspaces_migration.statements.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[4]
FINE = "SELECT * FROM ks.t WHERE k = 1;\n"
WRONG = "TRUNCATE ks.t;\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def made(content: str | bytes, name: str = "statements.cql") -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return made


def run(*arguments: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "keyspaces_migration.statements", *arguments],
        input=given,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugins"), **environment},
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (FINE, 0),
        ("", 0),
        ("BEGIN BATCH INSERT INTO t (k) VALUES (1); APPLY BATCH;", 0),
        (WRONG, 1),
        (FINE + WRONG, 1),
        ("SELEKT 1;", 1),
        ("SELECT 'x", 1),
    ],
)
def test_the_exit_code_says_whether_something_must_change(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str], content: str, code: int
) -> None:
    assert main([write(content), "--format", "cql"]) == code
    assert capsys.readouterr().out.startswith("## Statements of ")


def test_each_file_has_its_section_and_one_that_must_change_is_enough(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    fine, wrong = write(FINE, "fine.cql"), write(WRONG, "wrong.cql")
    assert main([fine, wrong]) == 1
    assert capsys.readouterr().out.count("## Statements of ") == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b,c\n", "Name its format"),
        (gzip.compress(FINE.encode() * 1000)[:-20], "ended before"),
        (gzip.compress(FINE.encode())[:10] + b"\xff" * 60, "decompressing"),
    ],
    ids=["not statements", "cut off", "damaged"],
)
def test_a_file_that_can_t_be_used_is_said_with_another_code(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    assert main([write(content)]) == 2
    found = capsys.readouterr()
    assert words in found.err
    assert found.out == ""


def test_a_file_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([str(tmp_path / "none.cql")]) == 2
    assert "none.cql" in capsys.readouterr().err


def test_a_gzipped_file_is_read_whatever_its_name(write: Callable[..., str]) -> None:
    assert main([write(gzip.compress(WRONG.encode()))]) == 1
    assert main([write(gzip.compress(FINE.encode()))]) == 0


def test_bytes_that_are_no_text_and_a_mark_before_the_first_statement_do_no_harm(write: Callable[..., str]) -> None:
    assert main([write(b"\xef\xbb\xbfSELECT * FROM t WHERE k = 'caf\xe9';")]) == 0


def test_a_schema_decides_what_else_depends_on_it(
    write: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    schema = write("CREATE TABLE ks.t (k int PRIMARY KEY, a set<text>);", "schema.cql")
    statements = write("UPDATE t SET a = a + ? WHERE k = 1;")
    assert main([statements, "--schema-file", schema]) == 0
    assert main([statements]) == 1
    assert main([statements, "--schema-file", schema, "--keyspace", "other"]) == 2
    assert "no CREATE TABLE of keyspace other" in capsys.readouterr().err


def test_an_argument_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["x", "--format", "sql"])
    assert ended.value.code == 2
    assert "sql" in capsys.readouterr().err


def test_the_standard_input_is_read_plain_or_gzipped_and_whatever_it_holds() -> None:
    for content, code in ((FINE, 0), (WRONG, 1)):
        assert run("-", given=content.encode()).returncode == code
        assert run("-", given=gzip.compress(content.encode())).returncode == code
    odd = run("-", given=b"TRUNCATE t /* \xc3\xa9 \xff */;", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (odd.returncode, odd.stderr) == (1, b"")
    assert b"TRUNCATE" in odd.stdout
