"""One local world, Airflow included, for all end-to-end tests: a few days of the flights, on free ports."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from rich.console import Console

from rehearsal.airflow_api import AirflowApi
from rehearsal.faults.lifecycle import (
    flag_away_as_dual_writes_begin,
    flag_away_during_a_rollback,
    target_and_queue_away,
)
from rehearsal.faults.ordeal import Ordeal
from rehearsal.faults.trial import Trial
from rehearsal.gate_attacks.attack import Attack
from rehearsal.gate_attacks.run import Attacks
from rehearsal.reporter import ConsoleReporter
from rehearsal.run import Choices, Rehearsal
from rehearsal.settings import WorldPorts, WorldSettings
from rehearsal.world import World
from tests.end_to_end.load_gate import LoadAttempt, attack_load_gate, dry_run, reject
from tests.end_to_end.obstacles import SpoiltTarget, check_spoilt_target

DAYS = 3


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """One whole rehearsal on the world, with what was put in its way, and how to look at its runs.

    Attributes:
        result: What `make rehearsal` prints as its last line.
        unapproved: Runs of the backfill that nobody approved, before the one that was, by name.
        spoilt: What happened while the target was damaged, before it was repaired and the checks passed.
        attacks: What was tried to get reads onto the target without a valid approval.
        surprises: Attacks that something else stopped than was expected.
        faults: What was broken on the way.
    """

    result: dict[str, Any]
    api: AirflowApi
    unapproved: dict[str, LoadAttempt]
    spoilt: SpoiltTarget
    attacks: tuple[Attack, ...]
    surprises: tuple[str, ...]
    faults: tuple[Trial, ...]

    def run_id(self, stage: str) -> str:
        """The first run of a stage."""
        return self.api.run_ids(f"flights.{stage}")[0]

    def last_run_id(self, stage: str) -> str:
        """The last run of a stage: one before it failed on purpose."""
        return self.api.run_ids(f"flights.{stage}")[-1]

    def returned(self, stage: str, task_id: str, *, run_id: str | None = None) -> Any:
        """What a task of a stage's run returned."""
        return self.api.returned(f"flights.{stage}", run_id or self.run_id(stage), task_id)


def with_long_ones(request: pytest.FixtureRequest) -> bool:
    """Whether tests marked `full` run too."""
    return str(request.config.getoption("markexpr")) != "not full"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything up, with the flights of the year's first days."""
    settings = WorldSettings(home=tmp_path_factory.mktemp("world"), ports=WorldPorts.free(), days=DAYS, own_dags=True)
    # To the real stderr: this takes a minute, and pytest's capture would hide that it goes on.
    with World(settings, reporter=ConsoleReporter(Console(file=sys.__stderr__, highlight=False))) as up:
        yield up


@pytest.fixture(scope="session")
def api(world: World) -> Iterator[AirflowApi]:
    """Airflow's API as its admin."""
    with world.airflow.api() as client:
        yield client


@pytest.fixture(scope="session")
def rehearsed(world: World, api: AirflowApi, request: pytest.FixtureRequest) -> Rehearsed:
    """Every stage, in order, approvals answered as the UI does it, and obstacles on the way.

    The second cutover and the retirement are for `make test-full` and `make rehearsal`; all attacks on the gate for
    `make test-full` and `make gate-attacks`, and all but three of the faults for `make soak NAME=faults`.
    """
    console = Console(file=sys.__stderr__, highlight=False, width=160)
    rehearsal = Rehearsal(
        world=world,
        choices=Choices(approve=True, keep=False),
        console=Console(quiet=True),
        reporter=ConsoleReporter(console),
    )
    began = time.monotonic()
    rehearsal.make_target(api)
    unapproved = {"dry": dry_run(world, api), "marked": attack_load_gate(world, api), "rejected": reject(world, api)}
    rehearsal.load(api)
    faults = Ordeal(rehearsal, api, reporter=ConsoleReporter(console))
    flag_away_as_dual_writes_begin(faults)
    rehearsal.write_to_both(api)
    everything = with_long_ones(request)
    attacks = Attacks(world, api, reporter=ConsoleReporter(console), few=not everything)
    spoilt = check_spoilt_target(world, api)
    attacks.after_a_failed_check()
    rehearsal.repair(api)
    rehearsal.replay_letters(api)
    target_and_queue_away(faults)
    rehearsal.check_until_ready(api)
    attacks.when_ready()
    rehearsal.breach_canary(api)
    attacks.on_the_flag()
    rehearsal.cut_over(api)
    rehearsal.check(api)
    flag_away_during_a_rollback(faults)
    attacks.after_a_rollback()
    if everything:
        rehearsal.check(api)
        rehearsal.cut_over(api)
    rehearsal.audit_application()
    if everything:
        rehearsal.retire(api)
    rehearsal.end_application()
    result = rehearsal.result(wall_s=time.monotonic() - began)
    return Rehearsed(
        result=result,
        api=api,
        unapproved=unapproved,
        spoilt=spoilt,
        attacks=tuple(attacks.siege.attacks),
        surprises=tuple(attacks.siege.surprises),
        faults=tuple(faults.trials),
    )
