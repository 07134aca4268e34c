"""One immutable snapshot of a table's history, with one row for each primary key.

The snapshot is a table of its own (docs/adr/0012-backfill.md): one statement sees one state of the history,
chooses each key's newest version, and stores the bucket that splits are made of. IF NOT EXISTS makes a retry find it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from keyspaces_migration.backfill.history import History
from keyspaces_migration.backfill.names import address_of, column_of, snapshot_address
from keyspaces_migration.config.tables import Table

BUCKETS = 4096
"""Splits are ranges of buckets, so there are never more of them than this."""

# Capitals: no column of a migration file can have such a name.
BUCKET, DELETED, VERSION, EXPIRES_AT = "KM_BUCKET", "KM_DELETED", "KM_VERSION", "KM_EXPIRES_AT"
_TAKEN_AT = "KM_TAKEN_AT"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A table's snapshot.

    Attributes:
        address: Its address in the history, as quoted SQL.
        bucket_rows: Rows to load by bucket; buckets without rows are left out.
        rows: Their sum.
        deleted: Keys whose newest version is deleted.
        repeated_keys: Keys with more than one row: nothing says which is the newest.
        watermark: The greatest version, as text; None without a version column or rows.
        taken_at: A moment before it was taken.
    """

    table: str
    address: str
    bucket_rows: dict[int, int]
    deleted: int
    repeated_keys: int
    watermark: str | None
    taken_at: datetime

    @property
    def rows(self) -> int:
        """How many rows there are to load."""
        return sum(self.bucket_rows.values())


def take_snapshot(  # noqa: PLR0913 # what makes a snapshot, all by keyword
    history: History,
    *,
    migration: str,
    name: str,
    table: Table,
    run_id: str,
    now: datetime,
    since: str | None,
    deletes: bool,
) -> Snapshot:
    """Take a run's snapshot of a table, or read what is known of it where it was taken already.

    With `since`, the address of an earlier full snapshot, only keys that changed or were deleted after it are taken.
    With `deletes`, keys whose newest version is deleted are rows to load as well.

    Raises:
        HistoryUnusableError: The history refused or does not answer.
    """
    address = snapshot_address(table.history.table, migration=migration, table=name, run_id=run_id)
    moment = now.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    history.run(_create_statement(address, table, since=since), (moment,))
    return _read(history, name, table, address, now=now, counts_deleted=deletes)


def drop_snapshot(history: History, address: str) -> None:
    """Delete a snapshot that no run needs any more.

    Raises:
        HistoryUnusableError: The history refused or does not answer.
    """
    history.run(f"DROP TABLE IF EXISTS {address}")


def newest_of_partition(table: Table) -> str:
    """Return the clause that keeps of each partition of a snapshot the newest living row, or else the newest."""
    schema = table.schema_
    partition = ", ".join(f'"{name}"' for name in schema.partition_keys)
    clustering = ", ".join(f'"{key.name}"' for key in schema.clustering_keys)
    order = f'"{DELETED}", "{VERSION}" DESC NULLS LAST, {clustering}'
    return f"QUALIFY ROW_NUMBER() OVER (PARTITION BY {partition} ORDER BY {order}) = 1"


def _create_statement(address: str, table: Table, *, since: str | None) -> str:
    newest = _newest(table)
    if since is not None:
        newest = _changed(newest, table, since)
    # Sorted, so that a split reads few of Snowflake's micro-partitions.
    return f'CREATE TRANSIENT TABLE IF NOT EXISTS {address} AS {newest} ORDER BY "{BUCKET}"'


def _newest(table: Table) -> str:
    schema, history = table.schema_, table.history
    columns = [f'{column_of(table.history_column(c.name))} AS "{c.name}"' for c in schema.columns]
    partition = ", ".join(column_of(table.history_column(name)) for name in schema.partition_keys)
    key = ", ".join(column_of(table.history_column(name)) for name in schema.primary_key)
    version = column_of(history.version_column) if history.version_column else None
    deleted = f"COALESCE({column_of(history.deleted_column)}, FALSE)" if history.deleted_column else "FALSE"
    columns += [
        f'MOD(ABS(HASH({partition})), {BUCKETS}) AS "{BUCKET}"',
        f'{deleted} AS "{DELETED}"',
        f'{version or "NULL"} AS "{VERSION}"',
        f'{_expiry(table)} AS "{EXPIRES_AT}"',
        f'CAST(%s AS TIMESTAMP_NTZ) AS "{_TAKEN_AT}"',
    ]
    statement = f"SELECT {', '.join(columns)} FROM {address_of(history.table)}"  # noqa: S608 # names are quoted
    if version is None:
        return statement
    # RANK keeps versions that tie, which are refused, where ROW_NUMBER would choose one by chance.
    # NULLS LAST: Snowflake takes null for the greatest value.
    return f"{statement} QUALIFY RANK() OVER (PARTITION BY {key} ORDER BY {version} DESC NULLS LAST) = 1"


def _expiry(table: Table) -> str:
    history, ttl_s = table.history, table.default_ttl_s
    given = column_of(history.expiry_column) if history.expiry_column else None
    if ttl_s is None or history.write_time_column is None:
        return given or "NULL"
    by_default = f"DATEADD(SECOND, {ttl_s}, {column_of(history.write_time_column)})"
    return f"COALESCE({given}, {by_default})" if given else by_default


def _changed(newest: str, table: Table, since: str) -> str:
    """Compare with the earlier snapshot key by key: versions may count for each key on its own."""
    same_key = " AND ".join(f'"now"."{name}" = "then"."{name}"' for name in table.schema_.primary_key)
    return (
        f'SELECT "now".* FROM ({newest}) AS "now" LEFT JOIN {since} AS "then" ON {same_key} '  # noqa: S608 # quoted
        f'WHERE "then"."{BUCKET}" IS NULL OR "now"."{VERSION}" IS DISTINCT FROM "then"."{VERSION}" '
        f'OR "now"."{DELETED}" <> "then"."{DELETED}"'
    )


def _read(  # noqa: PLR0913 # what is read, and how
    history: History, name: str, table: Table, address: str, *, now: datetime, counts_deleted: bool
) -> Snapshot:
    key = ", ".join(f'"{column}"' for column in table.schema_.primary_key)
    whole = " AND ".join(f'"{column}" IS NOT NULL' for column in table.schema_.primary_key)
    loaded = "" if counts_deleted else f'WHERE NOT "{DELETED}" '
    by_bucket = f'SELECT "{BUCKET}", COUNT(*) FROM {address} {loaded}GROUP BY "{BUCKET}"'  # noqa: S608 # quoted
    repeated = (
        f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM {address} WHERE {whole} "  # noqa: S608 # names are quoted
        f"GROUP BY {key} HAVING COUNT(*) > 1) AS repeated"
    )
    whole_table = f'SELECT COUNT_IF("{DELETED}"), TO_VARCHAR(MAX("{VERSION}")), MIN("{_TAKEN_AT}") FROM {address}'  # noqa: S608
    deleted, watermark, taken_at = history.run(whole_table)[0]
    return Snapshot(
        table=name,
        address=address,
        bucket_rows={int(bucket): int(rows) for bucket, rows in history.run(by_bucket)},
        deleted=int(deleted or 0),
        repeated_keys=int(history.run(repeated)[0][0]),
        watermark=None if watermark is None else str(watermark),
        taken_at=now if taken_at is None else taken_at.replace(tzinfo=UTC),
    )
