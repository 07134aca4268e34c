"""What a world rehearses: the sample's migration, or a person's own with made-up data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from keyspaces_migration.config import LoadOrder, Migration, load_migration
from keyspaces_migration.cutover.flag_writer import flag_address
from rehearsal.servers.service import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from keyspaces_migration.dual_write.flag_reader import FlagAddress
    from rehearsal.adapted import Adapted

SAMPLE_FILE = REPOSITORY / "dags" / "migrations" / "flights.yaml"
SHORTEST_LIFE = timedelta(hours=4)
"""Tables whose rows end sooner are loaded and compared, and not written to: their rows would end meanwhile."""
SAMPLE_STATEMENTS = REPOSITORY / "rehearsal" / "data" / "statements.cql"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A migration, and what is done to it on the way.

    Attributes:
        migration: As the world runs it.
        file: The migration file that is run.
        tables: Those that the sample application writes to and reads.
        letter_table: Which takes no writes on the target for a while, so that dead letters come about.
        breach_table: Whose reads on the target fail while a canary bakes.
        statements: What applications send, for `assess` to judge; None: it is not known.
        adapted: How the file was changed for the rehearsal; None for the sample's.
    """

    migration: Migration
    file: Path
    tables: tuple[str, ...]
    letter_table: str
    breach_table: str
    statements: Path | None = None
    adapted: Adapted | None = None

    @property
    def name(self) -> str:
        """The migration's name, which begins the id of each of its DAGs."""
        return self.migration.name

    @property
    def flag(self) -> FlagAddress:
        """Where `provision` makes the flag."""
        return flag_address(self.migration)

    @property
    def letters(self) -> str:
        """The name of the dead letter queue that `provision` makes."""
        return self.migration.dead_letter_queue

    @property
    def first_step(self) -> int:
        """The first step of the canary, in per cent."""
        return self.migration.cutover.canary_steps[0]

    @property
    def loads_before_barrier(self) -> bool:
        """Whether there is a load before dual writes: a table that must come after them would refuse it."""
        orders = {self.migration.load_order(name) for name in self.migration.tables}
        return LoadOrder.DUAL_WRITES_FIRST not in orders

    def dag_id(self, stage: str) -> str:
        """The id of a stage's DAG."""
        return f"{self.name}.{stage}"

    def on_target(self, table: str) -> str:
        """A table of the target as the admin server names it."""
        return f"{self.migration.target.keyspace}.{table}"


def sample_subject() -> Subject:
    """The sample's migration."""
    return Subject(
        migration=load_migration(SAMPLE_FILE),
        file=SAMPLE_FILE,
        # Not `departures`: it is damaged, and nothing shall mend it by the way.
        tables=("flights_unarchived", "planes", "weather"),
        letter_table="planes",
        breach_table="weather",
        statements=SAMPLE_STATEMENTS,
    )


def own_subject(adapted: Adapted, file: Path) -> Subject:
    """A person's own migration, adapted, in the file that the world runs.

    Raises:
        ValueError: No data can be made for it, as a column of the history has two meanings; it has no tables, or
            none whose rows live for long enough to be told from lost ones.
    """
    from rehearsal.synthetic.roles import Facts  # noqa: PLC0415 - brings scipy, which other worlds do not need

    if not adapted.migration.tables:
        raise ValueError("the file has no tables yet: `assess` drafts them, and then there is something to rehearse")
    for name, table in adapted.migration.tables.items():
        try:
            Facts.of(table)
        except ValueError as error:
            raise ValueError(f"tables.{name}.history: {error}") from error
    ttls = {name: table.default_ttl for name, table in adapted.migration.tables.items()}
    tables = tuple(name for name, ttl in ttls.items() if ttl is None or ttl >= SHORTEST_LIFE)
    if not tables:
        raise ValueError(
            "the rows of every table end by default_ttl within four hours, while the rehearsal runs: the application "
            "could not tell a lost row from one that has ended"
        )
    return Subject(
        migration=adapted.migration,
        file=file,
        tables=tables,
        letter_table=tables[0],
        breach_table=tables[-1],
        adapted=adapted,
    )
