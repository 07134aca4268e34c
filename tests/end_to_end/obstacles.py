"""What stands between a migration and its cutover: a target that is out of line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.damage import damage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.airflow_api import AirflowApi
    from rehearsal.damage import Damage
    from rehearsal.world import World

CHECK = "flights.consistency_check"
TIMEOUT_S = 420


@dataclass(frozen=True, kw_only=True)
class SpoiltTarget:
    """What happened while the target was damaged.

    Attributes:
        damage: What is wrong.
        check_run_id: The check that ran meanwhile.
        check_states: Its tasks' states, by task.
        verdict: What its check returned.
    """

    damage: Damage
    check_run_id: str
    check_states: Mapping[str, str]
    verdict: Mapping[str, Any]


def check_spoilt_target(world: World, api: AirflowApi) -> SpoiltTarget:
    """Damage the target, and check."""
    with world.target.session() as session:
        damaged = damage(session)
    run_id = api.trigger(CHECK)
    assert api.wait_for_run(CHECK, run_id, timeout_s=TIMEOUT_S) == "failed"
    return SpoiltTarget(
        damage=damaged,
        check_run_id=run_id,
        check_states={task["task_id"]: task["state"] for task in api.task_instances(CHECK, run_id)},
        verdict=api.returned(CHECK, run_id, "check"),
    )
