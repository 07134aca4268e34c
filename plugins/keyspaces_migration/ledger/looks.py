"""How the criteria of the cutover stood when a task looked at them last: for people, and for no gate."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.database import insert_once
from keyspaces_migration.ledger.repository import Ledger

_looks = schema.readiness_looks.c


@dataclass(frozen=True, kw_only=True)
class LookedAt:
    """One criterion, in words: its name, `met`, `unmet` or `unknown`, what was observed, and what is required."""

    criterion: str
    state: str
    observed: str
    required: str


@dataclass(frozen=True, kw_only=True)
class ReadinessLook:
    """One look at all criteria.

    Attributes:
        migration: The migration's name.
        dag_id: Of the run that looked.
        run_id: Of the run that looked.
        findings: Of every criterion.
        looked_at: When, with a time zone.
    """

    migration: str
    dag_id: str
    run_id: str
    findings: tuple[LookedAt, ...]
    looked_at: datetime


class LookLedger:
    """Each call is one transaction. Errors are the ledger's. One row a migration, which is overwritten, not signed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def record(self, look: ReadinessLook) -> None:
        """Keep a look in place of the one before."""
        values = {**asdict(look), "findings": _to_json(look.findings)}
        with self._ledger.writing() as connection:
            if not insert_once(connection, schema.readiness_looks, values, key=("migration",)):
                mine = _looks.migration == look.migration
                connection.execute(sa.update(schema.readiness_looks).where(mine).values(values))

    def newest(self, migration: str) -> ReadinessLook | None:
        """The newest look; None where nobody has looked yet."""
        query = sa.select(schema.readiness_looks).where(_looks.migration == migration)
        with self._ledger.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        return ReadinessLook(**{**row, "findings": tuple(LookedAt(**each) for each in json.loads(row["findings"]))})


def _to_json(findings: Sequence[LookedAt]) -> str:
    return json.dumps([asdict(each) for each in findings], ensure_ascii=False)
