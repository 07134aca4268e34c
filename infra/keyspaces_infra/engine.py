"""The Automation API: previews, updates and refreshes of one stack, with the gate before every update."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pulumi import automation

from keyspaces_infra.changes import Change, Refusal, digest, read_changes, refuse
from keyspaces_infra.errors import InterruptedStackError, PlanChangedError, RefusedError
from keyspaces_infra.failures import translate
from keyspaces_infra.workspace import open_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pulumi.automation.events import EngineEvent

    from keyspaces_infra.command import EngineCommand
    from keyspaces_infra.settings import StackSettings


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an update would do.

    Attributes:
        changes: Every resource that it would change.
        refused: Those of them that are never applied.
        digest: What an approval of this plan is about; None without a plan file, or where something is refused.
    """

    changes: tuple[Change, ...]
    refused: tuple[Refusal, ...]
    digest: str | None


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What an update or a refresh has done; `outputs` are the stack's, secret ones left out."""

    changes: tuple[Change, ...]
    outputs: dict[str, Any]


class StackDriver:
    """One stack. Every method is one operation of the engine, which blocks until it has ended."""

    def __init__(self, settings: StackSettings, *, command: EngineCommand, on_line: Callable[[str], object]) -> None:
        self.settings = settings
        self.command = command
        self.on_line = on_line

    def preview(self, *, plan: Path | None) -> Preview:
        """Say what an update would change, and keep the engine's plan in a file that `up` is held to.

        Raises:
            ProvisionError: The engine could not say.
        """
        stack = self._stack()
        self._refuse_interrupted(stack)
        return self._preview(stack, plan)

    def up(self, *, plan: Path, approved: str | None) -> Applied:
        """Apply a plan, after looking once more that it is what was approved and loses nothing.

        Args:
            plan: The file that `preview` wrote.
            approved: The digest that was approved; None where no approval is asked for.

        Raises:
            RefusedError: The plan deletes or replaces a keyspace or a table.
            PlanChangedError: It is not the one that was approved, or no longer what would be done.
            ProvisionError: The engine or AWS failed.
        """
        if not plan.is_file():
            raise PlanChangedError(f"there is no plan at {plan}: run preview first, with the same --plan")
        stack = self._stack()
        self._refuse_interrupted(stack)
        now = self._preview(stack, None)
        if now.refused:
            raise RefusedError(now.refused)
        found = self._digest(plan, now.changes)
        if approved is not None and found != approved:
            raise PlanChangedError(
                f"the plan has the digest {found} now, and {approved} was approved: the migration file, the stack or "
                "what is live has changed since. Preview and approve anew"
            )
        events: list[EngineEvent] = []
        with self._engine_errors(events):
            result = stack.up(
                plan=str(plan), on_output=self.on_line, on_error=self.on_line, on_event=events.append, color="never"
            )
        return Applied(changes=read_changes(events), outputs=_shown(result.outputs))

    def refresh(self) -> Applied:
        """Bring the state up to what is live; the difference from the file shows in the next preview.

        Raises:
            ProvisionError: The engine could not look.
        """
        stack = self._stack()
        self._refuse_interrupted(stack)
        events: list[EngineEvent] = []
        with self._engine_errors(events):
            stack.refresh(on_output=self.on_line, on_error=self.on_line, on_event=events.append, color="never")
        return Applied(changes=read_changes(events), outputs=self.outputs())

    def outputs(self) -> dict[str, Any]:
        """The outputs of the last update, secret ones left out."""
        stack = self._stack()
        with self._engine_errors([]):
            return _shown(stack.outputs())

    def _preview(self, stack: automation.Stack, plan: Path | None) -> Preview:
        events: list[EngineEvent] = []
        protected: tuple[Refusal, ...] = ()
        try:
            with self._engine_errors(events):
                stack.preview(
                    plan=None if plan is None else str(plan),
                    on_output=self.on_line,
                    on_error=self.on_line,
                    on_event=events.append,
                    color="never",
                )
        except RefusedError as error:
            protected = error.refused
        changes = read_changes(events)
        refused = _merged(refuse(changes), protected)
        kept = None if plan is None or refused else self._digest(plan, changes)
        return Preview(changes=changes, refused=refused, digest=kept)

    def _digest(self, plan: Path, changes: tuple[Change, ...]) -> str:
        migration_digest = self.settings.migration.digest
        return digest(
            stack=self.settings.stack, migration_digest=migration_digest, plan=plan.read_bytes(), changes=changes
        )

    def _stack(self) -> automation.Stack:
        with self._engine_errors([]):
            return open_stack(self.settings, self.command)

    def _refuse_interrupted(self, stack: automation.Stack) -> None:
        with self._engine_errors([]):
            pending = pending_operations(stack)
        if pending:
            doing = ", ".join(f"{operation} {urn.rpartition('::')[2]}" for operation, urn in pending)
            raise InterruptedStackError(
                f"an engine was killed on stack {self.settings.stack} while it was at: {doing}. Whether AWS has done "
                "it is not known to the state: run `python -m keyspaces_infra recover …`, then preview"
            )

    @contextmanager
    def _engine_errors(self, events: Sequence[EngineEvent]) -> Iterator[None]:
        try:
            yield
        except automation.CommandError as error:
            raise translate(error, events, settings=self.settings, interrupted=self.command.interrupted) from error


def pending_operations(stack: automation.Stack) -> tuple[tuple[str, str], ...]:
    """What an engine was doing when it was killed: pairs of the operation and the resource's URN."""
    operations = (stack.export_stack().deployment or {}).get("pending_operations") or ()
    return tuple((str(each["type"]), str(each["resource"]["urn"])) for each in operations)


def _shown(outputs: automation.OutputMap) -> dict[str, Any]:
    return {name: output.value for name, output in sorted(outputs.items()) if not output.secret}


def _merged(*groups: Sequence[Refusal]) -> tuple[Refusal, ...]:
    return tuple({refusal.urn: refusal for group in reversed(groups) for refusal in group}.values())
