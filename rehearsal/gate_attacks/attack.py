"""One attack: what was tried, and what stood against it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from rehearsal.gate_attacks.cutover_run import flag_in_force
from rehearsal.said import newest_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from keyspaces_migration.dual_write.flag import FlagState
    from rehearsal.reporter import Reporter
    from rehearsal.world import World


class Outcome(StrEnum):
    """What became of an attack."""

    PREVENTED = "prevented"
    DETECTED_AND_REVERSED = "detected_and_reversed"
    THROUGH = "through"


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What was tried and what came of it.

    Attributes:
        name: What a person did, in words.
        outcome: What became of it.
        stopped_by: What said no, and its words.
    """

    name: str
    outcome: Outcome
    stopped_by: str


class Siege:
    """A world under attack, and what was tried so far.

    Attributes:
        attacks: What was tried.
        surprises: Attacks that moved no read, and that something else stood against than was expected: perhaps they
            never took place.
    """

    def __init__(self, world: World, reporter: Reporter) -> None:
        self.world = world
        self._reporter = reporter
        self.attacks: list[Attack] = []
        self.surprises: list[str] = []

    def try_(self, name: str, act: Callable[[], str], *, says: str) -> None:
        """Carry one out, and compare the flag before and after.

        Args:
            name: What a person does.
            act: Does it, waits until something has stood against it, and returns what that said.
            says: What it must say.
        """
        before = flag_in_force(self.world)
        said = act()
        self._note(name, before, flag_in_force(self.world), said, says=says, held=Outcome.PREVENTED)

    def try_by_flag(self, name: str, act: Callable[[], str], *, says: str) -> None:
        """Carry out one on the flag itself, which can't be prevented; `act` returns once it was taken back."""
        before = flag_in_force(self.world)
        said = act()
        after = flag_in_force(self.world)
        self._note(name, before, after, said, says=says, held=Outcome.DETECTED_AND_REVERSED)

    def _note(  # noqa: PLR0913 -- what is compared
        self, name: str, before: FlagState, after: FlagState, said: str, *, says: str, held: Outcome
    ) -> None:
        through = after.target_read_percent > before.target_read_percent or (
            after.mode.target_leads and not before.mode.target_leads
        )
        if not through and says not in said:
            surprise = f"attack {name!r}: expected {says!r} to be said, and found: {said[-3000:]}"
            self.surprises.append(surprise)
            self._reporter.done(surprise)
        stopped_by = "nothing" if through else newest_line(says, said) or said[-200:].strip()
        attack = Attack(name=name, outcome=Outcome.THROUGH if through else held, stopped_by=stopped_by)
        self.attacks.append(attack)
        self._reporter.done(f"attack: {attack.name}: {attack.outcome}: {attack.stopped_by}")


def counted(attacks: Iterable[Attack]) -> dict[str, int]:
    """The last line of `make gate-attacks`."""
    outcomes = [attack.outcome for attack in attacks]
    return {"attacks": len(outcomes), **{outcome.value: outcomes.count(outcome) for outcome in Outcome}}


def table(attacks: Iterable[Attack]) -> str:
    """What stopped each, as Markdown."""
    rows = [f"| {each.name} | {each.outcome} | {each.stopped_by.replace('|', '/')} |" for each in attacks]
    return "\n".join(("| Attack | Outcome | Stopped by |", "|---|---|---|", *rows))
