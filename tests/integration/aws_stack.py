"""One stack of the Automation API over the stand-ins, each call with what the engine said it did."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from pulumi import automation

from keyspaces_infra.command import EngineCommand, find_engine
from tests.integration.aws_program import NAME, REGION, Edition, Surroundings, declare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pulumi.automation.events import EngineEvent

    from rehearsal.pulumi_aws_provider.process import PulumiAwsProvider

PROJECT = "provider-test"


@dataclass(frozen=True, kw_only=True)
class Done:
    """What one call of the engine did: how it went on for each resource, by name, `same` left out."""

    steps: dict[str, str]
    types: set[str]
    counts: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class AwsStack:
    home: Path
    provider: PulumiAwsProvider
    around: Surroundings
    url: str

    def preview(self, edition: Edition) -> Done:
        return self._call(edition, lambda stack, **hooks: stack.preview(**hooks).change_summary)

    def up(self, edition: Edition) -> Done:
        return self._call(edition, lambda stack, **hooks: stack.up(**hooks).summary.resource_changes)

    def refresh(self, edition: Edition) -> Done:
        return self._call(edition, lambda stack, **hooks: stack.refresh(**hooks).summary.resource_changes)

    def destroy(self, edition: Edition) -> Done:
        return self._call(edition, lambda stack, **hooks: stack.destroy(**hooks).summary.resource_changes)

    def client(self, service: str, *, url: str | None = None) -> Any:
        connect: Any = boto3.client
        return connect(
            service,
            endpoint_url=url or self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def _call(self, edition: Edition, operation: Callable[..., Any]) -> Done:
        events: list[EngineEvent] = []
        counts = operation(self._stack(edition), on_event=events.append, color="never")
        steps, types = {}, set()
        for event in events:
            step = event.res_outputs_event or event.resource_pre_event
            if step is not None and step.metadata.type.startswith("aws:"):
                operation_name = step.metadata.op.value
                if operation_name not in ("same", "refresh", "read"):
                    steps[step.metadata.urn.rpartition("::")[2]] = operation_name
                    types.add(step.metadata.type)
        return Done(steps=steps, types=types, counts=dict(counts or {}))

    def _stack(self, edition: Edition) -> automation.Stack:
        work, state = self.home / "work", self.home / "state"
        work.mkdir(exist_ok=True)
        state.mkdir(exist_ok=True)
        backend = f"file://{state}"
        settings = automation.ProjectSettings(
            name=PROJECT, runtime="python", backend=automation.ProjectBackend(url=backend)
        )
        return automation.create_or_select_stack(
            "test",
            project_name=PROJECT,
            program=partial(declare, edition, self.around),
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(work),
                pulumi_home=str(self.home / "pulumi"),
                pulumi_command=EngineCommand(find_engine(os.environ)),
                env_vars={
                    **self.provider.environment,
                    "PULUMI_CONFIG_PASSPHRASE": "test",
                    "PULUMI_BACKEND_URL": backend,
                },
                project_settings=settings,
            ),
        )


def is_described(kms: Any, key_id: str, name: str) -> bool:
    return bool(kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"] == f"key of edition {name}")


def own_strategy(stack: AwsStack) -> dict[str, Any]:
    strategies = stack.client("appconfig").list_deployment_strategies()["Items"]
    (own,) = [each for each in strategies if each["Name"].startswith(NAME)]
    return dict(own)


def queue_url(stack: AwsStack, name: str) -> str:
    return str(stack.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])


def scaling(stack: AwsStack) -> tuple[Any, str]:
    client = stack.client("application-autoscaling", url=stack.around.endpoints["appautoscaling"])
    return client, f"keyspace/{stack.around.keyspace}/table/t"
