"""Damage to the target, for a check to find and a repair to mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cassandra.cluster import Session

# The sample application does not write to this table, so nothing mends the rows by the way.
TABLE, KEY, COLUMN = "departures", ("origin", "flight_date", "carrier", "sched_dep_time", "flight"), "dest"
WRONG = "???"
_NO_SUCH_FLIGHT = 9_999


@dataclass(frozen=True, kw_only=True)
class Damage:
    """What is wrong now, by the key's columns as CQL values.

    Attributes:
        changed: The row whose `COLUMN` is not the source's.
        extra: The row that only the target has.
    """

    changed: Mapping[str, Any]
    extra: Mapping[str, Any]


def damage(target: Session) -> Damage:
    """Change a cell of the target, and write a row that nobody else has."""
    row = target.execute(f"SELECT {', '.join(KEY)} FROM flights.{TABLE} LIMIT 1").one()  # noqa: S608 # ours
    where = " AND ".join(f"{name} = %s" for name in KEY)
    target.execute(f"UPDATE flights.{TABLE} SET {COLUMN} = %s WHERE {where}", (WRONG, *row))  # noqa: S608 # ours
    extra = (*row[:-1], _NO_SUCH_FLIGHT)
    columns = ", ".join((*KEY, COLUMN))
    values = ", ".join(["%s"] * (len(KEY) + 1))
    target.execute(f"INSERT INTO flights.{TABLE} ({columns}) VALUES ({values})", (*extra, WRONG))  # noqa: S608 # ours
    return Damage(changed=dict(zip(KEY, row, strict=True)), extra=dict(zip(KEY, extra, strict=True)))
