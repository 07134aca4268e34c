"""A real Airflow without the rest of the world."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rehearsal.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.servers.airflow import AirflowServer


@contextmanager
def running(server: AirflowServer) -> Iterator[AirflowServer]:
    """Start it, and stop it at the end of the block."""
    try:
        server.launch()
        wait_until(server.why_not_healthy, name=server.name, log=server.log, timeout_s=server.start_timeout_s)
        server.after_start()
        yield server
    finally:
        server.stop()
