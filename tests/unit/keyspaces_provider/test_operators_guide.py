"""Each operator and sensor of general use has a section in the guide and an example that the section links to."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/guides/operators.md").read_text()
MODULES = (
    "operators/cql",
    "operators/export_table",
    "operators/keyspaces_table",
    "sensors/cql",
    "sensors/keyspaces",
    "transfers/snowflake_to_table",
)
# Two are what the operators of both stores share; TablesActiveSensor is a stage's.
NOT_OF_GENERAL_USE = {"CqlOperator", "SnowflakeToTableOperator", "TablesActiveSensor"}


def operators() -> list[str]:
    trees = [ast.parse((ROOT / f"plugins/keyspaces_provider/{module}.py").read_text()) for module in MODULES]
    names = {node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}
    return sorted(name for name in names - NOT_OF_GENERAL_USE if name.endswith(("Operator", "Sensor")))


def section(name: str) -> str:
    parts = re.split(r"^## (.+)$", GUIDE, flags=re.MULTILINE)
    bodies = [body for heading, body in zip(parts[1::2], parts[2::2], strict=True) if name in heading.split(", ")]
    assert len(bodies) == 1, f"{name} has no section of its own"
    return bodies[0]


def test_there_are_eleven() -> None:
    assert len(operators()) == 11


@pytest.mark.parametrize("name", operators())
def test_it_has_a_section_with_an_example_that_uses_it(name: str) -> None:
    linked = [ROOT / path for path in re.findall(r"\.\./\.\./(example_dags/\w+\.py)", section(name))]
    assert any(f"{name}(" in file.read_text() or f"{name}.partial(" in file.read_text() for file in linked)


def test_every_example_is_linked() -> None:
    assert {path.name for path in (ROOT / "example_dags").glob("*.py")} == set(
        re.findall(r"example_dags/(\w+\.py)\)", GUIDE)
    )
