"""What stands between a Cassandra keyspace and Amazon Keyspaces: `assess`, and the report in both its forms.

assessment = assess(session, keyspace="flights", history=None, now=now)
page, twin = markdown(assessment), as_json(assessment)

With a `request` it also samples rows and estimates sizes, load, capacity, money and hours; `plots.plots` and
`html.html` then make a page of it that can be sent.
"""

from keyspaces_migration.assessment.assessment import Assessment, StatementLines, Verdict, assess, assess_with
from keyspaces_migration.assessment.errors import (
    AssessmentError,
    LoadParameterError,
    SchemaUnreadableError,
    SourceKeyspaceNotFoundError,
    SystemKeyspaceError,
)
from keyspaces_migration.assessment.estimate import Estimate, EstimateRequest, GivenLoad, SampleSize, given_loads
from keyspaces_migration.assessment.history import HistoryReader, HistorySource
from keyspaces_migration.assessment.report import markdown
from keyspaces_migration.assessment.rules import RULES, Severity
from keyspaces_migration.assessment.twin import as_json, twin

__all__ = [
    "RULES",
    "Assessment",
    "AssessmentError",
    "Estimate",
    "EstimateRequest",
    "GivenLoad",
    "HistoryReader",
    "HistorySource",
    "LoadParameterError",
    "SampleSize",
    "SchemaUnreadableError",
    "Severity",
    "SourceKeyspaceNotFoundError",
    "StatementLines",
    "SystemKeyspaceError",
    "Verdict",
    "as_json",
    "assess",
    "assess_with",
    "given_loads",
    "markdown",
    "twin",
]
