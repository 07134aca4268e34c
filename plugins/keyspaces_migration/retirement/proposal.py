"""What the capacity of the target's tables should be, by what was used: the cheapest that carries the peak.

Three are compared by what a month of them costs: what the table has now, provisioned capacity with auto scaling, and on
demand. What is not cheaper is never proposed. A month on demand is the mean use; a month of auto scaling is each hour
that was seen at the capacity that its busiest minute needs, which is more than scaling would come to, as that follows
within minutes. Storage costs the same in all, and is left out.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from statistics import median

from keyspaces_migration.capacity.prices import Prices
from keyspaces_migration.config import AutoScaling, Migration, Throughput, ThroughputMode
from keyspaces_migration.config.throughput import UnitsRange
from keyspaces_migration.observed.monthly import monthly_usd, needed_units
from keyspaces_migration.observed.use import CapacityUse, TableUse, UnitsUsed

LEAST_SEEN = timedelta(days=7)
"""A week holds the busiest day of most loads; only a disposable environment may propose by less."""

HEADROOM = 1.5
"""How many times the observed peak a scaled table may serve: a minute's mean hides what is above it within."""

UTILISATION_PERCENT = 70
"""The target of auto scaling, as in AWS's own calculator."""

TABLE_UNITS_PER_S = 40_000
"""What an account's table serves, of reads and of writes, before the quota is raised."""

_LEAST_SAVING_USD, _LEAST_SAVING_SHARE = 1.0, 0.1
"""A month must get cheaper by so much, and by such a share of it, for a change to be worth a person's while."""


class Decision(StrEnum):
    """What is proposed for a table."""

    CHANGE = "change"
    KEEP = "keep"
    NOT_ENOUGH_SEEN = "not enough seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Monthly:
    """A month of a table's capacity, in US dollars, by what was used; storage is not in it.

    Attributes:
        now: As the migration file has it.
        on_demand: PAY_PER_REQUEST.
        scaled: PROVISIONED with auto scaling, as it would be proposed.
    """

    now: float
    on_demand: float
    scaled: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProposal:
    """What is proposed for one table.

    Attributes:
        now: The table's throughput in the migration file.
        proposed: The throughput to come; the same as `now` unless the decision is CHANGE.
        monthly: What a month costs; None where not enough was seen.
        use: What was used.
        notes: What a person should know of it.
    """

    table: str
    decision: Decision
    now: Throughput
    proposed: Throughput
    monthly: Monthly | None
    use: TableUse
    notes: tuple[str, ...] = ()

    @property
    def proposed_usd(self) -> float | None:
        """A month of what is proposed; None where not enough was seen."""
        if self.monthly is None or self.decision is not Decision.CHANGE:
            return None if self.monthly is None else self.monthly.now
        is_on_demand = self.proposed.mode is ThroughputMode.PAY_PER_REQUEST
        return self.monthly.on_demand if is_on_demand else self.monthly.scaled

    @property
    def saving_usd(self) -> float | None:
        """What a month gets cheaper by; None where not enough was seen."""
        return None if self.monthly is None or self.proposed_usd is None else self.monthly.now - self.proposed_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityProposal:
    """What is proposed for all tables.

    Attributes:
        migration: Its name.
        use: What it stands on.
        least_seen: How much of a time had to be seen.
        prices: What the money is by.
        tables: In the file's order.
    """

    migration: str
    use: CapacityUse
    least_seen: timedelta
    prices: Prices
    tables: tuple[TableProposal, ...]

    @property
    def changes(self) -> tuple[TableProposal, ...]:
        """The tables that are to change."""
        return tuple(table for table in self.tables if table.decision is Decision.CHANGE)

    @property
    def now_usd(self) -> float | None:
        """A month of all tables now; None where not enough was seen."""
        return _sum([table.monthly.now if table.monthly else None for table in self.tables])

    @property
    def proposed_usd(self) -> float | None:
        """A month of all tables as proposed; None where not enough was seen."""
        return _sum([table.proposed_usd for table in self.tables])


def least_seen(migration: Migration) -> timedelta:
    """How much of a time must have been seen before capacity is proposed for the migration."""
    return timedelta(minutes=1) if migration.environment.disposable else LEAST_SEEN


def propose(migration: Migration, use: CapacityUse, *, prices: Prices) -> CapacityProposal:
    """Return the proposal for every table of the migration.

    Args:
        migration: As it is in force.
        use: What its tables used, of all of them.
        prices: Of the target's Region.
    """
    floor = least_seen(migration)
    return CapacityProposal(
        migration=migration.name,
        use=use,
        least_seen=floor,
        prices=prices,
        tables=tuple(
            _for_table(name, table.throughput, use.tables[name], is_seen=use.seen >= floor, prices=prices)
            for name, table in migration.tables.items()
        ),
    )


def scaled_throughput(use: TableUse) -> Throughput:
    """Return provisioned capacity with auto scaling for a use like the one seen.

    It is scaled between what a usual hour's busiest minute needs and the peak with headroom, and begins at what the
    peak needs.
    """
    rcu, wcu = _range(use.reads), _range(use.writes)
    return Throughput(
        mode=ThroughputMode.PROVISIONED,
        rcu=max(rcu.min, needed_units(use.reads.peak_per_s, UTILISATION_PERCENT)),
        wcu=max(wcu.min, needed_units(use.writes.peak_per_s, UTILISATION_PERCENT)),
        auto_scaling=AutoScaling(rcu=rcu, wcu=wcu, target_utilization_percent=UTILISATION_PERCENT),
    )


def _for_table(name: str, now: Throughput, use: TableUse, *, is_seen: bool, prices: Prices) -> TableProposal:
    if not is_seen:
        return TableProposal(
            table=name, decision=Decision.NOT_ENOUGH_SEEN, now=now, proposed=now, monthly=None, use=use
        )
    scaled, on_demand = scaled_throughput(use), Throughput(mode=ThroughputMode.PAY_PER_REQUEST)
    monthly = Monthly(
        now=monthly_usd(now, use, prices=prices),
        on_demand=monthly_usd(on_demand, use, prices=prices),
        scaled=monthly_usd(scaled, use, prices=prices),
    )
    # On demand where they cost the same: it needs no capacity planned.
    cheapest, usd = min(((on_demand, monthly.on_demand), (scaled, monthly.scaled)), key=lambda each: each[1])
    is_change = monthly.now - usd >= max(_LEAST_SAVING_USD, monthly.now * _LEAST_SAVING_SHARE)
    proposed = cheapest if is_change else now
    return TableProposal(
        table=name,
        decision=Decision.CHANGE if is_change else Decision.KEEP,
        now=now,
        proposed=proposed,
        monthly=monthly,
        use=use,
        notes=tuple(_notes(proposed, use, is_change=is_change)),
    )


def _notes(proposed: Throughput, use: TableUse, *, is_change: bool) -> list[str]:
    notes = []
    if proposed.auto_scaling is not None and max(proposed.auto_scaling.rcu.max, proposed.auto_scaling.wcu.max) > (
        TABLE_UNITS_PER_S
    ):
        notes.append(f"above {TABLE_UNITS_PER_S:,} units a second, the quota of a table, unless it was raised")
    if is_change and proposed.mode is ThroughputMode.PAY_PER_REQUEST:
        notes.append("AWS lets a table go back to on demand once in 24 hours")
    for kind, used, has in (("read", use.reads, proposed.rcu), ("write", use.writes, proposed.wcu)):
        if not is_change and has is not None and proposed.auto_scaling is None and used.peak_per_s > has:
            notes.append(f"its {kind} peak of {used.peak_per_s:,.1f} a second is above the {has:,} that it has")
    return notes


def _range(used: UnitsUsed) -> UnitsRange:
    usual = median(used.peak_by_hour) if used.peak_by_hour else 0.0
    most = needed_units(used.peak_per_s * HEADROOM, UTILISATION_PERCENT)
    return UnitsRange(min=min(most, needed_units(usual, UTILISATION_PERCENT)), max=most)


def _sum(parts: list[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def units_text(throughput: Throughput) -> str:
    """A throughput as a migration file has it, on one line."""
    if throughput.mode is ThroughputMode.PAY_PER_REQUEST:
        return f"{{mode: {throughput.mode}}}"
    parts = [f"mode: {throughput.mode}", f"rcu: {throughput.rcu}", f"wcu: {throughput.wcu}"]
    if (scaling := throughput.auto_scaling) is not None:
        ranges = (("rcu", scaling.rcu), ("wcu", scaling.wcu))
        said = [f"{name}: {{min: {each.min}, max: {each.max}}}" for name, each in ranges]
        said.append(f"target_utilization_percent: {scaling.target_utilization_percent}")
        parts.append(f"auto_scaling: {{{', '.join(said)}}}")
    return f"{{{', '.join(parts)}}}"
