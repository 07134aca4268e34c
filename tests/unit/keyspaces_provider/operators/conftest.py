from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.keyspaces_provider.operators.provision_setting import Setting, a_setting


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    yield from a_setting(tmp_path, monkeypatch)
