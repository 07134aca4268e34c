"""What a valid file should make its author look at: limits that an account may have had raised, or tools of others."""

from collections.abc import Iterator
from dataclasses import dataclass

from keyspaces_migration.config.migration import Migration
from keyspaces_migration.config.problems import path_text
from keyspaces_migration.config.table_rules import MAX_COLUMNS_WITH_TTL
from keyspaces_migration.config.tables import Table
from keyspaces_migration.config.throughput import ThroughputMode

# Quotas page of the Keyspaces Developer Guide. Service Quotas raises both, and a file can't know whether it did: so
# going above them is worth a notice and no refusal.
DEFAULT_TABLE_UNITS = 40_000
DEFAULT_ACCOUNT_UNITS = 80_000


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to look at before going on, at a path of the file."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def notices(migration: Migration) -> tuple[Notice, ...]:
    """Return what the author of a valid file should look at, in the order of its tables."""
    if not migration.tables:
        return (Notice("tables", "none yet: `assess` alone can run, and its report drafts this section"),)
    tables = [notice for name, table in migration.tables.items() for notice in _of_table(name, table)]
    return (*tables, *_of_account(migration))


def _of_table(name: str, table: Table) -> Iterator[Notice]:
    for unit, value in (("rcu", table.throughput.rcu), ("wcu", table.throughput.wcu)):
        if value is not None and value > DEFAULT_TABLE_UNITS:
            text = f"{value} is above the default quota of {DEFAULT_TABLE_UNITS} units a table: have it raised first"
            yield Notice(path_text(("tables", name, "throughput", unit)), text)
    for index, column in enumerate(table.schema_.columns):
        if not column.fits_pulumi_aws:
            text = (
                f"{column.type} is a type of Amazon Keyspaces, yet pulumi_aws's own check refuses more than one level "
                "of angle brackets (terraform-provider-aws #35787)"
            )
            yield Notice(path_text(("tables", name, "schema", "columns", index)), text)
    key = set(table.schema_.primary_key)
    count = sum(column.name not in key for column in table.schema_.columns)
    if count > MAX_COLUMNS_WITH_TTL:
        text = f"{count} columns outside the key: a row with a time to live can have {MAX_COLUMNS_WITH_TTL} at most"
        yield Notice(path_text(("tables", name, "schema", "columns")), text)


def _of_account(migration: Migration) -> Iterator[Notice]:
    provisioned = [
        table.throughput for table in migration.tables.values() if table.throughput.mode is ThroughputMode.PROVISIONED
    ]
    sums = {"rcu": sum(each.rcu or 0 for each in provisioned), "wcu": sum(each.wcu or 0 for each in provisioned)}
    for unit, total in sums.items():
        if total > DEFAULT_ACCOUNT_UNITS:
            text = f"{total} {unit} in all are above the default quota of {DEFAULT_ACCOUNT_UNITS} units an account"
            yield Notice("tables", text)
