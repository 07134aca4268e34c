"""The comparison Lambda: checks one table of a migration in all three stores, with the core that Airflow's task uses.

It keeps no state, writes nothing to the stores, and leaves what it saw in S3. What could not be looked at is part of
that; an event or a secret that can't be used raises, so that an asynchronous call ends in the dead letter queue.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from keyspaces_migration.clients import CredentialsError, StoreError, default_credentials, open_session
from keyspaces_migration.config.infrastructure import (
    EVENT_VERSION,
    HISTORY_SECRET,
    MAX_TIMEOUT,
    SOURCE_SECRET,
    TARGET_SECRET,
)
from keyspaces_migration.consistency.assembly import OpenStores, table_checks
from keyspaces_migration.consistency.metrics import numbers_of_part
from keyspaces_migration.consistency.part import merged
from keyspaces_migration.consistency.split import CallTooLongError, shares
from keyspaces_migration.consistency.unopened import Unopened
from keyspaces_migration.entrypoints.comparison_event import event_digest, read_event
from keyspaces_migration.entrypoints.comparison_metrics import metric_line
from keyspaces_migration.entrypoints.comparison_result import failure_text, result_text
from keyspaces_migration.entrypoints.comparison_results_store import ResultNotLeftError, leave, results_address
from keyspaces_migration.entrypoints.history_secret import HistorySecret, HistoryUnreachableError, history_cursor
from keyspaces_migration.entrypoints.secret_model import Model, SecretError, parse_secret
from keyspaces_migration.entrypoints.secrets_manager import secret_text
from keyspaces_migration.entrypoints.store_secrets import StoreSecret, TargetSecret, source_settings, target_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.consistency.part import TablePart
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.share import Share
    from keyspaces_migration.entrypoints.comparison_event import ComparisonEvent

Opened = TypeVar("Opened")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """How to reach the three stores."""

    source: StoreSecret
    target: TargetSecret
    history: HistorySecret


def handler(event: object, context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Make the part of a check that `event` asks for, leave the result in S3, and return a short summary.

    Raises:
        EventError: The event can't be understood.
        ResultNotLeftError: The function has no place for results, or could not put one there.
        SecretError: A secret, or its name in the environment, can't be used.
        SecretUnreadError: A secret could not be read.
        ConsistencyError: The table, or its history, can't be compared as the migration file describes it.
    """
    asked, digest = read_event(event), event_digest(event)
    place = results_address(os.environ)
    try:
        part = _look(asked)
    except Exception as error:
        # Whoever waits for the result is told at once; the error goes on, to the dead letter queue.
        text = failure_text(event_sha256=digest, secret=asked.secret, error=error)
        _leave_failure(text, at=f"{place}/{asked.failure}")
        raise
    text = result_text(event_sha256=digest, secret=asked.secret, part=part)
    is_first = leave(text, at=f"{place}/{asked.result}", once=True)
    plan = asked.plan()
    if is_first and not _caller_emits(asked):
        # CloudWatch makes metrics of the line, as the log is the function's: that takes no right.
        print(metric_line(asked.migration, part, plan=plan, at=_now()), flush=True)  # noqa: T201
    return _summary(part, plan=plan, at=f"{place}/{asked.result}")


def _look(asked: ComparisonEvent) -> TablePart:
    plan, share = asked.plan(), asked.part()
    _require_time(asked, plan, share)
    secrets = read_secrets(os.environ)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        stores = open_stores(secrets, region=asked.migration.target.region, folder=Path(folder), stack=stack)
        (check,) = table_checks(
            asked.migration,
            tables=[asked.table],
            plan=plan,
            stores=stores,
            settle=time.sleep,
            now=_now,
            sweeps=asked.sweeps(),
            share=share,
        )
        return check.run_part()


def _summary(part: TablePart, *, plan: CheckPlan, at: str) -> dict[str, Any]:
    numbers = numbers_of_part(part)
    verdict = merged([part], plan=plan).verdict.verdict.value if part.share.parts == 1 else None
    return {
        "version": EVENT_VERSION,
        "table": part.table,
        "part": part.share.part,
        "parts": part.share.parts,
        "verdict": verdict,
        "rows_compared": numbers["rows_compared"],
        "rows_out_of_line": numbers["rows_out_of_line"],
        "could_not_look": numbers["could_not_look"],
        "result": at,
    }


def _caller_emits(asked: ComparisonEvent) -> bool:
    """Whether Airflow sends the check's numbers to CloudWatch, whole; twice they would be added up."""
    return asked.secret is not None and asked.migration.consistency.cloudwatch_namespace is not None


def _leave_failure(text: str, *, at: str) -> None:
    try:
        leave(text, at=at, once=False)
    except ResultNotLeftError:
        # The error that is told about goes on to the dead letter queue in any case.
        _LOG.exception("Why there is no result could not be left where it is waited for")


def _require_time(asked: ComparisonEvent, plan: CheckPlan, share: Share) -> None:
    function = asked.migration.comparison_lambda
    timeout_s = (MAX_TIMEOUT if function is None else function.timeout).total_seconds()
    if share.parts == 1 and len(shares(plan, timeout_s=timeout_s)) > 1:
        raise CallTooLongError(
            f"The check of {asked.table} would not end in one call of {timeout_s:g} s at {plan.max_read_units_per_s} "
            "read units a second. Raise consistency.max_read_units_per_s or comparison_lambda.timeout; for a schedule, "
            "which can't divide a table as the DAG does, take the schedule away"
        )


def read_secrets(environment: Mapping[str, str]) -> Secrets:
    """Read the secrets that the environment names.

    Raises:
        SecretError: One is not named, or holds something else.
        SecretUnreadError: One could not be read.
    """
    return Secrets(
        source=_secret(SOURCE_SECRET, StoreSecret, environment),
        target=_secret(TARGET_SECRET, TargetSecret, environment),
        history=_secret(HISTORY_SECRET, HistorySecret, environment),
    )


def open_stores(secrets: Secrets, *, region: str, folder: Path, stack: ExitStack) -> OpenStores:
    """Open what can be opened; `stack` closes it. Why a store is not open stands in its place.

    Raises:
        SecretError: A secret's values can't work whatever the store says.
    """
    source = source_settings(secrets.source, folder=folder)
    target = target_settings(secrets.target, region=region, folder=folder, credentials=default_credentials())
    return OpenStores(
        source=_open(open_session(source), stack),
        target=_open(open_session(target), stack),
        history=_open(history_cursor(secrets.history, folder=folder), stack),
    )


def _open(opening: AbstractContextManager[Opened], stack: ExitStack) -> Opened | Unopened:
    try:
        return stack.enter_context(opening)
    except (StoreError, CredentialsError, HistoryUnreachableError) as error:
        return Unopened(str(error))


def _secret(variable: str, model: type[Model], environment: Mapping[str, str]) -> Model:
    name = environment.get(variable)
    if not name:
        raise SecretError(f"{variable} is not set: it holds the name of a secret in Secrets Manager")
    return parse_secret(secret_text(name), model, name=name)


def _now() -> datetime:
    return datetime.now(UTC)
