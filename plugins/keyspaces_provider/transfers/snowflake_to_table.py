"""Copies the result of a Snowflake query into a table of Cassandra or Amazon Keyspaces."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any

from keyspaces_provider.history import snowflake_connection
from keyspaces_provider.links import LINKS
from keyspaces_provider.object_files import new_file, object_path
from keyspaces_provider.store_access import UsesStore

if TYPE_CHECKING:
    from airflow.sdk import Context
    from snowflake.connector import SnowflakeConnection

    from keyspaces_migration.cql_access import CqlAccess
    from keyspaces_migration.transfer import ColumnMapping, Copied, Query, RowRefusedError
    from keyspaces_provider.hooks.base import StoreHook


class SnowflakeToTableOperator(UsesStore):
    """Writes every row of a Snowflake query's result into a table.

    The same rows written again are the same writes, so throttled ones are tried again, more slowly, and a task that is
    run again writes all of them anew. Rows that somebody else wrote in between are overwritten.

    The result is read in Snowflake's own parts, one ahead of what is written, so memory does not grow with it. Each
    value becomes what its column's type is, exactly, or its row is refused.

    Args:
        snowflake_conn_id: Airflow connection of type `snowflake`.
        sql: A SELECT, with %s or %(name)s where values go. No template, as values are bound.
        keyspace: Of the table; case counts.
        table: Its name; case counts.
        parameters: Values of the query: by place, or by name.
        columns: The result's column by the table's. Without it each of the result's columns goes into the table's
            of the same name, where case does not count, and one that the table does not have is refused.
        refused_path: Path of a Parquet file, on disk or in an object store, for the rows that can't be written, each
            with its reason. It is replaced when it is there. Without it the first such row ends the task.
        refused_conn_id: Airflow connection for the object store.
        max_refused_rows: With one more the task fails after all.
        write_nulls: Whether a null empties its cell (a tombstone), or leaves the cell as it is.
        ttl_s: After how many seconds the rows expire; None leaves it to the table.
        in_flight: Writes under way at once, at most.
    """

    template_fields: Sequence[str] = ("snowflake_conn_id", "parameters", "keyspace", "table", "columns", "refused_path")
    template_fields_renderers = {"parameters": "json", "columns": "json"}  # noqa: RUF012 - BaseOperator's own
    ui_color = "#e3f0f4"
    page_rows = 5_000

    def __init__(  # noqa: PLR0913 - all by keyword
        self,
        *,
        snowflake_conn_id: str,
        sql: str,
        keyspace: str,
        table: str,
        parameters: Sequence[object] | Mapping[str, object] | None = None,
        columns: Mapping[str, str] | None = None,
        refused_path: str | None = None,
        refused_conn_id: str | None = None,
        max_refused_rows: int = 1_000,
        write_nulls: bool = True,
        ttl_s: int | None = None,
        in_flight: int = 64,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.snowflake_conn_id = snowflake_conn_id
        self.sql = sql
        self.keyspace = keyspace
        self.table = table
        self.parameters = parameters
        self.columns = columns
        self.refused_path = refused_path
        self.refused_conn_id = refused_conn_id
        self.max_refused_rows = max_refused_rows
        self.write_nulls = write_nulls
        self.ttl_s = ttl_s
        self.in_flight = in_flight

    @abstractmethod
    def hook(self) -> "StoreHook":
        """Of the table's store."""

    def execute(self, context: "Context") -> dict[str, Any]:
        """Copy the rows.

        Returns:
            read, written and refused: numbers of rows; refused_path, where the refused ones are.

        Raises:
            UnknownTableError: There is no such table.
            ColumnMappingError: The result's columns and the table's do not fit together; nothing was read.
            QueryRefusedError: Snowflake refused the query, or stopped answering.
            HistoryUnreachableError: Snowflake can't be reached.
            RowRefusedError: A row can't be written, and there is no `refused_path`; names row and column.
            TooManyRefusedError: More than `max_refused_rows`.
            OutputNotWrittenError: The file for refused rows can't be written.
            ConnectionFieldsError, StoreError: As the hook. After a StoreTimeoutError a retry writes the same again.
            AccessCancelledError: The task was killed.
        """
        del context
        with self.opened(self.hook()) as access, self._query(access) as query:
            copied = self._copy(access, query, self._mapping(access, query))
        self.log.info("%s", copied)
        return {
            "read": copied.read,
            "written": copied.written,
            "refused": copied.refused,
            "refused_path": self.refused_path,
        }

    def _mapping(self, access: "CqlAccess", query: "Query") -> "ColumnMapping":
        from keyspaces_migration.cql_access import describe_table
        from keyspaces_migration.transfer import map_columns

        table = describe_table(access, keyspace=self.keyspace, table=self.table)
        return map_columns(table, access.start(query.columns)(), wanted=self.columns)

    def _copy(self, access: "CqlAccess", query: "Query", mapping: "ColumnMapping") -> "Copied":
        from keyspaces_migration.transfer import Copy

        with self._refusals() as on_refusal:
            copy = Copy(
                access=access,
                mapping=mapping,
                ttl_s=self.ttl_s,
                write_nulls=self.write_nulls,
                on_refusal=on_refusal,
                on_progress=lambda copied: self.log.info("so far: %s", copied),
            )
            return copy.run(query.batches(mapping.sources))

    @contextmanager
    def _refusals(self) -> Iterator[Callable[["RowRefusedError"], None]]:
        from keyspaces_migration.transfer import fail, refused_rows

        if not self.refused_path:
            yield fail
            return
        with (
            new_file(object_path(self.refused_path, conn_id=self.refused_conn_id)) as file,
            refused_rows(file, at_most=self.max_refused_rows) as rows,
        ):
            yield rows.take

    @contextmanager
    def _query(self, access: "CqlAccess") -> Iterator["Query"]:
        from snowflake.connector import Error

        from keyspaces_migration.transfer import Query

        with (
            opened_for(access, self.snowflake_conn_id) as connection,
            connection.cursor() as cursor,
        ):
            yield Query(cursor=cursor, database_error=Error, sql=self.sql, parameters=self.parameters)


@contextmanager
def opened_for(access: "CqlAccess", conn_id: str) -> Iterator["SnowflakeConnection"]:
    """Open a Snowflake connection for the block. Where it was cancelled, its end is not waited for.

    Raises:
        HistoryUnreachableError: As `snowflake_connection`.
        AccessCancelledError: It was cancelled meanwhile.
    """
    block = snowflake_connection(conn_id)
    connection = access.start(block.__enter__)()

    def close() -> None:
        block.__exit__(None, None, None)

    try:
        yield connection
    finally:
        if access.cancelled:
            # Snowflake's end of a session is a request of its own, which waits like the one that was given up.
            Thread(target=close, name="close-snowflake", daemon=True).start()
        else:
            close()


class SnowflakeToCassandraOperator(SnowflakeToTableOperator):
    """Writes the result of a Snowflake query into a table of Apache Cassandra; see `SnowflakeToTableOperator`.

    Args:
        cassandra_conn_id: Airflow connection of type `apache_cassandra`.
    """

    template_fields: Sequence[str] = ("cassandra_conn_id", *SnowflakeToTableOperator.template_fields)

    def __init__(self, *, cassandra_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - SnowflakeToTableOperator's own
        super().__init__(**kwargs)
        self.cassandra_conn_id = cassandra_conn_id

    def hook(self) -> "StoreHook":
        """Of the cluster."""
        from keyspaces_provider.hooks.cassandra import CassandraHook

        return CassandraHook(self.cassandra_conn_id)


class SnowflakeToKeyspacesOperator(SnowflakeToTableOperator):
    """Writes the result of a Snowflake query into a table of Amazon Keyspaces; see `SnowflakeToTableOperator`.

    Args:
        keyspaces_conn_id: Airflow connection of type `amazon_keyspaces`.
    """

    operator_extra_links = LINKS
    template_fields: Sequence[str] = ("keyspaces_conn_id", *SnowflakeToTableOperator.template_fields)

    def __init__(self, *, keyspaces_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - SnowflakeToTableOperator's own
        super().__init__(**kwargs)
        self.keyspaces_conn_id = keyspaces_conn_id

    def hook(self) -> "StoreHook":
        """Of the service."""
        from keyspaces_provider.hooks.keyspaces import KeyspacesHook

        return KeyspacesHook(self.keyspaces_conn_id)
