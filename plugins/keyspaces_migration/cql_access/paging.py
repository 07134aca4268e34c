"""An answer, page by page.

Keyspaces ends a page by what it has read, so a page may be short or empty and not the last: only the paging state tells
the end. The driver's own iteration recurses at each empty page, and dies of a thousand of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from keyspaces_migration.cql_access.arrow import Column

Row = tuple[Any, ...]
Page = Sequence[Row]


class Fetch(Protocol):
    """Asks for the page at a paging state; None asks for the first."""

    def __call__(self, paging_state: bytes | None) -> tuple[Page, bytes | None]:
        """Return the page, and the state of the next one or None after the last."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer to a SELECT: its columns, and its pages, each asked for when it is needed.

    Attributes:
        columns: In the order of the rows' values.
        fetch: Asks for one page. Its errors are those of reading the pages.
    """

    columns: tuple[Column, ...]
    fetch: Fetch

    def pages(self) -> Iterator[Page]:
        """Yield every page that has rows, from the first."""
        state: bytes | None = None
        while True:
            page, state = self.fetch(state)
            if page:
                yield page
            if state is None:
                return

    def count(self, *, up_to: int) -> int:
        """Return how many rows there are, reading no further than `up_to`, which is then what is returned."""
        counted = 0
        for page in self.pages():
            counted += len(page)
            if counted >= up_to:
                return up_to
        return counted

    def take(self, most: int) -> tuple[list[Row], Iterator[Page] | None]:
        """Read until there are more than `most` rows, and return what was read, and what follows.

        What follows is None where the answer has no more than `most` rows, which were then all read.
        """
        pages, taken = self.pages(), list[Row]()
        for page in pages:
            taken.extend(page)
            if len(taken) > most:
                return taken, pages
        return taken, None
