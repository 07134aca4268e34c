"""Waiting for rows in Cassandra or Amazon Keyspaces."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from keyspaces_provider.hooks.stores import store_hook
from keyspaces_provider.links import LINKS
from keyspaces_provider.store_access import UsesStore

if TYPE_CHECKING:
    from airflow.sdk import Context


class CqlRowsSensor(UsesStore, BaseSensorOperator):
    """Waits until the answer to a SELECT has at least, or at most, so many rows. Between looks it holds no worker.

    Keyspaces has no COUNT, so rows are counted page by page, and no further than it takes to know. Select the key
    alone: a page then has more rows. Its XCom is the number counted.

    Args:
        conn_id: Airflow connection of type `apache_cassandra` or `amazon_keyspaces`.
        cql: A SELECT, with ? or :name where values go; no template, as values are bound.
        values: By place, or by name.
        at_least: Rows that there must be.
        at_most: Rows that there may be; None for any number. 0 with at_least=0 waits until there are none.
        page_rows: Rows in a page, at most.
    """

    operator_extra_links = LINKS
    template_fields: Sequence[str] = ("conn_id", "values")
    template_fields_renderers = {"values": "json"}  # noqa: RUF012 - BaseOperator's own, not annotated
    ui_color = "#f2eee1"

    def __init__(  # noqa: PLR0913 - all by keyword
        self,
        *,
        conn_id: str,
        cql: str,
        values: Sequence[object] | Mapping[str, object] | None = None,
        at_least: int = 1,
        at_most: int | None = None,
        page_rows: int = 5_000,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**{"mode": "reschedule", **kwargs})
        self.conn_id = conn_id
        self.cql = cql
        self.values = values
        self.at_least = at_least
        self.at_most = at_most
        self.page_rows = page_rows

    def poke(self, context: "Context") -> PokeReturnValue:
        """Look once.

        Raises:
            StatementValuesError, NotAQueryError: The statement or its values are not for this; nothing was read.
            ConnectionFieldsError, StoreError: As the hook. A store that can't be asked is no store without rows.
            AccessCancelledError: The task was killed.
        """
        del context
        enough = self.at_least if self.at_most is None else max(self.at_least, self.at_most + 1)
        with self.opened(store_hook(self.conn_id)) as access:
            counted = access.ask(self.cql, self.values or ()).count(up_to=enough)
        done = counted >= self.at_least and (self.at_most is None or counted <= self.at_most)
        self.log.info(
            "%s rows counted, no further than %s; wanted: %s to %s", counted, enough, self.at_least, self.at_most
        )
        return PokeReturnValue(is_done=done, xcom_value=counted if done else None)
