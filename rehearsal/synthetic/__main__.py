"""Makes up the data of a migration file in one store, and counts it: `python -m rehearsal.synthetic source|history …`.

A process of its own, as `rehearsal.data` is. Each line of its output is news for the supervisor.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING

from keyspaces_migration.config import load_migration
from rehearsal.data import manifest
from rehearsal.data import source as sample
from rehearsal.synthetic import history, source
from rehearsal.synthetic.choice import SyntheticChoice, tables_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearsal.synthetic.rows import SyntheticTable


def main(arguments: Sequence[str] | None = None) -> None:
    """Load."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.synthetic", description=__doc__)
    parser.add_argument("store", choices=("source", "history"))
    parser.add_argument(
        "--address", required=True, type=json.loads, help="JSON: host and port, or Snowflake's settings"
    )
    parser.add_argument("--manifest", required=True, type=Path, help="written when the load is verified")
    parser.add_argument("--migration-file", required=True, type=Path)
    parser.add_argument("--rows", required=True, type=int, help="of each table")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--began", required=True, type=dt.datetime.fromisoformat, help="what lives are reckoned from")
    chosen = parser.parse_args(arguments)
    choice = SyntheticChoice(
        migration_file=chosen.migration_file, rows=chosen.rows, seed=chosen.seed, began=chosen.began
    )
    migration = load_migration(choice.migration_file)
    _say("making up the rows")
    tables = tables_of(migration, choice)
    for made in tables:
        if len(made.rows) < choice.rows:
            _say(f"{made.name} has {len(made.rows):,} rows: its key has not many more values")
    if chosen.store == "source":
        rows = _source(chosen.address, migration.source.keyspace, tables)
    else:
        rows = _history(chosen.address, tables)
    manifest.write(chosen.manifest, digest=choice.digest, rows=rows)


def _source(address: dict[str, object], keyspace: str, tables: Sequence[SyntheticTable]) -> dict[str, int]:
    with sample.opened(str(address["host"]), int(str(address["port"]))) as session:
        rows = source.load(session, keyspace, tables, progress=_say)
        source.verify(session, keyspace, rows, progress=_say)
    return rows


def _history(address: dict[str, object], tables: Sequence[SyntheticTable]) -> dict[str, int]:
    import snowflake.connector  # noqa: PLC0415 - takes a second, and the source's load does not need it

    with snowflake.connector.connect(**address) as connection, connection.cursor() as cursor:
        rows = history.load(cursor, tables, progress=_say)
        history.verify(cursor, tables, rows, progress=_say)
    return rows


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is how it reports


if __name__ == "__main__":
    main()
