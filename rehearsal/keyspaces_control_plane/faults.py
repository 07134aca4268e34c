"""Errors that the API answers because a test asked for them: what AWS does on a bad day."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from rehearsal.keyspaces_control_plane.errors import ServiceError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, kw_only=True)
class ApiFault:
    """Which calls fail, and how.

    Attributes:
        operation: Such as CreateTable; `*` for every operation.
        error: The code that is answered, such as ServiceQuotaExceededException or ExpiredTokenException.
        message: What goes with it.
        table: Only calls that name this table; None for all.
        count: How many calls fail; None for all until the faults are cleared.
    """

    operation: str
    error: str
    message: str
    table: str | None = None
    count: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As the server takes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> ApiFault:
        """Read one.

        Raises:
            ValidationError: A member is missing, unknown, or of another type.
        """
        names = {field.name for field in fields(cls)}
        texts = ("operation", "error", "message")
        table, count = given.get("table"), given.get("count")
        if (
            not set(given) <= names
            or not all(isinstance(given.get(name), str) for name in texts)
            or not (table is None or isinstance(table, str))
            or not (count is None or (isinstance(count, int) and not isinstance(count, bool) and count > 0))
        ):
            raise ValidationError(f"{dict(given)} is no fault; one has {', '.join(sorted(names))}")
        return cls(**given)

    def meets(self, operation: str, request: Mapping[str, Any]) -> bool:
        """Whether a call is one of those that fail."""
        return self.operation in ("*", operation) and self.table in (None, request.get("tableName"))


class AskedForError(ServiceError):
    """An error that a test asked for, under the code that it named."""

    def __init__(self, fault: ApiFault) -> None:
        super().__init__(fault.message)
        self._code = fault.error

    @property
    def code(self) -> str:
        """The code that was asked for, whatever the service model says of the operation."""
        return self._code


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[tuple[ApiFault, int | None]] = []

    def replace(self, faults: Iterable[ApiFault]) -> None:
        """Put these in force, and none but these."""
        with self._lock:
            self._left = [(fault, fault.count) for fault in faults]

    def check(self, operation: str, request: Mapping[str, Any]) -> None:
        """Fail a call that meets a fault, and count it.

        Raises:
            AskedForError: It does.
        """
        with self._lock:
            for index, (fault, left) in enumerate(self._left):
                if left == 0 or not fault.meets(operation, request):
                    continue
                if left is not None:
                    self._left[index] = (fault, left - 1)
                raise AskedForError(fault)
