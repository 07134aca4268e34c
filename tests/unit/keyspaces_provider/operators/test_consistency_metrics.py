"""A check's numbers reach the backend of Airflow's own metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.observability import stats

from keyspaces_provider.operators.consistency import emit_metrics
from tests.unit.keyspaces_migration.consistency.test_check import World

if TYPE_CHECKING:
    from collections.abc import Mapping


class Backend:
    """Takes gauges, as a backend of Airflow's does."""

    def __init__(self) -> None:
        self.gauges: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def gauge(self, stat: str, value: float, *, tags: Mapping[str, Any], **_more: object) -> None:
        self.gauges[stat] = (value, tags)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    made = Backend()
    of_airflow: Any = stats.gauge
    # Its module keeps the backend that the configuration names; a test has none.
    monkeypatch.setitem(of_airflow.__globals__, "_backend", made)
    return made


def test_each_number_is_a_gauge_with_its_migration_and_table(backend: Backend) -> None:
    emit_metrics(World().check(), migration="flights")
    passed, tags = backend.gauges["keyspaces_migration.consistency.passed"]
    assert passed == pytest.approx(1)
    assert dict(tags) == {"migration": "flights", "table": "t"}
    assert set(backend.gauges) == {
        f"keyspaces_migration.consistency.{name}"
        for name in (
            *("passed", "verdict", "rows_compared", "could_not_look", "row_bound", "rows_out_of_line"),
            *("rows_out_of_line_source", "rows_out_of_line_target", "rows_out_of_line_history"),
            *("read_units_source", "read_units_target"),
        )
    }
