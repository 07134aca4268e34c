"""How fast a store is read: a rate in read units a second, kept by waiting before a read, and what has been read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from keyspaces_migration.consistency.results import StoreReads

UNIT_BYTES = 4_096
"""A read unit of Amazon Keyspaces at LOCAL_QUORUM: up to 4 KiB of a row, or of a page."""
_SCALAR_BYTES = 8
_AT_ONCE_S = 0.1


class ReadPace:
    """Meters the reads of one store, and waits where they would be too fast. Not for several threads at once."""

    def __init__(self, *, units_per_s: float | None, clock: Callable[[], float], wait: Callable[[float], None]) -> None:
        """Keep what is needed.

        Args:
            units_per_s: The rate; None for as fast as it goes.
            clock: Seconds that never go back, as `time.monotonic`.
            wait: Waits the seconds it is given, as `time.sleep` does.

        Raises:
            ValueError: The rate is not above 0.
        """
        if units_per_s is not None and units_per_s <= 0:
            raise ValueError(f"a rate of {units_per_s} read units/s would never read; allowed: above 0, or None")
        self._rate, self._clock, self._wait = units_per_s, clock, wait
        self._requests = self._units = 0
        self._free_at = clock()

    @property
    def reads(self) -> StoreReads:
        """What was read so far."""
        return StoreReads(requests=self._requests, units=self._units)

    @property
    def at_once(self) -> int | None:
        """How many reads of a unit each may be sent together, lest they come in bursts; None for any number."""
        return None if self._rate is None else max(1, int(self._rate * _AT_ONCE_S))

    def before(self, requests: int) -> None:
        """Wait until so many reads may be sent, and count them, at one unit each."""
        self._requests += requests
        self._take(requests)
        if self._rate is not None and (early := self._free_at - requests / self._rate - self._clock()) > 0:
            self._wait(early)

    def after(self, sizes: Sequence[int]) -> None:
        """Count what reads took above one unit each, by the bytes that came back; the next ones wait for it."""
        self._take(sum(max(0, -(-size // UNIT_BYTES) - 1) for size in sizes))

    def _take(self, units: int) -> None:
        self._units += units
        if self._rate is not None:
            # Time that was not used is not saved up: what follows would come as a burst.
            self._free_at = max(self._free_at, self._clock() - _AT_ONCE_S) + units / self._rate


def row_bytes(row: Iterable[object]) -> int:
    """About how many bytes a row's values take: text and blobs by their length, all else by 8 a value."""
    return sum(map(_bytes, row))


def _bytes(value: object) -> int:
    return _MEASURES[type(value)](value)


class _Measures(dict[type, Callable[[Any], int]]):
    """How to measure values of a type; found out once for each, as that takes longer than most values take."""

    def __missing__(self, kind: type) -> Callable[[Any], int]:
        """Find it out, and keep it."""
        measure: Callable[[Any], int] = _scalar_bytes
        if kind is type(None):
            measure = _nothing
        elif issubclass(kind, str | bytes):
            measure = len
        elif issubclass(kind, Mapping):
            measure = _map_bytes
        elif issubclass(kind, AbstractSet | list | tuple):
            measure = row_bytes
        self[kind] = measure
        return measure


_MEASURES = _Measures()


def _nothing(_: None) -> int:
    return 0


def _scalar_bytes(_: object) -> int:
    return _SCALAR_BYTES


def _map_bytes(value: Mapping[object, object]) -> int:
    return sum(_bytes(key) + _bytes(item) for key, item in value.items())
