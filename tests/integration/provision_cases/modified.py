"""The driver with a program that somebody has edited: nothing in it is protected any more."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from keyspaces_infra import workspace
from keyspaces_infra.__main__ import main
from keyspaces_infra.program import declare

if TYPE_CHECKING:
    from keyspaces_migration.config import Migration


def without_protection(migration: Migration, **options: Any) -> None:
    """The program, edited."""
    declare(migration, **{**options, "protect": False})


if __name__ == "__main__":
    vars(workspace)["declare"] = without_protection
    sys.exit(main(sys.argv[1:]))
