"""One thing that people are told of."""

from dataclasses import dataclass
from html import escape

from keyspaces_migration.config import EventKind, Severity

MAX_TEXT = 1_500
"""Characters of what happened that a message shows: chat and paging services cut longer ones, at the wrong end."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something happened.

    Attributes:
        migration: The migration's name.
        dag_id: Airflow's id of the DAG.
        run_id: Airflow's id of the run; None for what belongs to none.
        task_id: The task; None for what belongs to none.
        url: Address of the run or task in Airflow's UI; None where nobody knows it.
    """

    migration: str
    dag_id: str
    run_id: str | None = None
    task_id: str | None = None
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """What a channel's templates see as `event`.

    Attributes:
        kind: What it is.
        severity: How soon somebody should look.
        place: Where it happened.
        headline: A few words.
        happened: What happened, for a person who knows the migration; may be long.
        at_risk: What is at risk while nobody acts.
        next_step: What to do next.
        runbook: Address or path of the runbook's page.
    """

    kind: EventKind
    severity: Severity
    place: Place
    headline: str
    happened: str
    at_risk: str
    next_step: str
    runbook: str

    @property
    def migration(self) -> str:
        """Return the migration's name."""
        return self.place.migration

    @property
    def title(self) -> str:
        """Return one line: a subject."""
        return f"{self.severity.value} {self.migration}: {self.headline}"

    @property
    def text(self) -> str:
        """Return the whole message in plain text."""
        happened = self.happened if len(self.happened) <= MAX_TEXT else f"{self.happened[:MAX_TEXT]} … (cut)"
        lines = [self.title, "", happened, "", f"At risk: {self.at_risk}", f"Next: {self.next_step}"]
        where = [f"Run: {self.place.url}"] if self.place.url else []
        return "\n".join([*lines, "", *where, f"Runbook: {self.runbook}"])

    @property
    def html(self) -> str:
        """Return the message for a mail's body: what happened may hold anything, so it is escaped."""
        return f'<pre style="white-space: pre-wrap">{escape(self.text)}</pre>'

    @property
    def facts(self) -> dict[str, str]:
        """Return the message's parts as flat text, for programs."""
        return {
            "kind": self.kind.value,
            "severity": self.severity.value,
            "migration": self.migration,
            "dag_id": self.place.dag_id,
            "run_id": self.place.run_id or "",
            "task_id": self.place.task_id or "",
            "title": self.title,
            "happened": self.happened,
            "at_risk": self.at_risk,
            "next_step": self.next_step,
            "url": self.place.url or "",
            "runbook": self.runbook,
        }
