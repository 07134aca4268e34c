"""The capacity of a table on Amazon Keyspaces."""

from enum import StrEnum
from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from keyspaces_migration.config.model import FileModel
from keyspaces_migration.config.problems import RuleError, Violation


class ThroughputMode(StrEnum):
    """How the capacity of a table is paid for."""

    PAY_PER_REQUEST = "PAY_PER_REQUEST"
    PROVISIONED = "PROVISIONED"


class UnitsRange(FileModel):
    """Between which capacities a table is scaled."""

    min: int = Field(ge=1)
    """Capacity units a second that are never gone below."""
    max: int = Field(ge=1)
    """Capacity units a second that are never gone above: they bound what the table can cost."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise RuleError([Violation(("max",), str(self.max), f"at least min, which is {self.min}")])
        return self


class AutoScaling(FileModel):
    """Application Auto Scaling of a table with PROVISIONED capacity; `rcu` and `wcu` are then what it begins with."""

    rcu: UnitsRange
    """Read capacity units."""
    wcu: UnitsRange
    """Write capacity units."""
    # TargetValue of Application Auto Scaling for Cassandra*CapacityUtilization: 20 to 90 (Keyspaces Developer Guide,
    # managing throughput capacity automatically).
    target_utilization_percent: int = Field(default=70, ge=20, le=90)
    """How much of the capacity is to be used, in per cent: the lower, the more room for what comes suddenly."""


def _units_exactly_when_provisioned(schema: dict[str, Any]) -> None:
    no_units = {"properties": {name: {"type": "null"} for name in ("rcu", "wcu", "auto_scaling")}}
    units = {"properties": {"rcu": {"type": "integer"}, "wcu": {"type": "integer"}}, "required": ["rcu", "wcu"]}
    schema["if"] = {"properties": {"mode": {"const": ThroughputMode.PROVISIONED.value}}, "required": ["mode"]}
    schema |= {"then": units, "else": no_units}


class Throughput(FileModel):
    """The capacity of a table on Amazon Keyspaces."""

    model_config = ConfigDict(json_schema_extra=_units_exactly_when_provisioned)

    mode: ThroughputMode
    """PAY_PER_REQUEST (on demand) or PROVISIONED."""
    rcu: int | None = Field(default=None, ge=1)
    """Read capacity units a second; only with PROVISIONED, and required there."""
    wcu: int | None = Field(default=None, ge=1)
    """Write capacity units a second; only with PROVISIONED, and required there."""
    auto_scaling: AutoScaling | None = None
    """Between which capacities the table is scaled; only with PROVISIONED."""

    @model_validator(mode="after")
    def _capacity_exactly_when_provisioned(self) -> Self:
        violations = []
        provisioned = self.mode is ThroughputMode.PROVISIONED
        for name, units in (("rcu", self.rcu), ("wcu", self.wcu)):
            if provisioned and units is None:
                violations.append(Violation((name,), "nothing", "with mode PROVISIONED, units a second from 1 on"))
            if not provisioned and units is not None:
                hint = "leave it out, or say mode: PROVISIONED"
                violations.append(Violation((name,), str(units), "with mode PAY_PER_REQUEST, no units", hint))
        violations += self._scaling_violations()
        if violations:
            raise RuleError(violations)
        return self

    def _scaling_violations(self) -> list[Violation]:
        if self.auto_scaling is None:
            return []
        if self.mode is not ThroughputMode.PROVISIONED:
            allowed = "with mode PAY_PER_REQUEST, none: an on-demand table scales by itself"
            return [Violation(("auto_scaling",), "auto_scaling", allowed, "leave it out, or say mode: PROVISIONED")]
        ranges = (("rcu", self.rcu, self.auto_scaling.rcu), ("wcu", self.wcu, self.auto_scaling.wcu))
        return [
            Violation((name,), str(units), f"what auto_scaling.{name} allows: {between.min} to {between.max}")
            for name, units, between in ranges
            if units is not None and not between.min <= units <= between.max
        ]
