"""One AWS API of the control plane: its operations, held against botocore's model of the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.keyspaces_control_plane.contract import validate
from rehearsal.keyspaces_control_plane.errors import ValidationError

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

Request = dict[str, Any]
Answer = dict[str, Any]
Operation = Callable[[Request], Answer]

NOT_SUPPORTED = "not supported by local Keyspaces"


@dataclass(frozen=True, kw_only=True)
class Api:
    """The operations of one service. `call` is its one entrance.

    Attributes:
        service: botocore's name of the service.
        operations: What is built, by the operation's name in the model.
        not_supported: Why an operation of the model is refused, by its name.
        lock: Calls are served one after the other, over all APIs that share it.
    """

    service: str
    operations: Mapping[str, Operation]
    not_supported: Mapping[str, str]
    lock: threading.Lock

    def call(self, operation: str, request: Request) -> Answer:
        """Answer one request.

        Raises:
            ServiceError: The answer is an error of the service model.
        """
        validate(self.service, operation, request)
        if operation not in self.operations:
            why = self.not_supported.get(operation, f"it has {', '.join(sorted(self.operations))}")
            raise ValidationError(f"{operation} is {NOT_SUPPORTED}: {why}")
        with self.lock:
            return self.operations[operation](request)


def page(names: list[str], request: Request, *, default: int = 100) -> tuple[list[str], Answer]:
    """The page of ordered names that a List operation of Keyspaces asks for, and the token of the next one, if any."""
    after = request.get("nextToken")
    rest = names if after is None else [name for name in names if name > after]
    found = rest[: request.get("maxResults", default)]
    return found, {"nextToken": found[-1]} if len(found) < len(rest) else {}
