"""Runs fakesnow's server over TLS on a loopback address, with its databases kept in a folder.

Over TLS, as Airflow's SnowflakeHook can't be told to do without. Arguments: port, certificate, key, folder.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from fakesnow.server import app, shared_fs
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from rehearsal.servers.snowflake import HEALTH_PATH

if TYPE_CHECKING:
    from starlette.requests import Request


def healthy(request: Request) -> PlainTextResponse:
    """200 when the database underneath answers."""
    del request
    shared_fs.duck_conn.cursor().execute("SELECT 1").fetchall()
    return PlainTextResponse("ok")


def main() -> None:
    """Serve until told to end."""
    port, certificate, key, folder = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    shared_fs.db_path = folder
    app.router.routes.append(Route(HEALTH_PATH, healthy))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
