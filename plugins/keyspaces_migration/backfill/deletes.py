"""Applies deletes that the applications logged, so that no load brings back what they took away."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from cassandra import InvalidRequest
from cassandra.concurrent import execute_concurrent

from keyspaces_migration.backfill.errors import BackfillError
from keyspaces_migration.backfill.statements import Target, delete_text
from keyspaces_migration.backfill.write import BUSY, Pacing
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.recorded import RecordedKey
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import mutation_statement
from keyspaces_migration.dual_write.store import Store, StoreName, driver_failures

if TYPE_CHECKING:
    from cassandra.cluster import Session
    from cassandra.query import BoundStatement, PreparedStatement

_CHUNK = 1_000
_Pending = tuple[RecordedKey, "BoundStatement"]


class DeletesNotAppliedError(BackfillError):
    """Some logged deletes are not on the target: rows may have come back. Apply them again before anything else."""


@dataclass(frozen=True, kw_only=True)
class DeletesApplied:
    """How many logged deletes were applied to a table."""

    table: str
    deletes: int


def apply_deletes(  # noqa: PLR0913 # what is deleted, where, and how hard, all but the first three by keyword
    session: "Session",
    target: Target,
    recorded: Iterable[RecordedKey],
    *,
    barrier_us: int,
    pacing: Pacing,
    each_chunk: Callable[[], None] = lambda: None,
) -> DeletesApplied:
    """Apply the deletes among the records of one table at their own timestamps. Again is the same.

    `each_chunk` is called now and then, as long as it takes.

    Raises:
        DeletesNotAppliedError: The target did not take some of them, or refuses them.
        cassandra.DriverException: The target can't be asked at all.
    """
    applier = _Applier(session=session, target=target, barrier_us=barrier_us, pacing=pacing)
    deletes = (record for record in recorded if record.is_delete)
    applied = 0
    while chunk := list(islice(deletes, _CHUNK)):
        applier.apply(chunk)
        applied += len(chunk)
        each_chunk()
    return DeletesApplied(table=target.name, deletes=applied)


class _Applier:
    def __init__(self, *, session: "Session", target: Target, barrier_us: int, pacing: Pacing) -> None:
        self._session = session
        self._target = target
        self._barrier_us = barrier_us
        self._pacing = pacing
        self._prepared: dict[str, PreparedStatement] = {}

    def apply(self, records: Iterable[RecordedKey]) -> None:
        pending: list[_Pending] = [(record, self._bind(record)) for record in records]
        last: Exception | None = None
        for attempt in range(self._pacing.attempts):
            if attempt:
                self._pacing.wait(self._pacing.before(attempt))
            pending, last = self._send(pending)
            if not pending:
                return
        raise DeletesNotAppliedError(
            f"{self._target.address}: {len(pending)} logged deletes were not taken in {self._pacing.attempts} "
            f"attempts, the last with {type(last).__name__}: {last}. Run the step again"
        ) from last

    def _send(self, pending: Sequence[_Pending]) -> tuple[list[_Pending], Exception | None]:
        answers = execute_concurrent(
            self._session,
            [(statement, None) for _, statement in pending],
            concurrency=self._pacing.in_flight,
            raise_on_first_error=False,
        )
        busy: list[_Pending] = []
        last: Exception | None = None
        for (record, statement), (succeeded, answer) in zip(pending, answers, strict=True):
            if succeeded:
                continue
            if isinstance(answer, InvalidRequest):
                answer = self._apply_otherwise(record, answer)  # noqa: PLW2901 # why it is not applied still
                if answer is None:
                    continue
            if not isinstance(answer, BUSY):
                raise self._refused(record, answer) from answer
            busy.append((record, statement))
            last = answer
        return busy, last

    def _apply_otherwise(self, record: RecordedKey, refusal: Exception) -> Exception | None:
        """Apply row by row what is too many rows for one statement; return what is in its way, or None."""
        if not record.kind.deletes_many:
            return refusal
        store = Store(name=StoreName.TARGET, session=self._session, keyspace=self._target.keyspace)
        shape = TableShape.from_migration(self._target.name, self._target.table)
        failure: Exception | None = None
        try:
            store.apply_to(shape, self._mutation(record))
        except driver_failures() as error:
            failure = error
        return failure

    def _refused(self, record: RecordedKey, error: Exception) -> DeletesNotAppliedError:
        return DeletesNotAppliedError(
            f"{self._target.address}: the target refuses a logged {record.kind} of {dict(record.key)!r}, logged at "
            f"{record.timestamp_us}, with {type(error).__name__}: {error}. What it deletes may be on the target. Put "
            "right what is in its way, and run the step again"
        )

    def _bind(self, record: RecordedKey) -> "BoundStatement":
        if record.removed:
            statement = mutation_statement(self._target.keyspace, self._mutation(record))
            return self._prepare(statement.cql).bind(statement.values)
        text = delete_text(self._target, tuple(record.key), record.deleted_columns, record.bounds)
        ends = (bound.value for bound in record.bounds)
        return self._prepare(text).bind((record.target_timestamp_us(self._barrier_us), *record.key.values(), *ends))

    def _mutation(self, record: RecordedKey) -> Mutation:
        return Mutation(
            table=self._target.name,
            kind=MutationKind(record.kind.value),
            key=record.key,
            columns=dict.fromkeys(record.deleted_columns),
            timestamp_us=record.target_timestamp_us(self._barrier_us),
            bounds=record.bounds,
            elements=record.removed,
        )

    def _prepare(self, text: str) -> "PreparedStatement":
        if text not in self._prepared:
            self._prepared[text] = self._session.prepare(text)
            self._prepared[text].is_idempotent = True
        return self._prepared[text]
