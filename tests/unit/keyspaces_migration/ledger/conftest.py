"""Every test of the ledger runs on SQLite and, where its server programs are installed, on PostgreSQL."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from keyspaces_migration.ledger import Ledger, RunConfiguration, open_ledger
from keyspaces_migration.lifecycle import Stage
from tests.keyring import KEYRING

NOW = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC)
CANONICAL = '{"name":"flights","note":"Zürich → Ōsaka"}'

NewRun = Callable[..., RunConfiguration]


def digest_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.fixture
def new_run() -> NewRun:
    """A run's configuration; what a test cares about is given by name."""

    def build(
        *, run_id: str = "manual__1", stage: Stage = Stage.ASSESS, migration: str = "flights", text: str = CANONICAL
    ) -> RunConfiguration:
        return RunConfiguration(
            migration=migration,
            stage=stage,
            dag_id=f"{migration}.{stage}",
            run_id=run_id,
            digest=digest_of(text),
            canonical_json=text,
            recorded_at=NOW,
            recorded_by="alice",
        )

    return build


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@pytest.fixture(scope="session")
def postgresql_socket() -> Iterator[str]:
    """The socket folder of a server of our own, which listens on no port."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb is not installed (Debian: apt-get install postgresql)")
    # Not pytest's folder: the server refuses to run as root, and its own user could not enter there.
    folder = Path(tempfile.mkdtemp(prefix="ledger-pg-"))
    user = None
    if os.geteuid() == 0:
        user = "postgres"
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(initdb, user=user, cwd=folder, check=True, capture_output=True, timeout=120)
    settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "timezone=Asia/Tokyo"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), "-k", str(folder), *settings],
            user=user,
            cwd=folder,
            stderr=log,
            stdout=log,
        )
    try:
        _wait_until_it_answers([str(programs / "pg_isready"), "-h", str(folder)], server, log=folder / "log")
        yield str(folder)
    finally:
        # At once, without a last checkpoint: nobody will read these files again.
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=60)
        shutil.rmtree(folder)


def _wait_until_it_answers(ask: list[str], server: subprocess.Popen[bytes], *, log: Path) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        if subprocess.run(ask, check=False, capture_output=True, timeout=30).returncode == 0:
            return
        time.sleep(0.1)
    pytest.fail(f"PostgreSQL does not answer: {log.read_text()}")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without a ledger in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    socket = request.getfixturevalue("postgresql_socket")
    # A schema of the test's own: a database of its own would cost a second.
    name = f"ledger_{uuid4().hex}"
    url = f"postgresql+psycopg2://postgres@/postgres?host={socket}"
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.schema.CreateSchema(name))
    return f"{url}&options=-csearch_path%3D{name}"


@pytest.fixture
def ledger(empty_url: str) -> Ledger:
    return open_ledger(empty_url, keyring=KEYRING)
