"""Pulumi's own test mode, with what its mocks leave out: parent, protection and dependencies of each resource."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime.mocks import MockMonitor

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the engine was asked for."""

    typ: str
    name: str
    inputs: dict[str, Any]
    provider: str
    parent: str
    protect: bool
    dependencies: tuple[str, ...]
    ignored: tuple[str, ...]


class Recorder(pulumi.runtime.Mocks):
    """Answers as an engine would, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: dict[tuple[str, str], Asked] = {}
        self.urns: list[str] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        known = {
            "arn": f"arn:{args.typ.split(':')[1]}:{args.name}",
            "url": f"https://queue/{args.name}",
            "version": "7",
            "keyId": f"{args.name}-key",
            "environmentId": f"{args.name}-environment",
            "configurationProfileId": f"{args.name}-profile",
        }
        return f"{args.name}-id", {**known, **args.inputs}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program asks AWS nothing, but called {args.token}")

    def of_type(self, typ: str) -> list[Asked]:
        """All that was asked of one type, in order."""
        return [asked for asked in self.asked.values() if asked.typ == typ]

    def inputs(self, typ: str, name: str) -> dict[str, Any]:
        """What one resource is asked to be."""
        return self.asked[(typ, name)].inputs


class _Monitor(MockMonitor):
    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder)
        self._recorder = recorder

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        if request.type != "pulumi:pulumi:Stack":
            urn = self.make_urn(request.parent, request.type, request.name)
            self._recorder.urns.append(urn)
            self._recorder.asked[(request.type, request.name)] = Asked(
                typ=request.type,
                name=request.name,
                inputs=pulumi.runtime.rpc.deserialize_properties(request.object),
                provider=request.provider,
                parent=request.parent,
                protect=request.protect,
                dependencies=tuple(request.dependencies),
                ignored=tuple(request.ignoreChanges),
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def declared(program: Callable[[], object]) -> Recorder:
    """Run a program in Pulumi's test mode; what it raises is raised here, and what an engine refuses is refused."""
    recorder = Recorder()

    def run() -> None:
        program()

    # Pulumi takes the thread's loop, and there is none any more once `asyncio.run` was called anywhere before.
    asyncio.set_event_loop(_loop())
    pulumi.runtime.set_mocks(recorder, preview=False, monitor=_Monitor(recorder))
    pulumi.runtime.test(run)()  # type: ignore[no-untyped-call]
    duplicates = {urn for urn in recorder.urns if recorder.urns.count(urn) > 1}
    assert not duplicates, f"duplicate resource URN: {sorted(duplicates)}"
    return recorder
