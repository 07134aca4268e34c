"""What a call of the comparison Lambda leaves behind, written by the function and read by Airflow.

It is signed with the event's secret, which nobody but the caller and the function know: who may write to the bucket can
take a result away, and can't make one.
"""

import hmac
import json
from dataclasses import dataclass
from typing import Any

from keyspaces_migration.config.infrastructure import EVENT_VERSION
from keyspaces_migration.consistency.part import TablePart
from keyspaces_migration.consistency.part_json import PartUnreadableError, from_document, to_document
from keyspaces_migration.entrypoints.comparison_event import ComparisonEvent, canonical
from keyspaces_migration.errors import MigrationError

_KEYS = {"version", "event_sha256", "part", "failure", "signature"}


class ResultRefusedError(MigrationError):
    """What lies in a result's place is none that counts for the event; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a call came to: what it saw, or why it saw nothing."""

    part: TablePart | None
    failure: str | None


def result_text(*, event_sha256: str, secret: str | None, part: TablePart) -> str:
    """The result of a call, as it is left."""
    return _signed({"part": to_document(part), "failure": None}, event_sha256=event_sha256, secret=secret)


def failure_text(*, event_sha256: str, secret: str | None, error: BaseException) -> str:
    """Why a call has no result, as it is left: whoever waits for one need not wait to the end."""
    said = f"{type(error).__name__}: {error}"
    return _signed({"part": None, "failure": said}, event_sha256=event_sha256, secret=secret)


def read_result(text: bytes, *, event: ComparisonEvent, event_sha256: str) -> Result:
    """Read what lies in the place of the result of `event`, whose secret it is signed with.

    Raises:
        ResultRefusedError: It is not JSON, of another version, of another event, not signed with the event's secret,
            or not of the part that was asked for.
    """
    document = _document(text)
    if document["version"] != EVENT_VERSION:
        raise ResultRefusedError(
            f"it has version {document['version']!r:.20}; allowed: {EVENT_VERSION}. "
            "Give the function this release's code"
        )
    if document["event_sha256"] != event_sha256:
        raise ResultRefusedError("it is the result of another event: someone has put it there, or taken it for this")
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    if event.secret is None or not hmac.compare_digest(
        _signature(unsigned, event.secret).encode(), str(document["signature"]).encode("utf-8", "replace")
    ):
        raise ResultRefusedError("its signature is not the function's: someone has changed it, or made it")
    if document["part"] is None:
        return Result(part=None, failure=str(document["failure"]))
    try:
        part = from_document(document["part"])
    except PartUnreadableError as error:
        raise ResultRefusedError(str(error)) from error
    _require_asked(part, event)
    return Result(part=part, failure=None)


def _document(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        raise ResultRefusedError("it is no JSON") from None
    if not isinstance(document, dict) or set(document) != _KEYS:
        raise ResultRefusedError(f"it is no result; allowed: an object with {', '.join(sorted(_KEYS))}")
    return document


def _require_asked(part: TablePart, event: ComparisonEvent) -> None:
    if (part.table, part.share) != (event.table, event.part()):
        raise ResultRefusedError(f"it is of {part.table} {part.share}, and asked for was {event.table} {event.part()}")
    start = event.sweeps().get(event.table)
    if part.sweep is not None and (start is None or part.sweep.from_token != start.place):
        raise ResultRefusedError("its sweep does not begin where it was asked to")


def _signed(content: dict[str, Any], *, event_sha256: str, secret: str | None) -> str:
    document = {"version": EVENT_VERSION, "event_sha256": event_sha256, **content}
    signature = None if secret is None else _signature(document, secret)
    return json.dumps(document | {"signature": signature}, indent=1) + "\n"


def _signature(document: dict[str, Any], secret: str) -> str:
    # By way of JSON: what was written as a tuple is read as a list, and must have the same signature.
    text = canonical(json.loads(json.dumps(document)))
    return hmac.digest(bytes.fromhex(secret), text.encode(), "sha256").hex()
