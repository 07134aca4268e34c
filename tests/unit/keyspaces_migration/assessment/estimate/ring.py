"""A table on a token ring, for tests: rows at tokens, read by the statements that the sample sends."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from keyspaces_migration.assessment.errors import CannotLookError

_WINDOW = re.compile(r"SELECT TOKEN\(.+\) FROM .+ WHERE TOKEN\(.+\) > %s AND TOKEN\(.+\) <= %s|SELECT TOKEN\(.+\), .+")


@dataclass
class Ring:
    """Partitions at their tokens, each with its rows: the token first, then the values, as a SELECT gives them."""

    partitions: dict[int, list[tuple[Any, ...]]]
    fails_with: CannotLookError | None = None
    read: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)

    def stream(self, statement: str, values: Sequence[object] = (), /, *, page_rows: int) -> Iterator[tuple[Any, ...]]:
        assert _WINDOW.fullmatch(statement), statement
        assert page_rows > 0
        if self.fails_with:
            raise self.fails_with
        above, up_to = (int(str(value)) for value in values)
        self.asked.append((above, up_to))
        tokens = sorted(self.partitions)
        for token in tokens[bisect_right(tokens, above) : bisect_right(tokens, up_to)]:
            for row in self.partitions[token]:
                self.read += 1
                yield (token, *row)
