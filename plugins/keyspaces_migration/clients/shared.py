"""Sessions that a process opens once and shares: opening one takes seconds, and each holds connections and threads."""

import atexit
import os
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Lock

from cassandra.cluster import Session

from keyspaces_migration.clients.errors import StoreTimeoutError, StoreUnreachableError
from keyspaces_migration.clients.session import open_session
from keyspaces_migration.clients.settings import SessionSettings


@dataclass(kw_only=True)
class _Shared:
    """One session: who uses it, and whether it is still given out. Opened under `opening`, by the first who asks."""

    opening: Lock = field(default_factory=Lock)
    resources: ExitStack = field(default_factory=ExitStack)
    session: Session | None = None
    users: int = 0
    discarded: bool = False


class SharedSessions:
    """The sessions of this process, one for each key. Threads may share it; a forked child starts with none.

    A child must not use what its parent opened, as both would read one socket, and must not close it either.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._by_key: dict[Hashable, _Shared] = {}
        self._of_the_parent: list[dict[Hashable, _Shared]] = []
        os.register_at_fork(after_in_child=self._begin_anew)
        atexit.register(self.close)

    def get(self, key: Hashable, settings: SessionSettings) -> Session:
        """Return the session of a key, opened if there is none that works. It stays ours: don't close it.

        It is open as long as the process: nobody says when its user is done.

        Raises:
            SessionSettingsError, StoreError: as `open_session`.
        """
        _, session = self._taken(key, settings)
        return session

    @contextmanager
    def lease(self, key: Hashable, settings: SessionSettings) -> Iterator[Session]:
        """Use the session of a key in a block. It stays open afterwards, unless it was discarded meanwhile.

        A block that ends with a store that can't be reached or does not answer in time discards it: the next one
        who asks gets a new one.

        Raises:
            SessionSettingsError, StoreError: as `open_session`.
        """
        shared, session = self._taken(key, settings)
        try:
            yield session
        except (StoreUnreachableError, StoreTimeoutError):
            self.discard(session)
            raise
        finally:
            self._give_back(shared)

    def discard(self, session: Session) -> None:
        """Give a session out no more. It is closed when the last one who leases it is done."""
        with self._lock:
            found = [shared for shared in self._by_key.values() if shared.session is session]
            for shared in found:
                shared.users += 1
        for shared in found:
            self._withdraw(shared)
            self._give_back(shared)

    def close(self) -> None:
        """Close every session, whoever uses it."""
        with self._lock:
            everything, self._by_key = list(self._by_key.values()), {}
        for shared in everything:
            shared.resources.close()

    def _taken(self, key: Hashable, settings: SessionSettings) -> tuple[_Shared, Session]:
        """Count one more user of the key's session, which is opened if need be."""
        while True:
            with self._lock:
                shared = self._by_key.setdefault(key, _Shared())
                shared.users += 1
            try:
                session = self._opened(shared, settings)
            except BaseException:
                self._withdraw(shared)
                self._give_back(shared)
                raise
            if _works(session) and not shared.discarded:
                return shared, session
            self._withdraw(shared)
            self._give_back(shared)

    def _opened(self, shared: _Shared, settings: SessionSettings) -> Session:
        with shared.opening:
            if shared.session is None:
                shared.session = shared.resources.enter_context(open_session(settings))
            return shared.session

    def _withdraw(self, shared: _Shared) -> None:
        with self._lock:
            shared.discarded = True
            self._by_key = {key: each for key, each in self._by_key.items() if each is not shared}

    def _give_back(self, shared: _Shared) -> None:
        with self._lock:
            shared.users -= 1
            unused = shared.discarded and shared.users == 0
        if unused:
            shared.resources.close()

    def _begin_anew(self) -> None:
        self._lock = Lock()
        # Kept, so that nothing of the parent's is closed when it would be collected.
        self._of_the_parent.append(self._by_key)
        self._by_key = {}


def _works(session: Session) -> bool:
    """Whether any node is up as far as the driver knows, which it hears of when a connection breaks."""
    hosts = session.cluster.metadata.all_hosts()
    return not session.is_shutdown and any(host.is_up is not False for host in hosts)


SHARED = SharedSessions()
"""Of this process."""
