"""A part of a check as JSON, to be read back whole by the process that asked for it."""

import json
from typing import Any

from pydantic import TypeAdapter, ValidationError

from keyspaces_migration.config.problems import path_text
from keyspaces_migration.consistency.errors import ConsistencyError
from keyspaces_migration.consistency.part import TablePart

_PART: TypeAdapter[TablePart] = TypeAdapter(TablePart)


class PartUnreadableError(ConsistencyError):
    """What should be a part of a check is not, or was written by another release; nothing is known of what it saw."""


def to_document(part: TablePart) -> dict[str, Any]:
    """The part as what `json.dumps` takes."""
    document: dict[str, Any] = _PART.dump_python(part, mode="json")
    return document


def from_document(document: object) -> TablePart:
    """Read a part back from `to_document`.

    Raises:
        PartUnreadableError: It is none; the message names each wrong key and repeats no value.
    """
    try:
        return _PART.validate_json(json.dumps(document), strict=True)
    except (ValidationError, ValueError) as error:
        raise PartUnreadableError(f"The part of the check can't be read: {_said(error)}") from None


def _said(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{path_text(each['loc']) or 'the whole'}: {each['msg']}" for each in found[:3])
