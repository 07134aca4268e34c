from __future__ import annotations

import importlib.util
import io
import os
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from rehearsal.comparison_zip import CORE, HANDLER, comparison_zip

if TYPE_CHECKING:
    from pathlib import Path


def content(made: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(made))


def test_it_holds_every_module_of_the_core_and_nothing_else() -> None:
    names = content(comparison_zip()).namelist()
    modules = {str(path.relative_to(CORE.parent)) for path in CORE.rglob("*.py")}
    assert set(names) == modules | {"keyspaces_migration/py.typed"}
    assert len(names) == len(set(names))
    assert len(modules) > 150


def test_lambda_may_read_every_file_and_finds_the_handler() -> None:
    archive = content(comparison_zip())
    assert {entry.external_attr >> 16 & 0o777 for entry in archive.infolist()} == {0o644}
    module, _, function = HANDLER.rpartition(".")
    assert f"def {function}(event" in archive.read(f"{module.replace('.', '/')}.py").decode()
    assert importlib.util.find_spec(module) is not None


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The core elsewhere, with other times, and with what lies beside sources."""
    core = tmp_path / "keyspaces_migration"
    shutil.copytree(CORE, core, ignore=shutil.ignore_patterns("__pycache__"))
    for path in core.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700)
    (core / "__pycache__").mkdir()
    (core / "__pycache__" / "errors.cpython-311.pyc").write_bytes(b"compiled")
    (core / ".env").write_text("PASSWORD=hunter2")
    return core


def test_the_same_sources_give_the_same_bytes(copied: Path) -> None:
    assert comparison_zip(copied) == comparison_zip()


def test_other_sources_give_other_bytes(copied: Path) -> None:
    (copied / "errors.py").write_text("# changed\n")
    assert comparison_zip(copied) != comparison_zip()
