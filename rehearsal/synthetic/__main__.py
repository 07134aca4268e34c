"""Makes up the data of a migration file in one store, and counts it: `python -m rehearsal.synthetic source|history …`.

A process of its own, as `rehearsal.data` is. Each line of its output is news for the supervisor.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from keyspaces_migration.config import load_migration
from rehearsal.data import manifest
from rehearsal.data import source as sample
from rehearsal.data.loader import history_cursor, loader_parser, say
from rehearsal.synthetic import history, source
from rehearsal.synthetic.choice import SyntheticChoice, tables_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearsal.synthetic.rows import SyntheticTable


def main(arguments: Sequence[str] | None = None) -> None:
    """Load."""
    parser = loader_parser("rehearsal.synthetic", description=__doc__)
    parser.add_argument("--migration-file", required=True, type=Path)
    parser.add_argument("--rows", required=True, type=int, help="of each table")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--began", required=True, type=dt.datetime.fromisoformat, help="what lives are reckoned from")
    chosen = parser.parse_args(arguments)
    choice = SyntheticChoice(
        migration_file=chosen.migration_file, rows=chosen.rows, seed=chosen.seed, began=chosen.began
    )
    migration = load_migration(choice.migration_file)
    say("making up the rows")
    tables = tables_of(migration, choice)
    for made in tables:
        if len(made.rows) < choice.rows:
            say(f"{made.name} has {len(made.rows):,} rows: its key has not many more values")
    if chosen.store == "source":
        rows = _source(chosen.address, migration.source.keyspace, tables)
    else:
        rows = _history(chosen.address, tables)
    manifest.write(chosen.manifest, digest=choice.digest, rows=rows)


def _source(address: dict[str, object], keyspace: str, tables: Sequence[SyntheticTable]) -> dict[str, int]:
    with sample.opened(str(address["host"]), int(str(address["port"]))) as session:
        rows = source.load(session, keyspace, tables, progress=say)
        source.verify(session, keyspace, rows, progress=say)
    return rows


def _history(address: dict[str, object], tables: Sequence[SyntheticTable]) -> dict[str, int]:
    with history_cursor(address) as cursor:
        rows = history.load(cursor, tables, progress=say)
        history.verify(cursor, tables, rows, progress=say)
    return rows


if __name__ == "__main__":
    main()
