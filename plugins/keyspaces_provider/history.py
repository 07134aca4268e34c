"""The history through Airflow's Snowflake connection: its shape for the assessment, and its rows."""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyspaces_migration.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from snowflake.connector import SnowflakeConnection

    from keyspaces_migration.assessment.history import History
    from keyspaces_migration.assessment.model import Table


class HistoryUnreachableError(MigrationError):
    """Snowflake does not answer through the connection, or refuses it."""


@contextmanager
def snowflake_connection(conn_id: str) -> "Iterator[SnowflakeConnection]":
    """The Snowflake connection behind an Airflow connection of type `snowflake`; closed at the end of the block.

    Raises:
        HistoryUnreachableError: it can't be opened; the message names the connection and what Snowflake said.
    """
    from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook
    from snowflake.connector import Error

    try:
        connection = SnowflakeHook(snowflake_conn_id=conn_id).get_conn()
    except Error as error:
        raise HistoryUnreachableError(
            f"Snowflake can't be reached through connection {conn_id}: {error.msg or type(error).__name__}"
        ) from error
    # Otherwise the connector gives NUMBERs with decimal places as floats where it answers in Arrow.
    connection.arrow_number_to_decimal_setter = True
    try:
        yield connection
    finally:
        connection.close()


@dataclass(frozen=True, kw_only=True)
class SnowflakeHistory:
    """Looks for the source's tables in the database and schema of an Airflow connection of type `snowflake`.

    Attributes:
        conn_id: The connection; its schema and the `database` of its extra say where to look.
    """

    conn_id: str

    def read(self, tables: "Iterable[Table]") -> "History":
        """What the history has for each of `tables`.

        Raises:
            HistoryUnreadableError: Snowflake can't be reached, or the connection does not say where to look.
        """
        from snowflake.connector import Error

        from keyspaces_migration.assessment import HistoryReader
        from keyspaces_migration.assessment.errors import HistoryUnreadableError

        try:
            with snowflake_connection(self.conn_id) as connection:
                database, schema = connection.database, connection.schema
                if not database or not schema:
                    raise HistoryUnreadableError(
                        f"connection {self.conn_id} names no {'schema' if database else 'database'}: set it there, so "
                        f"that it is known where the history's tables are"
                    )
                with connection.cursor() as cursor:
                    reader = HistoryReader(cursor=cursor, database=database, schema=schema, database_error=Error)
                    return reader.read(tables)
        except HistoryUnreachableError as error:
            raise HistoryUnreadableError(str(error)) from error
