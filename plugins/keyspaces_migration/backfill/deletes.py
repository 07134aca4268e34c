"""Applies deletes that the applications logged, so that no load brings back what they took away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from cassandra.concurrent import execute_concurrent

from keyspaces_migration.backfill.errors import BackfillError
from keyspaces_migration.backfill.statements import Target, delete_text
from keyspaces_migration.backfill.write import BUSY, Pacing

if TYPE_CHECKING:
    from cassandra.cluster import Session
    from cassandra.query import BoundStatement, PreparedStatement

_CHUNK = 1_000


class DeletesNotAppliedError(BackfillError):
    """Some logged deletes are not on the target: rows may have come back. Apply them again before anything else."""


class RecordedDelete(Protocol):
    """What is needed of a recorded key (`dual_write.recorded.RecordedKey`)."""

    @property
    def is_delete(self) -> bool:
        """Whether something was deleted; other records are left to the recopy."""

    @property
    def key(self) -> Mapping[str, Any]:
        """Values by column; the partition key alone deletes a partition, or static columns."""

    @property
    def deleted_columns(self) -> tuple[str, ...]:
        """The columns whose cells were deleted; empty where all of the row was."""

    def target_timestamp_us(self, barrier_us: int, /) -> int:
        """Return the timestamp of the delete on the target, which beats a load stamped with the barrier."""


@dataclass(frozen=True, kw_only=True)
class DeletesApplied:
    """How many logged deletes were applied to a table."""

    table: str
    deletes: int


def apply_deletes(
    session: "Session", target: Target, recorded: Iterable[RecordedDelete], *, barrier_us: int, pacing: Pacing
) -> DeletesApplied:
    """Apply the deletes among the records of one table at their own timestamps. Again is the same.

    Raises:
        DeletesNotAppliedError: The target did not take some of them.
        cassandra.DriverException: The target refuses them.
    """
    applier = _Applier(session=session, target=target, barrier_us=barrier_us, pacing=pacing)
    deletes = (record for record in recorded if record.is_delete)
    applied = 0
    while chunk := list(islice(deletes, _CHUNK)):
        applier.apply(chunk)
        applied += len(chunk)
    return DeletesApplied(table=target.name, deletes=applied)


class _Applier:
    def __init__(self, *, session: "Session", target: Target, barrier_us: int, pacing: Pacing) -> None:
        self._session = session
        self._target = target
        self._barrier_us = barrier_us
        self._pacing = pacing
        self._prepared: dict[str, PreparedStatement] = {}

    def apply(self, records: Iterable[RecordedDelete]) -> None:
        pending, last = [self._bind(record) for record in records], None
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

    def _send(self, statements: list["BoundStatement"]) -> tuple[list["BoundStatement"], Exception | None]:
        answers = execute_concurrent(
            self._session,
            [(statement, None) for statement in statements],
            concurrency=self._pacing.in_flight,
            raise_on_first_error=False,
        )
        busy, last = [], None
        for statement, (succeeded, answer) in zip(statements, answers, strict=True):
            if succeeded:
                continue
            if not isinstance(answer, BUSY):
                raise answer
            busy.append(statement)
            last = answer
        return busy, last

    def _bind(self, record: RecordedDelete) -> "BoundStatement":
        text = delete_text(self._target, tuple(record.key), record.deleted_columns)
        if text not in self._prepared:
            self._prepared[text] = self._session.prepare(text)
            self._prepared[text].is_idempotent = True
        return self._prepared[text].bind((record.target_timestamp_us(self._barrier_us), *record.key.values()))
