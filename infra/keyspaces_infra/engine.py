"""The Automation API: previews, updates and refreshes of one stack, with the gate before every update."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from pulumi import automation

from keyspaces_infra.changes import Change, Refusal, digest, provisioned_modes, read_changes, read_drift, refuse
from keyspaces_infra.clients import AccountClients
from keyspaces_infra.components.tables import SCALED_UNITS
from keyspaces_infra.destruction import delete_flag_versions, destroyed_by, unprotected
from keyspaces_infra.errors import (
    InterruptedStackError,
    NotDisposableError,
    PlanChangedError,
    ProvisionError,
    RefusedError,
    StackLockedError,
)
from keyspaces_infra.failures import translate
from keyspaces_infra.locks import lock_store
from keyspaces_infra.recovery import Locks, describe, take_up
from keyspaces_infra.settings import PROJECT
from keyspaces_infra.workspace import open_stack, program_of

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
        drift: What others have changed in AWS since the last update; the plan takes it back.
        digest: What an approval of this plan is about; None without a plan file, or where something is refused.
    """

    changes: tuple[Change, ...]
    refused: tuple[Refusal, ...]
    drift: tuple[Change, ...]
    digest: str | None


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What an update, a refresh or a destruction has done; `outputs` are the stack's, secret ones left out."""

    changes: tuple[Change, ...]
    outputs: dict[str, Any]


class StackDriver:
    """One stack. Every method is one operation, which blocks until the engine has ended.

    Each first clears the way: it waits for an engine that still runs on this machine, and, where the settings allow it,
    takes up what a killed one has left.
    """

    def __init__(
        self,
        settings: StackSettings,
        *,
        command: EngineCommand,
        on_line: Callable[[str], object],
    ) -> None:
        self.settings = settings
        self.command = command
        self.on_line = on_line
        self._client = AccountClients(settings)

    def preview(self, *, plan: Path | None) -> Preview:
        """Look at what is live, say what an update would change, and keep the engine's plan, which `up` is held to.

        Nothing is changed, neither in AWS nor in the state: what others have changed stays drift until a plan
        is applied that takes it back. Alone what a killed engine left is taken into the state.

        Raises:
            ProvisionError: The engine could not say.
        """
        return self._preview(self._free_stack(), plan)

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
        stack = self._free_stack()
        now = self._preview(stack, None)
        if now.refused:
            raise RefusedError(now.refused)
        found = self._digest(plan.read_bytes(), now.changes)
        if found != approved:
            raise PlanChangedError(
                f"the plan has the digest {found} now, and {approved} was approved: the migration file, the stack or "
                "what is live has changed since. Preview and approve anew"
            )
        self._refresh(stack)
        events: list[EngineEvent] = []
        with self._engine_errors(events):
            result = stack.up(plan=str(plan), on_event=events.append, **self._streams)
        return Applied(changes=read_changes(events), outputs=_shown(result.outputs))

    def drift(self) -> tuple[Change, ...]:
        """Say what others have changed in AWS since the last update. Neither AWS nor the state is changed.

        Alone what a killed engine left is taken into the state first.

        Raises:
            ProvisionError: The engine could not look.
        """
        return self._look(self._free_stack())

    def refresh(self) -> Applied:
        """Bring the state up to what is live; the difference from the file shows in the next preview.

        Raises:
            ProvisionError: The engine could not look.
        """
        drift = self._refresh(self._free_stack())
        return Applied(changes=drift, outputs=self.outputs())

    def recover(self) -> Applied:
        """Take up what an engine that was killed has left, its lock and what it was making, and refresh.

        Raises:
            StackLockedError: The lock's holder is not proven dead.
            ProvisionError: The engine could not look.
        """
        self._clear_locks(recovers=True)
        stack = self._stack()
        self._take_up(stack)
        return Applied(changes=self._refresh(stack), outputs=self.outputs())

    def preview_destroy(self) -> Preview:
        """Say what `destroy` would delete: everything that the stack has made. Only in a disposable environment.

        As with `preview`, nothing is changed, neither in AWS nor in the state.

        Raises:
            NotDisposableError: The file does not call the environment disposable.
            ProvisionError: The engine could not look.
        """
        self._require_disposable()
        stack = self._free_stack()
        drift = self._look(stack)
        changes = destroyed_by(self._export(stack).deployment or {})
        return Preview(changes=changes, refused=(), drift=drift, digest=self._digest(b"", changes))

    def destroy(self, *, approved: str) -> Applied:
        """Delete everything that the stack has made, the rows in it too. Only in a disposable environment.

        Raises:
            NotDisposableError: The file does not call the environment disposable.
            PlanChangedError: The stack holds something else than what was approved.
            ProvisionError: The engine or AWS failed.
        """
        now = self.preview_destroy()
        if now.digest != approved:
            raise PlanChangedError(
                f"what would be destroyed has the digest {now.digest} now, and {approved} was approved: look anew"
            )
        stack = self._stack()
        exported = self._export(stack)
        delete_flag_versions(exported.deployment or {}, client=self._client, on_line=self.on_line)
        with self._engine_errors([]):
            deployment = unprotected(exported.deployment or {})
            stack.import_stack(automation.Deployment(version=exported.version, deployment=deployment))
        stack.workspace.program = program_of(self.settings, protect=False)
        events: list[EngineEvent] = []
        with self._engine_errors(events):
            stack.destroy(run_program=True, on_event=events.append, **self._streams)
        return Applied(changes=read_changes(events), outputs={})

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
                    refresh=True,
                    plan=None if plan is None else str(plan),
                    on_event=events.append,
                    **self._streams,
                )
        except ProvisionError as error:
            failure = error
        changes = read_changes(events)
        refused = refuse(changes)
        # The engine fails a preview that touches what is protected. Its steps up to there say what it was about.
        if failure is not None and not refused:
            raise failure
        kept = None if plan is None or refused else self._digest(plan.read_bytes(), changes)
        return Preview(changes=changes, refused=refused, drift=self._drift_in(events), digest=kept)

    def _look(self, stack: automation.Stack) -> tuple[Change, ...]:
        events: list[EngineEvent] = []
        with self._engine_errors(events):
            stack.preview_refresh(run_program=True, on_event=events.append, **self._streams)
        return self._drift_in(events)

    def _refresh(self, stack: automation.Stack) -> tuple[Change, ...]:
        events: list[EngineEvent] = []
        with self._engine_errors(events):
            # With the program's provider, not the state's: its role, or a stand-in's address, may have changed since.
            stack.refresh(run_program=True, on_event=events.append, **self._streams)
        return self._drift_in(events)

    def _drift_in(self, events: Sequence[EngineEvent]) -> tuple[Change, ...]:
        scaled = [name for name, table in self.settings.migration.tables.items() if table.throughput.auto_scaling]
        return read_drift(events, moved=frozenset(product(scaled, SCALED_UNITS)))

    def _digest(self, plan: bytes, changes: tuple[Change, ...]) -> str:
        migration_digest = self.settings.migration.digest
        return digest(stack=self.settings.stack, migration_digest=migration_digest, plan=plan, changes=changes)

    def _free_stack(self) -> automation.Stack:
        """The stack, when no engine works on it and nothing is left half done."""
        self._clear_locks(recovers=self.settings.recovers)
        stack = self._stack()
        deployment = self._export(stack).deployment or {}
        pending = deployment.get("pending_operations") or ()
        if pending and not self.settings.recovers:
            raise InterruptedStackError(
                f"an engine was killed on stack {self.settings.stack} while it was at: {describe(pending)}. Whether "
                "AWS has done it is not known to the state: run `python -m keyspaces_infra recover …`, then preview"
            )
        if pending:
            self.on_line(f"an engine was killed while it was at: {describe(pending)}. Looking what AWS has of it")
            self._take_up(stack)
            # The refresh says what AWS has of what was taken up: nothing else may be planned on it before.
            self._refresh(stack)
            deployment = self._export(stack).deployment or {}
        stack.workspace.program = program_of(self.settings, scaled=self._scaled(deployment))
        return stack

    def _scaled(self, deployment: Mapping[str, Any]) -> frozenset[str]:
        """Tables that auto scaling works on already, by the state: their units are left as it has moved them."""
        tables = self.settings.migration.tables
        return frozenset(
            name
            for name, mode in provisioned_modes(deployment)
            if mode == "PROVISIONED" and name in tables and tables[name].throughput.auto_scaling is not None
        )

    def _clear_locks(self, *, recovers: bool) -> None:
        settings = self.settings
        store = lock_store(
            backend_url=settings.backend_url, project=PROJECT, stack=settings.stack, environment=settings.environment
        )
        locks = Locks(store, stack=settings.stack, on_line=self.on_line, interrupted=lambda: self.command.interrupted)
        locks.clear(recovers=recovers, wait_s=settings.lock_wait_s)

    def _take_up(self, stack: automation.Stack) -> None:
        exported = self._export(stack)
        if not (exported.deployment or {}).get("pending_operations"):
            return
        deployment = take_up(exported.deployment or {}, client=self._client)
        if self._export(stack).deployment != exported.deployment:
            raise StackLockedError(
                f"stack {self.settings.stack} has changed while it was looked at what a killed engine left: another "
                "works on it. Nothing was changed; run again"
            )
        with self._engine_errors([]):
            stack.import_stack(automation.Deployment(version=exported.version, deployment=deployment))

    def _require_disposable(self) -> None:
        migration = self.settings.migration
        if not migration.environment.disposable:
            raise NotDisposableError(
                f"environment {migration.environment.name} of {migration.name} is not disposable, so nothing in it is "
                "destroyed. Where it may be lost with all rows, say environment.disposable: true in the migration file"
            )

    def _stack(self) -> automation.Stack:
        with self._engine_errors([]):
            return open_stack(self.settings, self.command)

    def _export(self, stack: automation.Stack) -> automation.Deployment:
        with self._engine_errors([]):
            return stack.export_stack()

    @property
    def _streams(self) -> dict[str, Any]:
        return {"on_output": self.on_line, "on_error": self.on_line, "color": "never"}

    @contextmanager
    def _engine_errors(self, events: Sequence[EngineEvent]) -> Iterator[None]:
        try:
            yield
        except automation.CommandError as error:
            raise translate(error, events, settings=self.settings, interrupted=self.command.interrupted) from error


def _shown(outputs: automation.OutputMap) -> dict[str, Any]:
    return {name: output.value for name, output in sorted(outputs.items()) if not output.secret}
