"""Every test of the ledger runs on SQLite and on PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keyspaces_migration.ledger import Ledger, RunConfiguration, open_ledger
from keyspaces_migration.lifecycle import Stage
from tests.keyring import KEYRING

if TYPE_CHECKING:
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


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without a ledger in it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    server: Postgresql = request.getfixturevalue("postgresql")
    return server.new_schema()


@pytest.fixture
def ledger(empty_url: str) -> Ledger:
    return open_ledger(empty_url, keyring=KEYRING)
