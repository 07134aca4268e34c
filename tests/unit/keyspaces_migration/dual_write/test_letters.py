"""The form of a dead letter: what goes in comes out, and what is not one is refused."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from cassandra import InvalidRequest, OperationTimedOut, Unauthorized, Unavailable, WriteTimeout
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import OverloadedErrorMessage, ServerError, SyntaxException
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.bounds import Bound, Comparison
from keyspaces_migration.dual_write.errors import LetterFormatError, LettersUnavailableError
from keyspaces_migration.dual_write.failures import ReasonClass, classify, is_for_good
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.letters import (
    MAX_BODY_BYTES,
    Letter,
    PayloadPlace,
    body_of,
    read_envelope,
    verified_payload,
)
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.sqs_outbox import SqsOutbox
from keyspaces_migration.dual_write.store import StoreName

TYPES = {"k": "text", "c": "bigint", "a": "decimal", "b": "blob", "m": "map<text, double>", "l": "list<timestamp>"}
SHAPE = TableShape(
    name="t",
    columns={name: parse_type(text) for name, text in TYPES.items()},
    partition_keys=("k",),
    clustering_keys=("c",),
    expires=True,
)
# CQL's timestamps have milliseconds.
MOMENTS = st.datetimes(timezones=st.just(dt.UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
COLUMNS = st.fixed_dictionaries(
    {},
    optional={
        "a": st.none() | st.decimals(allow_nan=False, allow_infinity=False),
        "b": st.none() | st.binary(max_size=50),
        "m": st.none() | st.dictionaries(TEXTS, st.floats(allow_nan=False), max_size=4),
        "l": st.none() | st.lists(MOMENTS, max_size=4),
    },
)


@st.composite
def mutations(draw: st.DrawFn) -> Mutation:
    kind = draw(st.sampled_from(list(MutationKind)))
    key: dict[str, Any] = {"k": draw(TEXTS)}
    columns: dict[str, Any] = {}
    bounds: tuple[Bound, ...] = ()
    number = st.integers(-(2**63), 2**63 - 1)
    if kind is MutationKind.DELETE_RANGE:
        bounds = (Bound(column="c", comparison=draw(st.sampled_from(Comparison)), value=draw(number)),)
    elif kind is not MutationKind.DELETE_PARTITION:
        key["c"] = draw(number)
    if kind is MutationKind.INSERT:
        columns = draw(COLUMNS)
    if kind is MutationKind.UPDATE:
        columns = draw(COLUMNS.filter(bool))
    ttl_s = draw(st.none() | st.integers(0, 630_720_000)) if columns else None
    at_us = draw(st.integers(1, 2**62))
    return Mutation(table="t", kind=kind, key=key, columns=columns, timestamp_us=at_us, bounds=bounds, ttl_s=ttl_s)


LETTERS = st.builds(
    Letter,
    migration=TEXTS,
    writer_id=TEXTS,
    entry_id=st.integers(0, 2**62),
    store=st.sampled_from(StoreName),
    mode=st.sampled_from(WriteMode),
    barrier_us=st.none() | st.integers(1, 2**62),
    flag_version=st.integers(0, 2**40),
    leader_acknowledged=st.booleans(),
    mutation=mutations(),
    reason=st.sampled_from(ReasonClass),
    text=TEXTS,
    attempts=st.integers(0, 10**6),
)


class Kept:
    """A bucket of the test's own."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def send(self, bodies: list[str]) -> list[bool]:
        return [True] * len(bodies)

    def keep(self, name: str, content: bytes) -> PayloadPlace:
        self.content[name] = content
        return PayloadPlace(bucket="b", key=name, sha256=sha256(content).hexdigest(), size=len(content))


def opened(body: str, bucket: Kept) -> Letter:
    envelope = read_envelope(body)
    text = envelope.write
    if isinstance(text, PayloadPlace):
        text = verified_payload(text, bucket.content[text.key])
    return envelope.opened(text, {"t": SHAPE})


def a_letter(**changes: Any) -> Letter:
    mutation = Mutation(
        table="t", kind=MutationKind.UPDATE, key={"k": "k", "c": 1}, columns={"a": Decimal(1)}, timestamp_us=5
    )
    values: dict[str, Any] = {
        "migration": "m",
        "writer_id": "w",
        "entry_id": 1,
        "store": StoreName.TARGET,
        "mode": WriteMode.DUAL_SOURCE_LEADS,
        "barrier_us": 1,
        "flag_version": 3,
        "leader_acknowledged": True,
        "mutation": mutation,
        "reason": ReasonClass.INVALID,
        "text": "no",
        "attempts": 1,
    }
    return Letter(**values | changes)


@given(LETTERS)
def test_a_letter_comes_out_as_it_went_in(letter: Letter) -> None:
    bucket = Kept()
    body = body_of(letter, SHAPE, outbox=bucket)
    # SQS refuses characters that CQL's texts may hold.
    assert body.isascii()
    assert len(body) <= MAX_BODY_BYTES
    assert opened(body, bucket) == letter


@pytest.mark.parametrize(
    ("sent_us", "taken_us", "ahead_us"),
    [
        (None, 5, 0),
        (7_000_000, None, 0),
        (37_000_000, 7_000_000, 30_000_000),
        (7_000_000, 22_000_000, -15_000_000),
        (900_000_000, 7_000_000, 60_000_000),  # a message that lay about, or a clock that no barrier would take
        (7_000_000, 900_000_000, -60_000_000),
    ],
)
def test_it_tells_how_far_the_writers_clock_is_ahead_of_the_queues(
    sent_us: int | None, taken_us: int | None, ahead_us: int
) -> None:
    letter = a_letter(sent_us=sent_us)
    body = body_of(letter, SHAPE, outbox=Kept())
    envelope = read_envelope(body)
    assert isinstance(envelope.write, str)
    received = envelope.opened(envelope.write, {"t": SHAPE}, taken_us=taken_us)
    assert received == replace(letter, taken_us=taken_us)
    assert received.clock_ahead_us == ahead_us


def test_when_it_was_made_is_no_part_of_its_id_and_must_be_a_number() -> None:
    bodies = [body_of(a_letter(sent_us=moment), SHAPE, outbox=Kept()) for moment in (None, 1, 2)]
    assert len({json.loads(body)["id"] for body in bodies}) == 1
    with pytest.raises(LetterFormatError, match="sent_us is 'soon'"):
        read_envelope(json.dumps({**json.loads(bodies[1]), "sent_us": "soon"}))


@given(LETTERS)
def test_the_id_is_that_of_the_write_and_of_nothing_else(letter: Letter) -> None:
    again = Letter(**{**vars(letter), "attempts": letter.attempts + 1, "text": "another", "reason": ReasonClass.OTHER})
    other = Letter(**{**vars(letter), "entry_id": letter.entry_id + 1})
    ids = [json.loads(body_of(each, SHAPE, outbox=Kept()))["id"] for each in (letter, again, other)]
    assert ids[0] == ids[1] != ids[2]


def test_a_large_one_goes_elsewhere_and_is_small_itself() -> None:
    bucket = Kept()
    mutation = Mutation(
        table="t", kind=MutationKind.UPDATE, key={"k": "k", "c": 1}, columns={"b": bytes(300_000)}, timestamp_us=5
    )
    letter = a_letter(mutation=mutation)
    body = body_of(letter, SHAPE, outbox=bucket)
    assert len(body) < 1_000
    (name,) = bucket.content
    assert name == f"{json.loads(body)['id']}.json"
    assert opened(body, bucket) == letter
    bucket.content[name] = bucket.content[name].replace(b"AAAA", b"AAAB", 1)
    with pytest.raises(LetterFormatError, match="the letter says"):
        opened(body, bucket)


@pytest.mark.parametrize("size", [MAX_BODY_BYTES, MAX_BODY_BYTES + 1])
def test_the_limit_is_the_message_s_and_not_the_write_s(size: int) -> None:
    bucket = Kept()
    whole = len(body_of(a_letter(text=""), SHAPE, outbox=bucket))
    filler = Mutation(
        table="t", kind=MutationKind.UPDATE, key={"k": "k" * (1 + size - whole), "c": 1}, columns={"a": Decimal(1)},
        timestamp_us=5,
    )  # fmt: skip
    body_of(a_letter(text="", mutation=filler), SHAPE, outbox=bucket)
    assert bool(bucket.content) is (size > MAX_BODY_BYTES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"letter": 2}, "its form is 2; this release reads form 1"),
        ({"id": "0" * 32}, "its id does not fit its write"),
        ({"writer": "another"}, "its id does not fit its write"),
        ({"store": "ELSEWHERE"}, "can't be read: ValueError"),
        ({"entry": "1"}, "entry is '1'; allowed: a whole number"),
        ({"reason": {}}, "can't be read: KeyError"),
        ({"write": None}, "write is None; allowed: text"),
        ({"write_at": {"bucket": "b"}}, "can't be read: KeyError: 'key'"),
    ],
)
def test_what_is_no_letter_of_this_form_is_refused_with_the_reason(change: dict[str, Any], message: str) -> None:
    body = json.dumps({**json.loads(body_of(a_letter(), SHAPE, outbox=Kept())), **change})
    with pytest.raises(LetterFormatError, match=message):
        opened(body, Kept())


@pytest.mark.parametrize(
    ("write", "message"),
    [
        ("no JSON", "can't be read: JSONDecodeError"),
        ('{"table":"u"}', "it is of table u, and the migration's are t"),
        ('{"table":"t","kind":"UPDATE","key":{"k":"k","c":"1"},"columns":{},"timestamp_us":"5"}', "writes nothing"),
        ('{"table":"t","kind":"UPDATE","key":{"k":"k"},"columns":{"a":"1E0"},"timestamp_us":"5"}', "with this key"),
        ('{"table":"t","kind":"UPDATE","key":{"k":"k","c":"x"},"columns":{"a":"1E0"},"timestamp_us":"5"}', "column c"),
        (
            '{"table":"t","kind":"UPDATE","key":{"k":"k","c":"1"},"columns":{"a":"1E0"},"timestamp_us":"5","ttl_s":-1}',
            "time to live -1",
        ),
    ],
)
def test_a_write_that_no_writer_would_make_is_refused_with_the_reason(write: str, message: str) -> None:
    content = json.loads(body_of(a_letter(), SHAPE, outbox=Kept()))
    parts = json.dumps(["m", "w", 1, "TARGET", write], ensure_ascii=False, separators=(",", ":"))
    body = json.dumps({**content, "id": sha256(parts.encode()).hexdigest()[:32], "write": write})
    with pytest.raises(LetterFormatError, match=message):
        opened(body, Kept())


TIMED_OUT = WriteTimeout("", write_type=0, received_responses=0, required_responses=2)
ERRORS: list[tuple[Exception, StoreName, ReasonClass, bool]] = [
    (TIMED_OUT, StoreName.TARGET, ReasonClass.THROTTLE, False),
    (TIMED_OUT, StoreName.SOURCE, ReasonClass.TIMEOUT, False),
    (WriteTimeout("", write_type=0, received_responses=1), StoreName.TARGET, ReasonClass.TIMEOUT, False),
    (OverloadedErrorMessage(0, "", {}), StoreName.SOURCE, ReasonClass.THROTTLE, False),
    (OperationTimedOut(), StoreName.TARGET, ReasonClass.TIMEOUT, False),
    (Unavailable(""), StoreName.TARGET, ReasonClass.TIMEOUT, False),
    (NoHostAvailable("", {}), StoreName.TARGET, ReasonClass.TIMEOUT, False),
    (ConnectionException(""), StoreName.TARGET, ReasonClass.TIMEOUT, False),
    (Unauthorized("may not"), StoreName.TARGET, ReasonClass.OTHER, False),
    (ServerError(0, "", {}), StoreName.TARGET, ReasonClass.OTHER, False),
    (InvalidRequest("unconfigured table t"), StoreName.TARGET, ReasonClass.SCHEMA, True),
    (InvalidRequest("Undefined column name x in table k.t"), StoreName.TARGET, ReasonClass.SCHEMA, True),
    (
        InvalidRequest("Key length of 70000 is longer than maximum; too long"),
        StoreName.SOURCE,
        ReasonClass.TOO_LARGE,
        True,
    ),
    (InvalidRequest("has 900 bytes; at most 850 are allowed"), StoreName.TARGET, ReasonClass.TOO_LARGE, True),
    (InvalidRequest("Timestamp is not within 2 days"), StoreName.TARGET, ReasonClass.INVALID, True),
    (SyntaxException(0, "no viable alternative", {}), StoreName.TARGET, ReasonClass.INVALID, True),
    (TypeError("int expected"), StoreName.TARGET, ReasonClass.SCHEMA, True),
]


@pytest.mark.parametrize(("error", "store", "reason", "for_good"), ERRORS)
def test_errors_are_told_apart(error: Exception, store: StoreName, reason: ReasonClass, *, for_good: bool) -> None:
    assert (classify(error, store=store), is_for_good(error)) == (reason, for_good)


class Refusing:
    """SQS as it answers a batch of which it takes a part."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "q"
        self.batches.append([len(each["MessageBody"]) for each in Entries])
        return {"Successful": [{"Id": each["Id"]} for each in Entries if not each["MessageBody"].startswith("bad")]}


def test_messages_go_in_batches_that_sqs_takes_and_a_refused_one_is_told() -> None:
    sqs = Refusing()
    outbox = SqsOutbox(sqs=sqs, s3=None, queue_url="q")
    bodies = ["x" * 100_000, "bad", *["y"] * 12, "z" * MAX_BODY_BYTES, "z" * 200_000]
    assert outbox.send(bodies) == [body != "bad" for body in bodies]
    assert all(len(batch) <= 10 and sum(batch) <= MAX_BODY_BYTES for batch in sqs.batches)
    assert sum(map(len, sqs.batches)) == len(bodies)
    with pytest.raises(LettersUnavailableError, match="no bucket was given"):
        outbox.keep("n", b"")
