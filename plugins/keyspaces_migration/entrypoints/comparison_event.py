"""What the comparison Lambda is asked: a part of the check of one table, and where to leave what it saw.

An event says all that a check follows from, so that the same event over the same data makes the same check. Its digest
goes into the result, which counts for that event and no other.
"""

import hashlib
import json
from dataclasses import replace
from typing import Annotated, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from keyspaces_migration.config import Migration
from keyspaces_migration.config.infrastructure import EVENT_VERSION
from keyspaces_migration.config.problems import near_miss, path_text, show
from keyspaces_migration.consistency.assembly import batch_rows, check_plan
from keyspaces_migration.consistency.kinds import Leader
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.share import Share
from keyspaces_migration.consistency.units import SweepStart
from keyspaces_migration.consistency.windows import FIRST_TOKEN, LAST_TOKEN
from keyspaces_migration.errors import MigrationError

Version = Annotated[int, Field(ge=EVENT_VERSION, le=EVENT_VERSION)]
# Parts of an object's key that lead nowhere else: what is left out of it is `..`, `//`, and a slash at an end.
Place = Annotated[str, Field(pattern=r"^[A-Za-z0-9_=:.-]*[A-Za-z0-9_=:-](/[A-Za-z0-9_=:.-]*[A-Za-z0-9_=:-])*\.json$")]


class EventError(MigrationError):
    """The event can't be understood, so nothing was looked at: correct whoever calls the function."""


class EventModel(BaseModel):
    """What the parts of an event have in common."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


class AskedShare(EventModel):
    """Which part of the table's check: `consistency.share.Share`."""

    part: int = Field(ge=0)
    parts: int = Field(ge=1)

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if self.part >= self.parts:
            raise ValueError(f"there is no part {self.part} of {self.parts}; the first is 0")
        return self


class AskedSweep(EventModel):
    """Where the sweep goes on: `consistency.units.SweepStart`."""

    place: int = Field(ge=FIRST_TOKEN, le=LAST_TOKEN)
    began_at: AwareDatetime


class TableEvent(EventModel):
    """What all events say."""

    version: Version
    """Of this form; a release that understands more has another."""
    migration: Migration
    """The migration file, as `Migration.canonical_json` has it; one with this table alone will do."""
    table: str
    """One of the migration's tables."""


class ComparisonEvent(TableEvent):
    """A call by Airflow, or by whoever wants a check."""

    seed: int = Field(ge=0)
    """Of all draws."""
    now: AwareDatetime
    """When the check began, which the history's watermark follows from."""
    leader: Leader
    """Whose rows are right."""
    share: AskedShare
    """Which part of the check."""
    sweep: AskedSweep | None
    """Where the sweep goes on; null: there is none."""
    read_units_per_s: int | None = Field(ge=1)
    """The most to read of each store; null: as fast as it goes."""
    result: Place
    """Where to leave the result, under the function's own prefix."""
    secret: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = Field(repr=False)
    """What the result is signed with, in hexadecimal, known to the caller and the function alone; null: it is not."""

    @property
    def failure(self) -> str:
        """Where to leave why there is no result."""
        return f"{self.result.removesuffix('.json')}.failed.json"

    def plan(self) -> CheckPlan:
        """What to do."""
        plan = check_plan(self.migration, seed=self.seed, now=self.now, leader=self.leader)
        return replace(
            plan,
            max_read_units_per_s=self.read_units_per_s,
            batch_rows=batch_rows(self.read_units_per_s),
            sweep_rows=0 if self.sweep is None else plan.sweep_rows,
        )

    def part(self) -> Share:
        """Which part of the check."""
        return Share(part=self.share.part, parts=self.share.parts)

    def sweeps(self) -> dict[str, SweepStart]:
        """Where the table's sweep goes on, if there is one."""
        if self.sweep is None:
            return {}
        return {self.table: SweepStart(place=self.sweep.place, began_at=self.sweep.began_at)}


class ScheduledEvent(TableEvent):
    """A call by EventBridge Scheduler, which knows no more than when it was to call."""

    scheduled_at: AwareDatetime
    """When."""
    tables: int = Field(ge=1)
    """How many tables are called for at that moment: they share the rate."""

    def asked(self) -> ComparisonEvent:
        """Return the check that this comes to: the whole table, without a sweep, whose place the ledger alone knows.

        The seed follows from table and moment, so that a call that Scheduler repeats draws the same rows.
        """
        moment = self.scheduled_at.isoformat()
        seed = hashlib.sha256(f"{self.table} {moment}".encode()).digest()[:4]
        most = check_plan(self.migration, seed=0, now=self.scheduled_at).max_read_units_per_s
        return ComparisonEvent(
            version=self.version,
            migration=self.migration,
            table=self.table,
            seed=int.from_bytes(seed),
            now=self.scheduled_at,
            leader=Leader.SOURCE,
            share=AskedShare(part=0, parts=1),
            sweep=None,
            read_units_per_s=None if most is None else max(1, most // self.tables),
            result=f"scheduled/{self.migration.name}/{self.table}/{moment.replace('+00:00', 'Z')}.json",
            secret=None,
        )


Event = TypeVar("Event", bound=TableEvent)


def read_event(event: object) -> ComparisonEvent:
    """Read what Lambda gives its handler.

    Raises:
        EventError: A key is missing, unknown or wrong; the message names each.
    """
    if isinstance(event, dict) and "scheduled_at" in event:
        return _read(event, ScheduledEvent).asked()
    return _read(event, ComparisonEvent)


def event_digest(event: object) -> str:
    """SHA-256 of an event's canonical JSON, in hexadecimal: of what was sent, whatever release reads it."""
    return hashlib.sha256(canonical(event).encode()).hexdigest()


def canonical(document: object) -> str:
    """The one JSON text of a document: keys in order, no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _read(event: object, model: type[Event]) -> Event:
    try:
        asked = model.model_validate_json(json.dumps(event))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = "; ".join(f"{path_text(each['loc']) or 'the whole'}: {each['msg']}" for each in found)
        raise EventError(
            f"The event of the comparison Lambda, version {EVENT_VERSION}, is refused. {problems}"
        ) from None
    if asked.table not in asked.migration.tables:
        known = list(asked.migration.tables)
        raise EventError(
            f"The event of the comparison Lambda is refused. table: found {show(asked.table)}; allowed: one of the "
            f"tables of {asked.migration.name}: {', '.join(known) or 'there is none'}. {near_miss(asked.table, known)}"
        )
    return asked
