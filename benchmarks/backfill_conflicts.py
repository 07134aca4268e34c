"""Backfills beside writers that contradict one another: is a newer write lost, or does a deleted row come back?

    make bench NAME=backfill-conflicts         ROWS=15000

A real Cassandra node, a local Keyspaces that forgets deletes of rows which it has not got yet, and a Snowflake
stand-in. Four dual writers, clocks up to 30 s apart, insert, change and null cells, and delete rows, ranges and
partitions, before RECORD, in RECORD, at the barrier, in DUAL, during the load and after it; once with the history
loaded first and the delta at the barrier, once with all at the barrier. Afterwards both stores are read whole and
compared cell by cell. The last line is one JSON object.
"""

import json
import logging
import os
import tempfile
import time
from contextlib import closing
from pathlib import Path

import fakesnow
import snowflake.connector

from benchmarks.support.backfill_runs import KEYRING
from keyspaces_migration.backfill import History
from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.ledger import open_ledger
from keyspaces_migration.ledger.backfills import BackfillLedger
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.conflicts.scenario import Conflicts
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports

ROWS = int(os.environ.get("ROWS", "15000"))
CLOCKS_S = (-15.0, -5.0, 5.0, 15.0)
PHASE_S = 4.0
ROWS_A_SPLIT = 2_000


def main() -> None:
    """Run both orders and print the result."""
    began, ports = time.monotonic(), free_ports(4)
    totals: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="bench-conflicts-") as folder, fakesnow.server() as address:
        logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
        home = Path(folder)
        kept = NodeSettings(home=home / "source", native_port=ports[0], storage_port=ports[1])
        local = LocalKeyspacesSettings(
            home=home / "target", native_port=ports[2], storage_port=ports[3], capacity=False
        )
        with (
            CassandraNode(kept) as node,
            LocalKeyspacesNode(local) as keyspaces,
            open_session(SessionSettings(hosts=(node.host,), port=node.port)) as source,
            open_session(_settings(keyspaces)) as target,
            closing(snowflake.connector.connect(**address, database="ANALYTICS", schema="PUBLIC")) as connection,
            connection.cursor() as cursor,
        ):
            ledger = open_ledger(f"sqlite:///{home}/ledger.db", keyring=KEYRING)
            for order in LoadOrder:
                found = Conflicts(
                    name=order.value.lower(),
                    order=order,
                    source=source,
                    target=target,
                    target_settings=_settings(keyspaces),
                    history=History(cursor, snowflake.connector.Error),
                    ledger=ledger,
                    backfills=BackfillLedger(ledger),
                    folder=home / order.value,
                    rows=ROWS,
                    clocks_s=CLOCKS_S,
                    phase_s=PHASE_S,
                    rows_a_split=ROWS_A_SPLIT,
                    progress=lambda line: print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True),
                ).run()
                totals = {name: totals.get(name, 0) + count for name, count in found.counts().items()}
    result = {"bench": "backfill-conflicts", "rows": ROWS, **totals, "orders": [order.value for order in LoadOrder]}
    print(json.dumps({**result, "clocks_s": CLOCKS_S, "took_s": round(time.monotonic() - began)}))


def _settings(node: LocalKeyspacesNode) -> SessionSettings:
    return SessionSettings(hosts=(node.host,), port=node.port, consistency=Consistency.LOCAL_QUORUM)


if __name__ == "__main__":
    main()
