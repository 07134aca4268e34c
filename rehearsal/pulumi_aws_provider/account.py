"""One configured provider instance: its client, its Region, and whether the engine has asked it to stop."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.exceptions import ClientError

POLL_S = 0.2


class ConfigurationError(Exception):
    """The provider's configuration can't be used here."""


class CancelledError(Exception):
    """The engine asked to stop while something was waited for."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A client of the control plane, made by the provider's configuration.

    Attributes:
        keyspaces: boto3's `keyspaces` client.
        region: The provider's Region.
        cancelled: Set when the engine is stopping.
    """

    keyspaces: Any
    region: str
    cancelled: threading.Event = field(default_factory=threading.Event)

    def wait_until(self, done: Callable[[], bool], *, what: str, timeout_s: float) -> None:
        """Poll until `done` says so.

        Raises:
            CancelledError: The engine is stopping.
            TimeoutError: It was not done after `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while not done():
            if self.cancelled.wait(POLL_S):
                raise CancelledError(f"cancelled while waiting for {what}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not there after {timeout_s:.0f} s")


def connect(configuration: Mapping[str, Any]) -> Account:
    """Make the client that the program's `aws.Provider` asks for.

    Raises:
        ConfigurationError: There is no Region, or no endpoint on loopback: a stand-in must never reach AWS.
    """
    region = configuration.get("region")
    if not isinstance(region, str) or not region:
        raise ConfigurationError("no region: give the aws.Provider one")
    # The protocol carries a provider's lists and maps as JSON in a string.
    endpoints = configuration.get("endpoints") or "[]"
    services = json.loads(endpoints) if isinstance(endpoints, str) else endpoints
    url = next((each["keyspaces"] for each in services if each.get("keyspaces")), None)
    if url is None or not _is_loopback(url):
        raise ConfigurationError(f"endpoints.keyspaces is {url!r}: this attached provider serves loopback only")
    client = boto3.client(
        "keyspaces",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 - local Keyspaces checks no signatures
        config=Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=5, read_timeout=90),
    )
    return Account(keyspaces=client, region=region)


def is_error(error: ClientError, code: str) -> bool:
    """Whether AWS answered with this error of the service model."""
    return bool(error.response["Error"]["Code"] == code)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
