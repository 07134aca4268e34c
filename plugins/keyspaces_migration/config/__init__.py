"""The migration file: what one migration is, read and checked once, at the edge."""

from keyspaces_migration.config.access import Access, Right
from keyspaces_migration.config.infrastructure import Alarms, Architecture, ComparisonLambda
from keyspaces_migration.config.load import LoadedMigration, MigrationFolder, load_migration, read_folder
from keyspaces_migration.config.migration import Migration
from keyspaces_migration.config.notices import Notice, notices
from keyspaces_migration.config.notifications import Channel, EventKind, Notifications, Severity
from keyspaces_migration.config.problems import MigrationFileError, Problem
from keyspaces_migration.config.sections import CheckEngine, Engine, Target
from keyspaces_migration.config.tables import LoadOrder, SortOrder, Table, TableType
from keyspaces_migration.config.throughput import AutoScaling, Throughput, ThroughputMode

__all__ = [
    "Access",
    "Alarms",
    "Architecture",
    "AutoScaling",
    "Channel",
    "CheckEngine",
    "ComparisonLambda",
    "Engine",
    "EventKind",
    "LoadOrder",
    "LoadedMigration",
    "Migration",
    "MigrationFileError",
    "MigrationFolder",
    "Notice",
    "Notifications",
    "Problem",
    "Right",
    "Severity",
    "SortOrder",
    "Table",
    "TableType",
    "Target",
    "Throughput",
    "ThroughputMode",
    "load_migration",
    "notices",
    "read_folder",
]
