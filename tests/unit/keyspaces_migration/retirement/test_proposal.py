"""Capacity by what was used: it carries the peak, and never costs more than staying."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.capacity.prices import US_EAST_1
from keyspaces_migration.config import AutoScaling, CheckEngine, Throughput, ThroughputMode
from keyspaces_migration.config.throughput import UnitsRange
from keyspaces_migration.observed.monthly import monthly_usd
from keyspaces_migration.observed.use import TableUse
from keyspaces_migration.retirement.file_change import as_yaml, changed_migration
from keyspaces_migration.retirement.proposal import (
    HEADROOM,
    Decision,
    TableProposal,
    propose,
    scaled_throughput,
)
from tests.unit.keyspaces_migration.retirement.uses import IDLE, LASTING, MIGRATION, capacity_use, units

ON_DEMAND = Throughput(mode=ThroughputMode.PAY_PER_REQUEST)
PEAKS = st.lists(st.floats(min_value=0, max_value=50_000), min_size=1, max_size=48)
UNITS = st.builds(lambda peaks, share: units(peaks, mean_of_peak=share), PEAKS, st.floats(min_value=0, max_value=1))
USES = st.builds(TableUse, reads=UNITS, writes=UNITS)
RANGES = st.builds(lambda low, more: UnitsRange(min=low, max=low + more), st.integers(1, 5_000), st.integers(0, 9_000))
THROUGHPUTS = st.one_of(
    st.just(ON_DEMAND),
    st.builds(
        lambda rcu, wcu: Throughput(mode=ThroughputMode.PROVISIONED, rcu=rcu, wcu=wcu),
        st.integers(1, 40_000),
        st.integers(1, 40_000),
    ),
    st.builds(
        lambda rcu, wcu, target: Throughput(
            mode=ThroughputMode.PROVISIONED,
            rcu=rcu.min,
            wcu=wcu.max,
            auto_scaling=AutoScaling(rcu=rcu, wcu=wcu, target_utilization_percent=target),
        ),
        RANGES,
        RANGES,
        st.integers(20, 90),
    ),
)


def proposal_for(now: Throughput, use: TableUse, *, seen: timedelta = timedelta(days=10)) -> TableProposal:
    changed = LASTING.model_copy(
        update={"tables": {"weather": LASTING.tables["weather"].model_copy(update={"throughput": now})}}
    )
    (found,) = propose(changed, capacity_use({"weather": use}, seen=seen), prices=US_EAST_1).tables
    return found


@given(now=THROUGHPUTS, use=USES)
def test_a_change_never_costs_more_than_staying(now: Throughput, use: TableUse) -> None:
    found = proposal_for(now, use)
    assert found.monthly is not None
    assert found.proposed_usd is not None
    assert found.saving_usd is not None
    assert found.saving_usd >= 0
    # What it says is what the proposed throughput costs, by the same sum.
    assert found.proposed_usd == pytest.approx(monthly_usd(found.proposed, use, prices=US_EAST_1))
    assert found.proposed_usd <= found.monthly.now
    assert (found.decision is Decision.KEEP) is (found.proposed == found.now)


@given(use=USES)
def test_scaled_capacity_carries_the_peak_with_headroom_and_is_one_that_the_file_takes(use: TableUse) -> None:
    found = scaled_throughput(use)
    scaling = found.auto_scaling
    assert scaling is not None
    assert found.rcu is not None
    assert found.wcu is not None
    for used, has, between in ((use.reads, found.rcu, scaling.rcu), (use.writes, found.wcu, scaling.wcu)):
        assert used.peak_per_s <= has
        assert used.peak_per_s * HEADROOM <= between.max
        assert 1 <= between.min <= has <= between.max
    assert Throughput.model_validate(found.model_dump()) == found


@given(now=THROUGHPUTS, use=USES)
def test_no_proposal_is_below_the_peak(now: Throughput, use: TableUse) -> None:
    found = proposal_for(now, use)
    if found.decision is Decision.CHANGE and found.proposed.mode is ThroughputMode.PROVISIONED:
        assert (found.proposed.rcu or 0) >= use.reads.peak_per_s
        assert (found.proposed.wcu or 0) >= use.writes.peak_per_s


@given(use=USES)
def test_what_was_proposed_is_kept_when_it_is_asked_again(use: TableUse) -> None:
    again = proposal_for(proposal_for(ON_DEMAND, use).proposed, use)
    assert again.decision is Decision.KEEP


def test_a_steady_load_is_cheaper_provisioned_and_a_rare_one_on_demand() -> None:
    steady = proposal_for(ON_DEMAND, TableUse(reads=units([100] * 24, mean_of_peak=0.9), writes=IDLE))
    assert (steady.decision, steady.proposed.mode) == (Decision.CHANGE, ThroughputMode.PROVISIONED)
    rare = proposal_for(ON_DEMAND, TableUse(reads=units([0.0] * 23 + [100], mean_of_peak=0.01), writes=IDLE))
    assert rare.decision is Decision.KEEP


def test_capacity_that_was_bought_for_the_load_of_the_history_is_given_back() -> None:
    now = Throughput(mode=ThroughputMode.PROVISIONED, rcu=3000, wcu=4000)
    found = proposal_for(now, TableUse(reads=units([20] * 24, mean_of_peak=0.1), writes=IDLE))
    assert found.decision is Decision.CHANGE
    assert found.monthly is not None
    assert found.monthly.now == pytest.approx((3000 * 0.00013 + 4000 * 0.00065) * 730)


def test_less_than_a_week_is_not_enough_but_in_a_disposable_environment() -> None:
    use = TableUse(reads=units([20]), writes=units([20]))
    short = proposal_for(ON_DEMAND, use, seen=timedelta(days=6, hours=23))
    assert (short.decision, short.proposed, short.saving_usd) == (Decision.NOT_ENOUGH_SEEN, ON_DEMAND, None)
    seen = capacity_use({}, seen=timedelta(minutes=5))
    assert propose(LASTING, seen, prices=US_EAST_1).now_usd is None
    assert propose(MIGRATION, seen, prices=US_EAST_1).now_usd is not None


def test_a_peak_above_what_a_kept_table_has_is_said() -> None:
    now = Throughput(mode=ThroughputMode.PROVISIONED, rcu=10, wcu=1)
    found = proposal_for(now, TableUse(reads=units([11] * 24, mean_of_peak=1), writes=IDLE))
    assert (found.decision, found.notes) == (
        Decision.KEEP,
        ("its read peak of 11.0 a second is above the 10 that it has",),
    )


@given(use=USES)
def test_the_change_as_yaml_says_what_makes_the_file_valid(use: TableUse) -> None:
    proposal = propose(MIGRATION, capacity_use({"weather": use, "flights_unarchived": use}), prices=US_EAST_1)
    changed = changed_migration(MIGRATION, proposal)
    text = as_yaml(MIGRATION, proposal)
    said = (yaml.safe_load(text) or {}).get("tables", {})
    assert {table.table for table in proposal.changes} == set(said)
    for table, content in said.items():
        assert Throughput.model_validate_json(json.dumps(content["throughput"])) == changed.tables[table].throughput
    assert changed.comparison_lambda is None
    assert "Remove the section comparison_lambda" in text


def test_a_check_by_the_function_is_one_of_airflow_once_the_function_goes() -> None:
    by_lambda = MIGRATION.model_copy(
        update={"consistency": MIGRATION.consistency.model_copy(update={"engine": CheckEngine.LAMBDA})}
    )
    by_lambda.__dict__.pop("digest", None)
    assert "engine: AIRFLOW" in as_yaml(by_lambda, None)


def test_where_nothing_is_to_change_there_is_no_text() -> None:
    bare = MIGRATION.model_copy(update={"comparison_lambda": None})
    bare.__dict__.pop("digest", None)
    assert as_yaml(bare, None) == ""
