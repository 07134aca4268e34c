"""Attacks on the flag itself, by somebody who may deploy it: nothing prevents them, and the guard takes them back."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cutover.appconfig import Strategy
from keyspaces_migration.cutover.flag_writer import FlagWriter
from keyspaces_migration.dual_write.errors import FlagFormatError
from keyspaces_migration.dual_write.flag import WriteMode
from rehearsal.gate_attacks.cutover_run import flag_in_force, flag_store
from rehearsal.processes import WorldError

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyspaces_migration.cutover.appconfig import FlagStore
    from keyspaces_migration.dual_write.flag import FlagState
    from rehearsal.airflow_api import AirflowApi
    from rehearsal.gate_attacks.attack import Siege
    from rehearsal.gate_attacks.cutover_run import CutoverRun
    from rehearsal.world import World

GUARD = "flights.guard"
TIMEOUT_S = 240.0
POLL_S = 1.0
ENDED = {"success", "failed"}


def by_hand(siege: Siege, api: AirflowApi, *, few: bool) -> None:
    """Deploy states that no run of ours asked for; the source leads before, with no read on the target.

    Args:
        siege: The world.
        api: Of its Airflow.
        few: Only a state that is a flag, and what is none.
    """
    store = flag_store(siege.world)
    base = flag_in_force(siege.world)
    everything = replace(base, target_read_percent=100, version=base.version + 1)
    leads = replace(everything, mode=WriteMode.DUAL_TARGET_LEADS, version=base.version + 50)
    says = "somebody else changed it"
    siege.try_by_flag("flag edited by hand to 100 %", _deploy(siege.world, api, store, everything), says=says)
    if not few:
        edited = _deploy(siege.world, api, store, leads)
        siege.try_by_flag("flag edited by hand so that the target leads", edited, says=says)
        if (old := _hosted_with_reads(store)) is not None:
            siege.try_by_flag(
                "an old version of the flag, with reads on the target, deployed again",
                _deploy_hosted(siege.world, api, store, old),
                says="deployed an old version",
            )
    siege.try_by_flag("what is no flag deployed", _deploy_garbage(siege.world, api, store), says="holds no flag")


def after_rollback(siege: Siege, run: CutoverRun) -> None:
    """`run` was approved, went to the end, and was rolled back: its approval counts no more."""
    for task_id, says in (
        ("raise_to_10", "for which its approval was given"),
        ("raise_to_50", "version"),
        ("target_leads", "version"),
    ):
        siege.try_(f"{task_id} of an attempt that was rolled back, cleared", partial(run.run_again, task_id), says=says)


def _deploy(world: World, api: AirflowApi, store: FlagStore, state: FlagState) -> Callable[[], str]:
    def deploy() -> None:
        ids = store.ids()
        store.put(ids, state, newest_hosted=store.newest_hosted(ids), strategy=Strategy.AT_ONCE)

    return partial(_until_taken_back, world, api, deploy)


def _deploy_hosted(world: World, api: AirflowApi, store: FlagStore, hosted: int) -> Callable[[], str]:
    return partial(_until_taken_back, world, api, lambda: store.start(store.ids(), hosted, Strategy.AT_ONCE))


def _deploy_garbage(world: World, api: AirflowApi, store: FlagStore) -> Callable[[], str]:
    def deploy() -> None:
        ids = store.ids()
        client: Any = store.client
        made = client.create_hosted_configuration_version(
            ApplicationId=ids.application,
            ConfigurationProfileId=ids.profile,
            Content=json.dumps({"version": "1", "flags": {}, "values": {}}).encode(),
            ContentType="application/json",
        )
        store.start(ids, int(made["VersionNumber"]), Strategy.AT_ONCE)

    return partial(_until_taken_back, world, api, deploy)


def _hosted_with_reads(store: FlagStore) -> int | None:
    """The newest hosted version of ours that has reads on the target."""
    ids = store.ids()
    for hosted in range(store.newest_hosted(ids), 0, -1):
        try:
            state = store.content(ids, hosted)
        except FlagFormatError:
            continue
        if state.target_read_percent and not state.mode.target_leads and state.target_read_percent < 100:  # noqa: PLR2004
            return hosted
    return None


def _until_taken_back(world: World, api: AirflowApi, deploy: Callable[[], object]) -> str:
    """Deploy, wait until a run of the guard has taken reads back, and return what it said.

    It may be one that its schedule had begun before: only those that had ended can't have seen what is deployed now.
    """
    ended = {run_id for run_id in api.run_ids(GUARD) if _state(api, run_id) in ENDED}
    deploy()
    api.trigger(GUARD)
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        for run_id in set(api.run_ids(GUARD)) - ended:
            if _state(api, run_id) == "success" and (found := api.returned(GUARD, run_id, "guard"))["went_back"]:
                state = FlagWriter(flag_store(world)).current()
                return f"{found['found']} (the guard; now {state})"
        time.sleep(POLL_S)
    raise WorldError(f"no run of {GUARD} has taken reads back within {TIMEOUT_S:.0f} s")


def _state(api: AirflowApi, run_id: str) -> str:
    return str(api.call("GET", f"/dags/{GUARD}/dagRuns/{run_id}")["state"])
