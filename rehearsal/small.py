"""A small world of its own, and a rehearsal on it in which nobody is asked: to attack it, and to break it."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from rehearsal.run import Choices, Rehearsal
from rehearsal.settings import WorldPorts, WorldSettings
from rehearsal.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.airflow_api import AirflowApi
    from rehearsal.reporter import Reporter

DAYS = 3


@contextmanager
def small_rehearsal(name: str, *, reporter: Reporter) -> Iterator[tuple[Rehearsal, AirflowApi]]:
    """The flights of a few days, DAG files that may be edited, and Airflow's API as its admin.

    Args:
        name: Begins the name of the world's folder, which goes at the end.
        reporter: Told of what happens.

    Raises:
        WorldError: The world did not come up.
    """
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
        settings = WorldSettings(home=Path(folder) / "world", ports=WorldPorts.free(), days=DAYS, own_dags=True)
        with World(settings, reporter=reporter) as world, world.airflow.api() as api:
            choices = Choices(approve=True, keep=False)
            yield Rehearsal(world=world, choices=choices, console=Console(quiet=True), reporter=reporter), api
