"""Who works on a stack, and what looks for drift have found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.chains import DRIFT_LOOKS
from keyspaces_migration.ledger.database import insert_once
from keyspaces_migration.ledger.errors import LeaseLostError, LedgerError
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.runs import recorded_run

_leases = schema.stack_leases.c


class StackLeasedError(LedgerError):
    """Another run works on the stack; the message says which, and until when at most if it died."""


@dataclass(frozen=True, kw_only=True)
class StackLease:
    """A stack that one task of one run works on.

    Attributes:
        stack: The stack.
        holder: Names the call that took it, once.
        dag_id: Airflow's id of the DAG.
        run_id: Airflow's id of the run.
        host: Machine of the task: its name, and what tells it from others of that name.
    """

    stack: str
    holder: str
    dag_id: str
    run_id: str
    host: str


@dataclass(frozen=True, kw_only=True)
class DriftLook:
    """What one look for drift found: the number of resources that are not as the last update left them."""

    dag_id: str
    run_id: str
    drifted: int
    looked_at: datetime


class StackLedger:
    """Each call is one transaction. Errors are the ledger's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._chains = ledger.chains

    def take(self, lease: StackLease, *, now: datetime, term: timedelta) -> str | None:
        """Take a stack that nobody has, or whose lease has ended.

        Returns:
            The machine of the call that left it without giving it back, so that an engine of that call may be at work
            there; None where the last one gave it back.

        Raises:
            StackLeasedError: Another call has it; nothing was changed.
            RunNotRecordedError: The run recorded no configuration.
        """
        values = {**asdict(lease), "taken_at": now, "lease_until": now + term}
        with self._ledger.writing() as connection:
            recorded_run(connection, self._chains, dag_id=lease.dag_id, run_id=lease.run_id)
            held = None
            while held is None:
                if insert_once(connection, schema.stack_leases, values, key=("stack",)):
                    return None
                # Whoever is giving it back at this moment is waited for; then nobody has it, and it is there to take.
                query = sa.select(schema.stack_leases).where(_leases.stack == lease.stack).with_for_update()
                held = connection.execute(query).mappings().one_or_none()
            free = sa.or_(_leases.lease_until < now, _leases.holder == lease.holder)
            if _update(connection, lease.stack, values, free):
                return str(held["host"])
        raise StackLeasedError(
            f"stack {lease.stack} is worked on by run {held['run_id']} of {held['dag_id']} on {held['host']} since "
            f"{held['taken_at']:%Y-%m-%d %H:%M:%S} UTC. If that task died, its lease ends at "
            f"{held['lease_until']:%H:%M:%S} UTC"
        )

    def renew(self, lease: StackLease, *, now: datetime, term: timedelta) -> None:
        """Lengthen a lease.

        Raises:
            LeaseLostError: Another call has taken the stack since.
        """
        with self._ledger.writing() as connection:
            if not _update(connection, lease.stack, {"lease_until": now + term}, _leases.holder == lease.holder):
                raise LeaseLostError(
                    f"the lease of run {lease.run_id} of {lease.dag_id} on stack {lease.stack} ended, and another run "
                    "took it"
                )

    def release(self, lease: StackLease) -> None:
        """Give a stack back; one that is not ours any more stays with its holder."""
        with self._ledger.writing() as connection:
            ours = sa.and_(_leases.stack == lease.stack, _leases.holder == lease.holder)
            connection.execute(sa.delete(schema.stack_leases).where(ours))

    def record_look(self, look: DriftLook) -> None:
        """Record what a look for drift found; each is a record of its own.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        with self._ledger.writing() as connection:
            run = recorded_run(connection, self._chains, dag_id=look.dag_id, run_id=look.run_id)
            self._chains.append(connection, DRIFT_LOOKS, asdict(look), run=run)

    def newest_look(self, migration: str) -> DriftLook | None:
        """The newest look for drift of a migration; None where there was none."""
        with self._ledger.reading() as connection:
            looks = self._chains.read(connection, DRIFT_LOOKS, migration)
        return DriftLook(**{column.name: looks[-1][column.name] for column in DRIFT_LOOKS.fields}) if looks else None


def _update(
    connection: sa.Connection, stack: str, values: Mapping[str, Any], condition: sa.ColumnElement[bool]
) -> bool:
    changed = sa.update(schema.stack_leases).where(_leases.stack == stack, condition).values(values)
    return connection.execute(changed).rowcount == 1
