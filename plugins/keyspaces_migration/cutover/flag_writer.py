"""Changes the flag: reads what is in force, puts another state in force, and takes reads back in any case."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from keyspaces_migration.cutover.appconfig import (
    BAKING,
    COMPLETE,
    MOVING,
    UNDER_WAY,
    Deployment,
    FlagBusyError,
    FlagChangedError,
    FlagIds,
    FlagStore,
    FlagWriteError,
    Strategy,
)
from keyspaces_migration.dual_write.errors import FlagFormatError
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.flag_reader import FlagAddress

if TYPE_CHECKING:
    from keyspaces_migration.config import Migration


@dataclass(frozen=True, kw_only=True)
class FlagInForce:
    """What readers of the flag are given now.

    Attributes:
        state: The state.
        deployment: The number of its deployment.
        bakes: Whether AppConfig still watches alarms over it, and no other deployment may start.
    """

    state: FlagState
    deployment: int
    bakes: bool


@dataclass(frozen=True, kw_only=True)
class Lowered:
    """What taking reads back did.

    Attributes:
        before: The state that it took back.
        state: The state in force now.
        problem: What went wrong on the way and needs a person, in words; None: nothing.
    """

    before: FlagState
    state: FlagState
    problem: str | None


class SourceStandsStillError(FlagWriteError):
    """The source no longer gets writes, so reads can't go back to it. Nothing was changed."""


def flag_address(migration: "Migration") -> FlagAddress:
    """Where a migration's flag is: what its applications are given, too."""
    return FlagAddress(application=migration.resource_name, environment=migration.environment.name, profile="flag")


def lowered(state: FlagState, *, version: int) -> FlagState:
    """The same with all reads on the source; where the target leads, the source leads again.

    Raises:
        SourceStandsStillError: It is in TARGET_ONLY.
    """
    if state.mode is WriteMode.TARGET_ONLY:
        raise SourceStandsStillError(
            f"the flag is in {state.mode}: the source no longer gets writes, so reads can't go back to it"
        )
    mode = WriteMode.DUAL_SOURCE_LEADS if state.mode is WriteMode.DUAL_TARGET_LEADS else state.mode
    return replace(state, mode=mode, target_read_percent=0, version=version)


class FlagWriter:
    """Reads the state in force, and puts another in force.

    Every method raises FlagUnreachableError where AppConfig does not do its part.

    Application, environment, profile and strategies are `provision`'s; versions and deployments are made here alone.
    """

    def __init__(self, store: FlagStore) -> None:
        self._store = store

    def current(self) -> FlagState | None:
        """Return the state in force; None where none was ever deployed. Raises as `look`."""
        found = self.look()
        return None if found is None else found.state

    def look(self) -> FlagInForce | None:
        """Return what is in force; None where nothing was ever deployed.

        Raises:
            FlagBusyError: A deployment is on its way, so that no one state is in force.
            FlagFormatError: What is deployed is no flag of ours.
        """
        return self._in_force(self._store.ids())

    def fate(self, version: int) -> Deployment | None:
        """What became of the newest deployment of the state with `version`; None where it was never deployed."""
        ids = self._store.ids()
        for deployment in self._store.deployments(ids):
            if self._version_of(ids, deployment) == version:
                return deployment
        return None

    def next_version(self) -> int:
        """Return a version that no state of this flag has had, whether it is in force or was taken back."""
        newest = self._store.newest_state(self._store.ids())
        return 1 if newest is None else newest.version + 1

    def monitors(self) -> tuple[str, ...]:
        """Return the ARNs of the alarms that a canary's deployment bakes under."""
        return tuple(each["AlarmArn"] for each in self._store.monitors(self._store.ids()))

    def deploy(
        self, state: FlagState, *, expected_version: int | None, strategy: Strategy = Strategy.AT_ONCE
    ) -> FlagInForce:
        """Put a state in force, and return when every reader is given it: complete at once, or baking as a canary.

        Args:
            state: The new state.
            expected_version: `version` of the state that the caller decided on; None: there was none.
            strategy: How.

        Raises:
            FlagChangedError: Another state is in force than the caller decided on.
            FlagBusyError: Another deployment is under way.
            FlagNotDeployedError: The deployment was rolled back, or took too long.
        """
        store, ids = self._store, self._store.ids()
        newest = store.newest_hosted(ids)  # before the look at what is in force: a change after it fails the creation
        found = self._in_force(ids)
        if (None if found is None else found.state.version) != expected_version:
            in_force = None if found is None else found.state
            raise FlagChangedError(
                f"the flag of {store.address} is {in_force}; expected version {expected_version}. Nothing was changed"
            )
        if found is not None and found.bakes:
            raise FlagBusyError(f"deployment {found.deployment} of {store.address} still bakes: wait, or stop it")
        made = store.put(ids, state, newest_hosted=newest, strategy=strategy)
        return FlagInForce(state=state, deployment=made.number, bakes=made.state == BAKING)

    def lower(self) -> Lowered | None:
        """Put all reads on the source, whatever is under way and whichever alarm fires.

        A deployment that is on its way or bakes is stopped and reverted. Then the share goes to 0 % without monitors:
        with an alarm in ALARM, AppConfig would take that deployment back too. They are put back after it.

        Returns:
            What was done; None where no flag was ever deployed.

        Raises:
            SourceStandsStillError: The flag is in TARGET_ONLY.
            FlagWriteError: The share was not lowered.
        """
        ids = self._store.ids()
        stopped = self._take_back_what_is_under_way(ids)
        found, is_deployed = self._ours(ids)
        if found is None:
            return None
        before = stopped or found
        if is_deployed and not found.target_read_percent and not found.mode.target_leads:
            return Lowered(before=before, state=found, problem=None)
        newest = self._store.newest_state(ids)
        state = lowered(found, version=1 + max(each.version for each in (newest, found) if each is not None))
        return Lowered(before=before, state=state, problem=self._put_unwatched(ids, state))

    def _put_unwatched(self, ids: FlagIds, state: FlagState) -> str | None:
        store, monitors = self._store, self._store.monitors(ids)
        if monitors:
            store.set_monitors(ids, [])
        try:
            store.put(ids, state, newest_hosted=store.newest_hosted(ids), strategy=Strategy.AT_ONCE)
        finally:
            problem = self._put_back(ids, monitors)
        return problem

    def _put_back(self, ids: FlagIds, monitors: list[dict[str, str]]) -> str | None:
        try:
            if monitors:
                self._store.set_monitors(ids, monitors)
        except Exception as error:  # noqa: BLE001 -- boto3's classes are made at run time; the share is what counts here
            return (
                f"the alarms of environment {self._store.address.environment} could not be put back ({error}): run "
                "provision, which does. Until then no canary step is raised"
            )
        return None

    def _take_back_what_is_under_way(self, ids: FlagIds) -> FlagState | None:
        """Stop the environment's newest deployment if it is not done; the state that it was to put in force."""
        newest = next(self._store.deployments(ids), None)
        if newest is None or newest.state not in UNDER_WAY:
            return None
        self._store.take_back(ids, newest.number)
        try:
            return self._store.content(ids, newest.hosted)
        except FlagFormatError:
            return None  # somebody else's: it is gone, and what is in force is looked at next

    def _ours(self, ids: FlagIds) -> tuple[FlagState | None, bool]:
        """The newest state of ours that was deployed, and whether it is what is deployed now.

        Where somebody has deployed what is no flag since, readers have kept ours, and a new reader has none.
        """
        is_deployed = True
        for deployment in self._store.deployments(ids):
            if deployment.profile == ids.profile and deployment.state == COMPLETE:
                try:
                    return self._store.content(ids, deployment.hosted), is_deployed
                except FlagFormatError:
                    is_deployed = False
        return None, False

    def _in_force(self, ids: FlagIds) -> FlagInForce | None:
        for each in self._store.deployments(ids):
            if each.state in MOVING:
                raise FlagBusyError(
                    f"deployment {each.number} of {self._store.address} is {each.state}: wait for it, or stop it"
                )
            if each.profile == ids.profile and each.state in {COMPLETE, BAKING}:
                state = self._store.content(ids, each.hosted)
                return FlagInForce(state=state, deployment=each.number, bakes=each.state == BAKING)
        return None

    def _version_of(self, ids: FlagIds, deployment: Deployment) -> int | None:
        if deployment.profile != ids.profile:
            return None
        try:
            return self._store.content(ids, deployment.hosted).version
        except FlagFormatError:
            return None  # somebody else's: it is no deployment of a state of ours
