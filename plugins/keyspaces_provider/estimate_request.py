"""What the person who triggers `assess` chose for its estimate, as templates give it: text, or JSON in text."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from keyspaces_migration.errors import MigrationError
from keyspaces_provider.object_files import object_path, store_connection

if TYPE_CHECKING:
    from keyspaces_migration.assessment import EstimateRequest
    from keyspaces_migration.capacity.prices import Prices
    from keyspaces_migration.config import Migration


class EstimateParameterError(MigrationError):
    """A parameter of the estimate is none of those allowed; the message names it. Trigger the DAG again."""


@dataclass(frozen=True, kw_only=True)
class EstimateParameters:
    """The parameters, unchecked.

    Attributes:
        sample_rows: Rows to read of each table, about; 0 leaves the estimate out.
        load: By table, as `keyspaces_migration.assessment.given_loads`.
        prices: Address of a YAML file; empty for those that the package has.
        utilisation: As `EstimateRequest.utilisation`.
        hours_to_barrier: As `LoadBudget.hours_to_barrier`.
    """

    sample_rows: Any
    load: Any
    prices: str
    utilisation: Any
    hours_to_barrier: Any

    def request(self, migration: "Migration", *, run_id: str, conn_id: str) -> "EstimateRequest | None":
        """Return what to estimate, or None where no rows are to be read.

        Args:
            migration: Its budget, tables and Region are taken.
            run_id: Draws the places of the sample: another run draws others.
            conn_id: The AWS connection that reads prices from object storage.

        Raises:
            EstimateParameterError: A number is none, or out of its range.
            LoadParameterError: The load is of another form.
            MigrationFileError: The file of prices can't be read or breaks a rule.
        """
        from keyspaces_migration.assessment import EstimateRequest, SampleSize, given_loads
        from keyspaces_migration.assessment.estimate.sample import seed_of
        from keyspaces_migration.capacity.load_cost import LoadBudget
        from keyspaces_migration.capacity.prices import US_EAST_1

        rows = _number("sample_rows", self.sample_rows, least=0, most=1_000_000)
        if not rows:
            return None
        hours = _number("hours_to_barrier", self.hours_to_barrier, least=0, most=10_000)
        units_per_s = migration.backfill.budget.max_write_units_per_s
        return EstimateRequest(
            size=SampleSize(rows=int(rows)),
            seed=seed_of(run_id),
            budget=LoadBudget(write_units_per_s=units_per_s, hours_to_barrier=hours),
            region=migration.target.region,
            tables=migration.tables,
            loads=given_loads(_json("load", self.load)),
            prices=_prices(self.prices, conn_id=conn_id) if self.prices else US_EAST_1,
            utilisation=_number("utilisation", self.utilisation, least=0.05, most=1),
        )


def _number(name: str, value: Any, *, least: float, most: float) -> float:  # noqa: ANN401 # checked here
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise EstimateParameterError(f"the parameter {name} is {value!r}. Allowed: a number from {least:g} to {most:g}")
    return number


def _json(name: str, value: Any) -> Any:  # noqa: ANN401 # checked by what takes it
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value or "{}")
    except ValueError as error:
        raise EstimateParameterError(f"the parameter {name} is no JSON: {error}. Found: {value[:200]!r}") from error


def _prices(address: str, *, conn_id: str) -> "Prices":
    from keyspaces_migration.capacity.prices_file import load_prices
    from keyspaces_migration.config.problems import MigrationFileError

    path = object_path(address, conn_id=store_connection(address, conn_id))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EstimateParameterError(
            f"the parameter prices names {address}, which can't be read: {error}. Allowed: the address of a YAML file, "
            "such as s3://bucket/prices.yaml"
        ) from error
    with TemporaryDirectory() as folder:
        local = Path(folder) / "prices.yaml"
        local.write_bytes(content)
        try:
            return load_prices(local)
        except MigrationFileError as error:
            # Named as the person named it.
            raise MigrationFileError(path=Path(address), problems=error.problems) from None
