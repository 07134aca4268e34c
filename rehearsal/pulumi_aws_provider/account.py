"""One configured provider instance: its clients, its Region, its default tags, and whether it was asked to stop."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from rehearsal.pulumi_aws_provider.endpoints import ConfigurationError, decoded, read_endpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.exceptions import ClientError

__all__ = ["Account", "CancelledError", "ConfigurationError", "connect", "is_error"]

POLL_S = 0.2


class CancelledError(Exception):
    """The engine asked to stop while something was waited for."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Clients of the stand-ins, by the provider's configuration.

    Attributes:
        region: The provider's Region.
        endpoints: Address by boto3's name of the service.
        access_key: Tells ministack the account, where it is a number of twelve digits.
        default_tags: Tags of everything that can have tags.
        path_style: Whether S3's buckets are in the path of the address.
        cancelled: Set when the engine is stopping.
    """

    region: str
    endpoints: Mapping[str, str]
    access_key: str = "local"
    default_tags: Mapping[str, str] = field(default_factory=dict)
    path_style: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients' classes at run time
        """boto3's client of a service, made when it is first asked for.

        Raises:
            ConfigurationError: The provider has no endpoint for it.
        """
        # boto3's default session is not made for many threads.
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._connect(service)
            return self._clients[service]

    @property
    def keyspaces(self) -> Any:  # noqa: ANN401 - as above
        """boto3's `keyspaces` client."""
        return self.client("keyspaces")

    @property
    def account_id(self) -> str:
        """The account, as STS says."""
        return str(self.client("sts").get_caller_identity()["Account"])

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

    def _connect(self, service: str) -> Any:  # noqa: ANN401 - as above
        if service not in self.endpoints:
            there = ", ".join(sorted(self.endpoints))
            raise ConfigurationError(f"the aws.Provider's endpoints have no {service}, only {there}")
        connect_client: Any = boto3.client  # its stubs want the names of services as literals
        return connect_client(
            service,
            endpoint_url=self.endpoints[service],
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key="local",  # noqa: S106 - the stand-ins check no signatures
            config=Config(
                retries={"mode": "standard", "max_attempts": 3},
                connect_timeout=5,
                read_timeout=90,
                s3={"addressing_style": "path" if self.path_style else "auto"},
            ),
        )


def connect(configuration: Mapping[str, Any]) -> Account:
    """The account that the program's `aws.Provider` asks for.

    Raises:
        ConfigurationError: There is no Region, or no endpoint, or one that is not on loopback.
    """
    region = configuration.get("region")
    if not isinstance(region, str) or not region:
        raise ConfigurationError("no region: give the aws.Provider one")
    return Account(
        region=region,
        endpoints=read_endpoints(configuration),
        access_key=configuration.get("accessKey") or "local",
        default_tags=(decoded(configuration, "defaultTags") or {}).get("tags") or {},
        path_style=bool(decoded(configuration, "s3UsePathStyle")),
    )


def is_error(error: ClientError, *codes: str) -> bool:
    """Whether AWS answered with one of these errors of the service model."""
    return error.response["Error"]["Code"] in codes
