"""A copy of dags/ whose migration files a test may spoil."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def dags_folder(tmp_path: Path) -> Path:
    """A copy of the repository's dags/, with its one valid migration file."""
    return Path(shutil.copytree(ROOT / "dags", tmp_path / "dags"))


@pytest.fixture
def second_migration(dags_folder: Path) -> Path:
    """A second valid migration file beside the first."""
    sample = (dags_folder / "migrations/flights.yaml").read_text()
    second = dags_folder / "migrations/trains.yaml"
    second.write_text(sample.replace("migration: flights", "migration: trains", 1))
    return second
