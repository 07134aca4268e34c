"""What people were told of conditions that last, so that they are not told all the time."""

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from keyspaces_migration.config import EventKind
from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.database import insert_once
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.revision import require_current_schema

_alerts = schema.alerts.c
_KEY = ("migration", "kind", "subject")


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A condition that people were told of. No gate relies on it.

    Attributes:
        migration: The migration's name.
        kind: The event that it is.
        subject: Tells conditions of one kind apart.
        level: How bad it was when people were told last; more is worse.
        opened_at: When it was first seen.
        told_at: When people were told last.
        closed_at: When it was first not seen any more; None while it lasts.
    """

    migration: str
    kind: EventKind
    subject: str
    level: int
    opened_at: datetime
    told_at: datetime
    closed_at: datetime | None = None


class AlertLedger:
    """Each call is one transaction. Errors are the ledger's. One row a condition, which is overwritten."""

    def __init__(self, ledger: Ledger) -> None:
        self._database = ledger.database

    def alerts(self, migration: str) -> tuple[Alert, ...]:
        """What people were told of a migration, whether it lasts or not."""
        query = sa.select(schema.alerts).where(_alerts.migration == migration).order_by(_alerts.kind, _alerts.subject)
        with self._database.reading() as connection:
            require_current_schema(connection, where=self._database.address)
            return tuple(Alert(**row) for row in connection.execute(query).mappings())

    def told(self, alert: Alert) -> None:
        """Record that people were told of a condition just now."""
        values = asdict(alert)
        with self._database.writing() as connection:
            require_current_schema(connection, where=self._database.address)
            if not insert_once(connection, schema.alerts, values, key=_KEY):
                connection.execute(sa.update(schema.alerts).where(*_same(alert)).values(values))

    def close(self, alert: Alert, *, now: datetime) -> None:
        """Record that a condition does not last any more."""
        with self._database.writing() as connection:
            require_current_schema(connection, where=self._database.address)
            connection.execute(sa.update(schema.alerts).where(*_same(alert)).values(closed_at=now))


def _same(alert: Alert) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _alerts.migration == alert.migration,
        _alerts.kind == alert.kind,
        _alerts.subject == alert.subject,
    )
