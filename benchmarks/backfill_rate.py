"""Whether the backfill's rate follows a table's capacity: how much of it is used, and how much is throttled.

    make bench NAME=backfill-rate           SECONDS_A_STEP=40

Local Keyspaces, one table with provisioned write units that are changed under the load: 4,000, then 1,000, then 8,000.
The budget allows more than any of them. Unused capacity is kept for one second rather than 300, so that bursts do not
hide what happens. The steady state is the second half of each step. The figures are those that the node metered, as
CloudWatch would have them. The last line is one JSON object; `used_of_allowed` is the least of the steps, and
`throttled_share` the greatest.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from cassandra.cluster import Session

from benchmarks.backfill import data, target, writing
from keyspaces_migration.backfill.encoding import Encoder, Writes
from keyspaces_migration.backfill.rate import AdaptiveRate
from keyspaces_migration.backfill.snapshot import DELETED
from keyspaces_migration.clients import SessionSettings, open_session
from keyspaces_migration.wire import UNSET
from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports

SECONDS_A_STEP = float(os.environ.get("SECONDS_A_STEP", "40"))
STEPS = (4_000, 1_000, 8_000)
BUDGET = 20_000
CONNECTIONS = 8
DISTINCT_ROWS = 200_000
CHUNK_ROWS = 1_000
TABLE = "bench.events"
CREATE = (
    f"CREATE TABLE {TABLE} (customer_id text, event_date date, event_id bigint, c1 text, c2 int, c3 double, "
    "c4 timestamp, c5 text, PRIMARY KEY ((customer_id, event_date), event_id)) WITH CUSTOM_PROPERTIES = "
    "{'client_side_timestamps': {'status': 'enabled'}}"
)


@dataclass(frozen=True)
class Metered:
    """What the node counted since it started."""

    units: float
    throttled: float

    @classmethod
    def now(cls, admin: LocalKeyspacesAdmin) -> "Metered":
        """Read it."""
        return cls(admin.total("ConsumedWriteCapacityUnits", TABLE), admin.total("WriteThrottleEvents", TABLE))


class Steps:
    """Changes the capacity as time goes by, and keeps what was metered in the second half of each step."""

    def __init__(self, session: Session, admin: LocalKeyspacesAdmin) -> None:
        self._session = session
        self._admin = admin
        self._began = time.monotonic()
        self._step, self._middle = -1, Metered(0, 0)
        self._middle_at = 0.0
        self.found: list[dict[str, float]] = []

    def go_on(self) -> bool:
        """Look at the clock; return whether there is more to do."""
        now = time.monotonic()
        step, within = divmod(now - self._began, SECONDS_A_STEP)
        if int(step) != self._step:
            if self._step >= 0:
                self._end(now)
            if int(step) >= len(STEPS):
                return False
            self._step, self._middle_at = int(step), 0.0
            self._set(STEPS[self._step])
        elif within >= SECONDS_A_STEP / 2 and not self._middle_at:
            self._middle, self._middle_at = Metered.now(self._admin), now
        return True

    def _set(self, units: int) -> None:
        mode = f"'throughput_mode': 'PROVISIONED', 'read_capacity_units': 100, 'write_capacity_units': {units}"
        self._session.execute(f"ALTER TABLE {TABLE} WITH CUSTOM_PROPERTIES = {{'capacity_mode': {{{mode}}}}}")

    def _end(self, now: float) -> None:
        metered = Metered.now(self._admin)
        units, throttled = metered.units - self._middle.units, metered.throttled - self._middle.throttled
        self.found.append(
            {
                "allowed": STEPS[self._step],
                "used_of_allowed": round(units / (STEPS[self._step] * (now - self._middle_at)), 4),
                "throttled_share": round(throttled / (units + throttled), 5),
            }
        )
        print(self.found[-1], flush=True)


def rows(steps: Steps) -> Iterator[Writes]:
    """Yield chunks of rows until the last step is over."""
    table = data(DISTINCT_ROWS).append_column(DELETED, pa.array(np.zeros(DISTINCT_ROWS, np.bool_)))
    encoder, start = Encoder(target(), null=UNSET), 0
    while steps.go_on():
        yield from encoder.rows(table.slice(start, CHUNK_ROWS)).writes
        start = (start + CHUNK_ROWS) % DISTINCT_ROWS


def main() -> None:
    """Run the steps and print the result."""
    native, storage, admin_port = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="bench-rate-") as home:
        local = LocalKeyspacesSettings(
            home=Path(home), native_port=native, storage_port=storage, admin_port=admin_port, capacity=True
        )
        with LocalKeyspacesNode(local) as node:
            settings = SessionSettings(hosts=(node.host,), port=node.port)
            admin = LocalKeyspacesAdmin(port=admin_port)
            admin.change_settings(burst_s=1)
            with open_session(settings) as session:
                session.execute("CREATE KEYSPACE bench WITH replication = {'class': 'SingleRegionStrategy'}")
                session.execute(CREATE)
                steps = Steps(session, admin)
                rate = AdaptiveRate(units_per_s=BUDGET, clock=time.monotonic)
                with writing(node.port, connections=CONNECTIONS, budget=rate) as writer:
                    for _ in writer.write(rows(steps)):
                        pass
    result = {
        "bench": "backfill-rate",
        "used_of_allowed": min(step["used_of_allowed"] for step in steps.found),
        "throttled_share": max(step["throttled_share"] for step in steps.found),
        "steps": steps.found,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
