"""Every test of the ledger runs on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import make_url

from keyspaces_migration.ledger import Ledger, RunConfiguration, open_ledger
from keyspaces_migration.lifecycle import Stage
from tests.keyring import KEYRING
from tests.postgresql import Postgresql

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


@pytest.fixture(scope="session")
def sqlite_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger without records, to be copied: to migrate one for each test would take most of the tests' time."""
    file = tmp_path_factory.mktemp("ledger") / "ledger.db"
    open_ledger(f"sqlite:///{file}", keyring=KEYRING)
    return file


@pytest.fixture(scope="session")
def postgresql_ledger(postgresql: Postgresql) -> str:
    """The name of a database with a ledger without records, to be copied."""
    url = postgresql.new_database()
    open_ledger(url, keyring=KEYRING)
    return str(make_url(url).database)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without a ledger in it; with one, where the test asks for `ledger` too."""
    is_empty = "ledger" not in request.fixturenames
    if request.param == "sqlite":
        if not is_empty:
            shutil.copy(request.getfixturevalue("sqlite_ledger"), tmp_path / "ledger.db")
        return f"sqlite:///{tmp_path}/ledger.db"
    server: Postgresql = request.getfixturevalue("postgresql")
    return (
        server.new_database()
        if is_empty
        else server.new_database(template=request.getfixturevalue("postgresql_ledger"))
    )


@pytest.fixture
def ledger(empty_url: str) -> Ledger:
    return Ledger(empty_url, keyring=KEYRING)
