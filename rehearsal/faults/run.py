"""The whole ordeal: a world of its own, every stage, and what breaks in each."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from rehearsal.faults.lifecycle import (
    before_the_load,
    during_checks,
    during_dual_writes,
    during_the_cutover,
    during_the_load,
)
from rehearsal.faults.ordeal import Ordeal
from rehearsal.faults.small_disk import small_disk
from rehearsal.processes import WorldError
from rehearsal.reporter import ConsoleReporter
from rehearsal.run import Choices, Rehearsal
from rehearsal.settings import WorldPorts, WorldSettings
from rehearsal.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearsal.faults.trial import Trial

DAYS = 3


def run_faults(console: Console) -> tuple[Sequence[Trial], str | None]:
    """Run it in a folder of its own.

    Returns:
        What was tried; and why the lifecycle did not go on, or None.

    Raises:
        WorldError: The world did not come up.
    """
    reporter = ConsoleReporter(console)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-"))) / "world"
        settings = WorldSettings(home=home, ports=WorldPorts.free(), days=DAYS, own_dags=True)
        world = stack.enter_context(World(settings, reporter=reporter))
        stack.enter_context(small_disk(world.application.folder / "journal"))
        api = stack.enter_context(world.airflow.api())
        rehearsal = Rehearsal(
            world=world, choices=Choices(approve=True, keep=False), console=Console(quiet=True), reporter=reporter
        )
        ordeal = Ordeal(rehearsal, api, reporter=reporter)
        try:
            rehearsal.make_target(api)
            before_the_load(ordeal)
            during_the_load(ordeal)
            during_dual_writes(ordeal)
            during_checks(ordeal)
            rehearsal.check_until_ready(api)
            during_the_cutover(ordeal)
            rehearsal.audit_application()
            rehearsal.end_application()
        except WorldError as error:
            return ordeal.trials, str(error)
        return ordeal.trials, None
