"""What a stack holds, as what a destruction would delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keyspaces_infra.changes import Change, Op, name_of, readable_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

_PULUMIS_OWN = "pulumi:"


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
