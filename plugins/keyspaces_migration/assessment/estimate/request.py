"""What an estimate is asked for, and what it may take for granted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from keyspaces_migration.assessment.errors import LoadParameterError
from keyspaces_migration.assessment.estimate.sample import SampleSize
from keyspaces_migration.capacity.load_cost import LoadBudget
from keyspaces_migration.capacity.prices import US_EAST_1, Prices
from keyspaces_migration.config.tables import Table

UTILISATION = 0.7
"""The share of provisioned capacity that the load uses: auto scaling's usual target, and that of AWS's calculator."""


class GivenLoad(BaseModel):
    """A table's load as a person gives it; it goes before what is measured."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    writes_per_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    reads_per_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    rows_per_read: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0


@dataclass(frozen=True, kw_only=True)
class EstimateRequest:
    """What to estimate with.

    Attributes:
        size: Of each table's sample.
        seed: Of the sample's places.
        budget: What the load may use.
        region: The target's, to say so where the prices are another's.
        tables: Those of the migration file, for their throughput; others count as new and on demand.
        loads: By table, in place of what is measured.
        utilisation: The share of provisioned capacity that the mean load uses, above 0 up to 1.
    """

    size: SampleSize
    seed: int
    budget: LoadBudget
    region: str
    tables: Mapping[str, Table] = field(default_factory=dict)
    loads: Mapping[str, GivenLoad] = field(default_factory=dict)
    prices: Prices = US_EAST_1
    utilisation: float = UTILISATION


def given_loads(value: Any) -> dict[str, GivenLoad]:  # noqa: ANN401 # JSON, as a person gave it
    """Read the parameter `load`: `{"table": {"writes_per_s": 120, "reads_per_s": 900, "rows_per_read": 1}}`.

    Raises:
        LoadParameterError: It is of another form.
    """
    try:
        return TypeAdapter(dict[str, GivenLoad]).validate_python(value)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'load'}: {each['msg']}" for each in error.errors())
        raise LoadParameterError(
            f'the parameter load is of another form: {problems}. Allowed: {{"table": {{"writes_per_s": 120, '
            '"reads_per_s": 900, "rows_per_read": 1}}, the last one may be left out'
        ) from error
