from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.assessment import LoadParameterError
from keyspaces_migration.capacity.prices import US_EAST_1
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.config.problems import MigrationFileError
from keyspaces_provider.estimate_request import EstimateParameterError, EstimateParameters

FLIGHTS = Path(__file__).parents[3] / "dags" / "migrations" / "flights.yaml"
PRICES = US_EAST_1.model_dump_json().replace("us-east-1", "eu-west-1")


@pytest.fixture(scope="module")
def migration() -> Migration:
    return load_migration(FLIGHTS)


def parameters(**changes: Any) -> EstimateParameters:
    """As a template gives them: all text."""
    given = {"sample_rows": "500", "load": "{}", "prices": "", "utilisation": "0.5", "hours_to_barrier": "12"}
    return EstimateParameters(**(given | changes))


def test_text_of_a_template_becomes_a_request_with_the_files_budget_and_tables(migration: Migration) -> None:
    load = '{"planes": {"writes_per_s": 3, "reads_per_s": 4.5}}'
    found = parameters(load=load).request(migration, run_id="manual__1", conn_id="aws")
    assert found is not None
    assert (found.size.rows, found.utilisation, found.budget.hours_to_barrier) == (500, 0.5, 12)
    assert found.budget.write_units_per_s == migration.backfill.budget.max_write_units_per_s
    assert (found.loads["planes"].reads_per_s, found.region) == (4.5, "us-east-1")
    assert set(found.tables) == set(migration.tables)


def test_no_rows_to_read_leave_the_estimate_out(migration: Migration) -> None:
    assert parameters(sample_rows=0).request(migration, run_id="manual__1", conn_id="aws") is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample_rows", "many"),
        ("sample_rows", -1),
        ("sample_rows", "nan"),
        ("utilisation", 0),
        ("utilisation", "1.01"),
        ("hours_to_barrier", -0.1),
        ("load", "{"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(migration: Migration, name: str, value: object) -> None:
    with pytest.raises(EstimateParameterError, match=f"the parameter {name} "):
        parameters(**{name: value}).request(migration, run_id="manual__1", conn_id="aws")


def test_a_load_of_another_form_is_refused(migration: Migration) -> None:
    with pytest.raises(LoadParameterError, match="planes"):
        parameters(load='{"planes": 5}').request(migration, run_id="manual__1", conn_id="aws")


def test_prices_are_read_from_a_file_and_a_bad_one_is_named_as_it_was_given(
    migration: Migration, tmp_path: Path
) -> None:
    file = tmp_path / "eu.yaml"
    file.write_text(PRICES)
    found = parameters(prices=str(file)).request(migration, run_id="manual__1", conn_id="aws")
    assert found is not None
    assert found.prices.region == "eu-west-1"
    file.write_text("region: eu-west-1")
    with pytest.raises(MigrationFileError, match=r"eu\.yaml: \d+ problems"):
        parameters(prices=str(file)).request(migration, run_id="manual__1", conn_id="aws")


def test_prices_that_are_not_there_are_an_error_with_what_is_allowed(migration: Migration, tmp_path: Path) -> None:
    with pytest.raises(EstimateParameterError, match="address of a YAML file"):
        parameters(prices=str(tmp_path / "none.yaml")).request(migration, run_id="manual__1", conn_id="aws")
