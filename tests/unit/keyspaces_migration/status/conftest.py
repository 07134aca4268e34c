"""A recorder of `flights` in a ledger without records."""

from pathlib import Path

import pytest

from keyspaces_migration.ledger import open_ledger
from tests.keyring import KEYRING
from tests.unit.keyspaces_migration.status.a_ledger import Recorder


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(ledger=open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", keyring=KEYRING))
