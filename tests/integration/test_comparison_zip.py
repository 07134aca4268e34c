"""The comparison Lambda's Zip for AWS: built from the locked packages, and run from nothing but what is in it."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# That of this machine, which is to run it.
ARCH = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
MOST_BYTES_UNPACKED = 262_144_000
# Isolated, and without this environment's packages.
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from keyspaces_migration.entrypoints import comparison
try:
    comparison.handler({"version": 3}, None)
except Exception as error:
    print(type(error).__name__, error)
print([name for name, module in sys.modules.items() if "site-packages" in (getattr(module, "__file__", None) or "")])
"""


def build(out: Path) -> dict[str, Any]:
    command = [sys.executable, "tools/comparison_zip.py", "--arch", ARCH, "--python", PYTHON, "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return build(tmp_path_factory.mktemp("zip") / "comparison.zip")


def test_it_is_what_it_says_and_lambda_takes_it(built: dict[str, Any]) -> None:
    content = Path(built["file"]).read_bytes()
    with zipfile.ZipFile(built["file"]) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        names = archive.namelist()
    assert built["bytes_unpacked"] == unpacked < MOST_BYTES_UNPACKED
    assert (built["bytes"], built["sha256"]) == (len(content), sha256(content).hexdigest())
    assert "keyspaces_migration/entrypoints/comparison.py" in names
    assert not [name for name in names if "/tests/" in name or name.endswith(".pyc")]


def test_the_handler_runs_from_the_zip_alone(built: dict[str, Any], tmp_path: Path) -> None:
    with zipfile.ZipFile(built["file"]) as archive:
        archive.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUN, str(tmp_path)], check=True, capture_output=True, text=True
    )
    refused, foreign = done.stdout.splitlines()
    assert refused.startswith("EventError The event of the comparison Lambda, version 2, is refused.")
    assert foreign == "[]"


def test_the_same_sources_give_the_same_bytes(built: dict[str, Any], tmp_path: Path) -> None:
    assert build(tmp_path / "again.zip")["sha256"] == built["sha256"]
