"""A table's throughput: what it pays for, and what it is warmed for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keyspaces_migration.keyspaces_api.errors import AwsRequestRefusedError


class ThroughputMode(StrEnum):
    """How a table is paid for."""

    PAY_PER_REQUEST = "PAY_PER_REQUEST"
    PROVISIONED = "PROVISIONED"


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """A table's capacity.

    Attributes:
        mode: On demand, or provisioned.
        read_units: Of PROVISIONED: reads of 4 KB a second.
        write_units: Of PROVISIONED: writes of 1 KB a second.

    Raises:
        AwsRequestRefusedError: Units without PROVISIONED, or PROVISIONED without them.
    """

    mode: ThroughputMode
    read_units: int | None = None
    write_units: int | None = None

    def __post_init__(self) -> None:
        units, provisioned = (self.read_units, self.write_units), self.mode is ThroughputMode.PROVISIONED
        if any((unit is not None) != provisioned for unit in units) or any(
            unit is not None and unit < 1 for unit in units
        ):
            wanted = "both, above 0" if provisioned else "none"
            raise AwsRequestRefusedError(f"{self.mode} with {units} read and write units. Allowed: {wanted}.")

    def to_request(self) -> dict[str, Any]:
        """The API's capacitySpecification."""
        units = {"readCapacityUnits": self.read_units, "writeCapacityUnits": self.write_units}
        return {"throughputMode": self.mode.value, **{name: unit for name, unit in units.items() if unit is not None}}

    def pending(self, live: Mapping[str, Any]) -> dict[str, Any]:
        """What UpdateTable is still to be asked for, given GetTable's answer; empty where the table is as wanted."""
        wanted, found = self.to_request(), live["capacitySpecification"]
        same = all(found.get(name) == value for name, value in wanted.items())
        return {} if same else {"capacitySpecification": wanted}


@dataclass(frozen=True, kw_only=True)
class WarmThroughput:
    """How much a table serves at once, without growing into it first. Raising it is charged.

    Attributes:
        read_units_per_s: None leaves it as it is.
        write_units_per_s: None leaves it as it is.

    Raises:
        AwsRequestRefusedError: Neither, or one below 1.
    """

    read_units_per_s: int | None = None
    write_units_per_s: int | None = None

    def __post_init__(self) -> None:
        units = list(self.to_request().values())
        if not units or min(units) < 1:
            raise AwsRequestRefusedError(f"warm throughput {units}. Allowed: reads, writes or both, above 0.")

    def to_request(self) -> dict[str, int]:
        """The API's warmThroughputSpecification."""
        units = {"readUnitsPerSecond": self.read_units_per_s, "writeUnitsPerSecond": self.write_units_per_s}
        return {name: unit for name, unit in units.items() if unit is not None}

    def pending(self, live: Mapping[str, Any]) -> dict[str, Any]:
        """What UpdateTable is still to be asked for. What is warmer already, or not asked for, stays as it is."""
        found, asked = live.get("warmThroughputSpecification", {}), self.to_request()
        if all(found.get(name, 0) >= unit for name, unit in asked.items()):
            return {}
        kept = {name: found[name] for name in ("readUnitsPerSecond", "writeUnitsPerSecond") if name in found}
        warmest = {name: max(unit, kept.get(name, 0)) for name, unit in (kept | asked).items()}
        return {"warmThroughputSpecification": warmest}
