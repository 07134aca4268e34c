"""Fills one store, verifies it, and writes its manifest: `python -m rehearsal.data source|history …`.

A process of its own, so that the supervisor can watch and end it like any other, and its memory is given back.
Each line of its output is news for the supervisor.
"""

from __future__ import annotations

import argparse
import gc
import json
from pathlib import Path

from rehearsal.data import history, manifest, source
from rehearsal.data.tables import Sample


def main() -> None:
    """Load."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.data", description=__doc__)
    parser.add_argument("store", choices=("source", "history"))
    parser.add_argument(
        "--address", required=True, type=json.loads, help="JSON: host and port, or Snowflake's settings"
    )
    parser.add_argument("--manifest", required=True, type=Path, help="written when the load is verified")
    parser.add_argument("--days", type=int, help="load only the year's first days")
    chosen = parser.parse_args()
    _say("reading the flights")
    sample = _derived(chosen.days)
    rows = _source(chosen.address, sample) if chosen.store == "source" else _history(chosen.address, sample)
    manifest.write(chosen.manifest, digest=manifest.digest(days=chosen.days), rows=rows)


def _derived(days: int | None) -> Sample:
    # Nothing in here makes cycles, and looking for them among millions of values takes longer than making these.
    gc.disable()
    sample = Sample(days=days)
    sample.tables()
    gc.freeze()
    gc.enable()
    return sample


def _source(address: dict[str, object], sample: Sample) -> dict[str, int]:
    with source.opened(str(address["host"]), int(str(address["port"]))) as session:
        rows = source.load(session, sample, progress=_say)
        source.verify(session, rows, progress=_say)
    return rows


def _history(address: dict[str, object], sample: Sample) -> dict[str, int]:
    import snowflake.connector  # noqa: PLC0415 - takes a second, and the source's load does not need it

    with snowflake.connector.connect(**address) as connection, connection.cursor() as cursor:
        rows = history.load(cursor, sample, progress=_say)
        history.verify(cursor, sample, rows, progress=_say)
    return rows


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - this is how it reports


if __name__ == "__main__":
    main()
