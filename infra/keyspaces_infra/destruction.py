"""What a stack holds, as what a destruction would delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keyspaces_infra.changes import Change, Op, name_of, readable_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PULUMIS_OWN = "pulumi:"
_PROFILE = "aws:appconfig/configurationProfile:ConfigurationProfile"


def destroyed_by(deployment: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every resource of AWS in a stack's deployment as a deletion, in the order of URNs."""
    resources = sorted(deployment.get("resources") or (), key=lambda resource: str(resource["urn"]))
    return tuple(
        Change(
            op=Op.DELETE,
            urn=resource["urn"],
            type=resource["type"],
            name=name_of(resource["urn"]),
            before=readable_inputs(resource.get("inputs")),
            after=None,
            replace_keys=(),
            was_protected=bool(resource.get("protect")),
        )
        for resource in resources
        if resource.get("custom") and not resource["type"].startswith(_PULUMIS_OWN)
    )


def unprotected(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """The deployment with nothing protected, so that the engine destroys all of it or nothing for that reason.

    With only some resources protected it would delete the others first and fail then.
    """
    resources = [{**resource, "protect": False} for resource in deployment.get("resources") or ()]
    return {**deployment, "resources": resources}


def delete_flag_versions(
    deployment: Mapping[str, Any], *, client: Callable[[str], Any], on_line: Callable[[str], object]
) -> None:
    """Delete the hosted versions of the stack's configuration profiles.

    They are made by who switches the flag, so the engine does not know them, and AWS deletes no profile that has some
    (DeleteConfigurationProfile in the AppConfig API reference; terraform-provider-aws #31585). Errors are boto3's.
    """
    for resource in deployment.get("resources") or ():
        if resource["type"] != _PROFILE or not resource.get("id"):
            continue
        profile, _, application = str(resource["id"]).partition(":")
        scope = {"ApplicationId": application, "ConfigurationProfileId": profile}
        appconfig = client("appconfig")
        pages = appconfig.get_paginator("list_hosted_configuration_versions").paginate(**scope)
        for number in [each["VersionNumber"] for page in pages for each in page["Items"]]:
            on_line(f"deleting version {number} of the flag")
            appconfig.delete_hosted_configuration_version(**scope, VersionNumber=number)
