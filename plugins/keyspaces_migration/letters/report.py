"""What a replay did, and what waits for a person, as Markdown and JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.ledger.letter_records import LetterCounts, LetterOutcome, LetterRecord
from keyspaces_migration.letters.drain import Drained

_SHOWN = 200

ADVICE = {
    ReasonClass.THROTTLE: "Raise the table's capacity, then retry.",
    ReasonClass.TIMEOUT: "Look whether the store is well, then retry.",
    ReasonClass.INVALID: "Read the reason: the stores disagree on what may be written. Mend that, and retry; or close.",
    ReasonClass.TOO_LARGE: "The target takes no such row or key. Split or shorten it in the application, then "
    "close the letter once its newer write is in both stores.",
    ReasonClass.SCHEMA: "Make the target's table as the migration file has it (`provision`), then retry.",
    ReasonClass.OTHER: "Read the reason.",
    ReasonClass.UNREADABLE: "No writer of this release sent it, or it was changed on its way: find out who did, "
    "and close it.",
}
"""What to do about a parked letter, by class."""


def to_markdown(done: Drained, *, parked: Sequence[LetterRecord], counts: LetterCounts, title: str) -> str:
    """Return the report.

    Args:
        done: What this run did.
        parked: All letters that are parked now, of earlier runs too.
        counts: How all letters of the migration stand.
        title: Of the page.
    """
    so_far = f"{counts.replayed:,} replayed, {counts.parked:,} parked, {counts.closed:,} closed"
    lines = [
        f"# {title}",
        "",
        sentence(done),
        "",
        f"All letters of the migration so far: {so_far}.",
        "",
        *_by_class(done),
        *_left(done),
        *_parked(parked),
    ]
    return "\n".join(lines) + "\n"


def to_json(done: Drained, *, parked: Sequence[LetterRecord], counts: LetterCounts) -> str:
    """Return the same for programs. Messages are left out: the ledger has them."""
    content: dict[str, Any] = {
        "run": {
            "replayed": done.of(LetterOutcome.REPLAYED),
            "parked": done.of(LetterOutcome.PARKED),
            "came_again": done.again,
            "left_in_queue": len(done.left),
            "cells": done.cells,
            "by_class": [
                {"outcome": outcome.value, "class": reason.value, "letters": count}
                for (outcome, reason), count in sorted(done.counts.items())
            ],
        },
        "standing": {"replayed": counts.replayed, "parked": counts.parked, "closed": counts.closed},
        "left": [
            {"id": each.letter_id, "table": each.table, "class": each.reason_class.value, "reason": each.reason}
            for each in done.left
        ],
        "parked": [_as_json(each) for each in parked],
    }
    return json.dumps(content, indent=1, ensure_ascii=False)


def sentence(done: Drained) -> str:
    """Return what a run did in one sentence."""
    again = f", {done.again:,} messages were of letters that the ledger had" if done.again else ""
    away = "; the run ended early, as a store took nothing" if done.store_is_away else ""
    return (
        f"{done.of(LetterOutcome.REPLAYED):,} letters were replayed, {done.of(LetterOutcome.PARKED):,} parked, "
        f"{len(done.left):,} left in the queue for the next run{again}{away}."
    )


def closing_page(letters: Sequence[LetterRecord], *, reason: str, title: str) -> str:
    """Return what approvers are shown: the letters that are to be closed, and why."""
    what = (
        f"{len(letters):,} parked letters are closed: nothing more is done about the writes in them, and they no "
        "longer stand against the cutover. A consistency check finds the rows, if they still differ."
    )
    lines = [
        f"# {title}",
        "",
        what,
        "",
        f"The reason given: {_cell(reason)}",
        "",
        *_table(letters),
    ]
    return "\n".join(lines) + "\n"


def _by_class(done: Drained) -> list[str]:
    if not done.counts:
        return []
    rows = [
        f"| {reason.value} | {outcome.value} | {count:,} |" for (outcome, reason), count in sorted(done.counts.items())
    ]
    return ["## By class", "", "| class | outcome | letters |", "|---|---|---|", *rows, ""]


def _left(done: Drained) -> list[str]:
    if not done.left:
        return []
    found = Counter((each.reason_class, each.reason) for each in done.left)
    rows = [f"| {reason.value} | {_cell(text)} | {count:,} |" for (reason, text), count in found.most_common(_SHOWN)]
    return ["## Left in the queue", "", "| class | why | letters |", "|---|---|---|", *rows, ""]


def _parked(parked: Sequence[LetterRecord]) -> list[str]:
    if not parked:
        return ["No letter is parked.", ""]
    classes = Counter(each.reason_class for each in parked)
    advice = [f"- {reason.value} ({count:,}): {ADVICE[reason]}" for reason, count in classes.most_common()]
    how = (
        "Retry: run this DAG again with **retry_parked** set to `all`, or to ids. Close: **close_parked** and "
        "**close_reason**; the approvers are asked. A letter's whole content: "
        "`python -m keyspaces_migration.ledger letters`."
    )
    return [
        "## Parked: they wait for a person",
        "",
        *advice,
        "",
        how,
        "",
        *_table(parked),
    ]


def _table(letters: Sequence[LetterRecord]) -> list[str]:
    more = len(letters) - _SHOWN
    return [
        "| letter | table | key | class | why |",
        "|---|---|---|---|---|",
        *(_line(each) for each in letters[:_SHOWN]),
        "",
        *([f"{more:,} more are in the ledger."] if more > 0 else []),
    ]


def _line(letter: LetterRecord) -> str:
    cells: Iterable[str | None] = (
        f"`{letter.letter_id}`",
        letter.table_name,
        letter.key_json,
        letter.reason_class.value,
        letter.reason,
    )
    return f"| {' | '.join(_cell(each or '') for each in cells)} |"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _as_json(letter: LetterRecord) -> dict[str, Any]:
    return {
        "id": letter.letter_id,
        "table": letter.table_name,
        "store": letter.store.value if letter.store else None,
        "key": json.loads(letter.key_json) if letter.key_json else None,
        "timestamp_us": None if letter.timestamp_us is None else str(letter.timestamp_us),
        "class": letter.reason_class.value,
        "reason": letter.reason,
        "what_to_do": ADVICE[letter.reason_class],
    }
