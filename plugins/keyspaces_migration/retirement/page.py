"""The proposal of capacity as Markdown and as plain values."""

from typing import Any

from keyspaces_migration.capacity.wording import hours_text, usd
from keyspaces_migration.config import Migration
from keyspaces_migration.markdown import block, code, table, text
from keyspaces_migration.retirement.file_change import as_yaml
from keyspaces_migration.retirement.proposal import HEADROOM, UTILISATION_PERCENT, CapacityProposal, units_text

UNKNOWN = "not known"
_DAY_S = 86_400


def proposal_lines(migration: Migration, proposal: CapacityProposal | None, *, why_none: str = "") -> list[str]:
    """The section, from its tables to the text to paste.

    Args:
        migration: As it is in force.
        proposal: None where there is none.
        why_none: Why there is none.
    """
    lines = [f"No capacity is proposed: {text(why_none or UNKNOWN)}.", ""] if proposal is None else _tables(proposal)
    if not (change := as_yaml(migration, proposal)):
        return [*lines, "Nothing is to be changed in the migration file.", ""]
    lines += [
        (
            f"The change of the migration file, for a person to make; `{migration.name}.provision` then shows and "
            "applies it, as Pulumi owns the resources. Until then everything stays as it is, and costs the same."
        ),
        "",
        *block(change, language="yaml"),
    ]
    if (function := migration.comparison_lambda) is not None:
        schedule = f"its schedule, {text(function.schedule)}, goes on" if function.schedule else "it has no schedule"
        lines += [f"Until `provision` has applied it, the comparison Lambda stays; {schedule}.", ""]
    return lines


def proposal_document(proposal: CapacityProposal | None) -> dict[str, Any] | None:
    """The proposal as JSON's types."""
    if proposal is None:
        return None
    use = proposal.use
    return {
        "seen_s": use.seen.total_seconds(),
        "first": None if use.first is None else use.first.isoformat(),
        "last": None if use.last is None else use.last.isoformat(),
        "least_seen_s": proposal.least_seen.total_seconds(),
        "now_usd_a_month": proposal.now_usd,
        "proposed_usd_a_month": proposal.proposed_usd,
        "prices": proposal.prices.model_dump(mode="json"),
        "tables": {
            each.table: {
                "decision": each.decision.value,
                "now": each.now.model_dump(mode="json"),
                "proposed": each.proposed.model_dump(mode="json"),
                "read_peak_per_s": each.use.reads.peak_per_s,
                "read_mean_per_s": each.use.reads.mean_per_s,
                "write_peak_per_s": each.use.writes.peak_per_s,
                "write_mean_per_s": each.use.writes.mean_per_s,
                "now_usd": None if each.monthly is None else each.monthly.now,
                "on_demand_usd": None if each.monthly is None else each.monthly.on_demand,
                "scaled_usd": None if each.monthly is None else each.monthly.scaled,
                "saving_usd": each.saving_usd,
                "notes": list(each.notes),
            }
            for each in proposal.tables
        },
    }


def money(amount: float | None) -> str:
    """Money, or that it is not known."""
    return UNKNOWN if amount is None else usd(amount)


def _tables(proposal: CapacityProposal) -> list[str]:
    use, prices = proposal.use, proposal.prices
    seen = hours_text(use.seen.total_seconds() / 3600)
    lines = [f"CloudWatch saw the tables for {seen}, minute by minute, until {use.until:%Y-%m-%d %H:%M} UTC. "]
    if use.seen < proposal.least_seen:
        days = proposal.least_seen.total_seconds() / _DAY_S
        lines[0] += f"That is not enough: {days:g} days are, so nothing is proposed. "
    if use.is_cut:
        lines[0] += "More was asked for: minutes are kept for 15 days. "
    lines += [""]
    lines += table(
        ("table", "reads/s: mean, peak", "writes/s: mean, peak", "a month now", "on demand", "auto-scaled", "decision"),
        [
            (
                code(each.table),
                f"{each.use.reads.mean_per_s:,.1f}, {each.use.reads.peak_per_s:,.1f}",
                f"{each.use.writes.mean_per_s:,.1f}, {each.use.writes.peak_per_s:,.1f}",
                money(each.monthly.now if each.monthly else None),
                money(each.monthly.on_demand if each.monthly else None),
                money(each.monthly.scaled if each.monthly else None),
                f"{each.decision.value}" + (f" ({'; '.join(each.notes)})" if each.notes else ""),
            )
            for each in proposal.tables
        ],
    )
    if proposal.changes:
        lines += table(
            ("table", "from", "to", "saves a month"),
            [
                (code(each.table), code(units_text(each.now)), code(units_text(each.proposed)), money(each.saving_usd))
                for each in proposal.changes
            ],
        )
    lines += [
        (
            f"All tables: {money(proposal.now_usd)} a month now, {money(proposal.proposed_usd)} as proposed; storage "
            "is in neither. Units are capacity units; peaks are those of the busiest minute, and reads of the checks "
            f"are among them. Auto scaling is reckoned at {UTILISATION_PERCENT} % of use, up to {HEADROOM:g} times the "
            f"peak. Prices of {text(prices.region)}, published {prices.published}: look them up before a decision "
            "hangs on them."
        ),
        "",
    ]
    return lines
