"""The JSON Schema and the reference are written from the models; here is what keeps them so."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from keyspaces_migration.config.json_schema import schema_text
from keyspaces_migration.config.reference import reference_text
from keyspaces_migration.config.yaml_text import read_yaml

ROOT = Path(__file__).parents[4]
REFERENCE = ROOT / "docs" / "reference"
FLIGHTS = ROOT / "dags" / "migrations" / "flights.yaml"
FULL = Path(__file__).with_name("full.yaml")


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((REFERENCE / "migration-file.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_json_schema_is_current() -> None:
    current = (REFERENCE / "migration-file.schema.json").read_text(encoding="utf-8")
    assert current == schema_text(), "run: python -m keyspaces_migration.config schema"


def test_the_reference_is_current() -> None:
    current = (REFERENCE / "migration-file.md").read_text(encoding="utf-8")
    assert current == reference_text(), "run: python -m keyspaces_migration.config reference"


@pytest.mark.parametrize("path", [FLIGHTS, FULL])
def test_valid_files_are_valid_by_the_json_schema(validator: jsonschema.Draft202012Validator, path: Path) -> None:
    assert [error.message for error in validator.iter_errors(read_yaml(path).content)] == []


@pytest.mark.parametrize(
    ("location", "value"),
    [
        (("migration",), "No Name"),
        (("retries",), 3),
        (("target", "account_id"), 12345678901),
        (("cutover", "bake_time"), "1 hour"),
        (("tables", "order_lines", "schema", "columns", 0), {"a": "int", "b": "int"}),
        (("tables", "order_lines", "schema", "clustering_keys", 0), {"order_id": "asc"}),
        (("tables", "order_lines", "throughput"), {"mode": "PROVISIONED", "rcu": 1}),
        (("tables", "order_lines", "throughput"), {"mode": "PAY_PER_REQUEST", "rcu": 1}),
    ],
)
def test_editors_see_what_json_schema_can_say(
    validator: jsonschema.Draft202012Validator, location: tuple[str | int, ...], value: object
) -> None:
    content: dict[str, Any] = copy.deepcopy(read_yaml(FULL).content)
    part: Any = content
    for step in location[:-1]:
        part = part[step]
    part[location[-1]] = value
    assert not validator.is_valid(content)


def test_every_key_has_a_meaning_in_the_schema(validator: jsonschema.Draft202012Validator) -> None:
    schema = validator.schema
    parts = {"": schema, **schema["$defs"]}
    described = [
        # Pydantic leaves out a meaning that the part itself has already.
        (name, key, "description" in (entry := part["properties"][key]) or "$ref" in entry)
        for name, part in parts.items()
        for key in part.get("properties", {})
    ]
    assert len(described) > 50
    assert [entry for entry in described if not entry[2]] == []


def test_the_example_tells_editors_its_schema() -> None:
    first = FLIGHTS.read_text(encoding="utf-8").splitlines()[0]
    relative = first.removeprefix("# yaml-language-server: $schema=")
    assert (FLIGHTS.parent / relative).resolve() == REFERENCE / "migration-file.schema.json"
