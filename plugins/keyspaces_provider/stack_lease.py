"""Holds a stack for one call of the driver, so that no two tasks work on it at once."""

import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

# Only tasks that run import this module, so the ledger costs the parsing of DAG files nothing.
from keyspaces_migration.ledger import LeaseLostError, LedgerError  # noqa: TID253
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

    Attributes:
        may_recover: Whether the driver may take up what an engine left: not where the last holder's machine is another,
            as an engine could be at work there, and a name of a machine proves nothing among containers.

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
            host=this_machine(),
        )
        self._wait_s = wait_s
        self._renewed_at = 0.0
        self.may_recover = False

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
                left_by = self._ledger.take(self._lease, now=datetime.now(UTC), term=TERM)
            except StackLeasedError as error:
                if time.monotonic() >= deadline:
                    raise StackLockedError(f"{error}. Trigger a new run when it has ended.") from error
                if said != (said := str(error)):
                    on_line(f"waiting: {error}")
            else:
                self._renewed_at = time.monotonic()
                self.may_recover = left_by in (None, self._lease.host)
                return
            if stopped.wait(LOOK_EVERY_S):
                raise ProvisionStoppedError("told to stop while waiting for the stack: nothing was changed")

    def keep(self, *, on_line: Callable[[str], object]) -> None:
        """Renew the lease when it is time. A ledger that can't be reached is told, and ends nothing yet.

        Raises:
            LeaseLostError: another task has the stack by now.
        """
        if time.monotonic() - self._renewed_at < RENEW_EVERY_S:
            return
        self._renewed_at = time.monotonic()
        try:
            self._ledger.renew(self._lease, now=datetime.now(UTC), term=TERM)
        except LeaseLostError:
            raise
        except LedgerError as error:
            on_line(f"the lease on the stack could not be renewed: {error}")

    def release(self, *, on_line: Callable[[str], object]) -> None:
        """Give the stack back; where the ledger can't be reached, the lease ends by itself."""
        try:
            self._ledger.release(self._lease)
        except LedgerError as error:
            on_line(f"the lease on the stack could not be given back, and ends by itself: {error}")


def this_machine() -> str:
    """The machine as processes see it: its name, its boot, and the namespace in which process ids count.

    Containers of one host may share its name and not its processes.
    """
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    told = [boot.read_text().strip()[:8]] if boot.exists() else []
    told += [str(namespace.readlink())] if namespace.is_symlink() else []
    return " ".join([socket.gethostname(), *told])
