"""The Snowflake stand-in: fakesnow's server over TLS, its databases kept as files."""

from __future__ import annotations

import datetime as dt
import ssl
import sys
from typing import TYPE_CHECKING, Any

from rehearsal.certificates import CA_FILE, kept_server_files
from rehearsal.ports import PortNeed
from rehearsal.servers.service import REPOSITORY, HttpService, without_proxy

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = "ANALYTICS"
SCHEMA = "PUBLIC"
HEALTH_PATH = "/local-world/health"
SERVER = "rehearsal.servers.fakesnow_app"  # not imported: fakesnow takes seconds


class SnowflakeStandIn(HttpService):
    """Speaks Snowflake's protocol on https://127.0.0.1:port with a certificate of the world's own authority."""

    def __init__(self, *, home: Path, port: int, log: Path) -> None:
        super().__init__(name="Snowflake stand-in", home=home, log=log)
        self.port = port
        self.folder = home / "snowflake"

    @property
    def ca_file(self) -> Path:
        """PEM file of the authority that clients must trust."""
        return self.folder / "tls" / CA_FILE

    def ports(self) -> list[PortNeed]:
        """The HTTPS port."""
        return [PortNeed(setting="snowflake", address="127.0.0.1", port=self.port, wanted_by=self.name)]

    def launch(self) -> None:
        """Start the server, with a new certificate when there is none or it ends within a week."""
        files = kept_server_files(self.ca_file.parent, now=dt.datetime.now(tz=dt.UTC))
        self.start_child(
            (
                sys.executable,
                "-m",
                SERVER,
                str(self.port),
                str(files.certificate),
                str(files.key),
                str(self.folder / "databases"),
            ),
            environment=without_proxy(),
            folder=REPOSITORY,
        )

    def health_url(self) -> str:
        """Our own route in fakesnow's server."""
        return f"https://127.0.0.1:{self.port}{HEALTH_PATH}"

    def tls(self) -> ssl.SSLContext:
        """Trust of the world's authority alone."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def connection(self) -> dict[str, Any]:
        """Arguments of snowflake.connector.connect, TLS trust apart (REQUESTS_CA_BUNDLE)."""
        return {
            "user": "rehearsal",
            "password": "rehearsal",
            "account": "fakesnow",
            "host": "127.0.0.1",
            "port": self.port,
            "database": DATABASE,
            "schema": SCHEMA,
            "network_timeout": 60,
            "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
        }
