"""Whole checks over stores in trouble: none may pass, and none may fail.

    make bench NAME=consistency-doubts        RUNS=100

Each run checks one table in two keyspaces of a local Keyspaces, with a real driver and a real history, while one of the
two stores is stopped, silent, slow, throttled, overloaded, failing, or out of reach in half of the token ring: from the
start, or from when differences settle that would have healed. Store, trouble and moment go round; the seed is the run's
number. A check without trouble before each ten says that the pair itself is clean.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter
from itertools import cycle, islice, product
from pathlib import Path

import fakesnow
import snowflake.connector

from keyspaces_migration.consistency.kinds import Store, Verdict
from rehearsal.doubts.scenario import Since, Trouble, doubts
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports

RUNS = int(os.environ.get("RUNS", "100"))
CLEAN_EVERY = 10


def main() -> None:
    """Run the checks and print what they said."""
    said: Counter[tuple[str, Verdict]] = Counter()
    clean: Counter[Verdict] = Counter()
    began = time.monotonic()
    native, storage, admin = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="bench-doubts-") as folder, fakesnow.patch():
        settings = LocalKeyspacesSettings(
            home=Path(folder) / "node", native_port=native, storage_port=storage, admin_port=admin, capacity=False
        )
        cursor = snowflake.connector.connect(database="ANALYTICS", schema="PUBLIC").cursor()
        with LocalKeyspacesNode(settings) as node, doubts(node, cursor, folder=Path(folder)) as pair:
            cases = cycle(product(Trouble, (Store.SOURCE, Store.TARGET), Since))
            for number, (trouble, store, since) in enumerate(islice(cases, RUNS)):
                if number % CLEAN_EVERY == 0:
                    clean[pair.check(seed=number, trouble=None, store=store, since=since).verdict] += 1
                result = pair.check(seed=number, trouble=trouble, store=store, since=since)
                said[trouble, result.verdict] += 1
                print(f"{store} {trouble} since {since}: {result.tables[0].verdict.sentence}", flush=True)
    print(
        json.dumps(
            {
                "bench": "consistency-doubts",
                "checks": sum(said.values()),
                "inconclusive": sum(count for (_, verdict), count in said.items() if verdict is Verdict.INCONCLUSIVE),
                "by_trouble": {f"{trouble} {verdict}": count for (trouble, verdict), count in sorted(said.items())},
                "clean_checks": {str(verdict): count for verdict, count in clean.items()},
                "took_s": round(time.monotonic() - began),
            }
        )
    )


if __name__ == "__main__":
    main()
