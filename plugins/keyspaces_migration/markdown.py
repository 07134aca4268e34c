"""Small pieces of Markdown in which no text from a cluster can be taken for markup."""

import re
from collections.abc import Iterable, Sequence

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# An underscore inside a word, and a > or & that starts nothing, are no markup; they stay readable in a log.
_MARKUP = re.compile(r"[\\`*\[\]#|~!<]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=#?[A-Za-z0-9]+;)|^[>+-]")


def text(value: object) -> str:
    """`value` as plain text: on one line, markup escaped, underscores inside words left alone."""
    flat = _CONTROLS.sub(" ", str(value))
    return _MARKUP.sub(lambda match: "\\" + match.group(0), flat)


def code(value: object) -> str:
    """`value` as a code span that ends where it should, whatever backticks are in it; safe in a table's cell."""
    flat = _CONTROLS.sub(" ", str(value))
    if "|" in flat or not flat:
        # A pipe in a code span can be written for a table or for a paragraph, not for both.
        return text(flat) or "(empty)"
    fence = "`" * (_longest_run(flat) + 1)
    padding = " " if "`" in flat else ""
    return f"{fence}{padding}{flat}{padding}{fence}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of cells that are Markdown already; empty when there are no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return []
    return [f"| {' | '.join(header)} |", f"|{'|'.join(' --- ' for _ in header)}|", *lines, ""]


def block(content: str, *, language: str) -> list[str]:
    """A fenced block that no line of its content can end."""
    fence = "`" * max(3, _longest_run(content) + 1)
    return [f"{fence}{language}", *content.rstrip("\n").split("\n"), fence, ""]


def _longest_run(value: str) -> int:
    return max((len(run) for run in re.findall(r"`+", value)), default=0)
