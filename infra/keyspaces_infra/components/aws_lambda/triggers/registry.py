"""Kinds of triggers by name, for programs that read them from a file."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

from keyspaces_infra.components.aws_lambda.triggers.base import Trigger
from keyspaces_infra.components.checks import one_of
from keyspaces_infra.components.errors import ComponentArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS: dict[str, type[Trigger]] = {}

T = TypeVar("T", bound=Trigger)


def register(kind: str) -> Callable[[type[T]], type[T]]:
    """Make a class of triggers known by its kind.

    Raises:
        ComponentArgumentError: Another class has that kind.
    """

    def add(trigger: type[T]) -> type[T]:
        if _KINDS.setdefault(kind, trigger) is not trigger:
            raise ComponentArgumentError(
                where=f"register({kind!r})",
                found=trigger.__name__,
                allowed=f"{_KINDS[kind].__name__}, which has it",
                advice="Choose another kind.",
            )
        trigger.kind = kind
        return trigger

    return add


def kinds() -> tuple[str, ...]:
    """All kinds that are known."""
    return tuple(sorted(_KINDS))


def trigger_of(kind: str, **settings: object) -> Trigger:
    """Make a trigger by its kind's name.

    Args:
        kind: Such as `schedule`.
        settings: The arguments of its class.

    Raises:
        ComponentArgumentError: There is no such kind, or it has no such setting, or one is missing or out of bounds.
    """
    one_of("trigger kind", kind, allowed=kinds(), advice="Import the module that registers it, or choose another.")
    known = [each.name for each in fields(_KINDS[kind])]
    for setting in settings:
        one_of(f"{kind} trigger setting", setting, allowed=known, advice="Correct its name.")
    try:
        return _KINDS[kind](**settings)  # type: ignore[arg-type]
    except TypeError as error:
        raise ComponentArgumentError(
            where=f"{kind} trigger", found=sorted(settings), allowed=", ".join(known), advice=f"Python says: {error}."
        ) from error
