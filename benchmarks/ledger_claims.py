"""What signatures cost a worker that claims and finishes splits.

    make bench NAME=ledger-claims

On a PostgreSQL of the benchmark's own (tests/postgresql.py; its files are not synced to disk), one worker claims and
finishes every split of a plan: signed as always, and with a keyring that signs nothing and believes everything. Rounds
of both are interleaved, the order alternating. `ratio` is the median over the rounds of the signed time by the unsigned
one, `cpu_ratio` the same of this process's processor time; `verified_progress_ms` is one look at the table's progress
with every split verified. The last line is one JSON object. Bar: a ratio of at most 1.25.
"""

import hashlib
import json
import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from keyspaces_migration.ledger import Keyring, RunConfiguration, open_ledger
from keyspaces_migration.ledger.backfill_records import BackfillTable, LoadMode, PlannedSplit, SplitCounts
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.lifecycle import Stage
from tests.postgresql import Postgresql, running

ROUNDS = 9
SPLITS = 150
NOW = datetime(2026, 11, 26, tzinfo=UTC)
DAG, RUN, LEASE = "bench.historical_backfill", "run", timedelta(minutes=1)


class NoSignatures(Keyring):
    """Costs nothing, and proves nothing."""

    def sign(self, message: bytes) -> str:  # noqa: ARG002 # the keyring's own
        """The same for every record."""
        return "unsigned"

    def verifies(self, message: bytes, *, key_id: str, signature: str) -> bool:  # noqa: ARG002 # the keyring's own
        """Whatever it is."""
        return True


@dataclass(frozen=True)
class Cost:
    """Of all splits of one plan, claimed and finished; and of one verified look at it."""

    wall_s: float
    cpu_s: float
    look_s: float


def planned(server: Postgresql, keyring: Keyring) -> BackfillLedger:
    """A ledger with one plan."""
    ledger = open_ledger(server.new_database(), keyring=keyring)
    ledger.record_run(
        RunConfiguration(
            migration="bench",
            stage=Stage.HISTORICAL_BACKFILL,
            dag_id=DAG,
            run_id=RUN,
            digest=hashlib.sha256(b"{}").hexdigest(),
            canonical_json="{}",
            recorded_at=NOW,
        )
    )
    table = BackfillTable(
        dag_id=DAG,
        run_id=RUN,
        table_name="events",
        snapshot="S",
        mode=LoadMode.FULL,
        barrier_us=None,
        rows=10 * SPLITS,
        deleted=0,
        watermark=None,
        snapshot_at=NOW,
        planned_at=NOW,
    )
    backfills = BackfillLedger(ledger)
    backfills.record_table(
        table,
        [
            PlannedSplit(number=number, of=SPLITS, first_bucket=number, end_bucket=number + 1, planned_rows=10)
            for number in range(SPLITS)
        ],
    )
    return backfills


def measure(server: Postgresql, keyring: Keyring) -> Cost:
    """Claim and finish every split of a new plan."""
    backfills = planned(server, keyring)
    began, cpu_began = time.perf_counter(), time.process_time()
    while (split := backfills.claim(dag_id=DAG, run_id=RUN, worker="w", now=NOW, lease=LEASE)) is not None:
        backfills.finish(split, SplitCounts(rows_read=10, written=10), dead_letters=(), now=NOW)
    ended, cpu_ended = time.perf_counter(), time.process_time()
    (progress,) = backfills.progress(dag_id=DAG, run_id=RUN)
    if progress.done != SPLITS:
        raise RuntimeError(f"{progress.done} of {SPLITS} splits are done")
    return Cost(wall_s=ended - began, cpu_s=cpu_ended - cpu_began, look_s=time.perf_counter() - ended)


def main() -> None:
    """Measure and print."""
    signing = Keyring.new("bench")
    keyrings = {"signed": signing, "unsigned": NoSignatures(current=signing.current, keys=signing.keys)}
    costs: dict[str, list[Cost]] = {name: [] for name in keyrings}
    with running() as server:
        measure(server, signing)  # the first pays for imports and caches
        for number in range(ROUNDS):
            for name in sorted(keyrings, reverse=bool(number % 2)):
                costs[name].append(measure(server, keyrings[name]))
                print(f"round {number + 1} {name}: {1000 * costs[name][-1].wall_s / SPLITS:.2f} ms a split", flush=True)
    pairs = list(zip(costs["signed"], costs["unsigned"], strict=True))
    print(
        json.dumps(
            {
                "bench": "ledger-claims",
                "splits": SPLITS,
                "signed_ms_per_split": _median_ms(costs["signed"]),
                "unsigned_ms_per_split": _median_ms(costs["unsigned"]),
                "ratios": [round(one.wall_s / other.wall_s, 3) for one, other in pairs],
                "ratio": round(statistics.median(one.wall_s / other.wall_s for one, other in pairs), 3),
                "cpu_ratio": round(statistics.median(one.cpu_s / other.cpu_s for one, other in pairs), 3),
                "verified_progress_ms": round(1000 * statistics.median(cost.look_s for cost in costs["signed"]), 1),
            }
        )
    )


def _median_ms(costs: list[Cost]) -> float:
    return round(1000 * statistics.median(cost.wall_s for cost in costs) / SPLITS, 3)


if __name__ == "__main__":
    main()
