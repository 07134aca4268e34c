"""A shop's source, history and ring, for tests of the estimate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from keyspaces_migration.assessment import Assessment, EstimateRequest, GivenLoad, SampleSize, assess_with
from keyspaces_migration.assessment.history import History, KeyShape, TableHistory, VersionCandidate
from keyspaces_migration.assessment.history_partitions import PartitionCount, Widest
from keyspaces_migration.capacity.load_cost import LoadBudget
from tests.unit.keyspaces_migration.assessment.builders import MURMUR3, FakeQueries
from tests.unit.keyspaces_migration.assessment.estimate.ring import Ring

if TYPE_CHECKING:
    import datetime as dt

ROWS = 400
GOLDEN = 0x9E3779B97F4A7C15
REQUEST = EstimateRequest(
    size=SampleSize(), seed=1, budget=LoadBudget(write_units_per_s=100, hours_to_barrier=24), region="us-east-1"
)


def queries(*columns: tuple[str, str], **more: Any) -> FakeQueries:
    """A keyspace `shop` with one table `events`: key `id`, clustering `at`, a note, and these columns."""
    names = (
        ("id", "int", "partition_key", 0),
        ("at", "int", "clustering", 0),
        ("note", "text", "regular", -1),
        *((name, kind, "regular", -1) for name, kind in columns),
    )
    table = {"keyspace_name": "shop", "table_name": "events"}
    answers: dict[str, Any] = {
        "system.local": [{"cluster_name": "prod", "release_version": "4.1.3", "partitioner": MURMUR3}],
        "system_schema.keyspaces": [{"keyspace_name": "shop", "replication": {"class": "SimpleStrategy"}}],
        "system_schema.tables": [{**table, "flags": ["compound"]}],
        "system_schema.columns": [
            {**table, "column_name": name, "type": kind, "kind": role, "position": position, "clustering_order": "asc"}
            for name, kind, role, position in names
        ],
        "system_views.coordinator_write_latency": [{**table, "per_second": 12.0}],
        "system_views.coordinator_read_latency": [{**table, "per_second": 30.0}],
        "system_views.rows_per_read": [{**table, "count": 5, "p50th": 2.0}],
    }
    return FakeQueries(answers | more)


def ring(*, note: str = "x", extra: tuple[Any, ...] = ()) -> Ring:
    """400 rows: partition 0 has 100, the others one."""
    partitions: dict[int, list[tuple[Any, ...]]] = {1: [(0, at, note, *extra) for at in range(100)]}
    # Spread over the ring, as Murmur3 spreads them.
    partitions |= {
        (number * GOLDEN) % (1 << 64) - (1 << 63): [(number, 0, note, *extra)] for number in range(1, ROWS - 99)
    }
    return Ring(partitions)


class Past:
    """The history of `events`; `changes` are made to what is found of it."""

    def __init__(self, **changes: Any) -> None:
        shape = KeyShape(
            rows=900, keys=ROWS, repeated_keys=9, most_rows_of_a_key=3, rows_without_key=0, deleted_rows=None
        )
        found = TableHistory(
            table="events",
            candidates=("EVENTS",),
            columns={"id": "ID", "at": "AT", "note": "NOTE"},
            versions=(VersionCandidate(name="VERSION", newest="3", undecided_keys=0),),
            shape=shape,
            widest=Widest(by_rows=(PartitionCount(key=("0",), count=100), PartitionCount(key=("1",), count=1))),
        )
        self._found = replace(found, **changes)

    def read(self, _tables: object, /) -> History:
        return History(database="DB", schema="PUBLIC", tables=(self._found,))


def assessed(
    now: dt.datetime,
    *,
    source: FakeQueries | None = None,
    rows: Ring | None = None,
    past: Past | None = None,
    **changes: Any,
) -> Assessment:
    """The assessment of the shop."""
    return assess_with(
        source or queries(),
        keyspace="shop",
        history=past or Past(),
        now=now,
        rows=rows or ring(),
        request=replace(REQUEST, **changes),
    )


def given(writes_per_s: float = 50, reads_per_s: float = 0) -> dict[str, GivenLoad]:
    """A load of the table that a person gave."""
    return {"events": GivenLoad(writes_per_s=writes_per_s, reads_per_s=reads_per_s)}
