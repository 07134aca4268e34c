"""What every operator and sensor of general use has: arguments by keyword, templates, an example, a section."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.general_use import of_general_use

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def guide() -> str:
    return (REPOSITORY / "docs/guides/operators.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def examples() -> str:
    return "".join(file.read_text(encoding="utf-8") for file in (REPOSITORY / "example_dags").glob("*.py"))


KINDS = sorted(of_general_use(), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
class TestEach:
    def test_its_arguments_are_by_keyword(self, kind: type[BaseOperator]) -> None:
        given = list(inspect.signature(kind.__init__).parameters.values())[1:]
        named = [one for one in given if one.kind not in {one.VAR_KEYWORD, one.KEYWORD_ONLY}]
        assert named == []

    def test_it_has_templates_and_they_are_its_arguments(self, kind: type[BaseOperator]) -> None:
        assert kind.template_fields
        arguments = {name for base in kind.__mro__ for name in inspect.signature(base).parameters}
        assert set(kind.template_fields) <= arguments

    def test_an_example_uses_it_and_the_guide_has_a_section(
        self, kind: type[BaseOperator], guide: str, examples: str
    ) -> None:
        assert re.search(rf"\b{kind.__name__}[(.]", examples)
        headings = [line for line in guide.splitlines() if line.startswith("## ")]
        assert any(kind.__name__ in line for line in headings)
