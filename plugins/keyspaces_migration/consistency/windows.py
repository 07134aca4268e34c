"""Windows of the token ring, drawn at random: the reverse draw, which sees rows that the history does not know."""

import random
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

RING = 1 << 64
FIRST_TOKEN = -(1 << 63)
LAST_TOKEN = (1 << 63) - 1
_SMALLEST_SHARE = 1 << 20


@dataclass(frozen=True, slots=True)
class Window:
    """The partitions whose token is in one of `ranges`, each above its first and up to its last token (Murmur3)."""

    ranges: tuple[tuple[int, int], ...]


def window_width(*, rows: int, rows_per_window: int) -> int:
    """The width, in tokens, of a window that holds about `rows_per_window` of `rows` rows; at most the ring.

    Where nothing is known of the table (`rows` is 0) it is a millionth of the ring, lest a window be a full scan.
    """
    if rows <= 0:
        return RING // _SMALLEST_SHARE
    return max(1, min(RING, RING * rows_per_window // rows))


def draw_windows(*, seed: int, table: str, count: int, width: int) -> tuple[Window, ...]:
    """Draw windows of `width` tokens, each at a place of its own, all places equally likely; the ring is closed.

    Where so many would be the ring or more, they divide it among them instead, so that all of it is in one of them,
    and nothing is read twice.

    Seeded by table too: the same places in every table would miss the same hosts in all of them.
    """
    if count * (width + 1) >= RING:  # as `window_width` rounds down
        edges = [FIRST_TOKEN + RING * number // count for number in range(count)] + [LAST_TOKEN]
        return tuple(Window((each,)) for each in pairwise(edges))
    # Reproducible draws are the point; nothing is kept secret by them.
    source = random.Random(sha256(f"{seed}:{table}".encode()).digest())  # noqa: S311
    return tuple(_window(source.randrange(RING) + FIRST_TOKEN, width) for _ in range(count))


def _window(start: int, width: int) -> Window:
    end = start + width
    if end <= LAST_TOKEN:
        return Window(((start, end),))
    # No partition has the first token itself: Murmur3Partitioner moves it to the last.
    around = end - RING
    return Window(((start, LAST_TOKEN), (FIRST_TOKEN, around)) if around > FIRST_TOKEN else ((start, LAST_TOKEN),))
