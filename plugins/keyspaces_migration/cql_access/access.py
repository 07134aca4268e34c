"""Runs statements over one session: bound, paged, batched, slower when throttled, and cancellable."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from cassandra import OperationTimedOut, ReadTimeout, WriteTimeout
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ResponseFuture, ResultSet, Session
from cassandra.protocol import OverloadedErrorMessage
from cassandra.query import BatchStatement, BatchType, BoundStatement, PreparedStatement, Statement, tuple_factory

from keyspaces_migration.clients.errors import StoreError, StoreTimeoutError
from keyspaces_migration.clients.translation import store_errors
from keyspaces_migration.cql_access.arrow import Column
from keyspaces_migration.cql_access.batches import Batch, BatchKind, primary_key_of, split
from keyspaces_migration.cql_access.errors import AccessCancelledError, NotAQueryError
from keyspaces_migration.cql_access.paging import Answer, Page
from keyspaces_migration.cql_access.values import Values, bind

if TYPE_CHECKING:
    from keyspaces_migration.clients.settings import SessionSettings

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
        session: Open; stays its owner's, except that `cancel` closes it.
        settings: Of the session; messages name its hosts.
        page_rows: Rows in a page, at most.
        in_flight: Requests under way at once, at most.
        backoff: How throttled requests are tried again.
        on_throttle: Is told of each, for a log.
    """

    session: Session
    settings: "SessionSettings"
    page_rows: int = 5_000
    in_flight: int = 16
    backoff: Backoff = field(default_factory=Backoff)
    on_throttle: Callable[[str], None] = lambda _line: None
    _cancelled: Event = field(default_factory=Event, init=False)

    def cancel(self) -> None:
        """Let what runs end with AccessCancelledError. CQL has no request to cancel another, so the session is closed.

        It returns at once, and is safe in a signal handler: a thread of its own closes the session, as the thread that
        was interrupted may hold the driver's locks.
        """
        self._cancelled.set()
        Thread(target=self.session.cluster.shutdown, name="close-cancelled-session", daemon=True).start()

    def prepare(self, text: str) -> PreparedStatement:
        """Prepare a statement.

        Raises:
            StoreError: The store refuses it or does not answer.
            AccessCancelledError: It was cancelled.
        """
        with self._errors():
            statement = self.session.prepare(text)
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
        bound = bind(prepared, values)
        columns = tuple(Column(name=each.name, cql_type=each.type) for each in prepared.result_metadata)
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
        except (StoreError, AccessCancelledError) as error:
            done = len(answers) + _drain(under_way)
            error.add_note(f"{done} of {len(requests)} requests were acknowledged")
            raise
        return answers

    def _answer_to(self, future: ResponseFuture, *, again: Callable[[], ResponseFuture], repeatable: bool) -> ResultSet:
        waits_s = self.backoff.waits_s()
        while True:
            try:
                with self._errors():
                    return future.result()
            except StoreTimeoutError as error:
                wait_s = next(waits_s, None) if repeatable and may_pass(error) else None
                if wait_s is None:
                    raise
                self.on_throttle(f"No answer from {error.host}; the next try is in {wait_s:g} s. {error.found}")
            self._cancelled.wait(wait_s)
            future = again()

    def _send(self, request: Statement, *, paging_state: bytes | None = None) -> ResponseFuture:
        with self._errors():
            return self.session.execute_async(request, execution_profile=self._profile, paging_state=paging_state)

    @cached_property
    def _profile(self) -> Any:  # noqa: ANN401 - the driver ships no types
        return self.session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=tuple_factory)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """The driver's errors as ours; whatever it raises once its session is closed under it, as the cancellation."""
        self._stop_if_cancelled()
        try:
            with store_errors(self.settings):
                yield
        except Exception as error:
            if self._cancelled.is_set():
                raise AccessCancelledError("stopped; a request under way may have been carried out") from error
            raise

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise AccessCancelledError("stopped before the next request was sent")


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


def _drain(under_way: deque[tuple[Statement, ResponseFuture]]) -> int:
    """Wait for what is under way, and return how many succeeded. Their errors are those of the first, or its kind."""
    settled = 0
    for _, future in under_way:
        try:
            future.result()
        except Exception:  # noqa: BLE001, S112 - the first error is being raised; this one is only not counted
            continue
        settled += 1
    return settled
