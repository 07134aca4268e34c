"""One local world, Airflow included, for all end-to-end tests: a few days of the flights, on free ports."""

import sys
from collections.abc import Iterator

import pytest
from rich.console import Console

from rehearsal.airflow_api import AirflowApi
from rehearsal.reporter import ConsoleReporter
from rehearsal.settings import WorldPorts, WorldSettings
from rehearsal.world import World

DAYS = 3


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything up, with the flights of the year's first days."""
    settings = WorldSettings(home=tmp_path_factory.mktemp("world"), ports=WorldPorts.free(), days=DAYS)
    # To the real stderr: this takes a minute, and pytest's capture would hide that it goes on.
    with World(settings, reporter=ConsoleReporter(Console(file=sys.__stderr__, highlight=False))) as up:
        yield up


@pytest.fixture(scope="session")
def api(world: World) -> Iterator[AirflowApi]:
    """Airflow's API as its admin."""
    with world.airflow.api() as client:
        yield client
