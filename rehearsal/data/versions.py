"""The history of a table: several versions of some keys, and keys that the source has no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.data.tables import stable_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rehearsal.data.dataset import Values
    from rehearsal.data.tables import SampleTable

TWO_VERSIONS_EVERY = 17
DELETED_EVERY = 2003
EXTRA_COLUMNS = ("version", "is_deleted")


def history(table: SampleTable) -> Iterator[Values]:
    """Every version of every key: the table's columns, then `version` and `is_deleted`.

    One key in 17, by its hash, has a version 1 that lacks what was not known at first, and its present state as
    version 2; the others have their present state as version 1. For one key in 2003 there is a second key that
    the source does not have: version 1 held a row, version 2 says that it was deleted.
    """
    width = len(table.key)
    unknown_at_first = set(table.places(table.preliminary))
    for row in table.rows:
        number = stable_hash(row[:width])
        if number % TWO_VERSIONS_EVERY == 0:
            yield (*(None if place in unknown_at_first else value for place, value in enumerate(row)), 1, False)
            yield (*row, 2, False)
        else:
            yield (*row, 1, False)
        if number % DELETED_EVERY == 0:
            gone = (*row[: width - 1], _never_used(row[width - 1]))
            yield (*gone, *row[width:], 1, False)
            yield (*gone, *(None for _ in row[width:]), 2, True)


def newest(table: SampleTable, versions: Iterable[Values]) -> dict[Values, Values]:
    """By key, the row of the newest version that is not deleted, without the two columns of the history."""
    width = len(table.key)
    latest: dict[Values, Values] = {}
    for row in versions:
        known = latest.get(row[:width])
        if known is None or known[-2] < row[-2]:
            latest[row[:width]] = row
    return {key: row[:-2] for key, row in latest.items() if not row[-1]}


def _never_used(part: Any) -> Any:  # noqa: ANN401 - a key's part has any type
    """A last part of a key that no real key has: flight numbers end below 10,000, weather is hourly."""
    if isinstance(part, int):
        return part + 20_000
    if isinstance(part, str):
        return f"{part}-SCRAPPED"
    return part.replace(minute=30)
