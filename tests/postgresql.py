"""A PostgreSQL server of the tests' own: real, in a temporary folder, on a Unix socket and no port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_TIMEOUT_S = 60.0
_LOOK_EVERY_S = 0.05
# Not the default of most machines, so that a moment that is taken for local time is found out.
_SETTINGS = ("listen_addresses=", "fsync=off", "timezone=Asia/Tokyo")


class PostgresqlMissingError(Exception):
    """Its server programs are not installed. Tests fail then, and are not skipped: `make test` installs them."""


@dataclass(frozen=True)
class Postgresql:
    """A server that runs. `socket` is the folder of its socket, which is its host to clients."""

    socket: Path

    @property
    def url(self) -> str:
        """The address of its own database, as its superuser."""
        return self._url_of("postgres")

    def new_database(self, *, template: str = "template1") -> str:
        """The address of a new database: empty, or a copy of another to which nobody is connected."""
        name = f"test_{uuid4().hex}"
        with sa.create_engine(self.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return self._url_of(name)

    def _url_of(self, database: str) -> str:
        return f"postgresql+psycopg2://postgres@/{database}?host={self.socket}"


@contextmanager
def running(*settings: str) -> Iterator[Postgresql]:
    """Start a server, and end it and all its data at the end.

    Args:
        settings: As `name=value`, over the defaults. `max_connections` is PostgreSQL's own: 100.

    Raises:
        PostgresqlMissingError: Its programs are not installed.
        RuntimeError: It does not start; the message has its log.
    """
    programs = _programs()
    # Not pytest's folder: the server refuses to run as root, and its own user could not enter there.
    folder = Path(tempfile.mkdtemp(prefix="ledger-pg-"))
    user = _unprivileged()
    try:
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        initdb = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        made = subprocess.run(
            [*initdb, "--locale=C", "--no-sync"], user=user, cwd=folder, check=False, capture_output=True, text=True
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr}")
        with _server(programs, folder, user, (*_SETTINGS, *settings)):
            yield Postgresql(folder)
    finally:
        shutil.rmtree(folder)


@contextmanager
def _server(programs: Path, folder: Path, user: str | None, settings: tuple[str, ...]) -> Iterator[None]:
    options = [part for setting in settings for part in ("-c", setting)]
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder), *options]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)
    try:
        _wait_until_it_answers([str(programs / "pg_isready"), "-h", str(folder)], server, log=folder / "log")
        yield
    finally:
        # At once, without a last checkpoint: nobody will read these files again.
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=60)


def _wait_until_it_answers(ask: list[str], server: subprocess.Popen[bytes], *, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < deadline:
        if subprocess.run(ask, check=False, capture_output=True, timeout=30).returncode == 0:
            return
        time.sleep(_LOOK_EVERY_S)
    raise RuntimeError(f"PostgreSQL does not answer: {log.read_text()}")


def _programs() -> Path:
    """The folder of the newest version's programs; Debian does not put it on PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    if found:
        return found[-1].parent
    if on_path is not None:
        return Path(on_path).resolve().parent
    raise PostgresqlMissingError("PostgreSQL's server is not installed: tools/setup.sh for-tests installs it")


def _unprivileged() -> str | None:
    """Whom the server runs as: None for whoever runs the tests, unless that is root, as whom it refuses to run."""
    if os.geteuid() != 0:
        return None
    accounts = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in accounts else "nobody"
