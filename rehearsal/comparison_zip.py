"""The code of the comparison Lambda as a Zip: the core, and nothing else. The same sources give the same bytes.

The stand-in for Lambda runs it with this environment's packages; for AWS they have to come with it, in a layer.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from rehearsal.servers.service import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HANDLER = "keyspaces_migration.entrypoints.comparison.handler"
"""Where Lambda finds the function in it."""

CORE = REPOSITORY / "plugins" / "keyspaces_migration"
_FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_EVERYBODY_READS = 0o100644 << 16


def comparison_zip(core: Path = CORE) -> bytes:
    """Make the Zip from the folder of the core."""
    content = io.BytesIO()
    # Stored: what a compressor makes of the same bytes depends on its release.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for path in _files(core):
            entry = zipfile.ZipInfo(str(path.relative_to(core.parent)), _FIRST_MOMENT)
            entry.create_system = _UNIX
            # Lambda runs as another user than the one that made the files.
            entry.external_attr = _EVERYBODY_READS
            archive.writestr(entry, path.read_bytes())
    return content.getvalue()


def _files(core: Path) -> Iterator[Path]:
    return (path for path in sorted(core.rglob("*")) if path.suffix == ".py" or path.name == "py.typed")
