"""Whole checks of a pair that is the same, while a writer writes to both: none may fail.

    make bench NAME=consistency-live        RUNS=100 WRITES=100

Two keyspaces of a local Keyspaces, with a real driver and a real history. A writer inserts, changes and deletes rows
all the while; the target gets each write up to 0.3 s after the source, and a difference has a second to settle. A check
may be inconclusive, where a row changed at every look.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

import fakesnow
import snowflake.connector

from keyspaces_migration.consistency.kinds import Store, Verdict
from rehearsal.doubts.live import LiveWriter
from rehearsal.doubts.scenario import doubts
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports

RUNS = int(os.environ.get("RUNS", "100"))
WRITES_PER_S = float(os.environ.get("WRITES", "100"))
SETTLE_S = 1.0


def main() -> None:
    """Run the checks and print what they said."""
    said: Counter[Verdict] = Counter()
    healed = 0
    began = time.monotonic()
    native, storage, admin = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="bench-live-") as folder, fakesnow.patch():
        settings = LocalKeyspacesSettings(
            home=Path(folder) / "node", native_port=native, storage_port=storage, admin_port=admin, capacity=False
        )
        cursor = snowflake.connector.connect(database="ANALYTICS", schema="PUBLIC").cursor()
        with (
            LocalKeyspacesNode(settings) as node,
            doubts(node, cursor, folder=Path(folder)) as pair,
            LiveWriter(pair.session, writes_per_s=WRITES_PER_S, seed=1) as writer,
        ):
            for number in range(RUNS):
                result = pair.check(seed=number, trouble=None, store=Store.TARGET, settle_s=SETTLE_S)
                counts = result.tables[0].counts
                healed += counts.keys.transient + counts.windows.transient
                healed += sum(each.transient for each in counts.others.values())
                said[result.verdict] += 1
                print(f"{number + 1} of {RUNS}: {result.tables[0].verdict.sentence}", flush=True)
    print(
        json.dumps(
            {
                "bench": "consistency-live",
                "checks": RUNS,
                "false_fail": said[Verdict.FAIL],
                "verdicts": {str(verdict): count for verdict, count in said.items()},
                "healed_while_settling": healed,
                "rows_written_meanwhile": writer.written,
                "took_s": round(time.monotonic() - began),
            }
        )
    )


if __name__ == "__main__":
    main()
