"""Holds a stack for one call of the driver, so that no two tasks work on it at once."""

import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

# Only tasks that run import this module, so the ledger costs the parsing of DAG files nothing.
from keyspaces_migration.ledger import LedgerError  # noqa: TID253
from keyspaces_migration.ledger.stacks import StackLease, StackLeasedError, StackLedger  # noqa: TID253
from keyspaces_migration.provisioning import ProvisionStoppedError, StackLockedError

if TYPE_CHECKING:
    from keyspaces_provider.run import MigrationRun

TERM = timedelta(seconds=90)
"""How long a stack stays a dead task's."""
RENEW_EVERY_S = 15.0
WAIT_S = 900.0
"""How long to wait for another task: an update of many tables takes minutes."""
LOOK_EVERY_S = 1.0


class LeaseKeeper:
    """Takes a stack, renews the lease while the driver works, and gives it back.

    The lease says that a lock of the stack is nobody's living task's of ours; whether the engine that wrote it is gone
    is for the driver to prove.
    """

    def __init__(self, run: "MigrationRun", *, stack: str, wait_s: float = WAIT_S) -> None:
        self._ledger = StackLedger(run.ledger)
        self._lease = StackLease(
            stack=stack,
            holder=secrets.token_hex(16),
            dag_id=run.dag_id,
            run_id=run.run_id,
            host=socket.gethostname(),
        )
        self._wait_s = wait_s
        self._renewed_at = 0.0

    def take(self, *, stopped: threading.Event, on_line: Callable[[str], object]) -> None:
        """Take the stack, waiting for whoever works on it.

        Raises:
            StackLockedError: somebody still does after the time that is waited.
            ProvisionStoppedError: told to stop while waiting.
            LedgerError: the ledger can't be reached.
        """
        deadline = time.monotonic() + self._wait_s
        said = ""
        while True:
            try:
                self._ledger.take(self._lease, now=datetime.now(UTC), term=TERM)
            except StackLeasedError as error:
                if time.monotonic() >= deadline:
                    raise StackLockedError(f"{error}. Trigger a new run when it has ended.") from error
                if said != (said := str(error)):
                    on_line(f"waiting: {error}")
            else:
                self._renewed_at = time.monotonic()
                return
            if stopped.wait(LOOK_EVERY_S):
                raise ProvisionStoppedError("told to stop while waiting for the stack: nothing was changed")

    def keep(self, *, on_line: Callable[[str], object]) -> None:
        """Renew the lease when it is time. A ledger that can't be reached is told, and ends nothing.

        The engine's own lock still keeps others out, so what is in flight is let end.
        """
        if time.monotonic() - self._renewed_at < RENEW_EVERY_S:
            return
        self._renewed_at = time.monotonic()
        try:
            self._ledger.renew(self._lease, now=datetime.now(UTC), term=TERM)
        except LedgerError as error:
            on_line(f"the lease on the stack could not be renewed: {error}")

    def release(self, *, on_line: Callable[[str], object]) -> None:
        """Give the stack back; where the ledger can't be reached, the lease ends by itself."""
        try:
            self._ledger.release(self._lease)
        except LedgerError as error:
            on_line(f"the lease on the stack could not be given back, and ends by itself: {error}")
