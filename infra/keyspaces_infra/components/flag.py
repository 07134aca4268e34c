"""A feature flag in AppConfig: everything but its versions and deployments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.checks import at_most, named, within
from keyspaces_infra.components.policies import Statement, policy, trust

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keyspaces_infra.components.place import Place

PROFILE = "flag"
_ROLE_SUFFIX = "-flag-monitors"
_LONGEST_NAME = 64
_MOST_MONITORS = 5
_DAY_MIN = 24 * 60


@dataclass(frozen=True, kw_only=True)
class FeatureFlagArgs:
    """What a feature flag is made of.

    Attributes:
        application: AppConfig application; the role and both strategies are named after it, so at most 50 characters.
        environment: AppConfig environment.
        canary_bake_min: For so long AppConfig watches the alarms after a canary's deployment, and takes it back if one
            fires or has no data.
        monitor_arns: Alarms that take a deployment back; at most 5. A composite alarm counts as one, so that more than
            5 can stand behind it (https://github.com/aws/aws-cdk/pull/29171 is AWS's own use of one).
        tags: Of everything that has tags.

    Raises:
        ComponentArgumentError: AppConfig would refuse it.
    """

    application: str
    environment: str
    canary_bake_min: int
    monitor_arns: Sequence[pulumi.Input[str]] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named("FeatureFlagArgs.application", self.application, longest=_LONGEST_NAME - len(_ROLE_SUFFIX))
        where = f"FeatureFlag {self.application}"
        named(f"{where}.environment", self.environment, longest=_LONGEST_NAME)
        within(
            f"{where}.canary_bake_min",
            self.canary_bake_min,
            least=0,
            most=_DAY_MIN,
            advice="A longer wait is the next step's, not one deployment's.",
        )
        at_most(
            f"{where}.monitor_arns",
            self.monitor_arns,
            most=_MOST_MONITORS,
            advice="Put a composite alarm over them and give its ARN.",
        )


class FeatureFlag(pulumi.ComponentResource):
    """An application, an environment with its monitors, a hosted flag profile, and two deployment strategies.

    Versions and deployments are made by who switches the flag, never here: a program that declared them would set the
    flag back at its next run.

    Attributes:
        application_id: Of the application.
        environment_id: Of the environment.
        profile_id: Of the configuration profile, whose name is `flag`.
        at_once_id: Of the strategy `<application>-at-once`, which bakes for no time and so never blocks the next one.
        canary_id: Of the strategy `<application>-canary`, which bakes under the environment's monitors.
        application: The application's name.
        environment: The environment's name.
        at_once: The name of the strategy without bake.
        canary: The name of the strategy with bake.
    """

    def __init__(self, args: FeatureFlagArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("keyspaces-migration:index:FeatureFlag", args.application, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        application = aws.appconfig.Application(
            args.application, name=args.application, tags=dict(args.tags), opts=self._child
        )
        environment = self._environment(application.id)
        profile = aws.appconfig.ConfigurationProfile(
            args.application,
            name=PROFILE,
            application_id=application.id,
            location_uri="hosted",
            type="AWS.AppConfig.FeatureFlags",
            tags=dict(args.tags),
            opts=self._child,
        )
        at_once = self._strategy("at-once", bake_min=0)
        canary = self._strategy("canary", bake_min=args.canary_bake_min)
        self.application, self.environment = args.application, args.environment
        self.at_once, self.canary = f"{args.application}-at-once", f"{args.application}-canary"
        self.application_id: pulumi.Output[str] = application.id
        self.environment_id: pulumi.Output[str] = environment.environment_id
        self.profile_id: pulumi.Output[str] = profile.configuration_profile_id
        self.at_once_id: pulumi.Output[str] = at_once.id
        self.canary_id: pulumi.Output[str] = canary.id
        self.register_outputs(
            {
                "application": self.application,
                "application_id": self.application_id,
                "environment": self.environment,
                "environment_id": self.environment_id,
                "profile_id": self.profile_id,
                "at_once": self.at_once,
                "at_once_id": self.at_once_id,
                "canary": self.canary,
                "canary_id": self.canary_id,
            }
        )

    def arn(self, place: Place) -> pulumi.Output[str]:
        """ARN of what a reader of the flag asks AppConfig for, by the ids of application, environment and profile."""
        return pulumi.Output.concat(
            place.arn("appconfig", "application/"), self.application_id,
            "/environment/", self.environment_id,
            "/configuration/", self.profile_id,
        )  # fmt: skip

    def _environment(self, application_id: pulumi.Output[str]) -> aws.appconfig.Environment:
        args = self._args
        role_arn, wait_for = self._monitors_role() if args.monitor_arns else (None, [])
        return aws.appconfig.Environment(
            args.application,
            name=args.environment,
            application_id=application_id,
            monitors=[
                aws.appconfig.EnvironmentMonitorArgs(alarm_arn=arn, alarm_role_arn=role_arn)
                for arn in args.monitor_arns
            ],
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, depends_on=wait_for),
        )

    def _monitors_role(self) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
        name = f"{self._args.application}{_ROLE_SUFFIX}"
        role = aws.iam.Role(
            name,
            name=name,
            assume_role_policy=trust("appconfig.amazonaws.com"),
            tags=dict(self._args.tags),
            opts=self._child,
        )
        # `*`: with anything narrower DescribeAlarms returns no composite alarm (CloudWatch API reference).
        alarms = Statement(sid="Alarms", actions=["cloudwatch:DescribeAlarms"], resources=["*"])
        rights = aws.iam.RolePolicy(name, name=name, role=role.name, policy=policy([alarms]), opts=self._child)
        return role.arn, [rights]

    def _strategy(self, kind: str, *, bake_min: int) -> aws.appconfig.DeploymentStrategy:
        name = f"{self._args.application}-{kind}"
        return aws.appconfig.DeploymentStrategy(
            name,
            name=name,
            deployment_duration_in_minutes=0,
            growth_factor=100,
            final_bake_time_in_minutes=bake_min,
            replicate_to="NONE",
            tags=dict(self._args.tags),
            opts=self._child,
        )
