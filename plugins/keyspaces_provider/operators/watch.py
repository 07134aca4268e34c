"""The task that looks for what did not happen."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.events import happening
from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider import telemetry
from keyspaces_provider.letters import look_at_queue
from keyspaces_provider.notifications import NotifierUnusableError, notifier_of, place_of, send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from keyspaces_migration.events.watch import Condition, Facts
    from keyspaces_migration.ledger import Ledger

DECIDED = frozenset({Milestone.CUTOVER_FINISHED, Milestone.RETIRED})
"""Where one of these holds, nobody asks whether the cutover may begin."""


class WatchIncompleteError(MigrationError):
    """Something could not be looked at, a channel can't be used, or a condition reached nobody; all else was told."""


class WatchOperator(BaseOperator):
    """Looks for conditions that last, and tells of each once, again when it is worse, and after the repeat interval.

    It changes nothing but what the ledger says people were told. It works from the file as it is now: what people want
    to be told of belongs to no run.

    Args:
        migration_file: Path of the migration file, as the worker sees it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e8eef7"

    def __init__(self, *, migration_file: str, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.migration_file = migration_file
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> dict[str, list[str]]:
        """Look, and tell.

        Returns:
            The conditions that last, and those of them that were told now, as `KIND subject`.

        Raises:
            WatchIncompleteError: see there; the next run tries again.
            MigrationFileError: the file is not valid.
            LedgerError: the ledger can't be read.
        """
        from keyspaces_migration.events.watch import conditions
        from keyspaces_provider.ledger import ledger_from_connection

        migration, now = load_migration(Path(self.migration_file)), datetime.now(UTC)
        telemetry.bind_run(migration)
        ledger = ledger_from_connection(self.ledger_conn_id)
        failures = unusable_channels(migration)
        facts = self._facts(ledger, migration, now=now, failures=failures)
        lasting = conditions(facts, migration, now=now)
        telemetry.emit(telemetry.Signal.CONDITIONS, len(lasting), migration=migration.name)
        telemetry.queue_seen(facts.queue, migration=migration.name)
        told = self._tell(
            lasting,
            ledger,
            migration,
            now=now,
            context=context,
            failures=failures,
            queue_is_known=facts.queue_is_known,
        )
        self._look_at_readiness(ledger, migration, facts, context)
        if failures:
            raise WatchIncompleteError("; ".join(failures))
        return {"lasting": [_name(each) for each in lasting], "told": told}

    def _facts(self, ledger: "Ledger", migration: Migration, *, now: datetime, failures: list[str]) -> "Facts":
        from keyspaces_migration.events.watch import read_facts

        due_at = check_due_at(migration.consistency.schedule, by=now - migration.notifications.check_grace)
        facts = read_facts(ledger, migration, check_due_at=due_at, queue=None, now=now)
        if Milestone.PROVISIONED not in facts.held:
            return facts
        try:
            return replace(facts, queue=look_at_queue(migration))
        except Exception as error:  # said at the end: what the ledger knows is told first
            self.log.exception("The dead letter queue could not be looked at")
            failures.append(f"the dead letter queue could not be looked at: {error}")
            return replace(facts, queue_is_known=False)

    def _look_at_readiness(self, ledger: "Ledger", migration: Migration, facts: "Facts", context: "Context") -> None:
        """Keep for the status page how the criteria of the cutover stand, from dual writes on until it has happened.

        A run of the cutover looks for itself, and nothing is told of this look: where it fails, the page goes on to
        show the one before, with its time.
        """
        if Milestone.DUAL_WRITES_STARTED not in facts.held or facts.held & DECIDED:
            return
        from keyspaces_provider.cutover import look_at

        run = context["dag_run"]
        try:
            readiness = look_at(migration, ledger, dag_id=run.dag_id, run_id=run.run_id).readiness
        except Exception:
            self.log.exception(
                "The criteria of the cutover could not be looked at; the status page keeps the last look"
            )
            return
        listed = "; ".join(str(each) for each in readiness.missing)
        self.log.info("Ready for the cutover" if readiness.is_ready else f"Not ready for the cutover: {listed}")

    def _tell(  # noqa: PLR0913 - of one call
        self,
        lasting: "Sequence[Condition]",
        ledger: "Ledger",
        migration: Migration,
        *,
        now: datetime,
        context: "Context",
        failures: list[str],
        queue_is_known: bool,
    ) -> list[str]:
        from keyspaces_migration.events.watch import is_due, over, told
        from keyspaces_migration.ledger.alerts import AlertLedger

        alerts = AlertLedger(ledger)
        known = {(alert.kind, alert.subject): alert for alert in alerts.alerts(migration.name)}
        for alert in over(known.values(), lasting, queue_is_known=queue_is_known):
            self.log.info("Over: %s %s", alert.kind, alert.subject)
            alerts.close(alert, now=now)
        names = []
        for condition in lasting:
            self.log.info("%s: %s", _name(condition), condition.happened)
            before = known.get((condition.kind, condition.subject))
            if not is_due(before, condition, now=now, repeat_after=migration.notifications.repeat_after):
                continue
            event = happening(
                condition.kind,
                migration=migration,
                place=place_of(context, migration=migration),
                happened=condition.happened,
                severity=condition.severity,
            )
            sent = send(event, migration=migration, context=context)
            if sent.failed and not sent.through:
                # Not recorded as told: the next run tries again.
                failures.append(f"nobody could be told of {_name(condition)}: {condition.happened}")
                continue
            failures.extend(f"channel {name} could not be told of {_name(condition)}" for name in sent.failed)
            alerts.told(told(before, condition, migration=migration.name, now=now))
            names.append(_name(condition))
        return names


def unusable_channels(migration: Migration) -> list[str]:
    """Why each channel that can't be used can't be, found by day and not when something has happened."""
    found = []
    for name, channel in migration.notifications.channels.items():
        try:
            notifier_of(name, channel)
        except NotifierUnusableError as error:
            found.append(str(error))
    return found


def check_due_at(schedule: str, *, by: datetime) -> datetime:
    """The newest moment of a schedule before `by`, in UTC, by the library that Airflow reads it with."""
    from croniter import croniter  # type: ignore[import-untyped]

    due: datetime = croniter(schedule, by).get_prev(datetime)
    return due.astimezone(UTC)


def _name(condition: "Condition") -> str:
    return f"{condition.kind.value} {condition.subject}"
