"""Cassandra as the source, local Keyspaces as the target, a queue and a bucket of the AWS stand-in, and a ledger."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from keyspaces_migration.consistency.copying import CellStore, RowCopier
from keyspaces_migration.consistency.kinds import Leader
from keyspaces_migration.consistency.kinds import Store as Side
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.letters import Letter, body_of
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.sqs_outbox import SqsOutbox
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.dual_write.writer import DualWriter, FollowerPolicy, WriterSettings
from keyspaces_migration.ledger import RunConfiguration, open_ledger
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.letters.book import RunBook
from keyspaces_migration.letters.drain import Drain, Drained
from keyspaces_migration.letters.replay import Replayer
from keyspaces_migration.letters.sqs_inbox import SqsInbox
from keyspaces_migration.lifecycle import Stage
from rehearsal.servers.aws import stand_in_client
from tests.keyring import KEYRING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from keyspaces_migration.dual_write.bounds import Bound
    from keyspaces_migration.letters.inbox import Received
    from rehearsal.servers.aws import AwsStandIn

SOURCE, TARGET, CONTROL = "letters_source", "letters_target", "letters_control"
MIGRATION = "letters"
HOUR_US = 3_600_000_000
TYPES = {"customer": "text", "name": "text", "kind": "text", "amount": "int", "extra": "text", "tags": "set<text>"}
NOTES = TableShape(
    name="notes",
    columns={name: parse_type(text) for name, text in {**TYPES, "s": "text"}.items()},
    partition_keys=("customer",),
    clustering_keys=("name",),
    static_columns=("s",),
    expires=True,
)
COLUMNS = ", ".join(f"{name} {text}" for name, text in TYPES.items())
DDL = f"CREATE TABLE {{}}.notes ({COLUMNS}, s text static, PRIMARY KEY ((customer), name))"
# As `provision` makes tables that are dual-written.
OF_KEYSPACES = (
    " WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}, 'ttl': {'status': 'enabled'}}"
)


def wait_for(condition: Callable[[], object], what: str = "the condition", *, within_s: float = 30) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {within_s} s"
        time.sleep(0.02)


def dual(*, target_leads: bool = False) -> FlagState:
    """Both stores are written to, above a barrier long ago."""
    mode = WriteMode.DUAL_TARGET_LEADS if target_leads else WriteMode.DUAL_SOURCE_LEADS
    return FlagState(mode=mode, barrier_us=system_now_us() - 100 * HOUR_US, version=3)


@dataclass
class Flag:
    """A flag of the test's own."""

    state: FlagState

    def current(self) -> FlagState:
        """The state."""
        return self.state

    def refresh(self) -> None:
        """It is always the newest."""


class Queue:
    """A queue and a bucket of the stand-in, through an address that a test may cut off."""

    def __init__(self, aws: AwsStandIn) -> None:
        self.name = f"letters-{uuid.uuid4().hex[:12]}"
        self.endpoint = aws.endpoint_url
        self.sqs, self.s3 = self.client("sqs"), self.client("s3")
        self.url = self.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        self.s3.create_bucket(Bucket=self.name)
        self.taken: list[str] = []

    def client(self, service: str, endpoint: str | None = None) -> Any:
        """boto3's client."""
        return stand_in_client(service, endpoint or self.endpoint, connect_timeout_s=1, read_timeout_s=5, attempts=1)

    def outbox(self, *, endpoint: str | None = None, bucket: bool = True) -> SqsOutbox:
        """What a writer sends by."""
        sqs, s3 = self.client("sqs", endpoint), self.client("s3", endpoint)
        return SqsOutbox(sqs=sqs, s3=s3, queue_url=self.url, bucket=self.name if bucket else None)

    def inbox(self) -> SqsInbox:
        """What the replay receives by; the handles are remembered."""
        inbox = SqsInbox(sqs=self.sqs, s3=self.s3, queue_url=self.url, bucket=self.name)
        receive = inbox.receive

        def remembered() -> list[Received]:
            found = receive()
            self.taken = [*self.taken, *(each.handle for each in found)]
            return found

        setattr(inbox, "receive", remembered)  # noqa: B010 # only looked at
        return inbox

    def send(self, *bodies: str) -> None:
        """Put messages into the queue."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def show_hidden(self) -> None:
        """Let messages that a process took and never gave back be received again, as SQS does in time."""
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"VisibilityTimeout": "0"})
        for handle in self.taken:
            self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0)

    def depth(self) -> int:
        """Messages, hidden ones included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def bodies(self) -> list[str]:
        """All messages, which stay in the queue."""
        received: list[Received] = []
        while some := self.inbox().receive():
            received += some
        self.inbox().give_back([each.handle for each in received])
        return [each.body for each in received]


class LetterWorld:
    """Everything, and writers and replays over it."""

    def __init__(self, source: Session, target: Session, queue: Queue, folder: Path, customer: str) -> None:
        self.sessions = {SOURCE: source, TARGET: target}
        self.stores = Stores(
            source=Store(name=StoreName.SOURCE, session=source, keyspace=SOURCE),
            target=Store(name=StoreName.TARGET, session=target, keyspace=TARGET),
        )
        self.queue = queue
        self.flag = Flag(dual())
        self.customer = customer
        self.folder = folder
        self.settled: Callable[[], None] = lambda: None
        self.settings = WriterSettings(
            migration=MIGRATION,
            writer_id="test/0",
            journal_folder=folder / "journal",
            control_keyspace=CONTROL,
            heartbeat_interval_s=0.05,
            resolve_timeout_s=0.5,
            follower=FollowerPolicy.ACKNOWLEDGED,
            close_wait_s=0.1,
        )
        self.ledger = open_ledger(f"sqlite:///{folder}/ledger.db", keyring=KEYRING)
        self.letters = LetterLedger(self.ledger)
        self.runs = 0

    @contextmanager
    def writer(self, **changes: Any) -> Iterator[DualWriter]:
        """A writer with letters."""
        outbox = changes.pop("outbox", None) or self.queue.outbox()
        stores = changes.pop("stores", self.stores)
        settings = replace(self.settings, **changes)
        with DualWriter(settings, stores=stores, tables=[NOTES], flag=self.flag, letters=outbox) as writer:
            yield writer

    def key(self, name: str) -> dict[str, Any]:
        """A row's key in the test's own partition."""
        return {"customer": self.customer, "name": name}

    def row(self, keyspace: str, name: str) -> dict[str, Any] | None:
        """A row with the time of its kind; None where there is none."""
        found = (
            self.sessions[keyspace]
            .execute(
                f"SELECT kind, amount, tags, s, WRITETIME(kind) AS at FROM {keyspace}.notes "
                "WHERE customer = %s AND name = %s",
                (self.customer, name),
            )
            .one()
        )
        return None if found is None else {**found._asdict(), "tags": set(found.tags or ())}

    def agree(self, name: str) -> dict[str, Any] | None:
        """A row that both stores have alike."""
        source, target = self.row(SOURCE, name), self.row(TARGET, name)
        assert source == target
        return source

    def put(self, *keyspaces: str, name: str, hours_ago: float = 0, **columns: Any) -> int:
        """Write cells by an UPDATE at a time of their own; return it."""
        at_us = system_now_us() - int(hours_ago * HOUR_US)
        sets = ", ".join(f"{column} = %s" for column in columns)
        for keyspace in keyspaces:
            self.sessions[keyspace].execute(
                f"UPDATE {keyspace}.notes USING TIMESTAMP %s SET {sets} WHERE customer = %s AND name = %s",
                (at_us, *columns.values(), self.customer, name),
            )
        return at_us

    def replayer(self, *, leader: Leader | None = Leader.SOURCE, stores: Stores | None = None) -> Replayer:
        """A replayer over both stores."""
        copier = leader and RowCopier(
            shapes={"notes": NOTES},
            source=CellStore(self.sessions[SOURCE], store=Side.SOURCE, keyspace=SOURCE),
            target=CellStore(self.sessions[TARGET], store=Side.TARGET, keyspace=TARGET),
            leader=leader,
            settle=lambda: self.settled(),  # noqa: PLW0108 -- a test changes it later
            now_us=system_now_us,
        )
        return Replayer(
            stores=stores or self.stores,
            shapes={"notes": NOTES},
            copier=copier or None,
            leader=leader,
            now_us=system_now_us,
            pause=lambda _: None,
        )

    def new_run(self) -> str:
        """Record a run of the replay; return its id."""
        self.runs += 1
        text = f'{{"run":{self.runs}}}'
        self.ledger.record_run(
            RunConfiguration(
                migration=MIGRATION,
                stage=Stage.REPLAY_DEAD_LETTERS,
                dag_id=f"{MIGRATION}.replay_dead_letters",
                run_id=f"run {self.runs}",
                digest=sha256(text.encode()).hexdigest(),
                canonical_json=text,
                recorded_at=dt.datetime.now(dt.UTC),
            )
        )
        return f"run {self.runs}"

    def drain(
        self,
        *,
        retry: bool = False,
        inbox: Any = None,
        book: Any = None,
        leader: Leader | None = Leader.SOURCE,
        **given: Any,
    ) -> Drained:
        """What a run of the DAG does."""
        run_id = self.new_run()
        made = RunBook(
            self.letters,
            migration=MIGRATION,
            dag_id=f"{MIGRATION}.replay_dead_letters",
            run_id=run_id,
            now=lambda: dt.datetime.now(dt.UTC),
        )
        drain = Drain(
            migration=MIGRATION,
            shapes={"notes": NOTES},
            inbox=inbox or self.queue.inbox(),
            replayer=self.replayer(leader=leader, **given),
            book=book(made) if book else made,
        )
        return drain.run(retried=self.letters.parked(MIGRATION) if retry else ())


class Letters:
    """Letters as a writer sends them, of writes that no test waits 47 hours for."""

    def __init__(self, world: LetterWorld) -> None:
        self._world = world
        self._entries = 0

    def body(  # noqa: PLR0913 # what a test cares about, by name
        self,
        *,
        key: dict[str, Any],
        columns: dict[str, Any],
        kind: MutationKind = MutationKind.UPDATE,
        bounds: tuple[Bound, ...] = (),
        at_us: int | None = None,
        hours_ago: float = 0,
        migration: str = MIGRATION,
        ttl_s: int | None = None,
        sent_us: int | None = None,
    ) -> str:
        """The message of one."""
        self._entries += 1
        letter = Letter(
            migration=migration,
            writer_id="test/0",
            entry_id=self._entries,
            store=StoreName.TARGET,
            mode=WriteMode.DUAL_SOURCE_LEADS,
            barrier_us=1,
            flag_version=3,
            leader_acknowledged=True,
            mutation=Mutation(
                table="notes",
                kind=kind,
                key=key,
                columns=columns,
                timestamp_us=at_us or system_now_us() - int(hours_ago * HOUR_US),
                bounds=bounds,
                ttl_s=ttl_s,
            ),
            reason=ReasonClass.TIMEOUT,
            text="no answer",
            attempts=1,
            sent_us=sent_us,
        )
        return body_of(letter, NOTES, outbox=self._world.queue.outbox())

    def send(self, **given: Any) -> None:
        """Send one."""
        self._world.queue.send(self.body(**given))
