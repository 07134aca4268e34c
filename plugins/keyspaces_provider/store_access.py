"""A store as a task uses it: opened for the length of a block, and given up when the task is killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from keyspaces_migration.cql_access import CqlAccess
    from keyspaces_provider.hooks.base import StoreHook


class UsesStore(BaseOperator):
    """What every operator and sensor shares that runs CQL."""

    page_rows: int
    in_flight = 1

    _access: "CqlAccess | None" = None
    _killed = False

    def on_kill(self) -> None:
        """Give up the request under way, by closing its session. A write that was sent may still be carried out."""
        self._killed = True
        if self._access is not None:
            self._access.cancel()

    @contextmanager
    def opened(self, hook: "StoreHook") -> Iterator["CqlAccess"]:
        """Open a session for the block.

        Raises:
            ConnectionFieldsError, StoreError: As the hook's `session`.
            AccessCancelledError: The task was killed meanwhile.
        """
        from keyspaces_migration.clients import open_session
        from keyspaces_migration.cql_access import CqlAccess

        settings = hook.settings()
        with open_session(settings) as session:
            access = CqlAccess(
                session=session,
                settings=settings,
                page_rows=self.page_rows,
                in_flight=self.in_flight,
                on_throttle=self.log.warning,
            )
            self._access = access
            if self._killed:
                access.cancel()
            try:
                yield access
            finally:
                self._access = None
