"""Which made-up data a world holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

    from keyspaces_migration.config import Migration
    from rehearsal.synthetic.rows import SyntheticTable

ROWS = 20_000
SEED = 1


@dataclass(frozen=True, kw_only=True)
class SyntheticChoice:
    """Made-up data for a migration file.

    Attributes:
        rows: Of each table.
        seed: Chooses the values.
        began: The moment from which times to live are reckoned, in UTC.
    """

    migration_file: Path
    rows: int
    began: dt.datetime
    seed: int = SEED

    module = "rehearsal.synthetic"

    @property
    def options(self) -> tuple[str, ...]:
        """Of the process that loads it."""
        given = {
            "--migration-file": str(self.migration_file),
            "--rows": str(self.rows),
            "--seed": str(self.seed),
            "--began": self.began.isoformat(),
        }
        return tuple(part for pair in given.items() for part in pair)

    @property
    def digest(self) -> str:
        """Changes with this package's code, the file, and the choice."""
        made = hashlib.sha256("\0".join(self.options).encode() + self.migration_file.read_bytes())
        for module in sorted(Path(__file__).parent.glob("*.py")):
            made.update(module.name.encode() + module.read_bytes())
        return made.hexdigest()


def tables_of(migration: Migration, choice: SyntheticChoice) -> tuple[SyntheticTable, ...]:
    """The made-up tables of a migration."""
    from rehearsal.synthetic.rows import SyntheticTable  # noqa: PLC0415 - brings scipy; the supervisor needs none of it

    return tuple(
        SyntheticTable(name=name, table=table, wanted=choice.rows, seed=choice.seed, began=choice.began)
        for name, table in migration.tables.items()
    )
