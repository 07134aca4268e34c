"""A session that is opened when it is first needed: a store that is away keeps no application from starting."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from keyspaces_migration.dual_write.errors import StoreAwayError

if TYPE_CHECKING:
    from cassandra.cluster import Session

_log = logging.getLogger(__name__)

RETRY_AFTER_S = 5.0


class LateSession:
    """Opens a session once, and tries again while that fails; between two tries it fails at once."""

    def __init__(
        self,
        connect: "Callable[[], Session]",
        *,
        retry_after_s: float = RETRY_AFTER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep what is needed.

        Args:
            connect: Opens the session, and sees to it that it is closed some day. Raises StoreError of `clients`; any
                other error (no thread, no file handle left) stands for a store that is away, too.
            retry_after_s: How long a failure stands before it is tried again, in seconds.
            clock: Seconds that never go back.
        """
        self._connect, self._retry_after_s, self._clock = connect, retry_after_s, clock
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._failed: tuple[float, str, Exception] | None = None

    def get(self) -> "Session":
        """Return the session.

        Raises:
            StoreAwayError: It can't be opened now.
        """
        if self._session is not None:
            return self._session
        with self._lock:
            if self._session is None:
                self._session = self._open()
            return self._session

    def _open(self) -> "Session":
        from keyspaces_migration.clients import StoreError  # noqa: PLC0415 -- it loads the driver

        if self._failed is not None and self._clock() - self._failed[0] < self._retry_after_s:
            raise StoreAwayError(self._failed[1]) from self._failed[2]
        try:
            return self._connect()
        except Exception as error:
            why = str(error) if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
            if not isinstance(error, StoreError):
                _log.exception("a session could not be opened, and will be tried again")
            self._failed = self._clock(), why, error
            raise StoreAwayError(why) from error
