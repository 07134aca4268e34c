"""The connections, the rate and the log with which a worker writes to a table, split after split."""

import time
from contextlib import ExitStack
from itertools import cycle
from math import ceil
from typing import Self

from keyspaces_migration.backfill.loading import Loading
from keyspaces_migration.backfill.progress import Progress
from keyspaces_migration.backfill.rate import AdaptiveRate
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.backfill.table_log import TableLog
from keyspaces_migration.backfill.write import statement_texts
from keyspaces_migration.clients import StoreUnreachableError
from keyspaces_migration.ledger.backfill_records import BackfillTable
from keyspaces_migration.wire import Pump, PumpSettings, connect, nodes_of

_FEWEST_CONNECTIONS, _MOST_CONNECTIONS = 4, 64
_REQUESTS_PER_CONNECTION = 2_000
"""Of the 3,000 a second that Keyspaces takes over one connection."""


class TableWriting:
    """The connections that a worker writes over: those of one table at a time, under its share of the budget."""

    def __init__(self, loading: Loading, *, dag_id: str, run_id: str) -> None:
        """Store: connections are opened when a table is asked for."""
        self._loading = loading
        self._run = {"dag_id": dag_id, "run_id": run_id}
        self._stack = ExitStack()
        self._table = ""
        self._pump: Pump | None = None
        self._rate: AdaptiveRate | None = None
        self._log: TableLog | None = None

    def __enter__(self) -> Self:
        """No work."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the connections."""
        self._stack.close()

    def pump(self, target: Target) -> Pump:
        """Return what writes to the table go through, its statements prepared.

        Raises:
            StoreError: As `wire.connect`.
        """
        if self._pump is None or self._table != target.name:
            self._stack.close()
            self._rate = AdaptiveRate(units_per_s=self._share(), clock=time.monotonic)
            texts = tuple(statement_texts(target).values())
            settings = self._loading.settings
            pump = Pump(
                PumpSettings(hosts=self._hosts(), in_flight=self._loading.pacing.in_flight),
                connect=lambda host: connect(settings, host=host, statements=texts),
                clock=time.monotonic,
                budget=self._rate,
            )
            self._pump, self._table = self._stack.enter_context(pump), target.name
        return self._pump

    def log_of(self, table: BackfillTable) -> TableLog:
        """Return the log of the table whose pump was asked for last."""
        if self._rate is None:
            raise ValueError("no table is written to yet")
        if self._log is None or self._log.rate is not self._rate:
            loading, name = self._loading, table.table_name
            planned = loading.plan.table(name) if loading.plan else None
            self._log = TableLog(
                ledger=loading.ledger,
                rate=self._rate,
                progress=Progress(name, planned_rows=table.rows, planned=planned),
                clock=loading.clock,
                tell=loading.progress,
            )
        return self._log

    @property
    def rows_at_once(self) -> int:
        """How many rows are sent in about a second: their time to live is that of the moment when they are framed."""
        return max(1, int(self._rate.units_per_s)) if self._rate is not None else 1

    def divide(self) -> None:
        """Take as much of the budget as falls to each of the workers that are alive now."""
        if self._rate is not None:
            self._rate.limit(self._share())

    def _share(self) -> float:
        alive = self._loading.ledger.live_workers(**self._run, now=self._loading.clock())
        return self._loading.migration.backfill.budget.max_write_units_per_s / max(1, alive)

    def _hosts(self) -> list[str]:
        """Name each node as often as it gets a connection."""
        nodes = nodes_of(self._loading.session)
        if not nodes:
            raise StoreUnreachableError(
                host=self._loading.settings.address,
                found="no node is up, as far as the driver knows",
                hint="Check that the cluster is up and that this machine may reach it, and run again.",
            )
        budget = self._loading.migration.backfill.budget.max_write_units_per_s
        wanted = min(_MOST_CONNECTIONS, max(_FEWEST_CONNECTIONS, ceil(budget / _REQUESTS_PER_CONNECTION)))
        return [node for node, _ in zip(cycle(nodes), range(max(wanted, len(nodes))), strict=False)]
