"""The ledger: what must outlive a run."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.chains import APPROVALS, MILESTONES, REPORTS, RUNS, Chain, Chains
from keyspaces_migration.ledger.database import Address, Database
from keyspaces_migration.ledger.errors import ConfigurationChangedError
from keyspaces_migration.ledger.keyring import Keyring
from keyspaces_migration.ledger.records import ApprovalRecord, MilestoneReached, Report, ReportKind, RunConfiguration
from keyspaces_migration.ledger.revision import require_current_schema
from keyspaces_migration.ledger.runs import recorded_run, refuse_damage
from keyspaces_migration.lifecycle import Milestone, refuse_out_of_order


class Ledger:
    """Reads and writes records, each call in one transaction. Nothing that was recorded is changed or deleted.

    Records are signed, and verified whenever they are read. Every method raises `LedgerUnreachableError` where the
    database does not answer, `LedgerSchemaError` where its schema is not the code's, and `LedgerSignatureError` where
    a record is not as it was signed, or one is missing or too many. A call that is repeated, as by a retried task,
    changes nothing.
    """

    def __init__(self, url: str | sa.URL, *, keyring: Keyring) -> None:
        """Keep the address and the keys.

        Args:
            url: An SQLAlchemy URL of PostgreSQL, or of an SQLite file with an absolute path.
            keyring: The keys that sign and verify.

        Raises:
            LedgerAddressError: No such URL.
        """
        self.database = Database(Address.parse(url))
        self.chains = Chains(keyring)
        self._schema_is_current = False

    def __repr__(self) -> str:
        return f"<Ledger in {self.database.address}>"

    def start_run(self, configuration: RunConfiguration) -> RunConfiguration:
        """What the first task of a run does: refuse a start out of order, then record the run.

        Returns:
            The run as recorded, which a retry finds as it was recorded first.

        Raises:
            OutOfOrderError: It is not this stage's turn; nothing was recorded.
            ConfigurationChangedError: The run was recorded with another digest.
        """
        with self.writing() as connection:
            # Nobody may reach a milestone, or take its record for missing, between the look and the record of the run.
            self.chains.locked_counts(connection, configuration.migration)
            reached = [record.milestone for record in self._milestones(connection, configuration.migration)]
            refuse_out_of_order(configuration.stage, reached, migration=configuration.migration)
            return self._record_run(connection, configuration)

    def record_run(self, configuration: RunConfiguration) -> RunConfiguration:
        """Record the migration file that a run uses.

        Returns:
            The run as recorded, which a retry finds as it was recorded first.

        Raises:
            ConfigurationChangedError: The run was recorded with another digest.
            RecordDamagedError: The digest given is not that of the text given.
        """
        with self.writing() as connection:
            return self._record_run(connection, configuration)

    def run_configuration(self, *, dag_id: str, run_id: str) -> RunConfiguration:
        """The configuration that a run recorded.

        Raises:
            RunNotRecordedError: It recorded none.
            RecordDamagedError: The stored text does not have the stored digest.
        """
        with self.reading() as connection:
            return recorded_run(connection, self.chains, dag_id=dag_id, run_id=run_id)

    def require_unchanged(self, *, dag_id: str, run_id: str, digest: str) -> RunConfiguration:
        """The run's configuration, for a task that acts only if the migration file still has the run's digest.

        Raises:
            ConfigurationChangedError: The file has changed since the run began.
            RunNotRecordedError: The run recorded no configuration.
            RecordDamagedError: The stored text does not have the stored digest.
        """
        recorded = self.run_configuration(dag_id=dag_id, run_id=run_id)
        _refuse_change(recorded, digest)
        return recorded

    def latest_digest(self, migration: str) -> str | None:
        """The digest of the newest run's configuration; None where the migration has no run."""
        with self.reading() as connection:
            runs = self.chains.read(connection, RUNS, migration)
        return str(runs[-1]["digest"]) if runs else None

    def migrations(self) -> tuple[str, ...]:
        """The names of all migrations that have recorded a run, in the order of the alphabet; not verified."""
        query = sa.select(schema.run_configurations.c.migration).distinct()
        with self.reading() as connection:
            return tuple(sorted(connection.scalars(query)))

    def runs(self, migration: str) -> tuple[RunConfiguration, ...]:
        """The runs of a migration, in the order of recording."""
        with self.reading() as connection:
            rows = self.chains.read(connection, RUNS, migration)
        return tuple(RunConfiguration(**{column.name: row[column.name] for column in RUNS.fields}) for row in rows)

    def add_milestone(self, milestone: Milestone, *, dag_id: str, run_id: str, reached_at: datetime) -> None:
        """Record that a run reached a milestone; once per run, at the moment that was recorded first.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        values = {"milestone": milestone, "dag_id": dag_id, "run_id": run_id, "reached_at": reached_at}
        self._append(MILESTONES, values, key=("dag_id", "run_id", "milestone"))

    def milestones(self, migration: str) -> tuple[MilestoneReached, ...]:
        """What a migration has reached, in the order of recording."""
        with self.reading() as connection:
            return self._milestones(connection, migration)

    def record_report(  # noqa: PLR0913 # a report's columns, all by keyword
        self,
        kind: ReportKind,
        *,
        dag_id: str,
        run_id: str,
        media_type: str,
        path: str,
        sha256: str,
        created_at: datetime,
    ) -> None:
        """Record a file that a run left. The same path with other content is another record.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        values = {"kind": kind, "media_type": media_type, "created_at": created_at}
        values |= {"dag_id": dag_id, "run_id": run_id, "path": path, "sha256": sha256}
        self._append(REPORTS, values, key=("dag_id", "run_id", "path", "sha256"))

    def record_approval(self, approval: ApprovalRecord) -> None:
        """Record an approval that was verified, before it is acted on; each verification is a record of its own.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        self._append(APPROVALS, asdict(approval) | {"approved_by": json.dumps(approval.approved_by)}, key=None)

    def approvals(self, migration: str) -> tuple[ApprovalRecord, ...]:
        """The approvals that were verified for a migration, in the order of recording."""
        with self.reading() as connection:
            rows = self.chains.read(connection, APPROVALS, migration)
        found = ({column.name: row[column.name] for column in APPROVALS.fields} for row in rows)
        return tuple(ApprovalRecord(**{**row, "approved_by": tuple(json.loads(row["approved_by"]))}) for row in found)

    def reports(
        self, migration: str, *, run_id: str | None = None, kind: ReportKind | None = None
    ) -> tuple[Report, ...]:
        """The reports of a migration, in the order of recording; of one run or kind, if given."""
        with self.reading() as connection:
            rows = self.chains.read(connection, REPORTS, migration)
        found = (
            Report(migration=migration, **{column.name: row[column.name] for column in REPORTS.fields}) for row in rows
        )
        return tuple(
            report
            for report in found
            if (run_id is None or report.run_id == run_id) and (kind is None or report.kind is kind)
        )

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """Let all that is read inside, by this ledger and those made from it, be of one moment.

        For a judgement that rests on several reads: what is recorded between them could not have been true together.
        """
        with self.database.one_state():
            yield

    def _record_run(self, connection: sa.Connection, configuration: RunConfiguration) -> RunConfiguration:
        refuse_damage(configuration)
        self.chains.append(connection, RUNS, asdict(configuration), run=configuration, key=("dag_id", "run_id"))
        recorded = recorded_run(connection, self.chains, dag_id=configuration.dag_id, run_id=configuration.run_id)
        _refuse_change(recorded, configuration.digest)
        return recorded

    def _append(self, chain: Chain, values: dict[str, Any], *, key: tuple[str, ...] | None) -> None:
        with self.writing() as connection:
            run = recorded_run(connection, self.chains, dag_id=values["dag_id"], run_id=values["run_id"])
            self.chains.append(connection, chain, values, run=run, key=key)

    def _milestones(self, connection: sa.Connection, migration: str) -> tuple[MilestoneReached, ...]:
        rows = self.chains.read(connection, MILESTONES, migration)
        return tuple(
            MilestoneReached(migration=migration, **{column.name: row[column.name] for column in MILESTONES.fields})
            for row in rows
        )

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of a ledger with the code's schema, which is looked at once."""
        with self.database.reading() as connection:
            self._check_schema(connection)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction on a ledger with the code's schema, which is looked at once; it commits at its end."""
        with self.database.writing() as connection:
            self._check_schema(connection)
            yield connection

    def _check_schema(self, connection: sa.Connection) -> None:
        if not self._schema_is_current:
            require_current_schema(connection, where=self.database.address)
            self._schema_is_current = True


def _refuse_change(recorded: RunConfiguration, digest: str) -> None:
    if recorded.digest != digest:
        raise ConfigurationChangedError(
            f"The file of migration {recorded.migration} has digest {digest}, but run {recorded.run_id} of "
            f"{recorded.dag_id} began with {recorded.digest}. Start a new run to use the file as it is now, or put the "
            "file back as it was to go on with this run"
        )
