"""Sends events through the notifiers that the migration file names.

A channel that fails never fails the task that acts, and is never silent either: the error is in the task's log, and the
next channel is tried.
"""

import inspect
import logging
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

from keyspaces_migration.config import Channel, EventKind, Migration
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.events import Event, Place, failed_task, happening

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from keyspaces_migration.lifecycle import Stage

log = logging.getLogger(__name__)


class NotifierUnusableError(MigrationError):
    """A channel's class can't be imported, is no notifier, or does not take the channel's arguments."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Names of the channels that took an event, and of those that wanted it and failed."""

    through: tuple[str, ...]
    failed: tuple[str, ...]


def send(event: Event, *, migration: Migration, context: "Mapping[str, Any] | Context") -> Sent:
    """Send an event through every channel that wants it. Nothing that a channel does is raised.

    What Airflow masks in its logs is masked in the message too: an error's text may hold it.
    """
    event = _without_secrets(event)
    through, failed = [], []
    for name, channel in migration.notifications.channels.items():
        if not channel.wants(event.kind, event.severity):
            continue
        try:
            # The notifier adds its own arguments to what it is given: the task's own context stays as it is.
            notifier_of(name, channel)({**context, "event": event})
        except Exception:  # the next channel is tried, and the task goes on, whatever a notifier raises
            log.exception("Channel %s could not tell of %s: %s", name, event.kind, event.title)
            failed.append(name)
        else:
            log.info("Told channel %s of %s", name, event.kind)
            through.append(name)
    if not through and not failed:
        log.info("No channel wants %s: %s", event.kind, event.title)
    return Sent(through=tuple(through), failed=tuple(failed))


def notifier_of(name: str, channel: Channel) -> BaseNotifier:
    """The notifier of a channel, with its arguments.

    Raises:
        NotifierUnusableError: there is no such class, it is no notifier, or does not take the arguments.
    """
    where = f"notifications.channels.{name}"
    made = _notifier_class(channel.notifier, where=where)
    try:
        inspect.signature(made).bind(**channel.arguments)
    except TypeError as error:
        raise NotifierUnusableError(f"{where}: {channel.notifier} does not take these arguments: {error}") from error
    plain = [key for key, value in channel.arguments.items() if "{{" in str(value) and key not in made.template_fields]
    if plain:
        raise NotifierUnusableError(
            f"{where}: {channel.notifier} does not render {', '.join(plain)} as a template; it renders "
            f"{', '.join(made.template_fields) or 'none of its arguments'}"
        )
    arguments: dict[str, Any] = dict(channel.arguments)
    return made(**arguments)


def _notifier_class(path: str, *, where: str) -> type[BaseNotifier]:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise NotifierUnusableError(
            f"{where}: {path} can't be imported ({error}). Install its provider on every worker and on the DAG "
            "processor, or correct the path"
        ) from error
    if not (isinstance(found, type) and issubclass(found, BaseNotifier)):
        raise NotifierUnusableError(f"{where}: {path} is no subclass of Airflow's BaseNotifier")
    return found


def place_of(context: "Mapping[str, Any] | Context", *, migration: Migration) -> Place:
    """Where the task whose context is given belongs to."""
    ti: Any = context["ti"]
    return Place(
        migration=migration.name,
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        url=getattr(ti, "log_url", None),
    )


def tell(kind: EventKind, happened: str, *, migration: Migration, context: "Mapping[str, Any] | Context") -> None:
    """Send the event of a task that something happened in. It raises nothing: what the task did is done."""
    try:
        event = happening(kind, migration=migration, place=place_of(context, migration=migration), happened=happened)
        send(event, migration=migration, context=context)
    except Exception:  # a defect here must not make a rollback look as if it had failed
        log.exception("Nobody was told of %s: %s", kind, happened)


class FailureCallback:
    """Airflow's `on_failure_callback` of every task: tells why it failed, as the event that the reason is.

    It works from the migration file as Airflow has parsed it, so that it needs no ledger.

    Args:
        migration: The migration.
        stage: The stage of the task's DAG; None: a service's, which runs every few minutes, so that only the first
            failure after a success is told.
    """

    def __init__(self, migration: Migration, *, stage: "Stage | None") -> None:
        self.migration = migration
        self.stage = stage

    def __call__(self, context: "Context") -> None:
        """Tell."""
        if self.stage is None and _failed_before(context):
            log.info("Nobody is told: the run before failed too")
            return
        error: Any = context.get("exception")
        place = place_of(context, migration=self.migration)
        said = str(error or "It gave no reason: it may have been killed.")
        if isinstance(error, BaseException):
            said = f"{type(error).__name__}: {error}"
        kind = kind_of_failure(error)
        if kind is EventKind.FAILED_TASK:
            event = failed_task(migration=self.migration, stage=self.stage, place=place, error=said)
        else:
            event = happening(kind, migration=self.migration, place=place, happened=str(error))
        send(event, migration=self.migration, context=context)


def _failed_before(context: "Mapping[str, Any] | Context") -> bool:
    try:
        before = context["ti"].get_previous_dagrun()
    except Exception:  # told once too often is better than not at all
        log.exception("Could not look how the run before ended")
        return False
    return before is not None and before.state == "failed"


def kind_of_failure(error: object) -> EventKind:
    """The event that a task's error is: what people should be told, rather than that a task failed."""
    from keyspaces_migration.backfill import DeadlineError, TooManyDeadLettersError
    from keyspaces_migration.consistency.kinds import Verdict
    from keyspaces_migration.provisioning import DriftError
    from keyspaces_provider.operators.backfill_cost import CostNotAllowedError
    from keyspaces_provider.operators.consistency import CheckNotPassedError

    if isinstance(error, CheckNotPassedError):
        failed = error.verdict is Verdict.FAIL
        return EventKind.VERDICT_FAIL if failed else EventKind.VERDICT_INCONCLUSIVE
    by_class: dict[type[BaseException], EventKind] = {
        DriftError: EventKind.DRIFT,
        CostNotAllowedError: EventKind.BUDGET_STOP,
        DeadlineError: EventKind.BARRIER_AT_RISK,
        TooManyDeadLettersError: EventKind.LETTERS_GROWING,
    }
    return next((kind for each, kind in by_class.items() if isinstance(error, each)), EventKind.FAILED_TASK)


def _without_secrets(event: Event) -> Event:
    from airflow.sdk.log import redact  # type: ignore[attr-defined]

    # All else is our own wording.
    return replace(event, happened=str(redact(event.happened)))
