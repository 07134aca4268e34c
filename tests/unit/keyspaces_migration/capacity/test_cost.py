"""Figures by hand from the prices of us-east-1; a month has 730 hours, so 2,628,000 seconds."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from keyspaces_migration.capacity.cost import TableLoad, monthly_costs
from keyspaces_migration.capacity.prices import US_EAST_1, Prices
from keyspaces_migration.capacity.prices_file import load_prices
from keyspaces_migration.config import MigrationFileError, ThroughputMode
from keyspaces_migration.config.yaml_text import write_yaml

if TYPE_CHECKING:
    from pathlib import Path

LOAD = TableLoad(write_units_per_s=1_000, read_units_per_s=2_000, storage_bytes=5e12, ttl_delete_units_per_s=100)


def test_a_month_on_demand_by_hand() -> None:
    cost = monthly_costs(LOAD, prices=US_EAST_1, utilisation=0.7).on_demand
    assert cost.mode is ThroughputMode.PAY_PER_REQUEST
    assert cost.writes_usd == pytest.approx(2_628 * 0.625)  # 2,628 million units
    assert cost.reads_usd == pytest.approx(5_256 * 0.125)
    assert cost.storage_usd == pytest.approx(5_000 * 0.25)
    assert cost.recovery_usd == pytest.approx(5_000 * 0.20)
    assert cost.ttl_deletes_usd == pytest.approx(262.8 * 0.275)
    assert cost.total_usd == pytest.approx(1_642.5 + 657 + 1_250 + 1_000 + 72.27)


def test_a_month_provisioned_by_hand() -> None:
    cost = monthly_costs(LOAD, prices=US_EAST_1, utilisation=0.7).provisioned
    assert (cost.wcu, cost.rcu) == (1_429, 2_858)  # 1,000 / 0.7 and 2,000 / 0.7, rounded up
    assert cost.writes_usd == pytest.approx(1_429 * 730 * 0.00065)
    assert cost.reads_usd == pytest.approx(2_858 * 730 * 0.00013)
    assert cost.total_usd == pytest.approx(678.0605 + 271.2242 + 1_250 + 1_000 + 72.27)


def test_a_steady_load_is_cheaper_provisioned_and_a_load_of_peaks_on_demand() -> None:
    steady, peaks = (monthly_costs(LOAD, prices=US_EAST_1, utilisation=share) for share in (0.7, 0.1))
    assert steady.cheaper is steady.provisioned
    assert peaks.cheaper is peaks.on_demand


def test_an_idle_table_costs_its_storage_and_least_capacity() -> None:
    idle = TableLoad(write_units_per_s=0, read_units_per_s=0, storage_bytes=1e9)
    costs = monthly_costs(idle, prices=US_EAST_1, utilisation=0.7, point_in_time_recovery=False)
    assert costs.on_demand.total_usd == 0.25
    assert (costs.provisioned.wcu, costs.provisioned.rcu, costs.provisioned.recovery_usd) == (1, 1, 0)
    assert costs.cheaper is costs.on_demand


@pytest.mark.parametrize("utilisation", [0, -1, 1.01])
def test_an_impossible_utilisation_is_refused(utilisation: float) -> None:
    with pytest.raises(ValueError, match="utilisation"):
        monthly_costs(LOAD, prices=US_EAST_1, utilisation=utilisation)


@pytest.mark.parametrize(
    "wrong", [{"write_units_per_s": -1}, {"storage_bytes": float("nan")}, {"read_units_per_s": 1e400}]
)
def test_an_impossible_load_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        TableLoad(**{"write_units_per_s": 1, "read_units_per_s": 1, "storage_bytes": 1, **wrong})


def test_the_built_in_prices_carry_their_date_and_source() -> None:
    assert (US_EAST_1.region, US_EAST_1.published) == ("us-east-1", dt.date(2025, 11, 5))
    assert "sample-pricing-calculator-for-keyspaces" in US_EAST_1.source
    with pytest.raises(ValidationError, match="frozen"):
        setattr(US_EAST_1, "region", "eu-west-1")  # noqa: B010 # mypy knows that it can't be set


def file_of(folder: Path, **changes: Any) -> Path:
    content = {**US_EAST_1.model_dump(mode="json"), **changes}
    path = folder / "prices.yaml"
    path.write_text(write_yaml({key: value for key, value in content.items() if value is not None}))
    return path


def test_a_file_replaces_the_prices(tmp_path: Path) -> None:
    assert load_prices(file_of(tmp_path)) == US_EAST_1
    dearer = load_prices(file_of(tmp_path, region="eu-central-1", storage_usd_per_gb_month=0.3))
    assert isinstance(dearer, Prices)
    assert monthly_costs(LOAD, prices=dearer, utilisation=0.7).on_demand.storage_usd == pytest.approx(1_500)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"wcu_usd_per_hour": None}, "wcu_usd_per_hour: found nothing"),
        ({"wcu_usd_per_hour": "0.1"}, "wcu_usd_per_hour: found '0.1'"),
        ({"wcu_usd_per_hour": -0.1}, "wcu_usd_per_hour: found -0.1"),
        ({"wcu_usd_per_hours": 0.1}, "found the key 'wcu_usd_per_hours'"),
        ({"published": "yesterday"}, "published: found 'yesterday'"),
        ({"source": ""}, "source: found ''"),
    ],
)
def test_a_wrong_file_of_prices_is_refused_with_the_place(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(MigrationFileError) as caught:
        load_prices(file_of(tmp_path, **changes))
    assert said in str(caught.value)
    assert "line " in str(caught.value)
