"""The section of the migration file about who is told of what, and how."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, JsonValue, model_validator

from keyspaces_migration.config.durations import Duration, format_duration
from keyspaces_migration.config.model import ByName, FileModel
from keyspaces_migration.config.names import ArgumentName, ChannelName, NotifierPath, WebAddress
from keyspaces_migration.config.problems import RuleError, Violation

MIN_REPEAT = timedelta(minutes=30)
_SECRET = re.compile(r"passw|secret|token|api_?key|credential|webhook", re.IGNORECASE)


class EventKind(StrEnum):
    """What people can be told of."""

    FAILED_TASK = "FAILED_TASK"
    VERDICT_FAIL = "VERDICT_FAIL"
    VERDICT_INCONCLUSIVE = "VERDICT_INCONCLUSIVE"
    CHECK_MISSED = "CHECK_MISSED"
    DRIFT = "DRIFT"
    BARRIER_AT_RISK = "BARRIER_AT_RISK"
    BUDGET_STOP = "BUDGET_STOP"
    LETTERS_GROWING = "LETTERS_GROWING"
    APPROVAL_NEEDED = "APPROVAL_NEEDED"
    REVERSAL = "REVERSAL"


class Severity(StrEnum):
    """How soon somebody should look: some time, today, now. In that order."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        """Return 0 for the least severe, and more for each more severe."""
        return list(Severity).index(self)


class Channel(FileModel):
    """One way to reach people: an Airflow notifier, and what goes through it."""

    notifier: NotifierPath
    """Import path of a subclass of Airflow's BaseNotifier."""
    arguments: ByName[ArgumentName, JsonValue] = Field(default_factory=dict)
    """Arguments of that class, no secrets among them; those that it renders as templates may use `event`."""
    events: Annotated[tuple[EventKind, ...], Field(min_length=1)] = tuple(EventKind)
    """What goes through it; all by default."""
    least_severity: Severity = Severity.INFO
    """What is less severe than this does not go through it: INFO, WARNING or CRITICAL."""

    def wants(self, kind: EventKind, severity: Severity) -> bool:
        """Whether such an event goes through this channel."""
        return kind in self.events and severity.rank >= self.least_severity.rank

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        violations = [
            Violation(("events", index), f"{kind.value} again", "each event once")
            for index, kind in enumerate(self.events)
            if kind in self.events[:index]
        ]
        violations += [
            # The value is not shown: it may be the secret.
            Violation(("arguments", name), "what looks like a secret", "the id of an Airflow connection that holds it")
            for name in self.arguments
            if _SECRET.search(name) and not name.endswith("_conn_id")
        ]
        if violations:
            raise RuleError(violations)
        return self


class Notifications(FileModel):
    """Who is told of what happens in the migration, and of what does not happen."""

    channels: ByName[ChannelName, Channel] = Field(default_factory=dict, max_length=20)
    """Ways to reach people, by name; each is tried, whatever becomes of the others. None: nobody is told."""
    runbooks: WebAddress | None = None
    """Where your people read docs/runbooks/, such as your own copy of the repository; messages link there."""
    repeat_after: Duration = timedelta(hours=6)
    """How long `watch` is silent about what has not changed, PT30M at least."""
    check_grace: Duration = timedelta(hours=6)
    """How long after its scheduled time a check must have finished, before `watch` calls it missed."""

    @model_validator(mode="after")
    def _does_not_flood(self) -> Self:
        if self.repeat_after < MIN_REPEAT:
            allowed = f"at least {format_duration(MIN_REPEAT)}: a message that comes all the time is not read"
            raise RuleError([Violation(("repeat_after",), format_duration(self.repeat_after), allowed)])
        return self
