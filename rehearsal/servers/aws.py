"""The AWS stand-in: ministack on one loopback port, its state kept in a folder."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from rehearsal.ports import PortNeed
from rehearsal.servers.cut_services import CutKind, write_cut
from rehearsal.servers.service import REPOSITORY, HttpService, without_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGION = "us-east-1"
APPCONFIG_MINUTE_S = 30
"""How long a minute of AppConfig's lasts here: the least bake that AppConfig takes is one, and a rehearsal has many."""


def stand_in_client(
    service: str, endpoint_url: str, *, connect_timeout_s: float = 2, read_timeout_s: float = 10, attempts: int = 3
) -> Any:  # noqa: ANN401 -- boto3's clients have no types
    """boto3's client of a stand-in, or of a relay before it, that soon gives up."""
    return boto3.client(  # type: ignore[call-overload] # the service is a variable
        service,
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 -- it checks none
        config=Config(
            connect_timeout=connect_timeout_s, read_timeout=read_timeout_s, retries={"total_max_attempts": attempts}
        ),
    )


class AwsStandIn(HttpService):
    """Speaks the AWS APIs on http://127.0.0.1:port. It does not check credentials."""

    def __init__(self, *, home: Path, port: int, log: Path) -> None:
        super().__init__(name="AWS stand-in", home=home, log=log)
        self.port = port
        self.folder = home / "aws"

    @property
    def endpoint_url(self) -> str:
        """For boto3's endpoint_url or AWS_ENDPOINT_URL."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str) -> Any:  # noqa: ANN401 -- boto3's clients have no types
        """boto3's client of one of its services."""
        return stand_in_client(service, self.endpoint_url)

    @contextmanager
    def cut_off(self, *services: str, kind: CutKind = CutKind.AWAY) -> Iterator[None]:
        """Within it, these services, by the names that requests are signed for, refuse every request."""
        write_cut(self._cut_services, dict.fromkeys(services, kind))
        try:
            yield
        finally:
            write_cut(self._cut_services, {})

    @property
    def _cut_services(self) -> Path:
        return self.folder / "cut-services.json"

    def ports(self) -> list[PortNeed]:
        """The gateway."""
        return [PortNeed(setting="aws", address="127.0.0.1", port=self.port, wanted_by=self.name)]

    def launch(self) -> None:
        """Start the server."""
        for kind in ("state", "s3", "tmp"):
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
        folder = self.folder.resolve()
        write_cut(self._cut_services, {})
        self.start_child(
            (sys.executable, "-m", "rehearsal.servers.ministack"),
            environment={
                **without_proxy(),
                "PYTHONPATH": str(REPOSITORY),
                "CUT_SERVICES_FILE": str(self._cut_services.resolve()),
                "APPCONFIG_MINUTE_S": str(APPCONFIG_MINUTE_S),
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(self.port),
                "MINISTACK_HOST": "127.0.0.1",
                # On by default, and its broker listens on every address.
                "IOT_MTLS_ENABLED": "0",
                "MINISTACK_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "PERSIST_STATE": "1",
                "STATE_DIR": str(folder / "state"),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(folder / "s3"),
                "TMPDIR": str(folder / "tmp"),
            },
            folder=folder,
        )

    def health_url(self) -> str:
        """Ministack's own health address."""
        return f"{self.endpoint_url}/_ministack/health"
