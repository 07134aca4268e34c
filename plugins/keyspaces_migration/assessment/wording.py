"""Figures as people read them."""

import math

from keyspaces_migration.capacity.distribution import Mean

UNKNOWN = "?"


def mean_text(mean: Mean, *, digits: int = 2) -> str:
    """A mean with its range, where it has one."""
    value = f"{mean.value:,.{digits}f}"
    if mean.lower == mean.upper:
        return value
    upper = f"{mean.upper:,.{digits}f}" if math.isfinite(mean.upper) else "unknown"
    return f"~{value} ({mean.lower:,.{digits}f} to {upper})"


def usd_text(usd: float) -> str:
    """Money, to the cent."""
    return f"{cents_text(usd)} USD"


def cents_text(usd: float) -> str:
    """An amount without its currency: a little is not nothing."""
    return "<0.01" if 0 < usd < 0.005 else f"{usd:,.2f}"  # noqa: PLR2004 # half a cent


def bytes_text(count: float) -> str:
    """A size in decimal units, about."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 # a thousand
            return f"~{size:.0f} {unit}"
        size /= 1000
    return f"~{size:,.1f} TB"
