import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.config import Migration, MigrationFileError, Problem, load_migration
from keyspaces_migration.config.yaml_text import read_yaml

FULL = Path(__file__).with_name("full.yaml")
Content = dict[str, Any]


@pytest.fixture(scope="session")
def _full() -> Content:
    return read_yaml(FULL).content


@pytest.fixture
def content(_full: Content) -> Content:
    """The content of a valid file with every key, to be broken at will."""
    return copy.deepcopy(_full)


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Content | str | bytes], Migration]:
    """Load a migration from a file of this content; JSON is YAML, so no writer of YAML stands between."""

    def load_content(content: Content | str | bytes) -> Migration:
        path = tmp_path / "orders.yaml"
        text = json.dumps(content, indent=1, ensure_ascii=False) if isinstance(content, dict) else content
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_migration(path)

    return load_content


@pytest.fixture
def problems(load: Callable[[Content | str | bytes], Migration]) -> Callable[[Content | str | bytes], list[Problem]]:
    """Return what is wrong with a file of this content; a file with nothing wrong fails the test."""

    def problems_of(content: Content | str | bytes) -> list[Problem]:
        with pytest.raises(MigrationFileError) as caught:
            load(content)
        assert caught.value.problems
        return list(caught.value.problems)

    return problems_of
