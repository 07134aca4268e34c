"""The page's web application: every route asks Airflow who the user is, and shows what that user may read."""

import logging
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from threading import Lock
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_view
from airflow.sdk.exceptions import AirflowException
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from keyspaces_migration.errors import MigrationError
from keyspaces_migration.lifecycle import Stage, dag_id
from keyspaces_provider.status_page import PREFIX
from keyspaces_provider.status_page.ledgers import Blind, ledger_conn_ids, ledger_of_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from keyspaces_migration.consistency.trend import TrendPoint
    from keyspaces_migration.ledger import Ledger
    from keyspaces_migration.status.status import MigrationStatus

_STATIC = {"status.css": "text/css", "status.js": "text/javascript"}
UNSEEN = (MigrationError, AirflowException)
"""What keeps a ledger from being looked at: it does not answer, is damaged, or Airflow lacks the way to it."""
_log = logging.getLogger(__name__)
# Matplotlib's settings are the process's, and each request has a thread.
_drawing = Lock()


def create_app() -> FastAPI:
    """The application; nobody is let in without Airflow's right to use its website."""
    app = FastAPI(
        title="Keyspaces migrations",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
    )
    app.add_api_route("/", _index, response_class=HTMLResponse)
    app.add_api_route("/migration/{conn_id}/{name}", _migration, response_class=HTMLResponse)
    app.add_api_route("/static/{name}", _static)
    return app


def _index(request: Request, user: GetUserDep) -> HTMLResponse:
    """All migrations that the user may read."""
    shown: list[tuple[str, MigrationStatus]] = []
    blind: list[Blind] = []
    conn_ids = ledger_conn_ids()
    for conn_id in conn_ids:
        try:
            ledger = ledger_of_server(conn_id)
            shown += [(conn_id, _read(ledger, name)) for name in _readable(ledger, user)]
        except UNSEEN as error:  # it must not hide the others, and is said on the page
            blind.append(_blind(conn_id, error))
    return _page(request, "index.html", shown=shown, blind=blind, conn_ids=conn_ids)


def _migration(request: Request, conn_id: str, name: str, user: GetUserDep) -> HTMLResponse:
    """One migration."""
    if conn_id not in ledger_conn_ids():
        raise HTTPException(404, f"Airflow's configuration names no ledger {conn_id!r}")
    try:
        ledger = ledger_of_server(conn_id)
        status = _read(ledger, name) if name in _readable(ledger, user) else None
    except UNSEEN as error:
        return _page(request, "blind.html", status_code=503, name=name, blind=_blind(conn_id, error))
    if status is None:
        raise HTTPException(404, f"There is no migration {name!r} in ledger {conn_id!r} that you may read")
    return _page(request, "migration.html", conn_id=conn_id, status=status, trend=_trend(status.checks))


def _static(name: str) -> Response:
    if name not in _STATIC:
        raise HTTPException(404)
    content = files("keyspaces_provider.status_page").joinpath("static", name).read_bytes()
    return Response(content, media_type=_STATIC[name], headers={"Cache-Control": "max-age=60"})


def _readable(ledger: "Ledger", user: "BaseUser") -> tuple[str, ...]:
    """The ledger's migrations of which the user may read any DAG."""
    dag_ids = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
    return tuple(name for name in ledger.migrations() if any(dag_id(name, stage) in dag_ids for stage in Stage))


def _read(ledger: "Ledger", name: str) -> "MigrationStatus":
    from keyspaces_migration.status.status import read_status

    return read_status(ledger, name, now=datetime.now(UTC))


def _blind(conn_id: str, error: Exception) -> Blind:
    _log.warning("Ledger %s could not be looked at", conn_id, exc_info=error)
    return Blind(conn_id=conn_id, why=str(error))


@lru_cache(maxsize=64)
def _trend(points: "Sequence[TrendPoint]") -> tuple[str, str] | None:
    from keyspaces_migration.consistency.trend import trend_plot

    if not points:
        return None
    with _drawing:
        return trend_plot(points)


def _page(request: Request, template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:  # noqa: ANN401 - the template's
    """The whole page, or for its own refresh what is in its middle."""
    from keyspaces_migration.status import words

    base = request.scope.get("root_path", "")
    content = (
        _templates()
        .get_template(template)
        .render(
            **values,
            words=words,
            now=datetime.now(UTC),
            base=base,
            airflow=base.removesuffix(PREFIX),
            layout="middle.html" if "fragment" in request.query_params else "layout.html",
        )
    )
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY}
    return HTMLResponse(content, status_code=status_code, headers=headers)


_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self'"
"""Nothing is fetched from elsewhere; inline styles are those of the plots."""


@lru_cache(maxsize=1)
def _templates() -> Environment:
    loader = PackageLoader("keyspaces_provider.status_page")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["utc"] = lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}"
    made.filters["rate"] = _rate
    return made


def _rate(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value * 100:.3g} %"
