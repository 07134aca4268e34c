"""What the comparison Lambda is asked: one table of one migration, and the seed of its draws."""

import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from keyspaces_migration.config import Migration
from keyspaces_migration.config.problems import near_miss, path_text, show
from keyspaces_migration.errors import MigrationError

VERSION = 1
Version = Annotated[int, Field(ge=VERSION, le=VERSION)]


class EventError(MigrationError):
    """The event can't be understood, so nothing was looked at: correct whoever calls the function."""


class ComparisonEvent(BaseModel):
    """One call. A release that understands more has another version."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    version: Version
    """Of this form."""
    migration: Migration
    """The migration file, as `Migration.canonical_json` has it: the function has no file and no ledger."""
    table: str
    """One of the migration's tables."""
    seed: int = Field(ge=0)
    """Of all draws: the same seed over the same data makes the same check, here or in Airflow."""


def read_event(event: object) -> ComparisonEvent:
    """Read what Lambda gives its handler.

    Raises:
        EventError: A key is missing, unknown or wrong; the message names each.
    """
    try:
        asked = ComparisonEvent.model_validate_json(json.dumps(event))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = "; ".join(f"{path_text(each['loc']) or 'the whole'}: {each['msg']}" for each in found)
        raise EventError(f"The event of the comparison Lambda, version {VERSION}, is refused. {problems}") from None
    if asked.table not in asked.migration.tables:
        known = list(asked.migration.tables)
        raise EventError(
            f"The event of the comparison Lambda is refused. table: found {show(asked.table)}; allowed: one of the "
            f"tables of {asked.migration.name}: {', '.join(known) or 'there is none'}. {near_miss(asked.table, known)}"
        )
    return asked
