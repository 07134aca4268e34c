"""What the estimate has to say to the draft of a table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from keyspaces_migration.assessment.estimate import Estimate, TableEstimate
from keyspaces_migration.capacity.cost import MonthlyCosts
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.config.throughput import ThroughputMode

_ON_DEMAND: Mapping[str, object] = {"mode": ThroughputMode.PAY_PER_REQUEST.value}


@dataclass(frozen=True, kw_only=True)
class DraftHint:
    """What a draft takes over.

    Attributes:
        throughput: As in the migration file.
        order: None where none is recommended.
        decisions: What a person has to decide, with the figures that it hangs on.
    """

    throughput: Mapping[str, object] = field(default_factory=lambda: dict(_ON_DEMAND))
    order: LoadOrder | None = None
    decisions: tuple[str, ...]


NOT_ESTIMATED = DraftHint(decisions=("capacity: on demand, as nothing was measured yet",))


def draft_hints(estimate: Estimate) -> dict[str, DraftHint]:
    """The hints by table."""
    return {table.name: _hint(estimate, table) for table in estimate.tables}


def _hint(estimate: Estimate, table: TableEstimate) -> DraftHint:
    recommended = estimate.recommendations.tables.get(table.name)
    order = (f"order: {recommended.text}",) if recommended else ("order: not estimated; see the report",)
    if table.monthly is None:
        capacity = "capacity: on demand, as its load is not known"
    else:
        capacity = _capacity(table.monthly, estimate.request.utilisation)
    # On demand is what the draft says in any case: it needs no peak known, and five minutes are no peak.
    return DraftHint(order=recommended.order if recommended else None, decisions=(capacity, *order))


def _capacity(monthly: MonthlyCosts, utilisation: float) -> str:
    on_demand, provisioned = monthly.on_demand, monthly.provisioned
    return (
        f"capacity: on demand about {_usd(on_demand.total_usd)} a month at the load measured; provisioned, with "
        f"{provisioned.wcu:,} wcu and {provisioned.rcu:,} rcu used to {utilisation:.0%}, {_usd(provisioned.total_usd)}"
    )


def _usd(value: float) -> str:
    return f"{math.ceil(value):,} USD"
