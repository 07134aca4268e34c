"""What a resource type of the provider can do, and what the engine is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rehearsal.pulumi_aws_provider.account import Account

Properties = dict[str, Any]


class PartlyMadeError(Exception):
    """The resource was made or changed, and then something went wrong: the engine must keep it in its state."""

    def __init__(self, message: str, *, resource_id: str) -> None:
        super().__init__(message)
        self.resource_id = resource_id


class AlreadyThereError(Exception):
    """Something of this name exists, and the API would have overwritten it without a word."""


class DiffKind(Enum):
    """How a property differs from what the state has."""

    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One property that differs; `replaces` when the resource has to be made anew for it."""

    path: str
    kind: DiffKind
    replaces: bool


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A property that the provider refuses."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """A resource as it is: `outputs` are all of its properties, `inputs` those that a program would give."""

    outputs: Properties
    inputs: Properties


class Resource(Protocol):
    """One resource type."""

    @property
    def token(self) -> str:
        """Pulumi's name of the type."""

    @property
    def computed(self) -> tuple[str, ...]:
        """Properties that are known only when the resource is there."""

    @property
    def taggable(self) -> bool:
        """Whether the provider's default tags go on it."""

    @property
    def name_is_taken(self) -> bool:
        """Whether a new one can't be made while the old one is there, as the name is the user's own."""

    def check(self, inputs: Properties) -> Iterable[Failure]:
        """Refuse what the real provider refuses before it calls AWS."""

    def diff(self, old: Properties, new: Properties) -> Iterable[Difference]:
        """Compare the state's inputs with the program's."""

    def unsettled(self, old: Properties, new: Properties) -> Iterable[str]:
        """Outputs that a change of the inputs will change too, so that a preview can't know them."""

    def create(self, account: Account, inputs: Properties) -> str:
        """Make the resource, wait until it can be used, and return its id."""

    def read(self, account: Account, resource_id: str, inputs: Properties) -> Found | None:
        """The resource as it is, None where it is gone. `inputs` are the state's, empty on import."""

    def update(self, account: Account, resource_id: str, old: Properties, new: Properties) -> None:
        """Change the resource in place."""

    def delete(self, account: Account, resource_id: str, outputs: Properties) -> None:
        """Delete the resource; one that is gone already is deleted. `outputs` are the state's."""


def changes(
    old: Mapping[str, Any], new: Mapping[str, Any], *, computed: Iterable[str], replacing: Iterable[str]
) -> Iterable[Difference]:
    """Compare two flat maps of properties.

    Args:
        old: What the state has.
        new: What the program asks for.
        computed: Properties that AWS fills in where the program leaves them out: leaving them out changes nothing.
        replacing: Properties whose change makes the resource anew.
    """
    for path in sorted({*old, *new}):
        if old.get(path) == new.get(path) or (path not in new and path in computed):
            continue
        kind = DiffKind.ADD if path not in old else DiffKind.DELETE if path not in new else DiffKind.UPDATE
        yield Difference(path=path, kind=kind, replaces=path in replacing)
