"""Fills one store, verifies it, and writes its manifest: `python -m rehearsal.data source|history …`.

A process of its own, so that the supervisor can watch and end it like any other, and its memory is given back.
Each line of its output is news for the supervisor.
"""

from __future__ import annotations

import gc

from rehearsal.data import history, manifest, source
from rehearsal.data.loader import history_cursor, loader_parser, say
from rehearsal.data.tables import Sample


def main() -> None:
    """Load."""
    parser = loader_parser("rehearsal.data", description=__doc__)
    parser.add_argument("--days", type=int, help="load only the year's first days")
    chosen = parser.parse_args()
    say("reading the flights")
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
        rows = source.load(session, sample, progress=say)
        source.verify(session, rows, progress=say)
    return rows


def _history(address: dict[str, object], sample: Sample) -> dict[str, int]:
    with history_cursor(address) as cursor:
        rows = history.load(cursor, sample, progress=say)
        history.verify(cursor, sample, rows, progress=say)
    return rows


if __name__ == "__main__":
    main()
