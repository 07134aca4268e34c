"""Changes the flag in AppConfig: one hosted version and one deployment for each state."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyspaces_migration.dual_write.errors import FlagFormatError
from keyspaces_migration.dual_write.flag import FLAG_NAME, FlagState
from keyspaces_migration.dual_write.flag_reader import FlagAddress
from keyspaces_migration.errors import MigrationError

if TYPE_CHECKING:
    from keyspaces_migration.config import Migration

AT_ONCE = "-at-once"
"""Ends the name of the deployment strategy, which begins with the application's. AppConfig's own AllAtOnce bakes for 10
minutes, in which no other deployment may start."""

DEPLOYMENT_TIMEOUT_S = 300.0
_POLL_S = 1.0
_IN_FORCE = "COMPLETE"
_UNDER_WAY = {"VALIDATING", "DEPLOYING", "BAKING", "ROLLING_BACK"}


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


def flag_address(migration: "Migration") -> FlagAddress:
    """Where a migration's flag is: what its applications are given, too."""
    return FlagAddress(application=migration.resource_name, environment=migration.environment.name, profile="flag")


@dataclass(frozen=True, kw_only=True)
class _Ids:
    application: str
    environment: str
    profile: str
    strategy: str


class FlagWriter:
    """Reads the state in force, and puts another in force. Errors of AppConfig itself are boto3's.

    Application, environment, profile and strategy are `provision`'s; versions and deployments are made here alone.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401 -- boto3's client of "appconfig"; its methods are made at run time
        address: FlagAddress,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._address = address
        self._sleep = sleep
        self._clock = clock

    def current(self) -> FlagState | None:
        """Return the state in force; None where none was ever deployed.

        Raises:
            FlagBusyError: A deployment is under way, so that no one state is in force.
            FlagFormatError: What is deployed is no flag of ours.
        """
        return self._deployed(self._ids())

    def deploy(self, state: FlagState, *, expected_version: int | None) -> None:
        """Put a state in force, and return when the deployment is complete.

        Args:
            state: The new state.
            expected_version: `version` of the state that the caller decided on; None: there was none.

        Raises:
            FlagChangedError: Another state is in force than the caller decided on.
            FlagBusyError: Another deployment is under way.
            FlagNotDeployedError: The deployment was rolled back, or took too long.
        """
        ids = self._ids()
        newest = self._newest_hosted(ids)  # before the look at what is in force: a change after it fails the creation
        found = self._deployed(ids)
        if (None if found is None else found.version) != expected_version:
            raise FlagChangedError(
                f"the flag of {self._address} is {found}; expected version {expected_version}. Nothing was changed"
            )
        version = self._create_version(ids, state, newest)
        self._wait(ids, self._start(ids, version))

    def _deployed(self, ids: _Ids) -> FlagState | None:
        pages = self._client.get_paginator("list_deployments").paginate(
            ApplicationId=ids.application, EnvironmentId=ids.environment
        )
        numbers = sorted((each["DeploymentNumber"] for page in pages for each in page["Items"]), reverse=True)
        for number in numbers:
            deployment = self._deployment(ids, number)
            if deployment["State"] in _UNDER_WAY:
                raise FlagBusyError(
                    f"deployment {number} of {self._address} is {deployment['State']}: wait for it, or stop it"
                )
            if deployment["ConfigurationProfileId"] == ids.profile and deployment["State"] == _IN_FORCE:
                return self._content(ids, int(deployment["ConfigurationVersion"]))
        return None

    def _content(self, ids: _Ids, version: int) -> FlagState:
        answer = self._client.get_hosted_configuration_version(
            ApplicationId=ids.application, ConfigurationProfileId=ids.profile, VersionNumber=version
        )
        try:
            value = json.loads(answer["Content"].read())["values"][FLAG_NAME]
        except (ValueError, KeyError, TypeError) as error:
            raise FlagFormatError(
                f"version {version} of {self._address} holds no flag {FLAG_NAME}: {error!r}"
            ) from error
        return FlagState.from_json(value)

    def _newest_hosted(self, ids: _Ids) -> int:
        pages = self._client.get_paginator("list_hosted_configuration_versions").paginate(
            ApplicationId=ids.application, ConfigurationProfileId=ids.profile
        )
        return max((int(each["VersionNumber"]) for page in pages for each in page["Items"]), default=0)

    def _create_version(self, ids: _Ids, state: FlagState, newest: int) -> int:
        lock = {"LatestVersionNumber": newest} if newest else {}
        try:
            answer = self._client.create_hosted_configuration_version(
                ApplicationId=ids.application,
                ConfigurationProfileId=ids.profile,
                Content=json.dumps(state.to_appconfig()).encode(),
                ContentType="application/json",
                **lock,
            )
        except self._client.exceptions.ConflictException as error:
            raise FlagChangedError(f"the flag of {self._address} was changed meanwhile: {error}") from error
        created = int(answer["VersionNumber"])
        if created != newest + 1:
            raise FlagChangedError(
                f"the flag of {self._address} got version {created} after {newest}: somebody else writes it too. "
                "Nothing was deployed"
            )
        return created

    def _start(self, ids: _Ids, version: int) -> int:
        try:
            answer = self._client.start_deployment(
                ApplicationId=ids.application,
                EnvironmentId=ids.environment,
                ConfigurationProfileId=ids.profile,
                ConfigurationVersion=str(version),
                DeploymentStrategyId=ids.strategy,
            )
        except self._client.exceptions.ConflictException as error:
            raise FlagBusyError(f"another deployment of {self._address} is under way: {error}") from error
        return int(answer["DeploymentNumber"])

    def _wait(self, ids: _Ids, number: int) -> None:
        deadline = self._clock() + DEPLOYMENT_TIMEOUT_S
        while (state := self._deployment(ids, number)["State"]) in _UNDER_WAY:
            if self._clock() > deadline:
                break
            self._sleep(_POLL_S)
        if state != _IN_FORCE:
            raise FlagNotDeployedError(
                f"deployment {number} of {self._address} is {state} after at most {DEPLOYMENT_TIMEOUT_S:.0f} s; "
                f"wanted {_IN_FORCE}"
            )

    def _deployment(self, ids: _Ids, number: int) -> Any:  # noqa: ANN401 -- boto3's answer
        return self._client.get_deployment(
            ApplicationId=ids.application, EnvironmentId=ids.environment, DeploymentNumber=number
        )

    def _ids(self) -> _Ids:
        address = self._address
        application = self._find("list_applications", address.application)
        return _Ids(
            application=application,
            environment=self._find("list_environments", address.environment, ApplicationId=application),
            profile=self._find("list_configuration_profiles", address.profile, ApplicationId=application),
            strategy=self._find("list_deployment_strategies", address.application + AT_ONCE),
        )

    def _find(self, listing: str, name: str, **scope: str) -> str:
        pages = self._client.get_paginator(listing).paginate(**scope)
        found: list[str] = [each["Id"] for page in pages for each in page["Items"] if each["Name"] == name]
        if not found:
            raise FlagMissingError(f"AppConfig's {listing} has no {name}: run provision, which makes the flag's parts")
        if len(found) > 1:
            raise FlagWriteError(f"{len(found)} of {listing} are named {name}: leave one, so that it is known which")
        return found[0]
