from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
import jsonschema  # type: ignore[import-untyped]
import pytest

from keyspaces_migration.clients import Consistency
from keyspaces_migration.clients.keyspaces import KEYSPACES_CONSISTENCIES
from keyspaces_provider import get_provider_info
from keyspaces_provider.hooks.cassandra import CassandraHook
from keyspaces_provider.hooks.keyspaces import KeyspacesHook

if TYPE_CHECKING:
    from keyspaces_provider.hooks.base import StoreHook

FORMS = {form["connection-type"]: form for form in get_provider_info()["connection-types"]}
HOOKS: list[type[StoreHook]] = [CassandraHook, KeyspacesHook]
# What Airflow checks at run time is looser than what its own providers are checked against at build time.
AIRFLOW = Path(airflow.__file__).parent


def test_airflow_finds_it_by_the_entry_point() -> None:
    (entry,) = (one for one in entry_points(group="apache_airflow_provider") if one.value.startswith("keyspaces_"))
    assert entry.dist
    assert entry.load()()["package-name"] == entry.dist.name


@pytest.mark.parametrize("name", ["provider_info.schema.json", "provider.yaml.schema.json"])
def test_it_has_the_shape_that_airflow_describes(name: str) -> None:
    schema = json.loads((AIRFLOW / name).read_text())
    jsonschema.validate(get_provider_info()["connection-types"], schema["properties"]["connection-types"])


@pytest.mark.parametrize("hook", HOOKS)
def test_each_form_belongs_to_its_hook(hook: type[StoreHook]) -> None:
    form = FORMS[hook.conn_type]
    assert form["hook-class-name"] == f"{hook.__module__}.{hook.__name__}"
    assert form["hook-name"] == hook.hook_name


@pytest.mark.parametrize("hook", HOOKS)
def test_the_form_has_the_extra_fields_that_the_hook_reads_and_says_what_each_is(hook: type[StoreHook]) -> None:
    fields = FORMS[hook.conn_type]["conn-fields"]
    assert set(fields) == set(hook.extra_model.model_fields)
    assert all(field["label"] and field["description"] for field in fields.values())
    hook.extra_model.model_validate({name: field["schema"].get("default") for name, field in fields.items()})


@pytest.mark.parametrize(
    ("conn_type", "allowed"), [("apache_cassandra", tuple(Consistency)), ("amazon_keyspaces", KEYSPACES_CONSISTENCIES)]
)
def test_the_form_offers_the_consistencies_that_the_hook_takes(conn_type: str, allowed: tuple[Any, ...]) -> None:
    assert set(FORMS[conn_type]["conn-fields"]["consistency"]["schema"]["enum"]) == set(allowed)


@pytest.mark.parametrize("conn_type", FORMS)
def test_labels_and_placeholders_are_of_standard_fields_that_are_shown(conn_type: str) -> None:
    behaviour = FORMS[conn_type]["ui-field-behaviour"]
    shown = {"host", "port", "login", "password", "schema"} - set(behaviour["hidden-fields"])
    assert behaviour["relabeling"]
    assert set(behaviour["relabeling"]) | set(behaviour["placeholders"]) <= shown


def test_reading_it_imports_neither_airflow_nor_pydantic() -> None:
    program = (
        "import sys, keyspaces_provider; keyspaces_provider.get_provider_info();"
        "print([name for name in ('airflow', 'pydantic', 'cassandra') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"
