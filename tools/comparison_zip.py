"""Builds the Zip of the comparison Lambda for AWS: the core and the packages it needs, for one processor.

    make comparison-zip ARCH=x86_64        (or arm64)    OUT=comparison-x86_64.zip

Packages are those of requirements/comparison.txt, by their hashes, as wheels for Amazon Linux 2023 and the function's
Python. Their tests, headers and stubs are left out. The same sources give the same bytes. It fails where the content is
larger than Lambda takes. The last line is one JSON object; put the file into S3 and name it in the migration file.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
CORE = ROOT / "plugins" / "keyspaces_migration"
PYTHON = "3.12"
"""Of the function that provisioning makes."""
PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
"""Of wheels that Amazon Linux 2023 (glibc 2.34) can load, by the name that Lambda has for the processor."""
MOST_BYTES = 262_144_000
"""250 MiB: what a function's code may take, unpacked, with its layers (AWS Lambda's quotas)."""
MOST_BYTES_SENT = 52_428_800
"""50 MiB: a larger Zip goes through S3 (likewise)."""
NOT_NEEDED = {".pyi", ".pyx", ".pxd", ".h", ".hpp", ".c", ".a"}
_FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_EVERYBODY_READS = 0o100644 << 16
_LEVEL = 9


class TooLargeError(Exception):
    """Lambda would refuse the Zip."""


def main(arguments: Sequence[str]) -> None:
    """Build, and print what was built."""
    asked = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="comparison-zip-") as folder:
        packages = Path(folder)
        install(packages, architecture=asked.arch, python=asked.python)
        content, size = zip_of([*files_of(packages, packages), *files_of(CORE, CORE.parent, only={".py", ".typed"})])
    if size > MOST_BYTES:
        raise TooLargeError(f"unpacked it has {size:,} bytes, and Lambda takes {MOST_BYTES:,}: leave a package out")
    asked.out.write_bytes(content)
    said = {
        "file": str(asked.out),
        "architecture": asked.arch,
        "python": asked.python,
        "bytes": len(content),
        "bytes_unpacked": size,
        "through_s3": len(content) > MOST_BYTES_SENT,
        "sha256": sha256(content).hexdigest(),
    }
    sys.stdout.write(f"{json.dumps(said)}\n")


def install(folder: Path, *, architecture: str, python: str) -> None:
    """Put the packages' wheels into a folder, without running anything of theirs."""
    uv = ROOT / ".venv" / "bin" / "uv"
    listed = ROOT / "requirements" / "comparison.txt"
    where = ["--target", str(folder), "--python-platform", PLATFORMS[architecture], "--python-version", python]
    wheels = ["--only-binary", ":all:", "--no-deps", "--require-hashes", "-r", str(listed)]
    subprocess.run([str(uv), "pip", "install", "--quiet", *where, *wheels], check=True)


def files_of(folder: Path, under: Path, *, only: set[str] | None = None) -> Iterator[tuple[str, Path]]:
    """Yield the files that go into the Zip with their names in it, in the order of these."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(under)
        wanted = path.suffix in only if only else path.suffix not in NOT_NEEDED
        if path.is_file() and wanted and not {"tests", "__pycache__", "bin"} & set(name.parts[:-1]):
            yield str(name), path


def zip_of(files: Sequence[tuple[str, Path]]) -> tuple[bytes, int]:
    """Return the Zip of files, by their names in it, and their size unpacked."""
    content, size = io.BytesIO(), 0
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(name, _FIRST_MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = _UNIX
            # Lambda runs as another user than the one that made the files.
            entry.external_attr = _EVERYBODY_READS
            data = path.read_bytes()
            size += len(data)
            archive.writestr(entry, data)
    return content.getvalue(), size


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="comparison_zip.py", description=__doc__)
    parser.add_argument("--arch", choices=sorted(PLATFORMS), required=True)
    parser.add_argument("--python", default=PYTHON, help="the function's runtime; other than its own only for tests")
    parser.add_argument("--out", type=Path, required=True)
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
