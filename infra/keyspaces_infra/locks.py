"""Locks of a stack in its backend: who holds one, and whether that engine is proven gone."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLOCK_SLACK_S = 2.0
"""The lock's time and a process's start are taken from two clocks of one machine, to the second or finer."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock of the backend.

    Attributes:
        key: Where the backend keeps it: a file's path, or an object's key.
        pid: Process of the engine that wrote it.
        host: Machine of that process.
        since: When it was written, in the engine's own words.
    """

    key: str
    pid: int
    host: str
    since: str

    @property
    def is_here(self) -> bool:
        """Whether it was written on this machine, so that its process can be looked for."""
        return self.host == socket.gethostname()

    @property
    def is_dead(self) -> bool:
        """Whether its engine is proven gone: written here, and nothing runs under its id, or something begun later."""
        if not self.is_here:
            return False
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                # Killed, and in a container without an init process nobody collects it.
                return True
            began = process.create_time()
        except psutil.NoSuchProcess:
            return True
        since = _moment(self.since)
        return since is not None and began > since + _CLOCK_SLACK_S

    def __str__(self) -> str:
        """For a message."""
        state = "is gone" if self.is_dead else "still runs" if self.is_here else "can't be looked for from this machine"
        return f"process {self.pid} on {self.host} since {self.since}, which {state} ({self.key})"


class LockStore(Protocol):
    """The locks of one stack."""

    def read(self) -> tuple[Lock, ...]:
        """Every lock of the stack."""

    def remove(self, lock: Lock) -> None:
        """Remove one; gone already is removed."""


class UnreadableLocks:
    """A backend whose locks can't be read from here: it keeps them itself (Pulumi Cloud), or is not known."""

    def read(self) -> tuple[Lock, ...]:
        """None that can be seen."""
        return ()

    def remove(self, lock: Lock) -> None:
        """There is none to remove."""
        raise AssertionError(f"no lock was read, so none can be removed: {lock}")


class FolderLocks:
    """Locks of a backend that is a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> tuple[Lock, ...]:
        """Read every lock file; one that is removed meanwhile is no lock."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                found.append(_lock(str(path), path.read_bytes()))
            except FileNotFoundError:
                continue
        return tuple(found)

    def remove(self, lock: Lock) -> None:
        """Remove its file."""
        Path(lock.key).unlink(missing_ok=True)


class BucketLocks:
    """Locks of a backend in S3."""

    def __init__(self, client: Any, *, bucket: str, prefix: str) -> None:  # noqa: ANN401 - boto3's client has no type
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def read(self) -> tuple[Lock, ...]:
        """Read every lock object; one that is removed meanwhile is no lock."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        found = []
        for key in sorted(each["Key"] for page in pages for each in page.get("Contents", ())):
            try:
                content = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                continue
            found.append(_lock(key, content))
        return tuple(found)

    def remove(self, lock: Lock) -> None:
        """Remove its object."""
        self._client.delete_object(Bucket=self._bucket, Key=lock.key)


def lock_store(*, backend_url: str, project: str, stack: str, environment: Mapping[str, str]) -> LockStore:
    """The locks of one stack, where they can be read.

    The layout is that of the engine's own backends (pulumi/pulumi, pkg/backend/diy): locks of a stack lie under
    `.pulumi/locks/organization/<project>/<stack>/`.

    Args:
        backend_url: As the engine is given it.
        project: Pulumi's project.
        stack: The stack.
        environment: Of the engine: credentials and Region for S3.
    """
    parts = urlsplit(backend_url)
    inside = f".pulumi/locks/organization/{project}/{stack}/"
    if parts.scheme == "file":
        return FolderLocks(Path(unquote(parts.path)) / inside)
    if parts.scheme == "s3":
        prefix = parts.path.strip("/")
        client = _s3_client(parse_qs(parts.query), environment)
        return BucketLocks(client, bucket=parts.netloc, prefix=f"{prefix}/{inside}" if prefix else inside)
    return UnreadableLocks()


def _s3_client(query: Mapping[str, list[str]], environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - boto3's client
    import boto3  # noqa: PLC0415 - takes half a second, and only this backend needs it
    from botocore.config import Config  # noqa: PLC0415

    def first(name: str) -> str | None:
        return query.get(name, [None])[0]

    endpoint = first("endpoint")
    if endpoint is not None and "://" not in endpoint:
        endpoint = f"{'http' if first('disableSSL') == 'true' else 'https'}://{endpoint}"
    by_path = "true" in (first("s3ForcePathStyle"), first("use_path_style"))
    settings = Config(s3={"addressing_style": "path" if by_path else "auto"})
    session = boto3.Session(
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        region_name=first("region") or environment.get("AWS_REGION"),
    )
    return session.client("s3", endpoint_url=endpoint, config=settings)


def _lock(key: str, content: bytes) -> Lock:
    said = json.loads(content)
    return Lock(
        key=key,
        pid=int(said.get("pid", 0)),
        host=str(said.get("hostname", "")),
        since=str(said.get("timestamp", "an unknown time")),
    )


def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
