"""What the processes that fill a store have in common: what they are told, and how they reach the history."""

from __future__ import annotations

import argparse
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def loader_parser(module: str, *, description: str | None) -> argparse.ArgumentParser:
    """A parser of what each of them is told: which store, where it is, and where the manifest goes."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("store", choices=("source", "history"))
    parser.add_argument(
        "--address", required=True, type=json.loads, help="JSON: host and port, or Snowflake's settings"
    )
    parser.add_argument("--manifest", required=True, type=Path, help="written when the load is verified")
    return parser


@contextmanager
def history_cursor(address: dict[str, object]) -> Iterator[Any]:
    """A cursor of the history."""
    import snowflake.connector  # noqa: PLC0415 - takes a second, and the source's load does not need it

    with snowflake.connector.connect(**address) as connection, connection.cursor() as cursor:
        yield cursor


def say(line: str) -> None:
    """Tell the supervisor news."""
    print(line, flush=True)  # noqa: T201 - this is how it reports
