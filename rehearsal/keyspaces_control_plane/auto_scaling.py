"""What Keyspaces demands of a table's autoScalingSpecification. It is kept and shown; nothing scales here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.keyspaces_control_plane.errors import ServiceQuotaExceededError, ValidationError
from rehearsal.keyspaces_control_plane.rules import MAX_UNITS_OF_A_TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

# Service model of keyspaces, targetValue: "a double between 20 and 90".
LEAST_TARGET_PERCENT = 20
MOST_TARGET_PERCENT = 90


def is_provisioned(capacity: Mapping[str, Any] | None) -> bool:
    """Whether a table of this capacitySpecification has provisioned units; without one it is on demand."""
    return capacity is not None and capacity["throughputMode"] == "PROVISIONED"


def merged(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Settings after an update, which may give limits and policy independently (API reference, UpdateTable)."""
    return {**now, **{member: _updated(now.get(member, {}), settings) for member, settings in wanted.items()}}


def _updated(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    if wanted.get("autoScalingDisabled", False):
        return {"autoScalingDisabled": True}
    return {**now, "autoScalingDisabled": False, **wanted}


def check(scaling: Mapping[str, Any], capacity: Mapping[str, Any] | None) -> None:
    """Refuse settings of a table that is not PROVISIONED, settings that miss something, and limits that are no range.

    Raises:
        ServiceQuotaExceededError: A table may not have so many units.
        ValidationError: Anything else.
    """
    if not is_provisioned(capacity):
        raise ValidationError("autoScalingSpecification goes with throughputMode PROVISIONED only")
    if not scaling:
        raise ValidationError(
            "autoScalingSpecification has neither writeCapacityAutoScaling nor readCapacityAutoScaling"
        )
    for member, settings in scaling.items():
        if not settings.get("autoScalingDisabled", False):
            _check_enabled(member, settings)


def check_target(where: str, target: float) -> None:
    """Refuse a target that is no utilization that Keyspaces scales for.

    Raises:
        ValidationError: It is none.
    """
    if not LEAST_TARGET_PERCENT <= target <= MOST_TARGET_PERCENT:
        raise ValidationError(f"{where} is {target}; it takes {LEAST_TARGET_PERCENT} to {MOST_TARGET_PERCENT} percent")


def check_range(where: str, least: int, most: int) -> None:
    """Refuse limits of a table's units that are no range.

    Raises:
        ServiceQuotaExceededError: A table may not have so many units.
        ValidationError: The least is below 1, or above the most.
    """
    if least < 1 or least > most:
        raise ValidationError(
            f"{where}: from {least} to {most} units; the least must be 1 or more, and not above the most"
        )
    if most > MAX_UNITS_OF_A_TABLE:
        raise ServiceQuotaExceededError(
            f"{where}: {most} units; a table has at most {MAX_UNITS_OF_A_TABLE} of each kind"
        )


def _check_enabled(member: str, settings: Mapping[str, Any]) -> None:
    if missing := [name for name in ("minimumUnits", "maximumUnits", "scalingPolicy") if settings.get(name) is None]:
        raise ValidationError(f"{member} needs {', '.join(missing)}, or autoScalingDisabled")
    check_range(member, settings["minimumUnits"], settings["maximumUnits"])
    policy = settings["scalingPolicy"].get("targetTrackingScalingPolicyConfiguration")
    if policy is None:
        raise ValidationError(f"{member}.scalingPolicy needs targetTrackingScalingPolicyConfiguration")
    check_target(f"{member}'s targetValue", policy["targetValue"])
