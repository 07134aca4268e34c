"""Ranges of Murmur3's tokens, by which a table is read in parts."""

from dataclasses import dataclass
from itertools import pairwise

from keyspaces_migration.cql_access.errors import TokenRangeError

FIRST_TOKEN = -(1 << 63)
LAST_TOKEN = (1 << 63) - 1
MURMUR3 = "Murmur3Partitioner"


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRange:
    """The partitions from the first token to the last, both included.

    Raises:
        TokenRangeError: The first is above the last, or one is no token of Murmur3's.
    """

    first: int = FIRST_TOKEN
    last: int = LAST_TOKEN

    def __post_init__(self) -> None:
        if not FIRST_TOKEN <= self.first <= self.last <= LAST_TOKEN:
            raise TokenRangeError(
                f"{self.first} to {self.last} is no range of tokens. Allowed: {FIRST_TOKEN} to {LAST_TOKEN}, the "
                "first not above the last."
            )

    def split(self, parts: int) -> tuple["TokenRange", ...]:
        """Return ranges of equal width, give or take one token, that cover this one once.

        Raises:
            TokenRangeError: There are not so many tokens, or no parts are asked for.
        """
        width = self.last - self.first + 1
        if not 0 < parts <= width:
            raise TokenRangeError(f"{parts} parts of {width} tokens. Allowed: 1 to {width}.")
        starts = [self.first + width * part // parts for part in range(parts + 1)]
        return tuple(TokenRange(first=a, last=b - 1) for a, b in pairwise(starts))
