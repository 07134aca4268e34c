"""A feature flag: everything but its versions and deployments."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from keyspaces_infra.components.errors import ComponentArgumentError
from keyspaces_infra.components.flag import FeatureFlag, FeatureFlagArgs
from tests.unit.keyspaces_infra.pulumi_recorder import Recorder, declared

ENVIRONMENT = "aws:appconfig/environment:Environment"
STRATEGY = "aws:appconfig/deploymentStrategy:DeploymentStrategy"


def args(**changes: Any) -> FeatureFlagArgs:
    given: dict[str, Any] = {"application": "flights", "environment": "production", "canary_bake_min": 30}
    return FeatureFlagArgs(**given | changes)


def asked_for(**changes: Any) -> Recorder:
    given = args(**changes)
    return declared(lambda: FeatureFlag(given))


def test_a_flag_is_hosted_in_its_application_under_a_fixed_name() -> None:
    recorder = asked_for()
    assert recorder.inputs("aws:appconfig/application:Application", "flights")["name"] == "flights"
    assert recorder.inputs("aws:appconfig/configurationProfile:ConfigurationProfile", "flights") == {
        "name": "flag",
        "applicationId": "flights-id",
        "locationUri": "hosted",
        "type": "AWS.AppConfig.FeatureFlags",
        "tags": {},
    }


def test_alarms_take_a_deployment_back_by_a_role_that_can_only_look_at_alarms() -> None:
    recorder = asked_for(monitor_arns=["arn:alarm:1", "arn:alarm:2"])
    environment = recorder.asked[(ENVIRONMENT, "flights")]
    role = "arn:iam/role:flights-flag-monitors"
    assert environment.inputs == {
        "name": "production",
        "applicationId": "flights-id",
        "monitors": [
            {"alarmArn": "arn:alarm:1", "alarmRoleArn": role},
            {"alarmArn": "arn:alarm:2", "alarmRoleArn": role},
        ],
        "tags": {},
    }
    assert any(urn.endswith("rolePolicy:RolePolicy::flights-flag-monitors") for urn in environment.dependencies)
    rights = recorder.inputs("aws:iam/rolePolicy:RolePolicy", "flights-flag-monitors")
    assert json.loads(rights["policy"])["Statement"] == [
        {"Sid": "Alarms", "Effect": "Allow", "Action": ["cloudwatch:DescribeAlarms"], "Resource": ["*"]}
    ]
    trust = json.loads(recorder.inputs("aws:iam/role:Role", "flights-flag-monitors")["assumeRolePolicy"])
    assert trust["Statement"] == [
        {
            "Sid": "Assume",
            "Effect": "Allow",
            "Action": ["sts:AssumeRole"],
            "Principal": {"Service": "appconfig.amazonaws.com"},
        }
    ]


def test_without_monitors_there_is_no_role() -> None:
    recorder = asked_for()
    assert recorder.inputs(ENVIRONMENT, "flights")["monitors"] == []
    assert not recorder.of_type("aws:iam/role:Role")


def test_two_strategies_reach_all_at_once_and_one_of_them_bakes() -> None:
    strategies = {asked.name: asked.inputs for asked in asked_for().of_type(STRATEGY)}
    common = {"deploymentDurationInMinutes": 0, "growthFactor": 100, "replicateTo": "NONE", "tags": {}}
    assert strategies == {
        "flights-at-once": {"name": "flights-at-once", "finalBakeTimeInMinutes": 0, **common},
        "flights-canary": {"name": "flights-canary", "finalBakeTimeInMinutes": 30, **common},
    }


def test_no_version_and_no_deployment_is_ever_declared() -> None:
    kinds = {typ for typ, _ in asked_for(monitor_arns=["arn:alarm"]).asked}
    assert kinds == {
        "aws:appconfig/application:Application",
        "aws:appconfig/configurationProfile:ConfigurationProfile",
        STRATEGY,
        ENVIRONMENT,
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "keyspaces-migration:index:FeatureFlag",
    }


def test_everything_stands_under_the_flag_and_its_outputs_can_be_used() -> None:
    def program() -> None:
        provider = aws.Provider("elsewhere", region="eu-west-1")
        flag = FeatureFlag(args(monitor_arns=["arn:alarm"]), opts=pulumi.ResourceOptions(provider=provider))
        known = pulumi.Output.all(
            flag.application_id, flag.environment_id, flag.profile_id, flag.at_once_id, flag.canary_id
        )
        aws.sns.Topic("sees", name=known.apply(",".join))
        assert (flag.application, flag.environment) == ("flights", "production")
        assert (flag.at_once, flag.canary) == ("flights-at-once", "flights-canary")

    recorder = declared(program)
    made = [each for each in recorder.asked.values() if each.typ.startswith("aws:") and each.name != "sees"]
    assert len(made) == 7
    assert all("keyspaces-migration:index:FeatureFlag" in each.parent for each in made)
    assert all("aws::elsewhere" in each.provider for each in made)
    assert recorder.inputs("aws:sns/topic:Topic", "sees")["name"] == (
        "flights-id,flights-environment,flights-profile,flights-at-once-id,flights-canary-id"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"application": "a" * 51}, r"FeatureFlagArgs\.application: found 'a+', allowed is 1 to 50"),
        ({"environment": "e" * 65}, r"FeatureFlag flights\.environment"),
        ({"canary_bake_min": 1441}, r"canary_bake_min: found 1441, allowed is 0 to 1440"),
        ({"canary_bake_min": -1}, r"canary_bake_min: found -1"),
        ({"monitor_arns": ["arn:alarm"] * 6}, r"monitor_arns: found 6, allowed is at most 5.*composite alarm"),
    ],
)
def test_what_appconfig_would_refuse_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentArgumentError, match=message):
        args(**changes)


def test_limits_themselves_are_allowed() -> None:
    assert args(application="a" * 50, canary_bake_min=1440, monitor_arns=["arn:alarm"] * 5)
    assert args(canary_bake_min=0)
