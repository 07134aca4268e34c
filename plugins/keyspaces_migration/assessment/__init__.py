"""What stands between a Cassandra keyspace and Amazon Keyspaces: `assess`, and the report in both its forms.

assessment = assess(session, keyspace="flights", history=None, now=now)
page, twin = markdown(assessment), as_json(assessment)
"""

from keyspaces_migration.assessment.assessment import Assessment, Verdict, assess, assess_with
from keyspaces_migration.assessment.errors import (
    AssessmentError,
    SchemaUnreadableError,
    SourceKeyspaceNotFoundError,
    SystemKeyspaceError,
)
from keyspaces_migration.assessment.history import HistoryReader, HistorySource
from keyspaces_migration.assessment.report import markdown
from keyspaces_migration.assessment.rules import RULES, Severity
from keyspaces_migration.assessment.twin import as_json, twin

__all__ = [
    "RULES",
    "Assessment",
    "AssessmentError",
    "HistoryReader",
    "HistorySource",
    "SchemaUnreadableError",
    "Severity",
    "SourceKeyspaceNotFoundError",
    "SystemKeyspaceError",
    "Verdict",
    "as_json",
    "assess",
    "assess_with",
    "markdown",
    "twin",
]
