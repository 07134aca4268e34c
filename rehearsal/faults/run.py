"""The whole ordeal: a world of its own, every stage, and what breaks in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.faults.lifecycle import (
    as_dual_writes_begin,
    before_the_load,
    during_checks,
    during_the_cutover,
    during_the_load,
    while_both_are_written,
)
from rehearsal.faults.ordeal import Ordeal
from rehearsal.faults.small_disk import small_disk
from rehearsal.processes import WorldError
from rehearsal.reporter import ConsoleReporter
from rehearsal.small import small_rehearsal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from rehearsal.faults.trial import Trial


def run_faults(console: Console) -> tuple[Sequence[Trial], str | None]:
    """Run it in a folder of its own.

    Returns:
        What was tried; and why the lifecycle did not go on, or None.

    Raises:
        WorldError: The world did not come up.
    """
    reporter = ConsoleReporter(console)
    with (
        small_rehearsal("faults", reporter=reporter) as (rehearsal, api),
        small_disk(rehearsal.world.application.folder / "journal"),
    ):
        ordeal = Ordeal(rehearsal, api, reporter=reporter)
        try:
            rehearsal.make_target(api)
            before_the_load(ordeal)
            during_the_load(ordeal)
            as_dual_writes_begin(ordeal)
            while_both_are_written(ordeal)
            during_checks(ordeal)
            rehearsal.check_until_ready(api)
            during_the_cutover(ordeal)
            rehearsal.audit_application()
            rehearsal.end_application()
        except WorldError as error:
            return ordeal.trials, str(error)
        return ordeal.trials, None
