"""Uses of capacity, as CloudWatch would tell them, and a migration to propose for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.observed.use import CapacityUse, TableUse, UnitsUsed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MIGRATION = load_migration(Path(__file__).parents[4] / "dags/migrations/flights.yaml")
LASTING = Migration.model_validate_json(
    MIGRATION.model_dump_json(by_alias=True)
    .replace('"disposable":true', '"disposable":false')
    .replace('"path":"reports"', '"path":"s3://bucket/reports"')
    .replace('"waiting_period":"PT2M"', '"waiting_period":"P7D"')
    .replace('"settle_time":"PT5S"', '"settle_time":"PT30S"')
    .replace('"bake_time":"PT30S"', '"bake_time":"PT1H"')
    .replace('"retire_after":"PT1M"', '"retire_after":"P14D"')
)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
IDLE = UnitsUsed(total=0, peak_per_s=0, mean_per_s=0, peak_by_hour=(0.0,))


def units(peaks: Sequence[float], *, mean_of_peak: float = 0.5) -> UnitsUsed:
    """Hours with these busiest minutes, in each of which the mean is so much of the busiest minute."""
    mean = sum(peaks) / len(peaks) * mean_of_peak
    return UnitsUsed(total=mean * 3600 * len(peaks), peak_per_s=max(peaks), mean_per_s=mean, peak_by_hour=tuple(peaks))


def capacity_use(tables: Mapping[str, TableUse], *, seen: timedelta = timedelta(days=10)) -> CapacityUse:
    """A use of the migration's tables: those given, and the others idle."""
    return CapacityUse(
        asked_since=NOW - seen,
        since=NOW - seen,
        until=NOW,
        first=NOW - seen,
        last=NOW,
        tables={name: tables.get(name, TableUse(reads=IDLE, writes=IDLE)) for name in MIGRATION.tables},
    )
