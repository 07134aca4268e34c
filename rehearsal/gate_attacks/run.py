"""All attacks, each at the moment of the lifecycle at which it has the best chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_migration.cutover.alarms import read_alarms
from rehearsal.gate_attacks.attack import Siege
from rehearsal.gate_attacks.by_airflow import at_the_gate, while_not_ready
from rehearsal.gate_attacks.by_approval import (
    changes_after_approval,
    damaged_evidence,
    one_as_two,
    wrong_approvals,
)
from rehearsal.gate_attacks.by_flag import after_rollback, by_hand
from rehearsal.gate_attacks.cutover_run import DAG_ID, CutoverRun, flag_store, wait_for_writers
from rehearsal.waiting import wait_for

if TYPE_CHECKING:
    from rehearsal.airflow_api import AirflowApi
    from rehearsal.reporter import Reporter
    from rehearsal.world import World

GATE_TIMEOUT_S = 180
ALARM_TIMEOUT_S = 300


class Attacks:
    """The attacks on one world, which has DAG files of its own. The caller takes the migration on between them."""

    def __init__(self, world: World, api: AirflowApi, *, reporter: Reporter, few: bool = False) -> None:
        """Keep what is needed.

        Args:
            world: Under attack.
            api: Of its Airflow, as admin.
            reporter: Told of each attack.
            few: Leave out those that are much like another, and take minutes.
        """
        self._world, self._api, self._few = world, api, few
        self.siege = Siege(world, reporter)

    def after_a_failed_check(self) -> None:
        """The newest check has failed."""
        while_not_ready(self.siege, self._api)

    def when_ready(self) -> None:
        """Every criterion is met, and nobody has approved."""
        world, api, siege = self._world, self._api, self.siege
        file = world.airflow.dags / "migrations" / "flights.yaml"
        wait_for_writers(world)
        run = CutoverRun.trigger(world, api)
        run.wait_at_gate()
        at_the_gate(siege, api, run)
        wrong_approvals(siege, run)
        changes_after_approval(siege, run, file=file, store=flag_store(world), few=self._few)
        damaged_evidence(siege, run)
        if not self._few:
            one_as_two(siege, file=file, trigger=self._trigger_with_two_gates)
            self._wait_for_gates(1)

    def on_the_flag(self) -> None:
        """A canary was raised and taken back before."""
        self._wait_for_alarms()  # while one fires, AppConfig itself takes every deployment back
        by_hand(self.siege, self._api, few=self._few)
        wait_for_writers(self._world)

    def after_a_rollback(self) -> None:
        """The newest run of the cutover was approved and went to the end; reads are back on the source."""
        wait_for_writers(self._world)
        run = CutoverRun(self._world, self._api, self._api.run_ids(DAG_ID)[-1])
        after_rollback(self.siege, run)

    def _wait_for_alarms(self) -> None:
        store = flag_store(self._world)
        arns = [each["AlarmArn"] for each in store.monitors(store.ids())]
        cloudwatch = self._world.aws.client("cloudwatch")
        wait_for(
            lambda: [str(each) for each in read_alarms(cloudwatch, arns) if not each.is_ok],
            lambda against: not against,
            lambda against: f"not OK: {', '.join(against)}",
            timeout_s=ALARM_TIMEOUT_S,
        )

    def _trigger_with_two_gates(self) -> CutoverRun:
        self._wait_for_gates(2)
        return CutoverRun.trigger(self._world, self._api)

    def _wait_for_gates(self, wanted: int) -> None:
        """Until Airflow has read the migration file anew."""
        wait_for(
            self._gates,
            lambda found: found == wanted,
            lambda found: f"{DAG_ID} has {found} gates and not {wanted}",
            timeout_s=GATE_TIMEOUT_S,
        )

    def _gates(self) -> int:
        tasks = self._api.call("GET", f"/dags/{DAG_ID}/tasks")["tasks"]
        return sum(task["task_id"].startswith("approve_") for task in tasks)
