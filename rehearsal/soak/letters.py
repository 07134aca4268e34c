"""What `replay_dead_letters` does, over a soak's stores, queue and a ledger of its own."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyspaces_migration.consistency.copying import CellStore, RowCopier
from keyspaces_migration.consistency.kinds import Leader, Store
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.ledger import Keyring, RunConfiguration, open_ledger
from keyspaces_migration.ledger.letter_records import LetterOutcome
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.letters.book import RunBook
from keyspaces_migration.letters.drain import Drain
from keyspaces_migration.letters.replay import Replayer
from keyspaces_migration.letters.sqs_inbox import SqsInbox
from keyspaces_migration.lifecycle import Stage, dag_id
from rehearsal.processes import WorldError

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.soak.pair import Pair

SETTLE_S = 1.0
TRIES = 20


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """Letters by what became of them."""

    replayed: int
    parked: int

    @property
    def received(self) -> int:
        """All of them."""
        return self.replayed + self.parked


class Replay:
    """Empties the queue, run after run."""

    def __init__(self, pair: Pair, *, home: Path) -> None:
        self._pair = pair
        keyring = Keyring(current="soak", keys={"soak": bytes(range(32))})
        self._ledger = open_ledger(f"sqlite:///{home}/ledger.db", keyring=keyring)

    def until_empty(self) -> Replayed:
        """Run until nothing is left in the queue.

        Raises:
            WorldError: Something still is, after some runs.
        """
        replayed = parked = 0
        for number in range(TRIES):
            drained = self._drain(number).run()
            replayed += drained.of(LetterOutcome.REPLAYED)
            parked += drained.of(LetterOutcome.PARKED)
            if not drained.left and not self._depth():
                return Replayed(replayed=replayed, parked=parked)
            time.sleep(1)
        raise WorldError(f"{self._depth()} letters are still in the queue after {TRIES} runs")

    def _drain(self, number: int) -> Drain:
        pair, name, run_id = self._pair, self._pair.migration.name, f"run {number}"
        migration, stage = pair.migration, Stage.REPLAY_DEAD_LETTERS
        now = dt.datetime.now(dt.UTC)
        self._ledger.record_run(
            RunConfiguration(
                migration=name,
                stage=stage,
                dag_id=dag_id(name, stage),
                run_id=run_id,
                digest=migration.digest,
                canonical_json=migration.canonical_json(),
                recorded_at=now,
            )
        )
        shapes = {shape.name: shape for shape in pair.shapes}
        copier = RowCopier(
            shapes=shapes,
            source=CellStore(pair.stores.source.session, store=Store.SOURCE, keyspace=migration.source.keyspace),
            target=CellStore(pair.stores.target.session, store=Store.TARGET, keyspace=migration.target.keyspace),
            leader=Leader.SOURCE,
            settle=lambda: time.sleep(SETTLE_S),
            now_us=system_now_us,
        )
        book = RunBook(
            LetterLedger(self._ledger),
            migration=name,
            dag_id=dag_id(name, stage),
            run_id=run_id,
            now=lambda: dt.datetime.now(dt.UTC),
        )
        inbox = SqsInbox(sqs=pair.client("sqs"), s3=pair.client("s3"), queue_url=pair.queue_url, bucket=pair.bucket)
        replayer = Replayer(
            stores=pair.stores, shapes=shapes, copier=copier, leader=Leader.SOURCE, now_us=system_now_us
        )
        return Drain(migration=name, shapes=shapes, inbox=inbox, replayer=replayer, book=book)

    def _depth(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        sqs = self._pair.client("sqs")
        found = sqs.get_queue_attributes(QueueUrl=self._pair.queue_url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)
