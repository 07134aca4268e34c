"""The ledger: what must outlive a run."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa

from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.database import Address, Database, insert_once
from keyspaces_migration.ledger.errors import ConfigurationChangedError, RecordDamagedError, RunNotRecordedError
from keyspaces_migration.ledger.records import ApprovalRecord, MilestoneReached, Report, ReportKind, RunConfiguration
from keyspaces_migration.ledger.revision import require_current_schema
from keyspaces_migration.lifecycle import Milestone, refuse_out_of_order

_runs, _milestones, _reports = schema.run_configurations.c, schema.milestones.c, schema.reports.c
_RUN_COLUMNS = [column for column in _runs if column.name != "id"]


class Ledger:
    """Reads and writes records, each call in one transaction. Nothing that was recorded is changed or deleted.

    Every method raises `LedgerUnreachableError` where the database does not answer, and `LedgerSchemaError`
    where its schema is not the code's. A call that is repeated, as by a retried task, changes nothing.
    """

    def __init__(self, url: str | sa.URL) -> None:
        """Keep the address.

        Args:
            url: An SQLAlchemy URL of PostgreSQL, or of an SQLite file with an absolute path.

        Raises:
            LedgerAddressError: No such URL.
        """
        self.database = Database(Address.parse(url))
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
        with self._writing() as connection:
            reached = [record.milestone for record in _milestones_of(connection, configuration.migration)]
            refuse_out_of_order(configuration.stage, reached, migration=configuration.migration)
            return _record_run(connection, configuration)

    def record_run(self, configuration: RunConfiguration) -> RunConfiguration:
        """Record the migration file that a run uses.

        Returns:
            The run as recorded, which a retry finds as it was recorded first.

        Raises:
            ConfigurationChangedError: The run was recorded with another digest.
            RecordDamagedError: The digest given is not that of the text given.
        """
        with self._writing() as connection:
            return _record_run(connection, configuration)

    def run_configuration(self, *, dag_id: str, run_id: str) -> RunConfiguration:
        """The configuration that a run recorded.

        Raises:
            RunNotRecordedError: It recorded none.
            RecordDamagedError: The stored text does not have the stored digest.
        """
        with self._reading() as connection:
            return _run_configuration(connection, dag_id, run_id)

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
        newest = sa.select(_runs.digest).where(_runs.migration == migration).order_by(_runs.id.desc()).limit(1)
        with self._reading() as connection:
            return connection.scalar(newest)

    def add_milestone(self, milestone: Milestone, *, dag_id: str, run_id: str, reached_at: datetime) -> None:
        """Record that a run reached a milestone; once per run, at the moment that was recorded first.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        values = {"milestone": milestone, "dag_id": dag_id, "run_id": run_id, "reached_at": reached_at}
        with self._writing() as connection:
            _require_run(connection, dag_id, run_id)
            insert_once(connection, schema.milestones, values, key=("dag_id", "run_id", "milestone"))

    def milestones(self, migration: str) -> tuple[MilestoneReached, ...]:
        """What a migration has reached, in the order of recording."""
        with self._reading() as connection:
            return _milestones_of(connection, migration)

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
        with self._writing() as connection:
            _require_run(connection, dag_id, run_id)
            insert_once(connection, schema.reports, values, key=("dag_id", "run_id", "path", "sha256"))

    def record_approval(self, approval: ApprovalRecord) -> None:
        """Record an approval that was verified, before it is acted on; each verification is a record of its own.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        values = asdict(approval) | {"approved_by": json.dumps(approval.approved_by)}
        with self._writing() as connection:
            _require_run(connection, approval.dag_id, approval.run_id)
            connection.execute(sa.insert(schema.approvals).values(values))

    def approvals(self, migration: str) -> tuple[ApprovalRecord, ...]:
        """The approvals that were verified for a migration, in the order of recording."""
        columns = [column for column in schema.approvals.c if column.name != "id"]
        query = sa.select(*columns).join_from(schema.approvals, schema.run_configurations)
        query = query.where(_runs.migration == migration).order_by(schema.approvals.c.id)
        with self._reading() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(ApprovalRecord(**{**row, "approved_by": tuple(json.loads(row["approved_by"]))}) for row in rows)

    def reports(
        self, migration: str, *, run_id: str | None = None, kind: ReportKind | None = None
    ) -> tuple[Report, ...]:
        """The reports of a migration, in the order of recording; of one run or kind, if given."""
        columns = (_runs.migration, _runs.stage, *(column for column in _reports if column.name != "id"))
        query = sa.select(*columns).join_from(schema.reports, schema.run_configurations).order_by(_reports.id)
        query = query.where(_runs.migration == migration)
        if run_id is not None:
            query = query.where(_reports.run_id == run_id)
        if kind is not None:
            query = query.where(_reports.kind == kind)
        with self._reading() as connection:
            return tuple(Report(**row) for row in connection.execute(query).mappings())

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self.database.reading() as connection:
            self._check_schema(connection)
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self.database.writing() as connection:
            self._check_schema(connection)
            yield connection

    def _check_schema(self, connection: sa.Connection) -> None:
        if not self._schema_is_current:
            require_current_schema(connection, where=self.database.address)
            self._schema_is_current = True


def _record_run(connection: sa.Connection, configuration: RunConfiguration) -> RunConfiguration:
    _refuse_damage(configuration)
    insert_once(connection, schema.run_configurations, asdict(configuration), key=("dag_id", "run_id"))
    recorded = _run_configuration(connection, configuration.dag_id, configuration.run_id)
    _refuse_change(recorded, configuration.digest)
    return recorded


def _run_configuration(connection: sa.Connection, dag_id: str, run_id: str) -> RunConfiguration:
    query = sa.select(*_RUN_COLUMNS).where(_runs.dag_id == dag_id, _runs.run_id == run_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise RunNotRecordedError(
            f"Run {run_id} of {dag_id} has no configuration in the ledger. Its first task records one: "
            "clear the run from its first task, or start a new run"
        )
    recorded = RunConfiguration(**row)
    _refuse_damage(recorded)
    return recorded


def _require_run(connection: sa.Connection, dag_id: str, run_id: str) -> None:
    _run_configuration(connection, dag_id, run_id)


def _milestones_of(connection: sa.Connection, migration: str) -> tuple[MilestoneReached, ...]:
    columns = (_runs.migration, _runs.digest, *(column for column in _milestones if column.name != "id"))
    query = sa.select(*columns).join_from(schema.milestones, schema.run_configurations)
    query = query.where(_runs.migration == migration).order_by(_milestones.id)
    return tuple(MilestoneReached(**row) for row in connection.execute(query).mappings())


def _refuse_damage(configuration: RunConfiguration) -> None:
    digest = sha256(configuration.canonical_json.encode()).hexdigest()
    if digest != configuration.digest:
        raise RecordDamagedError(
            f"The configuration of run {configuration.run_id} of {configuration.dag_id} has digest {digest}, but is "
            f"recorded with {configuration.digest}. Do not go on with this run: find out who changed it, and start anew"
        )


def _refuse_change(recorded: RunConfiguration, digest: str) -> None:
    if recorded.digest != digest:
        raise ConfigurationChangedError(
            f"The file of migration {recorded.migration} has digest {digest}, but run {recorded.run_id} of "
            f"{recorded.dag_id} began with {recorded.digest}. Start a new run to use the file as it is now, or put the "
            "file back as it was to go on with this run"
        )
