"""The parts that provisioning is tested on: the control plane, the attached provider, and a driver in its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from keyspaces_infra.changes import HOLDS_DATA
from keyspaces_provider.provisioning import SERVICES

if TYPE_CHECKING:
    from keyspaces_migration.config import Migration
    from rehearsal.keyspaces_control_plane.process import KeyspacesControlPlane
    from rehearsal.pulumi_aws_provider.process import PulumiAwsProvider
    from rehearsal.servers.aws import AwsStandIn

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 300


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a call of the driver ended: its exit code, its last line, and the engine's lines."""

    code: int
    last: dict[str, Any]
    lines: list[str]

    @property
    def ops(self) -> dict[str, str]:
        """What changed, by name, of what holds data."""
        return {each["name"]: each["op"] for each in self.last.get("changes", []) if each["type"] in HOLDS_DATA}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack in folders of its own."""

    home: Path
    control_plane: KeyspacesControlPlane
    aws: AwsStandIn
    provider: PulumiAwsProvider
    name: str = "test"

    backend_url: str = ""

    @property
    def endpoints(self) -> dict[str, str]:
        """The control plane of local Keyspaces for what is its own, the stand-in for all else."""
        own = ("keyspaces", "appautoscaling")
        return {name: self.control_plane.url if name in own else self.aws.endpoint_url for name in SERVICES}

    @property
    def plan(self) -> Path:
        return self.home / "plan.json"

    @property
    def configuration(self) -> Path:
        return self.home / "work" / f"Pulumi.{self.name}.yaml"

    def on_another_worker(self, home: Path) -> Stack:
        """The same stack from folders of another worker, which share the backend alone."""
        (home / "work").mkdir(parents=True)
        return replace(self, home=home, backend_url=self.state_url)

    def in_backend(self, url: str) -> Stack:
        """The stack with its state elsewhere."""
        return replace(self, backend_url=url)

    @property
    def state_url(self) -> str:
        return self.backend_url or f"file://{self.home / 'state'}"

    def environment(self, **extra: str) -> dict[str, str]:
        path = os.pathsep.join(str(ROOT / each) for each in ("", "plugins", "infra"))
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
        own = {"PYTHONPATH": path, "PULUMI_CONFIG_PASSPHRASE": "test", **credentials, **self.provider.environment}
        return {**os.environ, **own, **extra}

    def command(self, operation: str, migration: Migration, *arguments: str) -> list[str]:
        file = self.home / "migration.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(migration.canonical_json())
        options = {
            "--migration-json": file,
            "--stack": self.name,
            "--work-dir": self.home / "work",
            "--pulumi-home": self.home / "pulumi",
            "--backend-url": self.state_url,
        }
        if operation in ("preview", "up"):
            options["--plan"] = self.plan
        flat = [str(part) for pair in options.items() for part in pair]
        endpoints = [f"--endpoint={service}={url}" for service, url in self.endpoints.items()]
        return [sys.executable, "-m", "keyspaces_infra", operation, *flat, *endpoints, *arguments]

    def run(self, operation: str, migration: Migration, *arguments: str, **environment: str) -> Outcome:
        done = subprocess.run(
            self.command(operation, migration, *arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            env=self.environment(**environment),
        )
        return outcome(done.returncode, done.stdout, done.stderr)

    def provision(self, migration: Migration) -> Outcome:
        """Preview, and apply exactly what the preview showed."""
        preview = self.run("preview", migration)
        assert preview.code == 0, preview
        return self.run("up", migration, "--digest", preview.last["digest"])

    def client(self, service: str = "keyspaces") -> Any:
        connect: Any = boto3.client  # its stubs want the names of services as literals
        return connect(
            service,
            endpoint_url=self.control_plane.url if service == "keyspaces" else self.aws.endpoint_url,
            region_name=self.control_plane.settings.account.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


def outcome(code: int, output: str, errors: str) -> Outcome:
    said = [json.loads(line) for line in output.splitlines()]
    assert said, errors
    return Outcome(code=code, last=said[-1], lines=[each["line"] for each in said if each["kind"] == "engine"])
