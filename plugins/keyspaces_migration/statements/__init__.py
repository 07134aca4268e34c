"""Statements of applications, read from files and logs: which can't be dual-written, which Keyspaces refuses."""

from keyspaces_migration.statements.errors import SchemaFileError, UnknownFormatError
from keyspaces_migration.statements.judge import judge_statements
from keyspaces_migration.statements.page import statements_section
from keyspaces_migration.statements.records import Format
from keyspaces_migration.statements.report import Shape, StatementReport
from keyspaces_migration.statements.schema_file import read_schema_file

__all__ = [
    "Format",
    "SchemaFileError",
    "Shape",
    "StatementReport",
    "UnknownFormatError",
    "judge_statements",
    "read_schema_file",
    "statements_section",
]
