"""How a client reaches a local Keyspaces: what its user is told, and what the world's processes hand on."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import SecretStr

from keyspaces_migration.clients import PasswordAuth, SessionSettings, TlsSettings

if TYPE_CHECKING:
    from rehearsal.local_keyspaces.credentials import User

DATA_CENTER = "datacenter1"


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One contact point.

    Attributes:
        host: Address of the node.
        port: CQL port.
        region: The AWS Region that it claims to be in.
        ca_file: PEM file of the authority to trust; None where the node speaks plain text.
        username: Of service-specific credentials; None where the node lets everybody in.
        password: Its password.
    """

    host: str
    port: int
    region: str
    ca_file: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, *, host: str, port: int, region: str, ca_file: Path | None, user: User | None) -> Self:
        """From the parts that a node is made of."""
        return cls(
            host=host,
            port=port,
            region=region,
            ca_file=ca_file,
            username=user.username if user else None,
            password=user.password if user else None,
        )

    def session_settings(self, *, request_timeout_s: float = 10.0, schema_metadata: bool = True) -> SessionSettings:
        """What `keyspaces_migration.clients.open_session` takes; consistency is LOCAL_QUORUM."""
        return SessionSettings(
            hosts=(self.host,),
            port=self.port,
            tls=TlsSettings(ca_file=self.ca_file) if self.ca_file else None,
            auth=PasswordAuth(username=self.username, password=SecretStr(self.password or ""))
            if self.username
            else None,
            local_data_center=DATA_CENTER,
            request_timeout_s=request_timeout_s,
            schema_metadata=schema_metadata,
        )

    def write(self, path: Path) -> Path:
        """Keep it in a file of the owner's alone, for another process, and return the file's path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {**vars(self), "ca_file": str(self.ca_file.resolve()) if self.ca_file else None}
        staged = path.with_name(f"{path.name}.{os.getpid()}")
        staged.touch(mode=0o600)
        staged.write_text(json.dumps(content), encoding="utf-8")
        staged.replace(path)
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` kept."""
        content = json.loads(path.read_text(encoding="utf-8"))
        content["ca_file"] = Path(content["ca_file"]) if content["ca_file"] else None
        return cls(**content)
