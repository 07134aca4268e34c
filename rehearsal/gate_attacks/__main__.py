"""`make gate-attacks`: takes a world through the lifecycle, attacks the gate on the way, and says what stopped each."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from rehearsal.gate_attacks.attack import counted, table
from rehearsal.gate_attacks.run import Attacks
from rehearsal.reporter import ConsoleReporter
from rehearsal.run import Choices, Rehearsal
from rehearsal.settings import WorldPorts, WorldSettings
from rehearsal.world import World

DAYS = 3


def main() -> int:
    """Bring a world up, attack it, and print what stopped each attack; 1 where one got through."""
    console = Console(stderr=True, highlight=False)
    with tempfile.TemporaryDirectory(prefix="gate-attacks-") as folder:
        settings = WorldSettings(home=Path(folder) / "world", ports=WorldPorts.free(), days=DAYS, own_dags=True)
        with World(settings, reporter=ConsoleReporter(console)) as world, world.airflow.api() as api:
            rehearsal = Rehearsal(
                world=world,
                choices=Choices(approve=True, keep=False),
                console=Console(quiet=True),
                reporter=ConsoleReporter(console),
            )
            attacks = Attacks(world, api, reporter=ConsoleReporter(console))
            rehearsal.prepare(api)
            rehearsal.damage(api)
            attacks.after_a_failed_check()
            rehearsal.repair(api)
            rehearsal.check_until_ready(api)
            attacks.when_ready()
            rehearsal.breach_canary(api)
            attacks.on_the_flag()
            rehearsal.cut_over(api)
            rehearsal.roll_back(api)
            attacks.after_a_rollback()
            rehearsal.audit_application()
            rehearsal.end_application()
    found = attacks.siege.attacks
    Console(width=200).print(Markdown(table(found)))
    for surprise in attacks.siege.surprises:
        console.print(surprise)
    counts = counted(found)
    print(json.dumps(counts))  # noqa: T201 -- the last line is for programs
    return 1 if counts["through"] or attacks.siege.surprises else 0


if __name__ == "__main__":
    sys.exit(main())
