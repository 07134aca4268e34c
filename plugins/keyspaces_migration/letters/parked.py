"""What a person asks for parked letters: to retry them, or to close them for a reason, with an approval."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from keyspaces_migration.errors import MigrationError
from keyspaces_migration.ledger.letter_records import LetterOutcome, LetterRecord

ALL = "all"


class ParkedChoiceError(MigrationError):
    """What was asked for is no choice of parked letters; the message says what is allowed."""


def choose(asked: str | None, parked: Sequence[LetterRecord], *, name: str) -> tuple[LetterRecord, ...]:
    """Return the parked letters that a person named.

    Args:
        asked: `all`, or ids with commas between them; empty or None: none.
        parked: All that are parked now.
        name: Of the parameter, for the message.

    Raises:
        ParkedChoiceError: An id is of no letter that is parked.
    """
    wanted = [each.strip() for each in (asked or "").split(",") if each.strip() not in {"", "None"}]
    if wanted == [ALL]:
        return tuple(parked)
    by_id = {letter.letter_id: letter for letter in parked}
    if strange := [each for each in wanted if each not in by_id]:
        raise ParkedChoiceError(
            f"{name} names {', '.join(strange)}, which is no parked letter. Allowed: {ALL}, or ids of parked letters "
            "with commas between them, as the report lists them"
        )
    return tuple(by_id[each] for each in dict.fromkeys(wanted))


def closing_facts(
    letters: Sequence[LetterRecord], *, reason: str, migration: str, configuration: str
) -> dict[str, Any]:
    """Return what an approval to close letters is given for.

    Raises:
        ParkedChoiceError: No reason is given.
    """
    if letters and not reason.strip():
        raise ParkedChoiceError("close_parked needs close_reason: why nothing is to be done about these letters")
    return {
        "act": "close_letters",
        "migration": migration,
        "configuration": configuration,
        "reason": reason.strip(),
        "letters": [{"id": each.letter_id, "body_sha256": each.body_sha256} for each in letters],
    }


def closed(letters: Sequence[LetterRecord], *, reason: str, by: Sequence[str]) -> tuple[LetterRecord, ...]:
    """Return the records of letters that approvers have closed; their messages stay in the earlier records."""
    why = f"closed by {', '.join(by)}: {reason.strip()}"
    return tuple(replace(each, outcome=LetterOutcome.CLOSED, reason=why, cells=0, body=None) for each in letters)
