"""The history's shape through Airflow's Snowflake connection."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from keyspaces_migration.assessment.history import History
    from keyspaces_migration.assessment.model import Table


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
        from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook
        from snowflake.connector import Error

        from keyspaces_migration.assessment import HistoryReader
        from keyspaces_migration.assessment.errors import HistoryUnreadableError

        hook = SnowflakeHook(snowflake_conn_id=self.conn_id)
        try:
            connection = hook.get_conn()
        except Error as error:
            raise HistoryUnreadableError(
                f"Snowflake can't be reached through connection {self.conn_id}: {error.msg or type(error).__name__}"
            ) from error
        try:
            database, schema = connection.database, connection.schema
            if not database or not schema:
                raise HistoryUnreadableError(
                    f"connection {self.conn_id} names no {'schema' if database else 'database'}: set it there, so that "
                    f"it is known where the history's tables are"
                )
            with connection.cursor() as cursor:
                reader = HistoryReader(cursor=cursor, database=database, schema=schema, database_error=Error)
                return reader.read(tables)
        finally:
            connection.close()
