"""Runs statements over one session: bound, paged, batched, slower when throttled, and cancellable."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from cassandra import OperationTimedOut, ReadTimeout, WriteTimeout
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ResponseFuture, ResultSet, Session
from cassandra.protocol import OverloadedErrorMessage
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement, Statement, tuple_factory

from keyspaces_migration.clients.errors import StatementRefusedError, StoreError, StoreTimeoutError
from keyspaces_migration.clients.translation import store_errors
from keyspaces_migration.cql_access.arrow import Column
from keyspaces_migration.cql_access.batches import Batch, BatchKind, primary_key_of, split
from keyspaces_migration.cql_access.errors import AccessCancelledError, NotAQueryError
from keyspaces_migration.cql_access.paging import Answer, Page
from keyspaces_migration.cql_access.values import Values, bind

if TYPE_CHECKING:
    from keyspaces_migration.clients.settings import SessionSettings

T = TypeVar("T")
Tag = TypeVar("Tag")

APPLIED = "[applied]"
"""The column by which a store tells whether a statement with IF changed anything."""

_BATCH_TYPES = {BatchKind.LOGGED: BatchType.LOGGED, BatchKind.UNLOGGED: BatchType.UNLOGGED}


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """How a throttled request is tried again: after a wait that doubles, up to a longest one.

    Attributes:
        first_s: The first wait.
        longest_s: No wait is longer.
        tries: Waits before giving up.
    """

    first_s: float = 0.1
    longest_s: float = 5.0
    tries: int = 8

    def waits_s(self) -> Iterator[float]:
        """Yield the waits, in order."""
        return (min(self.longest_s, self.first_s * 2**tried) for tried in range(self.tries))


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was acknowledged.

    Attributes:
        statements: How many.
        requests: In how many requests; fewer than statements where they were batched.
        conditions_not_met: How many requests with IF changed nothing, as their condition was not met.
    """

    statements: int
    requests: int
    conditions_not_met: int


@dataclass(kw_only=True)
class CqlAccess:
    """A session's statements. Any thread may call `cancel`.

    Reads are tried again when they are throttled; writes only if the caller calls them repeatable, as a time-out does
    not tell whether the write took place.

    Attributes:
        session: Open; stays its owner's.
        settings: Of the session; messages name its hosts.
        page_rows: Rows in a page, at most.
        in_flight: Requests under way at once, at most.
        backoff: How throttled requests are tried again.
        on_throttle: Is told of each, for a log.
        on_cancel: What becomes of the session when this is cancelled; None closes it. Who shares it gives it back.
    """

    session: Session
    settings: "SessionSettings"
    page_rows: int = 5_000
    in_flight: int = 16
    backoff: Backoff = field(default_factory=Backoff)
    on_throttle: Callable[[str], None] = lambda _line: None
    on_cancel: Callable[[], None] | None = None
    _cancelled: Future[None] = field(default_factory=Future, init=False, repr=False)

    def cancel(self) -> None:
        """Let what runs end with AccessCancelledError. CQL has no request to cancel another, so its answer is dropped.

        It returns at once, and is safe in a signal handler: a thread of its own does it, as the thread that was
        interrupted may hold a lock, the driver's or its own.
        """
        Thread(target=self._give_up, name="close-cancelled-session", daemon=True).start()

    def _give_up(self) -> None:
        if self._cancelled.set_running_or_notify_cancel():
            self._cancelled.set_result(None)
        (self.on_cancel or self.session.cluster.shutdown)()

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancelled it."""
        return self._cancelled.running() or self._cancelled.done()

    def start(self, call: Callable[..., T], *arguments: object) -> Callable[[], T]:
        """Call something that nobody can interrupt in a thread of its own, and return what waits for its result.

        That raises what the call raises, and AccessCancelledError as soon as it is cancelled; the call may go on then.
        """
        result: Future[T] = Future()
        Thread(target=_settle, args=(result, call, *arguments), name="access-call", daemon=True).start()

        def wait_for() -> T:
            either: set[Future[Any]] = {result, self._cancelled}
            wait(either, return_when=FIRST_COMPLETED)
            if self.cancelled:
                raise AccessCancelledError("stopped; a request under way may have been carried out")
            return result.result()

        return wait_for

    def prepare(self, text: str) -> PreparedStatement:
        """Prepare a statement.

        Raises:
            StoreError: The store refuses it or does not answer.
            AccessCancelledError: It was cancelled.
        """
        # The driver has no asynchronous one, and may not end this one when its session is closed under it.
        prepared: Future[PreparedStatement] = Future()
        Thread(target=_settle, args=(prepared, self.session.prepare, text), name="prepare", daemon=True).start()
        statement = self._wait_for(prepared, prepared)
        statement.fetch_size = self.page_rows
        return statement

    def ask(self, text: str, values: Values = ()) -> Answer:
        """Prepare and bind a SELECT. Its pages are read when they are asked for; errors of that are as here.

        Raises:
            StatementValuesError: The values do not fit.
            NotAQueryError: It is no SELECT.
            StoreError: The store refuses it or does not answer; a StoreTimeoutError after the last try of a throttled
                read.
            AccessCancelledError: It was cancelled.
        """
        prepared = self.prepare(text)
        if not prepared.result_metadata:
            raise NotAQueryError(f"no answer in rows: {text}")
        prepared.is_idempotent = True
        bound = bind(prepared, values, whole=True)
        columns = tuple(Column(name=name, cql_type=kind) for _, _, name, kind in prepared.result_metadata)
        return Answer(columns=columns, fetch=partial(self._page, bound))

    def answers_in_rows(self, text: str) -> bool:
        """Whether the statement is one that answers in rows.

        Raises:
            StoreError: The store refuses it or does not answer.
            AccessCancelledError: It was cancelled.
        """
        return bool(self.prepare(text).result_metadata)

    def write(
        self,
        text: str,
        rows: Sequence[Values],
        *,
        batch: BatchKind | None = None,
        batch_rows: int | None = None,
        repeatable: bool = False,
    ) -> Written:
        """Carry out a statement once for each of `rows`, several at a time.

        Everything is bound and split before anything is sent. The first error ends it; what was under way by then is
        waited for, and a note on the error says how many were acknowledged.

        Args:
            text: INSERT, UPDATE, DELETE or DDL.
            rows: The values of each.
            batch: Kind of the batches; None sends each statement by itself.
            batch_rows: Statements in a batch, where fewer than the store's limit are wanted.
            repeatable: Whether the same statement carried out twice is the same as once: then it is tried again when
                it is throttled.

        Raises:
            StatementValuesError: Values do not fit.
            BatchRefusedError: The rows can't be batched like that.
            StoreError: As `ask`. After a StoreTimeoutError it is not known whether the statement was carried out.
            AccessCancelledError: It was cancelled.
        """
        prepared = self.prepare(text)
        prepared.is_idempotent = repeatable
        bound = [bind(prepared, values) for values in rows]
        requests: Sequence[Statement] = bound
        if batch is not None:
            keys = [primary_key_of(self.session, each) for each in bound]
            requests = [_batch(each, batch) for each in split(bound, kind=batch, keys=keys, most=batch_rows)]
        answers = self._send_all(requests, repeatable=repeatable)
        refused = sum(not each.was_applied for each in answers if (each.column_names or [None])[0] == APPLIED)
        return Written(statements=len(bound), requests=len(requests), conditions_not_met=refused)

    def each(
        self, requests: Iterable[tuple[Tag, Statement]], *, repeatable: bool
    ) -> Iterator[tuple[Tag, StatementRefusedError | None]]:
        """Send requests as they come, several at a time, and yield each with why the store refuses it, if it does.

        They may be any number: no more of them are held than are under way. What is tagged comes back with its tag.

        Raises:
            StoreError, AccessCancelledError: As `write`; whether what was under way was carried out is not known.
        """
        under_way: deque[tuple[Tag, Statement, ResponseFuture]] = deque()
        for tag, request in requests:
            under_way.append((tag, request, self._send(request)))
            if len(under_way) >= self.in_flight:
                yield self._refusal_of(*under_way.popleft(), repeatable=repeatable)
        while under_way:
            yield self._refusal_of(*under_way.popleft(), repeatable=repeatable)

    def _refusal_of(
        self, tag: Tag, request: Statement, future: ResponseFuture, *, repeatable: bool
    ) -> tuple[Tag, StatementRefusedError | None]:
        try:
            self._answer_to(future, again=partial(self._send, request), repeatable=repeatable)
        except StatementRefusedError as refusal:
            return tag, refusal
        return tag, None

    def _page(self, bound: BoundStatement, paging_state: bytes | None) -> tuple[Page, bytes | None]:
        def send() -> ResponseFuture:
            return self._send(bound, paging_state=paging_state)

        result = self._answer_to(send(), again=send, repeatable=True)
        return result.current_rows, result.paging_state

    def _send_all(self, requests: Sequence[Statement], *, repeatable: bool) -> list[ResultSet]:
        under_way: deque[tuple[Statement, ResponseFuture]] = deque()
        answers: list[ResultSet] = []

        def take() -> None:
            request, future = under_way.popleft()
            answers.append(self._answer_to(future, again=partial(self._send, request), repeatable=repeatable))

        try:
            for request in requests:
                under_way.append((request, self._send(request)))
                if len(under_way) >= self.in_flight:
                    take()
            while under_way:
                take()
        except AccessCancelledError as error:
            error.add_note(f"{len(answers)} of {len(requests)} requests were acknowledged")
            raise
        except StoreError as error:
            done = len(answers) + self._drain(under_way)
            error.add_note(f"{done} of {len(requests)} requests were acknowledged")
            raise
        return answers

    def _answer_to(self, future: ResponseFuture, *, again: Callable[[], ResponseFuture], repeatable: bool) -> ResultSet:
        waits_s = self.backoff.waits_s()
        while True:
            try:
                return self._result_of(future)
            except StoreTimeoutError as error:
                wait_s = next(waits_s, None) if repeatable and may_pass(error) else None
                if wait_s is None:
                    raise
                self.on_throttle(f"No answer from {error.host}; the next try is in {wait_s:g} s. {error.found}")
            wait({self._cancelled}, timeout=wait_s)
            future = again()

    def _result_of(self, future: ResponseFuture) -> ResultSet:
        # The driver never ends a request that it meant to try again when its session is closed.
        settled: Future[None] = Future()
        future.add_callbacks(callback=lambda _: settled.set_result(None), errback=lambda _: settled.set_result(None))
        return self._wait_for(settled, future)

    def _wait_for(self, settled: Future[Any], future: Any) -> Any:  # noqa: ANN401 - the driver ships no types
        wait({settled, self._cancelled}, return_when=FIRST_COMPLETED)
        with self._errors():
            return future.result()

    def _send(self, request: Statement, *, paging_state: bytes | None = None) -> ResponseFuture:
        with self._errors():
            return self.session.execute_async(request, execution_profile=self._profile, paging_state=paging_state)

    @cached_property
    def _profile(self) -> Any:  # noqa: ANN401 - the driver ships no types
        return self.session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=tuple_factory)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """The driver's errors as ours; whatever it raises once its session is closed under it, as the cancellation."""
        if self._cancelled.done():
            raise AccessCancelledError("stopped; a request under way may have been carried out")
        try:
            with store_errors(self.settings):
                yield
        except Exception as error:
            if self.cancelled:
                raise AccessCancelledError("stopped; a request under way may have been carried out") from error
            raise

    def _drain(self, under_way: deque[tuple[Statement, ResponseFuture]]) -> int:
        """Wait for what is under way, and return how many succeeded."""
        settled = 0
        for _, future in under_way:
            # The first error is being raised; of these it only counts that they are none of the acknowledged ones.
            with suppress(StoreError):
                self._result_of(future)
                settled += 1
        return settled


def may_pass(error: StoreTimeoutError) -> bool:
    """Whether it may be a throttle. Keyspaces tells of one as a time-out with no replica's answer."""
    cause = error.__cause__
    if isinstance(cause, ReadTimeout | WriteTimeout):
        return not cause.received_responses
    return isinstance(cause, OverloadedErrorMessage | OperationTimedOut)


def _batch(statements: Batch, kind: BatchKind) -> BatchStatement:
    batch = BatchStatement(batch_type=_BATCH_TYPES[kind])
    for statement in statements:
        batch.add(statement)
    batch.is_idempotent = all(statement.is_idempotent for statement in statements)
    return batch


def _settle(result: Future[Any], call: Callable[..., Any], *arguments: object) -> None:
    """Call, and hand what comes of it to the thread that waits for it."""
    try:
        result.set_result(call(*arguments))
    except Exception as error:  # noqa: BLE001 - raised where the result is asked for
        result.set_exception(error)
