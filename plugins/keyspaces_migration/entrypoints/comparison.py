"""The comparison Lambda: checks one table of a migration in all three stores, with the core that Airflow's task uses.

It keeps no state and writes nothing. What could not be looked at makes the verdict INCONCLUSIVE; an event or a secret
that can't be used raises, so that an asynchronous call ends in the dead letter queue.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from keyspaces_migration.clients import CredentialsError, StoreError, default_credentials, open_session
from keyspaces_migration.config.infrastructure import HISTORY_SECRET, SOURCE_SECRET, TARGET_SECRET
from keyspaces_migration.consistency.assembly import OpenStores, check_plan, table_checks
from keyspaces_migration.consistency.check import run_check
from keyspaces_migration.consistency.report import to_json
from keyspaces_migration.consistency.unopened import Unopened
from keyspaces_migration.entrypoints.comparison_event import read_event
from keyspaces_migration.entrypoints.history_secret import HistorySecret, HistoryUnreachableError, history_cursor
from keyspaces_migration.entrypoints.secret_model import Model, SecretError, parse_secret
from keyspaces_migration.entrypoints.secrets_manager import secret_text
from keyspaces_migration.entrypoints.store_secrets import StoreSecret, TargetSecret, source_settings, target_settings

Opened = TypeVar("Opened")


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """How to reach the three stores."""

    source: StoreSecret
    target: TargetSecret
    history: HistorySecret


def handler(event: object, context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes it
    """Check the table that `event` asks for, and return the check's document (`consistency.report.to_json`).

    Raises:
        EventError: The event can't be understood.
        SecretError: A secret, or its name in the environment, can't be used.
        SecretUnreadError: A secret could not be read.
        ConsistencyError: The table, or its history, can't be compared as the migration file describes it.
    """
    asked = read_event(event)
    secrets = read_secrets(os.environ)
    plan = check_plan(asked.migration, seed=asked.seed, now=_now())
    with TemporaryDirectory() as folder, ExitStack() as stack:
        stores = open_stores(secrets, region=asked.migration.target.region, folder=Path(folder), stack=stack)
        checks = table_checks(
            asked.migration, tables=[asked.table], plan=plan, stores=stores, settle=time.sleep, now=_now
        )
        document: dict[str, Any] = json.loads(to_json(run_check(checks, plan=plan, now=_now)))
    return document


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
