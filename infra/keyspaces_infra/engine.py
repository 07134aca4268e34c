"""The Automation API: previews, updates and refreshes of one stack, with the gate before every update."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pulumi import automation

from keyspaces_infra.changes import Change, Refusal, digest, read_changes, refuse
from keyspaces_infra.errors import InterruptedStackError, PlanChangedError, ProvisionError, RefusedError
from keyspaces_infra.failures import translate
from keyspaces_infra.locks import read_locks
from keyspaces_infra.recovery import remove_dead, take_up
from keyspaces_infra.settings import PROJECT
from keyspaces_infra.workspace import open_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
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

    def up(self, *, plan: Path, approved: str) -> Applied:
        """Apply a plan, after looking once more that it is what was approved and loses nothing.

        Args:
            plan: The file that `preview` wrote.
            approved: The digest that was approved, as `preview` gave it.

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
        if found != approved:
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

    def recover(self) -> Applied:
        """Take up what an engine that was killed has left: its lock, and what it was making.

        Raises:
            StackLockedError: The lock's holder is not proven dead.
            ProvisionError: The engine could not look.
        """
        settings = self.settings
        remove_dead(read_locks(backend_url=settings.backend_url, project=PROJECT, stack=settings.stack))
        stack = self._stack()
        with self._engine_errors([]):
            exported = stack.export_stack()
            if exported.deployment:
                deployment = take_up(exported.deployment)
                stack.import_stack(automation.Deployment(version=exported.version, deployment=deployment))
        return self.refresh()

    def outputs(self) -> dict[str, Any]:
        """The outputs of the last update, secret ones left out."""
        stack = self._stack()
        with self._engine_errors([]):
            return _shown(stack.outputs())

    def _preview(self, stack: automation.Stack, plan: Path | None) -> Preview:
        events: list[EngineEvent] = []
        failure: ProvisionError | None = None
        try:
            with self._engine_errors(events):
                stack.preview(
                    plan=None if plan is None else str(plan),
                    on_output=self.on_line,
                    on_error=self.on_line,
                    on_event=events.append,
                    color="never",
                )
        except ProvisionError as error:
            failure = error
        changes = read_changes(events)
        refused = refuse(changes)
        # The engine fails a preview that touches what is protected. Its steps up to there say what it was about.
        if failure is not None and not refused:
            raise failure
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
            pending = _pending(stack)
        if pending:
            doing = ", ".join(f"{each['type']} {each['resource']['urn'].rpartition('::')[2]}" for each in pending)
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


def _pending(stack: automation.Stack) -> Sequence[Mapping[str, Any]]:
    """What an engine was doing when it was killed."""
    return (stack.export_stack().deployment or {}).get("pending_operations") or ()


def _shown(outputs: automation.OutputMap) -> dict[str, Any]:
    return {name: output.value for name, output in sorted(outputs.items()) if not output.secret}
