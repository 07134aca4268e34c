"""Who may log in to a local Keyspaces: the file that the node reads, again whenever it has changed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class User:
    """Service-specific credentials."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class AccessKey:
    """An access key for SigV4.

    Attributes:
        session_token: Of temporary credentials; None for those that last.
        expires_at: When temporary credentials end; aware.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: dt.datetime | None = None

    def as_json(self) -> dict[str, str]:
        """As the node reads it."""
        shown = {**asdict(self), "expires_at": self.expires_at and f"{self.expires_at:%Y-%m-%dT%H:%M:%S}Z"}
        return {name: value for name, value in shown.items() if value is not None}


def write_credentials(path: Path, *, access_keys: Iterable[AccessKey] = (), users: Iterable[User] = ()) -> None:
    """Replace the file whole: a client that logs in meanwhile is judged by the old one or the new one."""
    content = {"access_keys": [key.as_json() for key in access_keys], "users": [asdict(user) for user in users]}
    staged = path.with_name(f"{path.name}.{os.getpid()}")
    staged.touch(mode=0o600)
    staged.write_text(json.dumps(content, indent=2), encoding="utf-8")
    staged.replace(path)
