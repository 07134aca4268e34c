"""The run that a record belongs to, verified."""

from hashlib import sha256

import sqlalchemy as sa

from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.chains import RUNS, Chains
from keyspaces_migration.ledger.errors import RecordDamagedError, RunNotRecordedError
from keyspaces_migration.ledger.records import RunConfiguration

_runs = schema.run_configurations.c


def recorded_run(connection: sa.Connection, chains: Chains, *, dag_id: str, run_id: str) -> RunConfiguration:
    """The configuration that a run recorded.

    Raises:
        RunNotRecordedError: It recorded none.
        LedgerSignatureError: The record is not as it was signed.
        RecordDamagedError: The stored text does not have the stored digest.
    """
    query = RUNS.select().where(_runs.dag_id == dag_id, _runs.run_id == run_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise RunNotRecordedError(
            f"Run {run_id} of {dag_id} has no configuration in the ledger. Its first task records one: "
            "clear the run from its first task, or start a new run"
        )
    chains.require(RUNS, row, row["migration"])
    recorded = RunConfiguration(**{column.name: row[column.name] for column in RUNS.fields})
    refuse_damage(recorded)
    return recorded


def refuse_damage(configuration: RunConfiguration) -> None:
    """Refuse a configuration whose text does not have its digest.

    Raises:
        RecordDamagedError: It does not.
    """
    digest = sha256(configuration.canonical_json.encode()).hexdigest()
    if digest != configuration.digest:
        raise RecordDamagedError(
            f"The configuration of run {configuration.run_id} of {configuration.dag_id} has digest {digest}, but is "
            f"recorded with {configuration.digest}. Do not go on with this run: find out who changed it, and start anew"
        )
