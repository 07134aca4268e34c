"""Where each AWS service is for one provider instance: the `endpoints` of the program's aws.Provider."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from keyspaces_migration.config.addresses import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

# ProviderEndpointArgs of pulumi_aws 7.51.1 names most services as boto3 does; these it names otherwise, or twice.
_BOTO3_NAMES = {
    "appautoscaling": "application-autoscaling",
    "applicationautoscaling": "application-autoscaling",
    "cloudcontrolapi": "cloudcontrol",
    "cloudwatchlog": "logs",
    "cloudwatchlogs": "logs",
    "s3api": "s3",
}


class ConfigurationError(Exception):
    """The provider's configuration can't be used here."""


def decoded(configuration: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON
    """One setting of the provider, None where it is not given.

    The protocol carries a provider's lists, maps and booleans as JSON in a string.
    """
    value = configuration.get(name)
    return json.loads(value) if isinstance(value, str) and value else value


def read_endpoints(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Address by boto3's name of the service.

    Raises:
        ConfigurationError: There is none, or one is not on loopback: a stand-in must never reach AWS.
    """
    given = {
        name: url for services in decoded(configuration, "endpoints") or () for name, url in services.items() if url
    }
    if not given:
        raise ConfigurationError("the aws.Provider has no endpoints: this attached provider serves loopback only")
    for name, url in given.items():
        if not is_loopback(url):
            raise ConfigurationError(f"endpoints.{name} is {url!r}: this attached provider serves loopback only")
    return {_BOTO3_NAMES.get(name, name): url for name, url in given.items()}
