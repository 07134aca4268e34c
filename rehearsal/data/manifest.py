"""Says what a store was loaded with. Written last, so a load that was broken off is done again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from rehearsal.data.dataset import dataset_version


def digest(*, days: int | None) -> str:
    """Changes with the loader's code, the data set and the choice of days."""
    made = hashlib.sha256(f"{dataset_version()} {days}".encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        made.update(module.name.encode() + module.read_bytes())
    return made.hexdigest()


def is_loaded(path: Path, *, digest: str) -> bool:
    """Whether the store that the manifest lies beside holds the very data of this digest."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return bool(held["digest"] == digest)


def write(path: Path, *, digest: str, rows: dict[str, int]) -> None:
    """Note a finished load."""
    staged = path.with_suffix(".new")
    staged.write_text(json.dumps({"digest": digest, "rows": rows}, indent=2), encoding="utf-8")
    staged.replace(path)
