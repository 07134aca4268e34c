"""`make gate-attacks`: takes a world through the lifecycle, attacks the gate on the way, and says what stopped each."""

from __future__ import annotations

import json
import sys

from rich.console import Console
from rich.markdown import Markdown

from rehearsal.gate_attacks.attack import counted, table
from rehearsal.gate_attacks.run import Attacks
from rehearsal.reporter import ConsoleReporter
from rehearsal.small import small_rehearsal


def main() -> int:
    """Bring a world up, attack it, and print what stopped each attack; 1 where one got through."""
    console = Console(stderr=True, highlight=False)
    reporter = ConsoleReporter(console)
    with small_rehearsal("gate-attacks", reporter=reporter) as (rehearsal, api):
        attacks = Attacks(rehearsal.world, api, reporter=reporter)
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
