"""The running application: sessions, flag, writer, workload, and what it can be asked."""

from __future__ import annotations

import logging
import random
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.cql.identifiers import quote
from keyspaces_migration.cql.json_codec import encode_columns
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.flag_reader import FlagAddress, FlagReader
from keyspaces_migration.dual_write.journal import SyncPolicy
from keyspaces_migration.dual_write.late_session import LateSession
from keyspaces_migration.dual_write.session import DualSession
from keyspaces_migration.dual_write.shadow import ShadowSettings
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.sqs_outbox import SqsOutbox
from keyspaces_migration.dual_write.statements import table_name
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.dual_write.writer import DualWriter, WriterSettings, default_writer_id
from rehearsal.application.audit import audit
from rehearsal.application.by_cql import ByCql
from rehearsal.application.control import Control
from rehearsal.application.truth import FILE_NAME, Truth, json_row
from rehearsal.application.workload import Workload, weights_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

_log = logging.getLogger(__name__)
DRAIN_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 300.0
TOKENS = 2**64


@dataclass(frozen=True, kw_only=True)
class LetterSettings:
    """Where dead letters go.

    Attributes:
        queue_url: The queue's.
        bucket: For what is too large for a message.
        endpoint: Of SQS and S3; None is AWS itself.
        after_s: How old a write gets before it is one.
    """

    queue_url: str
    bucket: str | None
    endpoint: str | None
    after_s: float


@dataclass(frozen=True, kw_only=True)
class ApplicationSettings:
    """What the application needs to know.

    Attributes:
        folder: Its truth, its writer's journal, its log's place and the file that says where it answers.
        migration_file: Names the keyspaces and describes the tables.
        tables: Which of them it uses.
        source: How the source is reached; the consistency is the application's own choice.
        target: How the target is reached.
        aws_endpoint: Of AppConfig; None is AWS itself.
        flag: Where the flag is.
        flag_poll_s: None obeys AppConfig.
        rate_per_s: Operations a second.
        read_share: How many of them are reads, 0 to 1.
        shadow_share: How many of its reads are compared in both stores, 0 to 1; 0 compares none.
        clock_ahead_s: How far the clock of this application's writer is ahead of the machine's; negative for behind.
        letters: Where writes go that the target does not take; None: they stay in the journal.
        first_write_mode: SOURCE_ONLY, or RECORD to only read before: where nothing carries the source's changes into
            the history, what is written before RECORD would be missing on the target.
        adopt: How many rows of each table it takes over from the source at its first start.
        number: Tells several applications of one host apart.
        port: Where it answers; 0 chooses one.
    """

    folder: Path
    migration_file: Path
    tables: tuple[str, ...]
    source: SessionSettings
    target: SessionSettings
    aws_endpoint: str | None
    aws_region: str
    flag: FlagAddress
    flag_poll_s: float | None
    rate_per_s: float
    read_share: float
    shadow_share: float
    clock_ahead_s: float
    adopt: int
    letters: LetterSettings | None
    first_write_mode: WriteMode
    seed: int | None
    number: int
    port: int


class Application:
    """Runs until told to stop. Everything that writes happens in the thread that called `run`."""

    def __init__(self, settings: ApplicationSettings) -> None:
        self.settings = settings
        self._stop = threading.Event()
        self._paused = threading.Event()
        self._commands: list[tuple[str, threading.Event, dict[str, Any]]] = []
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def stop(self) -> None:
        """End after the operation under way. Safe in a signal's handler."""
        self._stop.set()

    def pause(self) -> dict[str, Any]:
        """Begin no more operations; what is in the journal goes on to be sent. Returns the status."""
        self._paused.set()
        return self.status()

    def run(self) -> dict[str, Any]:
        """Work until stopped; return the last status.

        Raises:
            MigrationError, WorldError: It can't begin; the message says why.
        """
        with ExitStack() as stack:
            migration = load_migration(self.settings.migration_file)
            self._shapes = {
                name: TableShape.from_migration(name, migration.tables[name]) for name in self.settings.tables
            }
            self._stores = self._open_stores(stack, migration)
            self._flag = stack.enter_context(self._open_flag())
            self._truth = Truth(self.settings.folder / FILE_NAME)
            self._truth.open()
            stack.callback(self._truth.close)
            self._adopt()
            self._writer = stack.enter_context(self._open_writer(migration))
            self._workload = Workload(
                writer=self._writer,
                truth=self._truth,
                tables=list(self._shapes.values()),
                rng=random.Random(self.settings.seed),  # noqa: S311 -- a workload, not a secret
                weights=weights_of(self.settings.read_share),
                by_cql=ByCql(stack.enter_context(DualSession(self._writer))),
            )
            control = Control(
                folder=self.settings.folder,
                port=self.settings.port,
                commands={
                    "status": self.status,
                    "audit": lambda: self._ask("audit"),
                    "audit-all": lambda: self._ask("audit-all"),
                    "pause": self.pause,
                    "stop": lambda: self._ask("stop"),
                },
            )
            control.start()
            stack.callback(control.stop)
            self._work()
            self._writer.drain(timeout_s=DRAIN_TIMEOUT_S)
            return self.status()

    def status(self) -> dict[str, Any]:
        """Return counts and the writer's report."""
        report = self._writer.report()
        state = self._flag.current()
        return {
            "mode": state.mode,
            "settled_mode": report.settled.mode,
            "flag_version": state.version,
            "target_read_percent": state.target_read_percent,
            "flag_age_s": round(self._flag.age_s, 1),
            "keys": len(self._truth),
            "acknowledged": self._truth.acknowledged,
            "unsent": report.journal_depth,
            "parked": report.parked,
            "accounts": self._accounts(),
            "wrong_reads": self._workload.wrong_read_count,
            "shadow_reads": self._shadow_reads(),
            "wrong_read_examples": self._workload.wrong_reads,
            "counts": dict(self._workload.counts),
            "seconds": round(time.monotonic() - self._began, 1),
        }

    def _shadow_reads(self) -> dict[str, int]:
        """What was read in both stores and compared, by what became of it."""
        found = self._writer.shadow_reads
        return {} if found is None else {outcome.value: count for outcome, count in found.counts.items()}

    def _accounts(self) -> dict[str, int]:
        """What became of every write of this process."""
        found = self._writer.accounts()
        fates = {fate.value.lower(): count for fate, count in sorted(found.fates.items())}
        open_ones = {"pending": found.pending, "under_way": found.under_way, "unaccounted": found.unaccounted}
        return {"calls": found.calls, "taken_up": found.taken_up, **fates, **open_ones}

    def _open_stores(self, stack: ExitStack, migration: Migration) -> Stores:
        places = {
            StoreName.SOURCE: (self.settings.source, migration.source.keyspace, Consistency.QUORUM),
            StoreName.TARGET: (self.settings.target, migration.target.keyspace, Consistency.LOCAL_QUORUM),
        }
        opened = {}
        for name, (reached, keyspace, consistency) in places.items():
            opening = partial(self._connect, stack, replace(reached, consistency=consistency))
            # The target may be away when the application starts: its writes wait in the journal.
            session = LateSession(opening) if name is StoreName.TARGET else opening()
            opened[name] = Store(name=name, session=session, keyspace=keyspace, now_us=self._now_us)
        return Stores(source=opened[StoreName.SOURCE], target=opened[StoreName.TARGET])

    def _connect(self, stack: ExitStack, settings: SessionSettings) -> Session:
        return stack.enter_context(open_session(settings))

    def _open_flag(self) -> FlagReader:
        client = boto3.client(
            "appconfigdata",
            endpoint_url=self.settings.aws_endpoint,
            region_name=self.settings.aws_region,
            config=Config(connect_timeout=3, read_timeout=5, retries={"max_attempts": 2}),
        )
        return FlagReader(client, self.settings.flag, poll_interval_s=self.settings.flag_poll_s)

    def _open_writer(self, migration: Migration) -> DualWriter:
        settings = WriterSettings(
            migration=migration.name,
            writer_id=default_writer_id("sample-application", self.settings.number),
            journal_folder=self.settings.folder / "journal",
            sync=SyncPolicy.PROCESS,
        )
        outbox, letters = None, self.settings.letters
        if letters is not None:
            settings = replace(settings, letters_after_s=letters.after_s)
            outbox = SqsOutbox.connect(
                queue_url=letters.queue_url,
                region=self.settings.aws_region,
                bucket=letters.bucket,
                endpoint_url=letters.endpoint,
            )
        return DualWriter(
            settings,
            stores=self._stores,
            tables=self._shapes.values(),
            flag=self._flag,
            letters=outbox,
            shadow=ShadowSettings(share=self.settings.shadow_share) if self.settings.shadow_share else None,
            now_us=self._now_us,
        )

    def _now_us(self) -> int:
        return system_now_us() + int(self.settings.clock_ahead_s * 1_000_000)

    def _adopt(self) -> None:
        """Take rows of the source over, from all over the token ring, once."""
        for shape in self._shapes.values():
            if any(self._truth.every(shape.name)):
                continue
            for row in self._spread_rows(shape):
                values = dict(zip(shape.columns, row, strict=True))
                if any(values[name] is None for name in shape.clustering_keys):
                    continue  # a partition that has static columns alone
                key = encode_columns({name: values[name] for name in shape.primary_key}, shape.columns)
                if self._truth.of(shape.name, key) is None:
                    self._truth.adopt(shape.name, key, json_row(shape, values))

    def _spread_rows(self, shape: TableShape) -> Iterator[Any]:
        source = self._stores.source
        names = ", ".join(map(quote, shape.columns))
        token = f"token({', '.join(map(quote, shape.partition_keys))})"
        table = table_name(source.keyspace, shape.name)
        cql = f"SELECT {names} FROM {table} WHERE {token} >= ? LIMIT ?"  # noqa: S608 -- names of the migration file
        places = max(1, self.settings.adopt // 10)
        for place in range(places if self.settings.adopt else 0):
            bound = source.prepare(cql).bind((-(TOKENS // 2) + TOKENS * place // places, 10))
            yield from source.session.execute(bound)

    def _work(self) -> None:
        pause_s = 1 / self.settings.rate_per_s
        due = time.monotonic()
        while not self._stop.is_set():
            self._obey()
            mode = self._flag.current().mode
            if not self._paused.is_set():
                waits = mode is WriteMode.SOURCE_ONLY and self.settings.first_write_mode is not mode
                self._workload.step(reads_only=waits)
            due = max(due + pause_s, time.monotonic() - 1)  # what was missed in a standstill is not made up for
            self._stop.wait(max(0.0, due - time.monotonic()))
        self._obey()

    def _ask(self, command: str) -> dict[str, Any]:
        done, answer = threading.Event(), dict[str, Any]()
        with self._lock:
            self._commands.append((command, done, answer))
        if not done.wait(COMMAND_TIMEOUT_S):
            raise TimeoutError(f"{command} took longer than {COMMAND_TIMEOUT_S:.0f} s")
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def _obey(self) -> None:
        with self._lock:
            commands, self._commands = self._commands, []
        for command, done, answer in commands:
            try:
                answer.update(self._carry_out(command))
            except Exception as error:  # noqa: BLE001 -- shown to the one who asked; the work goes on
                _log.exception("%s failed", command)
                answer["error"] = f"{type(error).__name__}: {error}"
            done.set()

    def _carry_out(self, command: str) -> dict[str, Any]:
        if command == "stop":
            self._stop.set()
            self._writer.drain(timeout_s=DRAIN_TIMEOUT_S)
            return self.status()
        unsent = self._writer.drain(timeout_s=DRAIN_TIMEOUT_S)
        report = audit(self._stores, self._truth, self._shapes, unsent=unsent, only_written=command == "audit")
        return {"audit": report.to_json(), **self.status()}
