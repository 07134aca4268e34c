"""Durations and money as people say them."""

_SMALL_USD, _LEAST_SHOWN_USD = 1, 0.0001


def hours_text(hours: float) -> str:
    """A duration as people say it; a little is not nothing."""
    if 0 < hours < 1 / 3600:
        return "<1 s"
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    if hours < 2:  # noqa: PLR2004 # above it, hours say enough
        return f"{hours * 60:.0f} min"
    return f"{hours:,.1f} h" if hours < 100 else f"{hours / 24:,.0f} days"  # noqa: PLR2004 # likewise, days


def usd(amount: float) -> str:
    """Return money as people read it; a little is not nothing."""
    if amount >= _SMALL_USD:
        return f"{amount:,.2f} USD"
    return "<0.0001 USD" if 0 < amount < _LEAST_SHOWN_USD else f"{amount:.4f} USD"
