"""A call's numbers as a line of CloudWatch's embedded metric format: the log that it goes to makes metrics of it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from datetime import datetime

from keyspaces_migration.config import Migration
from keyspaces_migration.consistency.metrics import DIMENSIONS, NAMESPACE, numbers_of_part, numbers_of_table, unit_of
from keyspaces_migration.consistency.part import TablePart, merged
from keyspaces_migration.consistency.plan import CheckPlan


def metric_line(migration: Migration, part: TablePart, *, plan: CheckPlan, at: datetime) -> str:
    """The line for one call: of a whole table, its verdict and bound too; of a part, what can be added up."""
    whole = part.share.parts == 1
    numbers = numbers_of_table(merged([part], plan=plan)) if whole else numbers_of_part(part)
    directive = {
        "Namespace": migration.consistency.cloudwatch_namespace or NAMESPACE,
        "Dimensions": [list(DIMENSIONS)],
        "Metrics": [{"Name": name, "Unit": unit_of(name)} for name in numbers],
    }
    metadata = {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": metadata, "migration": migration.name, "table": part.table, **numbers})
