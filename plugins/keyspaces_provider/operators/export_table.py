"""Writes a table of Cassandra or Amazon Keyspaces to Parquet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keyspaces_provider.hooks.stores import store_hook
from keyspaces_provider.links import LINKS
from keyspaces_provider.object_files import new_file, object_path
from keyspaces_provider.store_access import UsesStore

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.cql_access import CqlAccess, TokenRange


class ExportTableOperator(UsesStore):
    """Writes a table, or a range of its tokens, to Parquet files in a folder.

    Without tokens and splits it is one file, `<table>.parquet`. Otherwise each range of tokens is a file whose name has
    the range; expand the task over `first_token` and `last_token` to read ranges at once. Files that are there are
    replaced, so a task that is cleared writes the same again.

    It reads what is there while it reads: rows that are written meanwhile may be in it or not.

    Args:
        conn_id: Airflow connection of type `apache_cassandra` or `amazon_keyspaces`.
        keyspace: Of the table; case counts.
        table: Its name; case counts.
        output_path: Folder for the files, on disk or in an object store.
        columns: Which, in order; None for all.
        first_token: First of a range of Murmur3's tokens, included; None for the first there is.
        last_token: Last, included; None for the last there is.
        splits: Into how many files the range is cut.
        output_conn_id: Airflow connection for the object store.
        page_rows: Rows in a page, at most.
    """

    operator_extra_links = LINKS
    template_fields: Sequence[str] = (
        "conn_id",
        "keyspace",
        "table",
        "output_path",
        "columns",
        "first_token",
        "last_token",
    )
    ui_color = "#e3f0f4"

    def __init__(  # noqa: PLR0913 - all by keyword
        self,
        *,
        conn_id: str,
        keyspace: str,
        table: str,
        output_path: str,
        columns: Sequence[str] | None = None,
        first_token: int | str | None = None,
        last_token: int | str | None = None,
        splits: int = 1,
        output_conn_id: str | None = None,
        page_rows: int = 5_000,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.keyspace = keyspace
        self.table = table
        self.output_path = output_path
        self.columns = columns
        self.first_token = first_token
        self.last_token = last_token
        self.splits = splits
        self.output_conn_id = output_conn_id
        self.page_rows = page_rows

    def execute(self, context: "Context") -> dict[str, Any]:
        """Write the files.

        Returns:
            row_count, and files: each with its path and row_count.

        Raises:
            UnknownTableError: There is no such table.
            TokenRangeError: No such range, or the table's tokens are not Murmur3's.
            ResultTypeError: A column has no form in Parquet.
            OutputNotWrittenError: A file can't be written.
            ConnectionFieldsError, StoreError: As the hook.
            AccessCancelledError: The task was killed.
        """
        del context
        ranges = self._ranges()
        with self.opened(store_hook(self.conn_id)) as access:
            files = [self._write(access, tokens) for tokens in ranges]
        return {"row_count": sum(file["row_count"] for file in files), "files": files}

    def _ranges(self) -> "Sequence[TokenRange | None]":
        from keyspaces_migration.cql_access import TokenRange, TokenRangeError

        if self.first_token is None and self.last_token is None and self.splits == 1:
            return [None]
        whole = TokenRange()
        try:
            first = whole.first if self.first_token is None else int(self.first_token)
            last = whole.last if self.last_token is None else int(self.last_token)
        except ValueError as error:
            raise TokenRangeError(f"tokens are whole numbers: {error}") from error
        return TokenRange(first=first, last=last).split(self.splits)

    def _write(self, access: "CqlAccess", tokens: "TokenRange | None") -> dict[str, Any]:
        from keyspaces_migration.cql_access import read_table, write_parquet

        answer = read_table(access, keyspace=self.keyspace, table=self.table, columns=self.columns or (), tokens=tokens)
        part = f".{tokens.first}.{tokens.last}" if tokens else ""
        path = object_path(self.output_path, conn_id=self.output_conn_id) / f"{self.table}{part}.parquet"
        with new_file(path) as file:
            count = write_parquet(answer.columns, answer.pages(), file)
        self.log.info("%s rows in %s", count, path)
        return {"path": str(path), "row_count": count}
