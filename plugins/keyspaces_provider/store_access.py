"""A store as a task uses it: in a block, and given up when the task is killed."""

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
        """Give up the request under way. A write that was sent may still be carried out."""
        self._killed = True
        if self._access is not None:
            self._access.cancel()

    @contextmanager
    def opened(self, hook: "StoreHook") -> Iterator["CqlAccess"]:
        """Use the process's session of a connection in the block.

        Raises:
            ConnectionFieldsError, StoreError: As the hook's `access`.
            AccessCancelledError: The task was killed meanwhile.
        """
        with hook.access(page_rows=self.page_rows, in_flight=self.in_flight) as access:
            self._access = access
            if self._killed:
                access.cancel()
            try:
                yield access
            finally:
                self._access = None
