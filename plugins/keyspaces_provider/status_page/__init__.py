"""The page on which one sees where every migration stands: a view in Airflow's UI, read from the ledgers alone."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

PREFIX = "/keyspaces-migration"
"""Where Airflow mounts the application."""

URL_ROUTE = "keyspaces-migrations"
"""Of the view in Airflow's UI, under `/plugin/`."""


class StatusPage:
    """The page's application, made with its first request: every process of Airflow loads its plugins, one serves."""

    @cached_property
    def _app(self) -> "FastAPI":
        from keyspaces_provider.status_page.app import create_app

        return create_app()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 -- ASGI's own
        """Answer a request."""
        await self._app(scope, receive, send)
