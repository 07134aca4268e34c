"""What people were told of conditions that last, so that they are not told all the time, and what to tell them."""

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from keyspaces_migration.config import EventKind
from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.database import insert_once
from keyspaces_migration.ledger.repository import Ledger

_alerts, _runs = schema.alerts.c, schema.run_configurations.c
_tables, _splits = schema.backfill_tables.c, schema.backfill_splits.c
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


@dataclass(frozen=True, kw_only=True)
class RoughLoad:
    """The newest load under a barrier, as the database sums it, unverified: for display and forecasts.

    Attributes:
        planned_rows: All rows of its plan.
        done_rows: Rows of finished splits.
        began_at: When the first split was claimed; None before that.
        last_finished_at: When the last of the finished splits was; None before that.
    """

    planned_rows: int
    done_rows: int
    began_at: datetime | None
    last_finished_at: datetime | None


class AlertLedger:
    """Each call is one transaction. Errors are the ledger's. One row a condition, which is overwritten."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def alerts(self, migration: str) -> tuple[Alert, ...]:
        """What people were told of a migration, whether it lasts or not."""
        query = sa.select(schema.alerts).where(_alerts.migration == migration).order_by(_alerts.kind, _alerts.subject)
        with self._ledger.reading() as connection:
            return tuple(Alert(**row) for row in connection.execute(query).mappings())

    def load_under(self, barrier_us: int, *, migration: str) -> RoughLoad | None:
        """The newest run of the backfill that is stamped with a barrier; None where none has been planned."""
        newest = (
            sa.select(_tables.dag_id, _tables.run_id)
            .join_from(schema.backfill_tables, schema.run_configurations)
            .where(_runs.migration == migration, _tables.barrier_us == barrier_us)
            .order_by(_tables.id.desc())
            .limit(1)
        )
        with self._ledger.reading() as connection:
            run = connection.execute(newest).one_or_none()
            if run is None:
                return None
            of_run = (_tables.dag_id == run.dag_id, _tables.run_id == run.run_id)
            planned = connection.scalar(sa.select(sa.func.sum(_tables.rows)).where(*of_run))
            done = sa.select(
                sa.func.sum(_splits.rows_read).label("done_rows"),
                sa.func.min(_splits.first_claimed_at, type_=schema.UtcTimestamp()).label("began_at"),
                sa.func.max(_splits.finished_at, type_=schema.UtcTimestamp()).label("last_finished_at"),
            ).join_from(schema.backfill_tables, schema.backfill_splits)
            row = connection.execute(done.where(*of_run)).mappings().one()
        return RoughLoad(planned_rows=int(planned or 0), **{**row, "done_rows": int(row["done_rows"] or 0)})

    def letters_since(self, since: datetime, *, migration: str) -> int:
        """How many rows of a migration's loads could not be written since a moment."""
        query = (
            sa.select(sa.func.count())
            .select_from(schema.dead_letters)
            .join(schema.backfill_splits)
            .join(schema.backfill_tables)
            .join(schema.run_configurations)
            .where(_runs.migration == migration, schema.dead_letters.c.recorded_at >= since)
        )
        with self._ledger.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def told(self, alert: Alert) -> None:
        """Record that people were told of a condition just now."""
        values = asdict(alert)
        with self._ledger.writing() as connection:
            if not insert_once(connection, schema.alerts, values, key=_KEY):
                connection.execute(sa.update(schema.alerts).where(*_same(alert)).values(values))

    def close(self, alert: Alert, *, now: datetime) -> None:
        """Record that a condition does not last any more."""
        with self._ledger.writing() as connection:
            connection.execute(sa.update(schema.alerts).where(*_same(alert)).values(closed_at=now))


def _same(alert: Alert) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _alerts.migration == alert.migration,
        _alerts.kind == alert.kind,
        _alerts.subject == alert.subject,
    )
