"""Which part of the sample data a world holds."""

from __future__ import annotations

from dataclasses import dataclass

from rehearsal.data import manifest


@dataclass(frozen=True, kw_only=True)
class SampleChoice:
    """The flights of the year's first `days` days; None for all of them."""

    days: int | None

    module = "rehearsal.data"

    @property
    def options(self) -> tuple[str, ...]:
        """Of the process that loads it."""
        return () if self.days is None else ("--days", str(self.days))

    @property
    def digest(self) -> str:
        """Changes with the loader's code, the data set and the choice of days."""
        return manifest.digest(days=self.days)
