"""Who may log in to a local Keyspaces: the file that the node reads, again whenever it has changed."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Self

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


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """One user and one access key, the same at every start."""

    user: User
    access_key: AccessKey

    @classmethod
    def kept(cls, path: Path, *, username: str) -> Self:
        """Those that `write` left at `path`, or new ones with secrets drawn at random; nothing is written."""
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            (user,), (key,) = found["users"], found["access_keys"]
            return cls(user=User(**user), access_key=AccessKey(**key))
        return cls(
            user=User(username=username, password=secrets.token_urlsafe(24)),
            access_key=AccessKey(
                access_key_id="AKLOCAL" + secrets.token_hex(6).upper(), secret_access_key=secrets.token_urlsafe(30)
            ),
        )

    def write(self, path: Path) -> None:
        """Let them in from now on."""
        write_credentials(path, access_keys=[self.access_key], users=[self.user])


def write_credentials(path: Path, *, access_keys: Iterable[AccessKey] = (), users: Iterable[User] = ()) -> None:
    """Replace the file whole: a client that logs in meanwhile is judged by the old one or the new one."""
    content = {"access_keys": [key.as_json() for key in access_keys], "users": [asdict(user) for user in users]}
    staged = path.with_name(f"{path.name}.{os.getpid()}")
    staged.touch(mode=0o600)
    staged.write_text(json.dumps(content, indent=2), encoding="utf-8")
    staged.replace(path)
