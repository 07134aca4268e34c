from __future__ import annotations

from collections import Counter
from typing import Any

from rehearsal.estimates import Took, as_page, compare, consumed_write_units
from rehearsal.local_keyspaces.admin import Metric


def metric(
    table: str, value: float, name: str = "ConsumedWriteCapacityUnits", operation: str | None = "INSERT"
) -> Metric:
    return Metric(name=name, keyspace="flights", table=table, operation=operation, unit="Count", value=value)


def assessed(name: str, **more: Any) -> dict[str, Any]:
    before = {"rows": 10.0, "write_units": 12.0, "hours": 0.01}
    recommended = {"order": "HISTORY_FIRST", "history_first": {"before_barrier": before}}
    return {"name": name, "recommended": recommended, **more}


TOOK = Took(
    rows={"planes": 9}, seconds={"planes": 40.04}, consumed_units=Counter(planes=11), planned_units={"planes": 13}
)


def test_expected_stands_beside_what_came() -> None:
    (line,) = compare({"estimate": {"tables": [assessed("planes")]}}, TOOK)
    assert line["rows"] == {"assessed": 10, "loaded": 9}
    assert line["write_units"] == {"assessed": 12, "planned": 13, "consumed": 11}
    assert line["seconds"] == {"assessed": 36.0, "took": 40.0}
    assert "| planes | HISTORY_FIRST | 10 | 9 | 12 | 13 | 11 | 36.0 s | 40.0 s |" in as_page([line])


def test_a_table_without_an_estimate_or_a_load_has_no_line() -> None:
    tables = [assessed("planes", recommended=None), assessed("weather")]
    assert compare({"estimate": {"tables": tables}}, TOOK) == []


def test_units_of_all_verbs_are_added_up_and_other_metrics_are_not() -> None:
    metrics = [
        metric("planes", 3),
        metric("planes", 4, operation="UPDATE"),
        metric("weather", 1),
        metric("planes", 9, name="ConsumedReadCapacityUnits"),
    ]
    assert consumed_write_units(metrics) == Counter(planes=7, weather=1)
