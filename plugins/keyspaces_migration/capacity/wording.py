"""Durations as people say them."""


def hours_text(hours: float) -> str:
    """A duration as people say it; a little is not nothing."""
    if 0 < hours < 1 / 3600:
        return "<1 s"
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    if hours < 2:  # noqa: PLR2004 # above it, hours say enough
        return f"{hours * 60:.0f} min"
    return f"{hours:,.1f} h" if hours < 100 else f"{hours / 24:,.0f} days"  # noqa: PLR2004 # likewise, days
