"""Builds what a deployment takes, into one folder: `make dist` (OUT=folder).

| file | for |
| --- | --- |
| `keyspaces_migration-<version>-py3-none-any.whl` | every Airflow: the three import packages and the entry point |
| `constraints.txt` | every Airflow: the versions that the tests ran on |
| `dags.zip` | every Airflow: the DAG files, to unpack into the DAGs folder; without a migration file |
| `plugins.zip` | MWAA: the wheel, and the one plug-in file if there is one |
| `mwaa/` | MWAA: requirements.txt, startup.sh |
| `astronomer/` | Astronomer: Dockerfile-lines, packages.txt, requirements.txt |
| `SHA256SUMS` | the digest of each of these |

The same commit gives the same bytes: the time in the archives is SOURCE_DATE_EPOCH, or else that of the commit. The
last line is one JSON object. docs/guides/deployment.md says what to do with the files.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[1]
PINNED_PULUMI = re.compile(r'^PINNED_VERSION = "(.+)"$', re.MULTILINE)
DEPENDENCY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^\]]+\])?")
AIRFLOW = "apache-airflow"
_FIRST_MOMENT = 315_532_800
"""1980-01-01: a Zip can't say an earlier time."""
_UNIX = 3
_EVERYBODY_READS = 0o100644 << 16
_EVERYBODY_RUNS = 0o100755 << 16
_LEVEL = 9


class DistributionError(Exception):
    """What is here can't be made into a distribution."""


def main(arguments: Sequence[str]) -> None:
    """Build, write and print."""
    parser = argparse.ArgumentParser(prog="dist.py", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    out = parser.parse_args(arguments).out
    files = distribution(ROOT, epoch_s=epoch_s(ROOT, os.environ))
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    said = {"folder": str(out), "files": {name: len(content) for name, content in files.items()}}
    sys.stdout.write(f"{json.dumps(said)}\n")


def distribution(root: Path, *, epoch_s: int) -> dict[str, bytes]:
    """Every file of the distribution by its name, from the sources under `root`.

    Args:
        root: The repository.
        epoch_s: The time in the archives, in seconds since 1970.

    Raises:
        DistributionError: There are two plug-in files, or a template names what there is not.
    """
    wheel_name, wheel = built_wheel(root, epoch_s=epoch_s)
    words = words_of(root, wheel=wheel_name)
    files = {
        wheel_name: wheel,
        "constraints.txt": constraints(root).encode(),
        "dags.zip": archive({path.name: path.read_bytes() for path in (root / "dags").glob("*.py")}, epoch_s=epoch_s),
        "plugins.zip": archive({**plugin_file(root), wheel_name: wheel}, epoch_s=epoch_s),
    }
    for path in sorted((root / "deploy").glob("*/*")):
        files[f"{path.parent.name}/{path.name}"] = filled(path.read_text(encoding="utf-8"), words).encode()
    sums = "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    return {**files, "SHA256SUMS": sums.encode()}


def epoch_s(root: Path, environment: Mapping[str, str]) -> int:
    """The time that goes into the archives: SOURCE_DATE_EPOCH, or else when HEAD was committed."""
    if given := environment.get("SOURCE_DATE_EPOCH"):
        return int(given)
    command = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def built_wheel(root: Path, *, epoch_s: int) -> tuple[str, bytes]:
    """The wheel's name and content, built by the pinned build backend without a network."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(max(epoch_s, _FIRST_MOMENT))}
    with tempfile.TemporaryDirectory(prefix="dist-") as folder:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        subprocess.run(command, cwd=root, env=environment, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = Path(folder).glob("*.whl")
        return wheel.name, wheel.read_bytes()


def plugin_file(root: Path) -> dict[str, bytes]:
    """The one plug-in file by its name, or nothing where this version has none.

    Raises:
        DistributionError: There are several, and Airflow would register them all.
    """
    found = sorted((root / "plugins").glob("*.py"))
    if len(found) > 1:
        raise DistributionError(
            f"plugins/ may hold one plug-in file, and holds {', '.join(path.name for path in found)}"
        )
    return {path.name: path.read_bytes() for path in found}


def constraints(root: Path) -> str:
    """requirements/locked.txt as constraints: versions and markers, without hashes and comments."""
    locked = (root / "requirements" / "locked.txt").read_text(encoding="utf-8")
    lines = [line.removesuffix("\\").strip() for line in locked.splitlines() if line and line[0] not in "# "]
    return "".join(f"{line}\n" for line in lines)


def words_of(root: Path, *, wheel: str) -> dict[str, str]:
    """What the templates in deploy/ may name."""
    driver = (root / "infra" / "keyspaces_infra" / "command.py").read_text(encoding="utf-8")
    pinned = PINNED_PULUMI.search(driver)
    if pinned is None:
        raise DistributionError("infra/keyspaces_infra/command.py names no PINNED_VERSION")
    pins = pinned_versions(root)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "WHEEL": wheel,
        "PULUMI_VERSION": pinned[1],
        "AIRFLOW_VERSION": pins[AIRFLOW],
        "DEPENDENCIES": "\n".join(dependencies(project["dependencies"], pins)),
    }


def pinned_versions(root: Path) -> dict[str, str]:
    """The version of each direct dependency that the tests ran on, by its name."""
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==", 1) for line in lines if "==" in line and not line.startswith("#"))


def dependencies(declared: Sequence[str], pins: Mapping[str, str]) -> list[str]:
    """The direct dependencies with their extras, pinned; without Airflow, which the deployment brings."""
    parts = [match for line in declared if (match := DEPENDENCY.match(line))]
    return [f"{part['name']}{part['extras'] or ''}=={pins[part['name']]}" for part in parts if part["name"] != AIRFLOW]


def filled(template: str, words: Mapping[str, str]) -> str:
    """A template with each `@WORD@` replaced.

    Raises:
        DistributionError: It names a word that there is not.
    """

    def word(match: re.Match[str]) -> str:
        if match[1] not in words:
            raise DistributionError(f"a file in deploy/ names @{match[1]}@, and there are {', '.join(sorted(words))}")
        return words[match[1]]

    return re.sub(r"@([A-Z_]+)@", word, template)


def archive(entries: Mapping[str, bytes], *, epoch_s: int) -> bytes:
    """A Zip of contents by their names: sorted, all of one time, readable by everybody."""
    moment = time.gmtime(max(epoch_s, _FIRST_MOMENT))[:6]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as made:
        for name, data in sorted(entries.items()):
            entry = zipfile.ZipInfo(name, moment)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            entry.external_attr = _EVERYBODY_RUNS if name.endswith(".sh") else _EVERYBODY_READS
            made.writestr(entry, data)
    return content.getvalue()


if __name__ == "__main__":
    main(sys.argv[1:])
