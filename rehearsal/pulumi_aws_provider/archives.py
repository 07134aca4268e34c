"""Local archives of a program: pulumi.FileArchive of a zip file or a folder, which arrives as a path.

The marks are those of sdk/go/common/resource/archive.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.structs import SIGNATURE

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.resources import Properties

ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
# Any fixed time does: the same files must make the same bytes. It is the first that the format has.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def is_archive(value: object) -> bool:
    """Whether a property's value is an archive."""
    return isinstance(value, dict) and value.get(SIGNATURE) == ARCHIVE


def content_hash(archive: Properties) -> str:
    """The engine's hash of what is in an archive."""
    return str(archive.get("hash"))


def why_not_readable(archive: Any) -> str | None:  # noqa: ANN401 - a property's value
    """What is wrong with an archive, or None."""
    if not is_archive(archive) or not archive.get("path"):
        return "only a pulumi.FileArchive is served"
    if not Path(archive["path"]).exists():
        return f"nothing at {archive['path']}: give an absolute path, as this provider has a working folder of its own"
    return None


def read_zip(archive: Properties) -> bytes:
    """The zip file of an archive."""
    path = Path(archive["path"])
    return path.read_bytes() if path.is_file() else _zipped(path)


def _zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), date_time=_EPOCH)
            # Lambda's user is not the owner, so everybody must be able to read.
            entry.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, path.read_bytes())
    return buffer.getvalue()
