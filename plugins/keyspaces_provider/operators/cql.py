"""Runs CQL of anybody's DAG on Cassandra or on Amazon Keyspaces."""

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from keyspaces_migration.errors import MigrationError
from keyspaces_provider.links import LINKS
from keyspaces_provider.object_files import new_file, object_path
from keyspaces_provider.store_access import UsesStore

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.cql_access import CqlAccess
    from keyspaces_provider.hooks.base import StoreHook

Values = Sequence[object] | Mapping[str, object]

MAX_XCOM_BYTES = 48 * 1024
"""Rows whose JSON is longer go to a file, however few they are: XCom is a row in Airflow's database."""


class OperatorArgumentsError(MigrationError):
    """Arguments of an operator contradict one another. Correct the DAG."""


class CqlOperator(UsesStore):
    """Runs one CQL statement: once, once for each of `rows`, or as a SELECT whose answer is handed on.

    Values are bound, and never become part of the statement; so `cql` is no template, and `values` and `rows` are.
    What a template rendered is text: it is read as the type of the column that it is for.

    A SELECT is read page by page. Few rows are returned in XCom; more go to a Parquet file at `output_path`, and XCom
    has its path. Throttled reads are tried again, more slowly.

    Args:
        cql: The statement, with ? or :name where values go. One that changes the schema is carried out later than it
            is acknowledged on Keyspaces: use the operators on the AWS API there.
        values: Of the one statement: by place, or by name. None is null; a name left out leaves its column as it is.
        rows: Values of many: the statement is carried out once for each.
        batch: Sends `rows` in LOGGED or UNLOGGED batches, split by the store's limits. Each LOGGED batch of up to 100
            is all or nothing, and all of them together are not. UNLOGGED ones hold up to 30 rows of one partition.
        batch_rows: Rows in a batch, where fewer than the limit are wanted.
        repeatable: Whether the write done twice is the same as once (no counter, no list append, no IF). Only then is
            it tried again when it is throttled.
        max_xcom_rows: An answer with more rows, or more than 48 KiB, goes to a file; 0 writes a file always.
        output_path: Path of that file, on disk or in an object store. It is replaced when it is there.
        output_conn_id: Airflow connection for the object store.
        page_rows: Rows in a page, at most.
        in_flight: Requests under way at once, at most, with `rows`.
    """

    template_fields: Sequence[str] = ("values", "rows", "output_path")
    template_fields_renderers = {"values": "json", "rows": "json"}  # noqa: RUF012 - BaseOperator's own, not annotated
    ui_color = "#e3f0f4"

    def __init__(  # noqa: PLR0913 - all by keyword
        self,
        *,
        cql: str,
        values: Values | None = None,
        rows: Sequence[Values] | None = None,
        batch: Literal["LOGGED", "UNLOGGED"] | None = None,
        batch_rows: int | None = None,
        repeatable: bool = False,
        max_xcom_rows: int = 100,
        output_path: str | None = None,
        output_conn_id: str | None = None,
        page_rows: int = 5_000,
        in_flight: int = 16,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.cql = cql
        self.values = values
        self.rows = rows
        self.batch = batch
        self.batch_rows = batch_rows
        self.repeatable = repeatable
        self.max_xcom_rows = max_xcom_rows
        self.output_path = output_path
        self.output_conn_id = output_conn_id
        self.page_rows = page_rows
        self.in_flight = in_flight

    @abstractmethod
    def hook(self) -> "StoreHook":
        """Of the store."""

    def execute(self, context: "Context") -> dict[str, Any]:
        """Run the statement.

        Returns:
            Of a SELECT: row_count, columns (CQL types by name), and either rows (JSON objects by column) or path.
            Of others: statements, requests, and conditions_not_met, the number of requests whose IF did not hold.

        Raises:
            OperatorArgumentsError: Both `values` and `rows`, or a batch without `rows`; nothing was sent.
            StatementValuesError, BatchRefusedError: The values do not fit, or can't be batched; nothing was sent.
            TooManyRowsError: More rows than XCom takes, and no `output_path`.
            ResultTypeError: A column has no form in Parquet.
            OutputNotWrittenError: The file can't be written.
            ConnectionFieldsError, StoreError: As the hook.
            AccessCancelledError: The task was killed.
        """
        del context
        if self.rows is not None and self.values is not None:
            raise OperatorArgumentsError(
                "both values and rows are given. Give values for one statement, rows for many."
            )
        if self.rows is None and self.batch is not None:
            raise OperatorArgumentsError("batch is for rows, and there are none. Give rows, or leave batch out.")
        with self.opened(self.hook()) as access:
            if self.rows is None and access.answers_in_rows(self.cql):
                return self._read(access)
            return self._write(access)

    def _write(self, access: "CqlAccess") -> dict[str, Any]:
        from keyspaces_migration.cql_access import BatchKind

        written = access.write(
            self.cql,
            [self.values or ()] if self.rows is None else self.rows,
            batch=BatchKind(self.batch) if self.batch else None,
            batch_rows=self.batch_rows,
            repeatable=self.repeatable,
        )
        self.log.info("%s", written)
        return {
            "statements": written.statements,
            "requests": written.requests,
            "conditions_not_met": written.conditions_not_met,
        }

    def _read(self, access: "CqlAccess") -> dict[str, Any]:
        from keyspaces_migration.cql_access import TooManyRowsError, to_json_rows, write_parquet

        answer = access.ask(self.cql, self.values or ())
        columns = {column.name: column.cql_text for column in answer.columns}
        taken, more = answer.take(self.max_xcom_rows)
        if more is None and self.max_xcom_rows > 0:
            rows = to_json_rows(answer.columns, taken)
            if len(json.dumps(rows)) <= MAX_XCOM_BYTES:
                return {"row_count": len(rows), "columns": columns, "rows": rows, "path": None}
        if self.output_path is None:
            raise TooManyRowsError(
                f"the answer has {'more than ' if more else ''}{len(taken)} rows, and XCom takes {self.max_xcom_rows} "
                f"and {MAX_XCOM_BYTES} bytes of JSON. Give output_path, or ask for fewer."
            )
        path = object_path(self.output_path, conn_id=self.output_conn_id)
        with new_file(path) as file:
            count = write_parquet(answer.columns, chain([taken] if taken else [], more or ()), file)
        self.log.info("%s rows in %s", count, path)
        return {"row_count": count, "columns": columns, "rows": None, "path": str(path)}


class CassandraOperator(CqlOperator):
    """Runs one CQL statement on Apache Cassandra; see `CqlOperator` for what it takes and returns.

    Args:
        cassandra_conn_id: Airflow connection of type `apache_cassandra`.
    """

    template_fields: Sequence[str] = ("cassandra_conn_id", *CqlOperator.template_fields)

    def __init__(self, *, cassandra_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - CqlOperator's own
        super().__init__(**kwargs)
        self.cassandra_conn_id = cassandra_conn_id

    def hook(self) -> "StoreHook":
        """Of the cluster."""
        from keyspaces_provider.hooks.cassandra import CassandraHook

        return CassandraHook(self.cassandra_conn_id)


class KeyspacesOperator(CqlOperator):
    """Runs one CQL statement on Amazon Keyspaces; see `CqlOperator` for what it takes and returns.

    Args:
        keyspaces_conn_id: Airflow connection of type `amazon_keyspaces`.
    """

    operator_extra_links = LINKS
    template_fields: Sequence[str] = ("keyspaces_conn_id", *CqlOperator.template_fields)

    def __init__(self, *, keyspaces_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - CqlOperator's own
        super().__init__(**kwargs)
        self.keyspaces_conn_id = keyspaces_conn_id

    def hook(self) -> "StoreHook":
        """Of the service."""
        from keyspaces_provider.hooks.keyspaces import KeyspacesHook

        return KeyspacesHook(self.keyspaces_conn_id)
