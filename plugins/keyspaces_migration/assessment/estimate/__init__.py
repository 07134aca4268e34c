"""What a migration needs and costs, from looks at source and history: sizes, load, capacity, money, hours."""

from keyspaces_migration.assessment.estimate.estimate import Estimate, estimate
from keyspaces_migration.assessment.estimate.request import EstimateRequest, GivenLoad, given_loads
from keyspaces_migration.assessment.estimate.sample import SampleSize
from keyspaces_migration.assessment.estimate.table import TableEstimate

__all__ = ["Estimate", "EstimateRequest", "GivenLoad", "SampleSize", "TableEstimate", "estimate", "given_loads"]
