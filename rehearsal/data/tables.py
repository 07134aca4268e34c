"""The sample tables, derived from the flights: the same rows at every run."""

from __future__ import annotations

import datetime as dt
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rehearsal.data.dataset import Frame, Values, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NOTE_EVERY = 997
NOTES = ("délai : météo", "Verspätung wegen Schnee", "霧のため遅延", "déjà vu ✈", "Ωρα αναχώρησης", "çok kar ❄")
RECENT = 10


@dataclass(frozen=True, kw_only=True)
class SampleTable:
    """A table with its rows, sorted by key.

    Attributes:
        name: In Cassandra.
        partition_key: Columns.
        clustering_key: Columns, in order.
        columns: The others that belong to a row.
        static_columns: Those that belong to a partition; every row of it carries them.
        preliminary: What an older version of a row did not know yet (the history's first version has null there).
        rows: All rows, with values in the order of `all_columns`: the key comes first.
    """

    name: str
    partition_key: tuple[str, ...]
    clustering_key: tuple[str, ...]
    columns: tuple[str, ...]
    static_columns: tuple[str, ...] = ()
    preliminary: tuple[str, ...]
    rows: tuple[Values, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """Partition and clustering columns."""
        return self.partition_key + self.clustering_key

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Every column: key, row, static."""
        return self.key + self.columns + self.static_columns

    def places(self, columns: Iterable[str]) -> tuple[int, ...]:
        """Where these columns stand in a row."""
        return tuple(map(self.all_columns.index, columns))

    def partitions(self) -> Iterator[list[Values]]:
        """The rows, a partition at a time."""
        width = len(self.partition_key)
        for _, rows in groupby(self.rows, key=lambda row: row[:width]):
            yield list(rows)


def stable_hash(key: Iterable[Any]) -> int:
    """A number from a key, the same on every machine and at every run."""
    return zlib.crc32("\x1f".join(map(str, key)).encode())


class Sample:
    """The sample tables of the year's first `days` days, or of the whole year."""

    def __init__(self, *, days: int | None = None) -> None:
        self._days = days

    def tables(self) -> tuple[SampleTable, ...]:
        """The tables that are migrated."""
        return (self.flights_unarchived, self.departures, self.planes, self.weather)

    @cached_property
    def flights_unarchived(self) -> SampleTable:
        """A wide event table: compound partition key, clustering columns, nulls, some text that is not ASCII."""
        key = ("carrier", "flight_date", "sched_dep_time", "flight")
        columns = (
            *("dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay", "tailnum"),
            *("origin", "dest", "air_time", "distance", "time_hour"),
        )
        return SampleTable(
            name="flights_unarchived",
            partition_key=key[:2],
            clustering_key=key[2:],
            columns=(*columns, "note"),
            preliminary=("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "note"),
            rows=_sorted((*row, _note(row[:4])) for row in self._flights.select(*key, *columns)),
        )

    @cached_property
    def departures(self) -> SampleTable:
        """A table with static columns: the airport's name, and how far one saw there on that day."""
        names: dict[str, str] = dict(read("airports").select("faa", "name"))
        seen: defaultdict[tuple[str, dt.date], list[float]] = defaultdict(list)
        for origin, month, day, miles in self._weather.select("origin", "month", "day", "visib"):
            if miles is not None:
                seen[origin, dt.date(2013, month, day)].append(miles)
        visibility = {place: round(fmean(miles), 2) for place, miles in seen.items()}
        key = ("origin", "flight_date", "carrier", "sched_dep_time", "flight")
        columns = ("dest", "tailnum", "dep_delay")
        return SampleTable(
            name="departures",
            partition_key=key[:2],
            clustering_key=key[2:],
            columns=columns,
            static_columns=("airport_name", "visibility_miles"),
            preliminary=("tailnum", "dep_delay"),
            rows=_sorted(
                (*row, names[row[0]], visibility.get(row[:2])) for row in self._flights.select(*key, *columns)
            ),
        )

    @cached_property
    def planes(self) -> SampleTable:
        """A table with a set, a map and a frozen list: where each plane flew, how often, how late."""
        flown: defaultdict[str, list[Values]] = defaultdict(list)
        for row in self._flights.select("tailnum", "flight_date", "sched_dep_time", "dest", "arr_delay"):
            flown[row[0]].append(row)
        columns = ("year", "type", "manufacturer", "model", "engines", "seats", "engine")
        return SampleTable(
            name="planes",
            partition_key=("tailnum",),
            clustering_key=(),
            columns=(*columns, "destinations", "flights_by_month", "recent_delays"),
            preliminary=("engines", "seats", "recent_delays"),
            rows=_sorted((*row, *_flown(flown[row[0]])) for row in read("planes").select("tailnum", *columns)),
        )

    @cached_property
    def weather(self) -> SampleTable:
        """Few, long partitions, newest first."""
        columns = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
        return SampleTable(
            name="weather",
            partition_key=("origin",),
            clustering_key=("time_hour",),
            columns=columns,
            preliminary=("wind_gust", "pressure", "visib"),
            rows=_sorted(self._weather.select("origin", "time_hour", *columns)),
        )

    @cached_property
    def departure_counts(self) -> Counter[Values]:
        """Departures by airport and day."""
        return Counter(self._flights.select("origin", "flight_date"))

    @cached_property
    def _flights(self) -> Frame:
        frame = read("flights", days=self._days)
        dates: dict[Values, dt.date] = {}
        date = itemgetter(*map(frame.columns.index, ("year", "month", "day")))
        rows = [(*row, dates.setdefault(date(row), dt.date(*date(row)))) for row in frame.rows]
        return Frame(columns=(*frame.columns, "flight_date"), rows=rows)

    @cached_property
    def _weather(self) -> Frame:
        return read("weather", days=self._days)


def _sorted(rows: Iterable[Values]) -> tuple[Values, ...]:
    # Keys are unique and have no nulls, so the comparison never gets to what follows them.
    return tuple(sorted(rows))


def _note(key: Values) -> str | None:
    number = stable_hash(key)
    return NOTES[number // NOTE_EVERY % len(NOTES)] if number % NOTE_EVERY == 0 else None


def _flown(flights: list[Values]) -> tuple[set[str] | None, dict[int, int] | None, list[int] | None]:
    """What the collections of a plane hold. A plane without flights has none: Cassandra keeps no empty set."""
    if not flights:
        return None, None, None
    in_time = sorted(flights, key=itemgetter(1, 2))
    by_month = dict(Counter(date.month for _, date, *_ in in_time))
    delays = [delay for *_, delay in in_time if delay is not None]
    return {dest for *_, dest, _ in in_time}, by_month, delays[-RECENT:]
