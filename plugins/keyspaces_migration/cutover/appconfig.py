"""The flag's place in AppConfig: its deployments and hosted versions, as they are."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keyspaces_migration.dual_write.errors import FlagFormatError
from keyspaces_migration.dual_write.flag import FLAG_NAME, FlagState
from keyspaces_migration.dual_write.flag_reader import FlagAddress
from keyspaces_migration.dual_write.sqs_outbox import aws_failures
from keyspaces_migration.errors import MigrationError

DEPLOYMENT_TIMEOUT_S = 300.0
_POLL_S = 1.0
COMPLETE = "COMPLETE"
BAKING = "BAKING"
GOING_BACK = {"ROLLING_BACK", "REVERTING"}
MOVING = {"VALIDATING", "DEPLOYING", *GOING_BACK}
UNDER_WAY = {*MOVING, BAKING}


class FlagWriteError(MigrationError):
    """The flag could not be changed."""


class FlagMissingError(FlagWriteError):
    """AppConfig lacks application, environment, profile or strategy, which `provision` makes. Nothing was changed."""


class FlagChangedError(FlagWriteError):
    """Somebody else has changed the flag. Nothing was overwritten: look at it, and start anew."""


class FlagBusyError(FlagWriteError):
    """Another deployment is under way. Nothing was changed: wait for it or stop it, and try again."""


class FlagNotDeployedError(FlagWriteError):
    """The deployment was started and did not end as it should; which state is in force, AppConfig's console says."""


class FlagUnreachableError(MigrationError):
    """AppConfig did not answer, or refused: what the flag is now is not known by this."""


@contextmanager
def _asking() -> Iterator[None]:
    """Ask AppConfig; boto3's errors are raised as FlagUnreachableError, with boto3's as the cause."""
    try:
        yield
    except aws_failures() as error:
        raise FlagUnreachableError(
            f"AppConfig, which holds the flag, did not do what it was asked: {error}. Look at the AWS connection, its "
            "role and AWS's health, then run the stage again: it finds what is in force, and goes on from there"
        ) from error


class Strategy(StrEnum):
    """How a state is deployed: how its deployment strategy's name ends, which begins with the application's.

    AppConfig's own AllAtOnce bakes for 10 minutes, in which no other deployment may start.
    """

    AT_ONCE = "-at-once"
    CANARY = "-canary"
    """At once too, and then baked under the environment's alarms: AWS takes it back when one of them fires."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A deployment as it stands now.

    Attributes:
        number: In its environment.
        profile: Id of its configuration profile.
        hosted: The hosted version that it deploys.
        state: As AppConfig names it, such as ROLLED_BACK.
        why: What AppConfig says of why it went back, or of its newest event.
    """

    number: int
    profile: str
    hosted: int
    state: str
    why: str

    @property
    def was_taken_back(self) -> bool:
        """Whether its state is no longer in force, or is about to be no longer."""
        return self.state in {*GOING_BACK, "ROLLED_BACK", "REVERTED"}


@dataclass(frozen=True, kw_only=True)
class FlagIds:
    """AppConfig's ids of a flag's parts."""

    application: str
    environment: str
    profile: str


class FlagStore:
    """What AppConfig holds of one flag. Each method raises FlagUnreachableError where AppConfig does not do its part.

    Attributes:
        client: boto3's, of the service appconfig.
        address: Which flag.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401 -- boto3's client of "appconfig"; its methods are made at run time
        address: FlagAddress,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self.address = address
        self._sleep = sleep
        self._clock = clock
        self._ids: FlagIds | None = None

    def ids(self) -> FlagIds:
        """Find the flag's parts by their names; once.

        Raises:
            FlagMissingError: One is not there.
        """
        if self._ids is None:
            self._ids = self._found()
        return self._ids

    @_asking()
    def _found(self) -> FlagIds:
        address = self.address
        application = self._find("list_applications", address.application)
        return FlagIds(
            application=application,
            environment=self._find("list_environments", address.environment, ApplicationId=application),
            profile=self._find("list_configuration_profiles", address.profile, ApplicationId=application),
        )

    @_asking()
    def deployments(self, ids: FlagIds) -> Iterator[Deployment]:
        """The environment's, newest first."""
        pages = self.client.get_paginator("list_deployments").paginate(
            ApplicationId=ids.application, EnvironmentId=ids.environment
        )
        numbers = sorted((each["DeploymentNumber"] for page in pages for each in page["Items"]), reverse=True)
        return (self.deployment(ids, number) for number in numbers)

    @_asking()
    def deployment(self, ids: FlagIds, number: int) -> Deployment:
        """One of them."""
        found = self.client.get_deployment(
            ApplicationId=ids.application, EnvironmentId=ids.environment, DeploymentNumber=number
        )
        return Deployment(
            number=int(found["DeploymentNumber"]),
            profile=found["ConfigurationProfileId"],
            hosted=int(found["ConfigurationVersion"]),
            state=str(found["State"]),
            why=_why(found.get("EventLog") or []),
        )

    @_asking()
    def content(self, ids: FlagIds, hosted: int) -> FlagState:
        """The state that a hosted version holds.

        Raises:
            FlagFormatError: It holds no flag of ours.
        """
        answer = self.client.get_hosted_configuration_version(
            ApplicationId=ids.application, ConfigurationProfileId=ids.profile, VersionNumber=hosted
        )
        try:
            value = json.loads(answer["Content"].read())["values"][FLAG_NAME]
        except (ValueError, KeyError, TypeError) as error:
            raise FlagFormatError(f"version {hosted} of {self.address} holds no flag {FLAG_NAME}: {error!r}") from error
        return FlagState.from_json(value)

    @_asking()
    def newest_hosted(self, ids: FlagIds) -> int:
        """The number of the newest hosted version; 0 where there is none."""
        pages = self.client.get_paginator("list_hosted_configuration_versions").paginate(
            ApplicationId=ids.application, ConfigurationProfileId=ids.profile
        )
        return max((int(each["VersionNumber"]) for page in pages for each in page["Items"]), default=0)

    def newest_state(self, ids: FlagIds) -> FlagState | None:
        """The state that was made last, deployed or not: every other one of ours has a lower version."""
        for hosted in range(self.newest_hosted(ids), 0, -1):
            try:
                return self.content(ids, hosted)
            except FlagFormatError:
                continue  # somebody else's, which has no version of ours
        return None

    def put(self, ids: FlagIds, state: FlagState, *, newest_hosted: int, strategy: Strategy) -> Deployment:
        """Deploy a state, and return when every reader is given it.

        Args:
            ids: Of the flag.
            state: The new state.
            newest_hosted: As it was when the caller decided.
            strategy: How.

        Raises:
            FlagChangedError: There is a newer version meanwhile; nothing was deployed.
            FlagBusyError: Another deployment is under way.
            FlagNotDeployedError: The deployment was taken back, or took too long.
        """
        number = self.start(ids, self._create_version(ids, state, newest_hosted), strategy)
        wanted = {COMPLETE} if strategy is Strategy.AT_ONCE else {COMPLETE, BAKING}
        found = self.wait(ids, number, until=lambda phase: phase in wanted or phase not in UNDER_WAY)
        if found.state not in wanted:
            raise FlagNotDeployedError(
                f"deployment {number} of {self.address} is {found.state} ({found.why}); wanted {' or '.join(wanted)}"
            )
        return found

    @_asking()
    def start(self, ids: FlagIds, hosted: int, strategy: Strategy) -> int:
        """Begin to deploy a hosted version, and return the deployment's number.

        Raises:
            FlagBusyError: Another deployment is under way.
        """
        name = self.address.application + strategy.value
        try:
            answer = self.client.start_deployment(
                ApplicationId=ids.application,
                EnvironmentId=ids.environment,
                ConfigurationProfileId=ids.profile,
                ConfigurationVersion=str(hosted),
                DeploymentStrategyId=self._find("list_deployment_strategies", name),
            )
        except self.client.exceptions.ConflictException as error:
            raise FlagBusyError(f"another deployment of {self.address} is under way: {error}") from error
        return int(answer["DeploymentNumber"])

    def wait(self, ids: FlagIds, number: int, *, until: Callable[[str], bool]) -> Deployment:
        """Wait until a deployment's state is one to stop at, and return it.

        Raises:
            FlagNotDeployedError: It took too long.
        """
        deadline = self._clock() + DEPLOYMENT_TIMEOUT_S
        while not until((found := self.deployment(ids, number)).state):
            if self._clock() > deadline:
                raise FlagNotDeployedError(
                    f"deployment {number} of {self.address} is still {found.state} after {DEPLOYMENT_TIMEOUT_S:.0f} s"
                )
            self._sleep(_POLL_S)
        return found

    @_asking()
    def take_back(self, ids: FlagIds, number: int) -> None:
        """Stop a deployment that is on its way or bakes, and wait until it has gone back, or is found to be done."""
        if self.deployment(ids, number).state not in GOING_BACK:
            try:
                self.client.stop_deployment(
                    ApplicationId=ids.application,
                    EnvironmentId=ids.environment,
                    DeploymentNumber=number,
                    AllowRevert=True,
                )
            except self.client.exceptions.BadRequestException:
                if self.deployment(ids, number).state in UNDER_WAY:
                    raise
        self.wait(ids, number, until=lambda phase: phase not in UNDER_WAY)

    @_asking()
    def monitors(self, ids: FlagIds) -> list[dict[str, str]]:
        """The environment's, as AppConfig takes them: the alarms that deployments bake under."""
        found = self.client.get_environment(ApplicationId=ids.application, EnvironmentId=ids.environment)
        return list(found.get("Monitors", ()))

    @_asking()
    def set_monitors(self, ids: FlagIds, monitors: list[dict[str, str]]) -> None:
        """Put others in their place."""
        self.client.update_environment(ApplicationId=ids.application, EnvironmentId=ids.environment, Monitors=monitors)

    @_asking()
    def _create_version(self, ids: FlagIds, state: FlagState, newest: int) -> int:
        lock = {"LatestVersionNumber": newest} if newest else {}
        try:
            answer = self.client.create_hosted_configuration_version(
                ApplicationId=ids.application,
                ConfigurationProfileId=ids.profile,
                Content=json.dumps(state.to_appconfig()).encode(),
                ContentType="application/json",
                **lock,
            )
        except self.client.exceptions.ConflictException as error:
            raise FlagChangedError(f"the flag of {self.address} was changed meanwhile: {error}") from error
        created = int(answer["VersionNumber"])
        if created != newest + 1:
            raise FlagChangedError(
                f"the flag of {self.address} got version {created} after {newest}: somebody else writes it too. "
                "Nothing was deployed"
            )
        return created

    def _find(self, listing: str, name: str, **scope: str) -> str:
        pages = self.client.get_paginator(listing).paginate(**scope)
        found: list[str] = [each["Id"] for page in pages for each in page["Items"] if each["Name"] == name]
        if not found:
            raise FlagMissingError(f"AppConfig's {listing} has no {name}: run provision, which makes the flag's parts")
        if len(found) > 1:
            raise FlagWriteError(f"{len(found)} of {listing} are named {name}: leave one, so that it is known which")
        return found[0]


def _why(events: list[dict[str, Any]]) -> str:
    """What AppConfig says of why a deployment went back; of its newest event where it did not."""
    back = [each for each in events if each.get("EventType") in {"ROLLBACK_STARTED", "REVERT_COMPLETED"}]
    told = (back or events or [{}])[0]
    return f"{told.get('TriggeredBy', 'unknown')}: {told.get('Description', 'no reason given')}"
