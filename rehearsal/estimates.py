"""The assessment's estimate of the historical load, beside what the load then took."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rehearsal.local_keyspaces.admin import Metric

CONSUMED = "ConsumedWriteCapacityUnits"
_COLUMNS = (
    "table",
    "order recommended",
    "rows assessed",
    "loaded",
    "write units assessed",
    "planned",
    "consumed",
    "time assessed",
    "took",
)
_HEADER = (f"| {' | '.join(_COLUMNS)} |", "| --- " * len(_COLUMNS) + "|")
_REMARK = (
    "The time assessed is the table alone at the budget's write units; loads run side by side, and this machine may "
    "send fewer rows than the budget allows. Consumed are the units that local Keyspaces metered. Keys that the "
    "history has as deleted are assessed and not loaded."
)


@dataclass(frozen=True, kw_only=True)
class Took:
    """What a load did, by table.

    Attributes:
        seconds: From the first split's claim to the last one's end.
        consumed_units: Write units, as local Keyspaces metered them.
        planned_units: Write units, as the backfill's own plan forecast them.
    """

    rows: Mapping[str, int]
    seconds: Mapping[str, float]
    consumed_units: Mapping[str, float]
    planned_units: Mapping[str, int]


def consumed_write_units(metrics: Iterable[Metric]) -> Counter[str]:
    """The write units that each table has consumed since the node started."""
    units: Counter[str] = Counter()
    for metric in metrics:
        if metric.name == CONSUMED:
            units[metric.table] += round(metric.value)
    return units


def compare(assessment: Mapping[str, Any], took: Took) -> list[dict[str, Any]]:
    """One line for each table that the assessment estimated: what was expected, and what came.

    Args:
        assessment: Its machine-readable twin, with an estimate.
        took: Of the load before dual writes.
    """
    lines = []
    for table in assessment["estimate"]["tables"]:
        name, recommended = table["name"], table["recommended"]
        if recommended is None or name not in took.rows:
            continue
        load = recommended["history_first"]["before_barrier"]
        lines.append(
            {
                "table": name,
                "recommended": recommended["order"],
                "rows": {"assessed": round(load["rows"]), "loaded": took.rows[name]},
                "write_units": {
                    "assessed": round(load["write_units"]),
                    "planned": took.planned_units[name],
                    "consumed": round(took.consumed_units.get(name, 0)),
                },
                "seconds": {"assessed": round(load["hours"] * 3600, 1), "took": round(took.seconds[name], 1)},
            }
        )
    return lines


def as_page(lines: Sequence[Mapping[str, Any]]) -> str:
    """The comparison in Markdown."""
    rows = [
        f"| {line['table']} | {line['recommended'] or 'neither'} "
        f"| {line['rows']['assessed']:,} | {line['rows']['loaded']:,} "
        f"| {line['write_units']['assessed']:,} | {line['write_units']['planned']:,} "
        f"| {line['write_units']['consumed']:,} "
        f"| {line['seconds']['assessed']:,} s | {line['seconds']['took']:,} s |"
        for line in lines
    ]
    return "\n".join(["# The estimate beside the load", "", *_HEADER, *rows, "", _REMARK])
