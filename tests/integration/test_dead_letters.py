"""Dead letters of dual writes on real stores and a real queue: sent by the writer, brought back by the replay."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cassandra import InvalidRequest, OperationTimedOut

from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.consistency.kinds import Leader
from keyspaces_migration.dual_write.accounts import Fate
from keyspaces_migration.dual_write.bounds import Bound, Comparison
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.control_tables import create_control_tables
from keyspaces_migration.dual_write.errors import LettersUnavailableError, OutcomeUnknownError, WriteRefusedError
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.mutation import MutationKind
from keyspaces_migration.dual_write.store import StoreName, Stores
from keyspaces_migration.dual_write.writer import FollowerFate, FollowerPolicy
from keyspaces_migration.ledger import LedgerUnreachableError
from keyspaces_migration.ledger.letter_records import LetterCounts, LetterOutcome
from rehearsal.doubts.relay import Relay
from rehearsal.local_keyspaces.admin import Fault, FaultKind, Operation
from tests.integration.letter_world import (
    CONTROL,
    DDL,
    HOUR_US,
    MIGRATION,
    OF_KEYSPACES,
    SOURCE,
    TARGET,
    Letters,
    LetterWorld,
    Queue,
    wait_for,
)
from tests.integration.test_dual_write import FaultyStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session

    from keyspaces_migration.letters.book import RunBook
    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode
    from rehearsal.servers.aws import AwsStandIn

LONG_NAME = "n" * 900
"""A clustering key that Cassandra takes and Keyspaces, at 850 bytes, refuses."""


@pytest.fixture(scope="module")
def sessions(cassandra_node: CassandraNode, local_keyspaces: LocalKeyspacesNode) -> Iterator[tuple[Session, Session]]:
    cassandra = SessionSettings(
        hosts=(cassandra_node.host,), port=cassandra_node.port, consistency=Consistency.LOCAL_QUORUM
    )
    keyspaces = SessionSettings(
        hosts=(local_keyspaces.host,), port=local_keyspaces.port, consistency=Consistency.LOCAL_QUORUM
    )
    replication: dict[str, str | int] = {"class": "SimpleStrategy", "replication_factor": 1}
    with open_session(cassandra) as source, open_session(keyspaces) as target:
        for keyspace, session in ((SOURCE, source), (TARGET, target)):
            session.execute(
                f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
            )
            session.execute(DDL.format(keyspace) + (OF_KEYSPACES if keyspace == TARGET else ""))
        create_control_tables(source, replication=replication, keyspace=CONTROL)
        yield source, target
        for keyspace, session in ((SOURCE, source), (TARGET, target), (CONTROL, source)):
            session.execute(f"DROP KEYSPACE {keyspace}")


@pytest.fixture
def world(
    sessions: tuple[Session, Session], aws_stand_in: AwsStandIn, tmp_path: Path, request: pytest.FixtureRequest
) -> LetterWorld:
    return LetterWorld(*sessions, Queue(aws_stand_in), tmp_path, request.node.name)


def test_what_the_follower_refuses_for_good_becomes_a_letter_and_blocks_nothing(world: LetterWorld) -> None:
    with world.writer() as writer:
        refused = writer.insert("notes", {**world.key(LONG_NAME), "kind": "long"})
        assert refused.follower is FollowerFate.JOURNALLED
        after = [writer.insert("notes", {**world.key(f"n{number}"), "kind": "short"}) for number in range(3)]
        assert {result.follower for result in after} == {FollowerFate.ACKNOWLEDGED}
        assert writer.drain(timeout_s=20) == 0
        accounts = writer.accounts()
        assert (accounts.fates, accounts.unaccounted) == ({Fate.BOTH: 3, Fate.LETTER: 1}, 0)
        assert writer.report().journal_depth == 0
    (body,) = world.queue.bodies()
    letter = json.loads(body)
    assert letter["reason"]["class"] == "TOO_LARGE"
    assert "850" in letter["reason"]["text"]
    assert (letter["migration"], letter["writer"], letter["store"]) == (MIGRATION, "test/0", "TARGET")
    assert letter["attempts"] == 1
    assert json.loads(letter["write"])["key"] == world.key(LONG_NAME)
    assert world.row(SOURCE, LONG_NAME) is not None

    done = world.drain()
    assert done.counts == {(LetterOutcome.PARKED, ReasonClass.TOO_LARGE): 1}
    assert world.queue.depth() == 0
    (parked,) = world.letters.parked(MIGRATION)
    assert (parked.body, parked.table_name) == (body, "notes")
    assert world.letters.counts(MIGRATION) == LetterCounts(parked=1)


def test_a_follower_s_missing_column_is_mended_and_the_parked_letter_retried(world: LetterWorld) -> None:
    target = world.sessions[TARGET]
    target.execute(f"DROP TABLE {TARGET}.notes")
    with world.writer() as writer:
        writer.insert("notes", {**world.key("a"), "kind": "k", "amount": 7, "tags": {"x", "y"}})
        writer.update("notes", {"customer": world.customer}, {"s": "static"})
        wait_for(lambda: world.queue.depth() == 2, "two letters")
        assert writer.drain(timeout_s=20) == 0
    first = world.drain()
    assert first.counts == {(LetterOutcome.PARKED, ReasonClass.SCHEMA): 2}
    target.execute(DDL.format(TARGET) + OF_KEYSPACES)
    second = world.drain(retry=True)
    assert second.of(LetterOutcome.REPLAYED) == 2
    assert world.letters.counts(MIGRATION) == LetterCounts(replayed=2)
    assert world.letters.parked(MIGRATION) == ()
    found = world.agree("a")
    assert found is not None
    assert (found["kind"], found["amount"], found["tags"], found["s"]) == ("k", 7, {"x", "y"}, "static")


def test_a_letter_above_256_kb_goes_by_way_of_the_bucket(world: LetterWorld) -> None:
    large = {f"{number:04}" * 25 for number in range(11_000)}
    with world.writer() as writer:
        # Above Keyspaces' megabyte a row, and Cassandra does not mind.
        writer.insert("notes", {**world.key("large"), "kind": "k", "tags": large})
        assert writer.drain(timeout_s=30) == 0
        assert writer.accounts().fates == {Fate.LETTER: 1}
    (body,) = world.queue.bodies()
    letter = json.loads(body)
    assert len(body) < 2_000
    assert "write" not in letter
    place = letter["write_at"]
    kept = world.queue.s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
    assert (place["bucket"], place["bytes"]) == (world.queue.name, len(kept))
    assert place["bytes"] > 1_000_000

    assert world.drain().counts == {(LetterOutcome.PARKED, ReasonClass.TOO_LARGE): 1}
    (parked,) = world.letters.parked(MIGRATION)
    assert (parked.body, parked.key_json) == (body, json.dumps(world.key("large"), separators=(",", ":")))
    # What the letter points to was changed meanwhile: nobody may write that.
    changed = kept.replace(b'"kind":"k"', b'"kind":"x"')
    world.queue.s3.put_object(Bucket=place["bucket"], Key=place["key"], Body=changed)
    assert world.drain(retry=True).counts == {(LetterOutcome.PARKED, ReasonClass.UNREADABLE): 1}
    assert "the letter says" in world.letters.parked(MIGRATION)[0].reason
    world.queue.s3.delete_object(Bucket=place["bucket"], Key=place["key"])
    world.drain(retry=True)
    assert "is not there (any more)" in world.letters.parked(MIGRATION)[0].reason


def test_without_a_bucket_a_large_letter_stays_in_the_journal_and_others_are_sent(world: LetterWorld) -> None:
    large = {f"{number:04}" * 25 for number in range(11_000)}
    with world.writer(outbox=world.queue.outbox(bucket=False)) as writer:
        writer.insert("notes", {**world.key("large"), "tags": large})
        writer.insert("notes", {**world.key(LONG_NAME), "kind": "k"})
        wait_for(lambda: writer.accounts().fates == {Fate.LETTER: 1}, "the small one")
        wait_for(lambda: any("no bucket was given" in each for each in writer.problems), "the problem")
        assert (writer.accounts().pending, writer.report().journal_depth) == (1, 1)
    with world.writer() as writer:
        assert writer.drain(timeout_s=30) == 0
        assert writer.accounts().fates == {Fate.LETTER: 1}
    assert world.queue.depth() == 2


def test_letters_wait_in_the_journal_while_sqs_is_away(world: LetterWorld, aws_stand_in: AwsStandIn) -> None:
    with Relay(to_port=aws_stand_in.port) as relay:
        relay.fall_silent()
        outbox = world.queue.outbox(endpoint=f"http://127.0.0.1:{relay.port}")
        with world.writer(outbox=outbox) as writer:
            writer.insert("notes", {**world.key(LONG_NAME), "kind": "a"})
            for number in range(5):
                writer.insert("notes", {**world.key(f"n{number}"), "kind": "a"})
            wait_for(lambda: any("does not take letters" in each for each in writer.problems), "the problem")
            accounts = writer.accounts()
            assert (accounts.fates, accounts.pending, accounts.unaccounted) == ({Fate.BOTH: 5}, 1, 0)
            assert writer.report().journal_depth == 1
            assert world.queue.depth() == 0
            relay.resume()
            assert writer.drain(timeout_s=40) == 0
            assert writer.accounts().fates == {Fate.BOTH: 5, Fate.LETTER: 1}
    # Sent twice, where the first answer got lost, it is the same letter.
    ids = {json.loads(body)["id"] for body in world.queue.bodies()}
    assert len(ids) == 1


def test_what_a_follower_that_is_down_lacks_for_too_long_becomes_letters_that_come_back(
    world: LetterWorld, local_keyspaces: LocalKeyspacesNode
) -> None:
    fault = local_keyspaces.admin.add_fault(
        Fault(kind=FaultKind.TIMEOUT_BEFORE, table=f"{TARGET}.notes", operation=Operation.WRITE)
    )
    try:
        with world.writer(letters_after_s=1.0, follower=FollowerPolicy.ASYNCHRONOUS) as writer:
            for number in range(30):
                writer.insert("notes", {**world.key(f"n{number}"), "kind": "k", "amount": number})
            assert writer.drain(timeout_s=60) == 0
            accounts = writer.accounts()
            assert (accounts.fates, accounts.unaccounted) == ({Fate.LETTER: 30}, 0)
        classes = {json.loads(body)["reason"]["class"] for body in world.queue.bodies()}
        assert classes <= {"THROTTLE", "TIMEOUT"}
        # The store is still away: the run ends early, says so, and leaves every letter for the next.
        early = world.drain()
        assert (early.store_is_away, early.of(LetterOutcome.REPLAYED), len(early.left)) == (True, 0, 30)
        assert world.queue.depth() == 30
        assert world.letters.counts(MIGRATION) == LetterCounts()
    finally:
        local_keyspaces.admin.remove_fault(fault)
    assert world.row(TARGET, "n1") is None
    done = world.drain()
    assert (done.of(LetterOutcome.REPLAYED), done.left, world.queue.depth()) == (30, [], 0)
    assert all(world.agree(f"n{number}") for number in range(30))


def test_a_replayed_letter_loses_to_every_write_that_came_after_it(world: LetterWorld) -> None:
    letters = Letters(world)
    at_us = world.put(SOURCE, name="a", hours_ago=2, kind="old")
    letters.send(key=world.key("a"), columns={"kind": "old"}, at_us=at_us)
    world.put(SOURCE, TARGET, name="a", hours_ago=1, kind="new")
    gone_us = world.put(SOURCE, name="b", hours_ago=2, kind="old")
    letters.send(key=world.key("b"), columns={"kind": "old"}, at_us=gone_us)
    for keyspace in (SOURCE, TARGET):
        world.sessions[keyspace].execute(
            f"DELETE FROM {keyspace}.notes USING TIMESTAMP {gone_us + 1} WHERE customer = %s AND name = 'b'",
            (world.customer,),
        )
    assert world.drain().of(LetterOutcome.REPLAYED) == 2
    assert (world.agree("a") or {})["kind"] == "new"
    assert world.agree("b") is None


def test_an_old_letter_brings_what_the_leader_has_by_now(world: LetterWorld) -> None:
    """Older than 47 h: the write's own timestamp is no longer taken; the leader's state is copied instead."""
    letters = Letters(world)
    lacking_us = world.put(SOURCE, name="lacking", hours_ago=100, kind="k", amount=5)
    letters.send(key=world.key("lacking"), columns={"kind": "k", "amount": 5}, at_us=lacking_us)
    changed_us = world.put(SOURCE, name="changed", hours_ago=100, kind="old")
    world.put(TARGET, name="changed", hours_ago=47.5, kind="older")
    world.put(SOURCE, name="changed", hours_ago=3, kind="new")
    letters.send(key=world.key("changed"), columns={"kind": "old"}, at_us=changed_us)
    surplus_us = world.put(TARGET, name="surplus", hours_ago=47.5, kind="gone on the leader")
    letters.send(kind=MutationKind.DELETE_ROW, key=world.key("surplus"), columns={}, at_us=surplus_us + 1)
    same_us = world.put(SOURCE, TARGET, name="same", hours_ago=47.5, kind="same")
    letters.send(key=world.key("same"), columns={"kind": "same"}, at_us=same_us)
    done = world.drain()
    assert (done.counts, done.left) == ({(LetterOutcome.REPLAYED, ReasonClass.TIMEOUT): 4}, [])
    lacking = world.row(TARGET, "lacking")
    assert lacking is not None
    assert (lacking["kind"], lacking["amount"]) == ("k", 5)
    window_us = system_now_us() - 47 * HOUR_US
    assert lacking["at"] - window_us < 60_000_000, "at the window's edge, never at now"
    assert (world.row(TARGET, "changed") or {})["kind"] == "new"
    assert world.row(TARGET, "surplus") is None


def test_an_old_delete_of_a_range_takes_what_the_leader_no_longer_has_and_leaves_the_rest(world: LetterWorld) -> None:
    letters = Letters(world)
    for name in ("a", "b", "c"):
        world.put(TARGET, name=name, hours_ago=47.9, kind="old")
    world.put(SOURCE, name="b", hours_ago=47.3, kind="reborn")
    world.put(SOURCE, TARGET, name="z", hours_ago=47.9, kind="outside")
    bounds = (Bound(column="name", comparison=Comparison.BELOW, value="m"),)
    partition = {"customer": world.customer}
    letters.send(kind=MutationKind.DELETE_RANGE, key=partition, columns={}, bounds=bounds, hours_ago=47.5)
    assert world.drain().of(LetterOutcome.REPLAYED) == 1
    assert [world.row(TARGET, name) is not None for name in ("a", "b", "c", "z")] == [False, True, False, True]
    letters.send(kind=MutationKind.DELETE_PARTITION, key=partition, columns={}, hours_ago=47.4)
    before_us = system_now_us() - int(47.6 * HOUR_US)
    world.sessions[TARGET].execute(
        f"UPDATE {TARGET}.notes USING TIMESTAMP {before_us} SET s = 'old' WHERE customer = %s", (world.customer,)
    )
    assert world.drain().of(LetterOutcome.REPLAYED) == 1
    assert (world.row(TARGET, "z") or {})["s"] is None
    assert (world.row(TARGET, "b") or {})["kind"] == "reborn"


def test_old_letters_without_a_write_time_and_of_another_leader_are_parked(world: LetterWorld) -> None:
    letters = Letters(world)
    world.put(SOURCE, name="tags", hours_ago=100, kind="k", tags={"x"})
    letters.send(key=world.key("tags"), columns={"tags": {"x"}}, hours_ago=100)
    world.sessions[SOURCE].execute(
        f"INSERT INTO {SOURCE}.notes (customer, name) VALUES (%s, 'bare')", (world.customer,)
    )
    letters.send(kind=MutationKind.INSERT, key=world.key("bare"), columns={}, hours_ago=100)
    assert world.drain().of(LetterOutcome.PARKED) == 2
    reasons = {each.reason for each in world.letters.parked(MIGRATION)}
    assert any("tags: what is not frozen is many cells" in reason for reason in reasons)
    assert any("a key and no other value" in reason for reason in reasons)
    assert world.row(TARGET, "tags") is None

    letters.send(key=world.key("k"), columns={"kind": "k"}, hours_ago=100)
    assert world.drain(leader=Leader.TARGET).of(LetterOutcome.PARKED) == 1
    assert "the target, which lacks the write, leads by now" in world.letters.parked(MIGRATION)[-1].reason
    letters.send(key=world.key("l"), columns={"kind": "k"}, hours_ago=100)
    assert world.drain(leader=None).of(LetterOutcome.PARKED) == 1
    assert "the flag is in no dual mode" in world.letters.parked(MIGRATION)[-1].reason


def test_a_row_that_is_being_written_is_left_for_the_next_run(world: LetterWorld) -> None:
    letters = Letters(world)
    world.put(SOURCE, name="a", hours_ago=100, kind="old")
    letters.send(key=world.key("a"), columns={"kind": "old"}, hours_ago=100)

    def write_meanwhile() -> None:
        world.put(SOURCE, name="a", kind="new")

    world.settled = write_meanwhile
    done = world.drain()
    assert [each.reason for each in done.left] == [
        "the write is 100.0 h old; the leader's row changed while it was looked at"
    ]
    assert (world.queue.depth(), world.letters.counts(MIGRATION)) == (1, LetterCounts())
    world.settled = lambda: None
    assert world.drain().of(LetterOutcome.REPLAYED) == 1
    assert (world.agree("a") or {})["kind"] == "new"


def test_a_write_of_which_nobody_knows_whether_the_leader_has_it_is_settled_by_the_leader_s_state(
    world: LetterWorld,
) -> None:
    """The leader timed out, then refused the repetition: young as the letter is, it may not be sent to one store."""
    source = FaultyStore(name=StoreName.SOURCE, session=world.sessions[SOURCE], keyspace=SOURCE)
    answers: list[Exception] = [OperationTimedOut("no answer")] * 4
    source.fail = lambda: True
    stores = Stores(source=source, target=world.stores.target)
    with world.writer(stores=stores, resolve_timeout_s=0.05) as writer:
        source.error = answers.pop()
        with pytest.raises(OutcomeUnknownError):
            writer.insert("notes", {**world.key("a"), "kind": "perhaps"})
        assert writer.report().settled == world.flag.state
        source.error = InvalidRequest("no longer")
        assert writer.drain(timeout_s=20) == 0
        assert writer.accounts().fates == {Fate.LETTER: 1}
    (body,) = world.queue.bodies()
    assert json.loads(body)["leader_acknowledged"] is False
    assert world.drain().of(LetterOutcome.REPLAYED) == 1
    assert world.agree("a") is None, "it is on neither: what the leader has counts"


@pytest.mark.parametrize("ahead_s", [-30, 0, 30])
def test_a_row_dies_when_it_should_however_the_writers_clock_was_off(world: LetterWorld, ahead_s: int) -> None:
    now_us = system_now_us() + ahead_s * 1_000_000
    body = Letters(world).body(
        key=world.key("mortal"), columns={"kind": "k"}, at_us=now_us - 100 * 1_000_000, ttl_s=600, sent_us=now_us
    )
    world.queue.send(body)
    assert world.drain().of(LetterOutcome.REPLAYED) == 1
    (left,) = world.sessions[TARGET].execute(
        f"SELECT ttl(kind) AS s FROM {TARGET}.notes WHERE customer = %s AND name = %s",
        tuple(world.key("mortal").values()),
    )
    assert left.s == pytest.approx(500, abs=15)


def test_poison_is_parked_with_its_reason_and_stops_nobody(world: LetterWorld) -> None:
    letters = Letters(world)
    good = letters.body(key=world.key("good"), columns={"kind": "k"}, hours_ago=0)
    other_form = json.dumps({**json.loads(good), "letter": 2})
    forged = json.dumps({**json.loads(good), "write": json.loads(good)["write"].replace('"k"', '"x"')})
    other = letters.body(key=world.key("other"), columns={"kind": "k"}, hours_ago=0, migration="another")
    elsewhere = json.loads(good)
    elsewhere.pop("write")
    elsewhere["write_at"] = {"bucket": "somebody-elses", "key": "k", "sha256": "0" * 64, "bytes": 1}
    whole = letters.body(key={"customer": world.customer}, columns={"kind": "k"}, hours_ago=0)
    failure = json.dumps({"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": {}})
    bodies = ["no JSON at all", "[]", failure, other_form, forged, other, json.dumps(elsewhere), whole]
    # Some of the bad ones claim the good one's id, and come before it.
    world.queue.send(*bodies)
    assert world.drain().of(LetterOutcome.PARKED) == len(bodies)
    world.queue.send(good)
    assert world.drain().of(LetterOutcome.REPLAYED) == 1
    reasons = " | ".join(each.reason for each in world.letters.parked(MIGRATION))
    for expected in (
        "Expecting value",
        "no key 'letter'",
        "its form is 2",
        "its id does not fit its write",
        "it is of migration 'another'",
        "points to s3://somebody-elses/k",
        "can't be written with this key",
    ):
        assert expected in reasons
    assert {each.reason_class for each in world.letters.parked(MIGRATION)} == {ReasonClass.UNREADABLE}
    assert world.queue.depth() == 0
    assert (world.row(TARGET, "good") or {})["kind"] == "k"


def test_a_letter_that_comes_twice_is_one_letter(world: LetterWorld) -> None:
    letters = Letters(world)
    body = letters.body(key=world.key("a"), columns={"kind": "k"}, hours_ago=1)
    later = json.dumps({**json.loads(body), "attempts": 9, "reason": {"class": "OTHER", "text": "sent again"}})
    world.queue.send(body, body, later)
    done = world.drain()
    assert (done.of(LetterOutcome.REPLAYED), done.again) == (1, 2)
    world.queue.send(later)
    again = world.drain()
    assert (again.counts, again.again, world.queue.depth()) == ({}, 1, 0)
    assert world.letters.counts(MIGRATION) == LetterCounts(replayed=1)


def test_nothing_is_taken_off_the_queue_that_the_ledger_does_not_have(world: LetterWorld) -> None:
    letters = Letters(world)
    letters.send(key=world.key("a"), columns={"kind": "k"}, hours_ago=1)
    letters.send(key=world.key(LONG_NAME), columns={"kind": "k"}, hours_ago=1)

    class Broken:
        """The ledger's database goes away between the stores and the record."""

        def __init__(self, book: RunBook) -> None:
            self.standing = book.standing

        def record(self, _: object) -> None:
            raise LedgerUnreachableError("gone")

    with pytest.raises(LedgerUnreachableError):
        world.drain(book=Broken)
    assert world.queue.depth() == 2
    assert world.letters.counts(MIGRATION) == LetterCounts()
    world.queue.show_hidden()
    done = world.drain()
    assert (done.of(LetterOutcome.REPLAYED), done.of(LetterOutcome.PARKED)) == (1, 1)
    assert world.queue.depth() == 0


def test_a_deletion_that_fails_leaves_letters_that_the_ledger_knows_again(world: LetterWorld) -> None:
    Letters(world).send(key=world.key("a"), columns={"kind": "k"}, hours_ago=1)
    inbox = world.queue.inbox()

    def away(_: object) -> None:
        raise LettersUnavailableError("gone")

    setattr(inbox, "delete", away)  # noqa: B010 # SQS goes away in the very moment
    with pytest.raises(LettersUnavailableError):
        world.drain(inbox=inbox)
    assert world.letters.counts(MIGRATION) == LetterCounts(replayed=1)
    world.queue.show_hidden()
    done = world.drain()
    assert (done.counts, done.again, world.queue.depth()) == ({}, 1, 0)


# A writer's process that kills itself, by SIGKILL, between journal and queue, or between queue and the journal's mark.
DYING = """
import json, os, signal, sys
from pathlib import Path
from cassandra.cluster import Cluster
from tests.integration.letter_world import CONTROL, MIGRATION, NOTES, SOURCE, TARGET, Flag
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.sqs_outbox import SqsOutbox
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.dual_write.writer import DualWriter, WriterSettings
source, target, folder, state, url, bucket, endpoint, customer, name, moment = sys.argv[1:]
class Dying(SqsOutbox):
    def send(self, bodies):
        if moment == "before": os.kill(os.getpid(), signal.SIGKILL)
        super().send(bodies)
        os.kill(os.getpid(), signal.SIGKILL)
def store(port, which, keyspace):
    session = Cluster(["127.0.0.1"], port=int(port), protocol_version=4).connect()
    return Store(name=which, session=session, keyspace=keyspace)
stores = Stores(source=store(source, StoreName.SOURCE, SOURCE), target=store(target, StoreName.TARGET, TARGET))
settings = WriterSettings(migration=MIGRATION, writer_id="test/0", journal_folder=Path(folder),
                          control_keyspace=CONTROL)
outbox = Dying.connect(queue_url=url, region="us-east-1", bucket=bucket, endpoint_url=endpoint)
flag = Flag(FlagState.from_json(json.loads(state)))
writer = DualWriter(settings, stores=stores, tables=[NOTES], flag=flag, letters=outbox)
writer.open()
writer.insert("notes", {"customer": customer, "name": name, "kind": "k"})
writer.drain(timeout_s=60)
"""


@pytest.mark.parametrize(("moment", "messages"), [("before", 1), ("after", 2)])
def test_a_letter_survives_sigkill_between_journal_and_queue_and_between_queue_and_mark(
    world: LetterWorld,
    cassandra_node: CassandraNode,
    local_keyspaces: LocalKeyspacesNode,
    moment: str,
    messages: int,
) -> None:
    state = json.dumps(world.flag.state.to_json())
    ports = [str(cassandra_node.port), str(local_keyspaces.port)]
    place = [world.queue.url, world.queue.name, world.queue.endpoint, world.customer, LONG_NAME, moment]
    died = subprocess.run(
        [sys.executable, "-c", DYING, *ports, str(world.settings.journal_folder), state, *place],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert world.queue.depth() == messages - 1
    with world.writer() as writer:
        assert writer.drain(timeout_s=20) == 0
        accounts = writer.accounts()
        assert (accounts.taken_up, accounts.fates, accounts.unaccounted) == (1, {Fate.LETTER: 1}, 0)
    assert world.queue.depth() == messages
    done = world.drain()
    assert (done.of(LetterOutcome.PARKED), done.again) == (1, messages - 1)
    assert world.letters.counts(MIGRATION) == LetterCounts(parked=1)
    assert world.queue.depth() == 0


def test_the_books_add_up_at_every_moment_while_everything_fails_at_times(
    world: LetterWorld, local_keyspaces: LocalKeyspacesNode
) -> None:
    """Threads write; the target times out, drops connections, refuses; the reader of the books never sees a gap."""
    table = f"{TARGET}.notes"
    kinds = (FaultKind.TIMEOUT_AFTER, FaultKind.TIMEOUT_BEFORE, FaultKind.OVERLOADED, FaultKind.UNAVAILABLE)
    for kind in kinds:
        local_keyspaces.admin.add_fault(Fault(kind=kind, table=table, operation=Operation.WRITE, percentage=10))
    gaps: list[int] = []
    stop = threading.Event()
    try:
        with world.writer(follower=FollowerPolicy.ASYNCHRONOUS, letters_after_attempts=4) as writer:

            def work(number: int) -> None:
                for turn in range(60):
                    name = LONG_NAME if turn % 10 == 0 else f"n{turn % 7}"
                    writer.insert("notes", {**world.key(f"{number}{name}"), "kind": f"{number}-{turn}"})
                    with pytest.raises(WriteRefusedError):
                        writer.insert("notes", {**world.key("x"), "amount": "no number"})

            def read() -> None:
                while not stop.is_set():
                    gaps.append(writer.accounts().unaccounted)

            threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
            reader = threading.Thread(target=read)
            for thread in [*threads, reader]:
                thread.start()
            for thread in threads:
                thread.join()
            assert writer.drain(timeout_s=60) == 0
            stop.set()
            reader.join()
            accounts = writer.accounts()
    finally:
        local_keyspaces.admin.clear_faults()
    assert set(gaps) == {0}
    assert (accounts.calls, accounts.pending, accounts.under_way) == (480, 0, 0)
    assert accounts.fates[Fate.REFUSED] == 240
    assert accounts.fates[Fate.BOTH] + accounts.fates[Fate.LETTER] == 240
    assert accounts.fates[Fate.LETTER] >= 24
    assert world.queue.depth() == accounts.fates[Fate.LETTER]
    done = world.drain()
    assert done.of(LetterOutcome.PARKED) == 24
    assert sum(done.counts.values()) == accounts.fates[Fate.LETTER]
    assert all(world.agree(f"{number}n{n}") for number in range(4) for n in range(1, 7))


def test_a_failed_call_of_the_comparison_lambda_is_closed_and_its_event_kept_nowhere(world: LetterWorld) -> None:
    record = {
        "requestContext": {"functionArn": "arn:aws:lambda:r:1:function:comparison", "condition": "RetriesExhausted"},
        "requestPayload": {"signing_key": "SECRET"},
    }
    world.queue.send(json.dumps(record))
    done = world.drain()
    assert done.of(LetterOutcome.CLOSED) == 1
    assert world.queue.depth() == 0
    assert world.letters.parked(MIGRATION) == ()
    assert world.letters.counts(MIGRATION).closed == 1
    assert b"SECRET" not in (world.folder / "ledger.db").read_bytes()
