from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.config import MigrationFileError, Problem
from keyspaces_migration.config.problems import near_miss, path_text, show
from keyspaces_migration.errors import MigrationError


def test_a_problem_reads_as_a_sentence() -> None:
    problem = Problem("a.b[2]", 3, 5, "'x'", "a number", "leave out the quotes")
    assert str(problem) == "line 3, column 5: a.b[2]: found 'x'; allowed: a number; leave out the quotes"


def test_the_error_of_a_file_names_it_and_sorts_its_problems() -> None:
    problems = [Problem("b", 2, 1, "x", "y"), Problem("a", 1, 1, "x", "y"), Problem("", None, None, "x", "y")]
    error = MigrationFileError(path=Path("a.yaml"), problems=problems)
    assert isinstance(error, MigrationError)
    assert [problem.path for problem in error.problems] == ["", "a", "b"]
    assert str(error).splitlines()[0] == "a.yaml: 3 problems"


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (("tables", "a", "schema", "columns", 2), "tables.a.schema.columns[2]"),
        (("tags", "a.b"), "tags['a.b']"),
        (("a-b",), "a-b"),
        ((), ""),
    ],
)
def test_a_path_reads_as_in_the_file(location: tuple[str | int, ...], text: str) -> None:
    assert path_text(location) == text


def test_values_are_shown_short() -> None:
    assert show(None) == "nothing (null)"
    assert show(True) == "true"
    deep: Any = "x"
    for _ in range(1000):
        deep = [deep] * 3
    assert len(show(deep)) < 200
    assert len(show("x" * 10_000)) < 100


def test_a_near_miss_ignores_case_and_far_words_are_no_miss() -> None:
    assert near_miss("asc", ["ASC", "DESC"]) == "did you mean 'ASC'?"
    assert near_miss("zzz", ["ASC", "DESC"]) == ""


@pytest.mark.parametrize("name", ["schema", "tables", "history", "throughput", "columns"])
def test_a_table_named_like_a_key_confuses_no_message(
    problems: Callable[[dict[str, Any]], list[Problem]], content: dict[str, Any], name: str
) -> None:
    table = content["tables"].pop("order_lines")
    table["throughputs"] = table.pop("throughput")
    content["tables"] = {name: table}
    missing, unknown = sorted(problems(content), key=lambda problem: problem.path)
    assert missing.path == f"tables.{name}.throughput"
    assert missing.allowed == "a required key: Capacity on Amazon Keyspaces"
    assert unknown.path == f"tables.{name}.throughputs"
    assert unknown.hint == "did you mean 'throughput'?"
