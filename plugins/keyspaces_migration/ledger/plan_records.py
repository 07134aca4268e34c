"""The plan of a load as it is recorded: what approvers are shown, and what every worker goes by."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from keyspaces_migration.approval import facts_digest
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.ledger.backfill_records import BackfillTable, LoadMode


@dataclass(frozen=True, kw_only=True)
class PlannedTable:
    """What is planned for one table.

    Attributes:
        barrier_us: The timestamp of every write, in microseconds since 1970; None stamps each when it is written.
        snapshot: Address of the snapshot in the history, as quoted SQL.
        watermark: The greatest version in the snapshot, as text; None without a version column or rows.
        rows: Keys to load.
        deleted: Keys whose newest version is deleted.
        splits: How many there are.
        row_bytes: The mean size of a row on the target, from a sample; 0 without rows.
        write_units: What all writes consume.
        units_per_s: The capacity that the load can use, within the budget.
        capacity_units_per_s: What the table serves.
        is_on_demand: Whether a write is paid for, rather than the capacity.
        cost_usd: Of the writes alone.
    """

    table: str
    order: LoadOrder
    mode: LoadMode
    barrier_us: int | None
    snapshot: str
    watermark: str | None
    rows: int
    deleted: int
    splits: int
    row_bytes: int
    write_units: int
    units_per_s: int
    capacity_units_per_s: int
    is_on_demand: bool
    cost_usd: float

    def is_of(self, table: BackfillTable) -> bool:
        """Whether a table of the ledger, which workers claim splits of, is what this says."""
        names = ("table_name", "mode", "barrier_us", "snapshot", "watermark", "rows", "deleted")
        mine = (self.table, self.mode, self.barrier_us, self.snapshot, self.watermark, self.rows, self.deleted)
        return mine == tuple(getattr(table, name) for name in names)


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """What a run is to load, for how much; its digest is what an approval is given for.

    Attributes:
        configuration: Digest of the migration file.
        max_write_units_per_s: Of all tables and workers together.
        max_cost_usd: What a load may cost without an approval.
        planned_at: Not part of the digest.
    """

    migration: str
    configuration: str
    dag_id: str
    run_id: str
    max_write_units_per_s: int
    max_cost_usd: float
    tables: tuple[PlannedTable, ...]
    planned_at: datetime

    @property
    def cost_usd(self) -> float:
        """Money for all writes."""
        return sum(table.cost_usd for table in self.tables)

    @property
    def duration(self) -> timedelta:
        """How long all takes: tables are loaded side by side under one budget."""
        shared = sum(table.write_units for table in self.tables) / self.max_write_units_per_s
        return timedelta(seconds=max([shared, *(table.write_units / table.units_per_s for table in self.tables)]))

    @property
    def needs_approval(self) -> bool:
        """Whether it costs more than the migration file lets it without asking."""
        return self.cost_usd > self.max_cost_usd

    def table(self, name: str) -> PlannedTable:
        """What is planned for a table."""
        (found,) = [table for table in self.tables if table.table == name]
        return found

    def facts(self) -> dict[str, Any]:
        """All that was planned, as JSON."""
        content = {"act": "load", **asdict(self)}
        del content["planned_at"]
        return {**content, "tables": list(content["tables"])}

    def to_json(self) -> str:
        """The text that is recorded."""
        return json.dumps(self.facts(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, *, planned_at: datetime) -> Self:
        """Read back what `to_json` wrote."""
        content: dict[str, Any] = json.loads(text)
        del content["act"]
        tables = tuple(
            PlannedTable(**{**each, "order": LoadOrder(each["order"]), "mode": LoadMode(each["mode"])})
            for each in content.pop("tables")
        )
        return cls(**content, tables=tables, planned_at=planned_at)

    @property
    def digest(self) -> str:
        """SHA-256 of what was planned, in hexadecimal."""
        return facts_digest(self.facts())
