"""All signed records of a ledger at once: verified, signed anew with another key, or signed for the first time."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.chains import (
    BACKFILLS,
    CHAINS,
    CHECKS,
    LETTER_BATCHES,
    LOOK,
    Chain,
    Chains,
    Row,
    signable,
)
from keyspaces_migration.ledger.checks import DIGESTS, digest_of, rows_of_check, stored_rows
from keyspaces_migration.ledger.errors import LedgerSignatureError
from keyspaces_migration.ledger.letters import letters_of_batch
from keyspaces_migration.ledger.split_seals import require_all_splits, require_split, select_splits, sign_split

_runs, _chains, _splits = schema.run_configurations.c, schema.chains.c, schema.backfill_splits.c


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What a look at all signed records found.

    Attributes:
        bad: What is wrong, record by record.
        by_key: How many records name each key as theirs, bad ones included.
    """

    bad: list[LedgerSignatureError] = field(default_factory=list)
    by_key: Counter[str] = field(default_factory=Counter)


def audit(connection: sa.Connection, chains: Chains) -> Audit:
    """Verify every signed record of the ledger."""
    found = Audit()
    for migration in _migrations(connection):
        for chain in CHAINS:
            rows, bad = chains.examine(connection, chain, migration)
            found.bad.extend(bad)
            found.by_key.update(row["key_id"] for row in rows if row["key_id"] is not None)
            if chain is BACKFILLS:
                _audit_splits(connection, chains, rows, found)
            if chain is CHECKS:
                _audit_checks(connection, rows, migration, found)
            if chain is LETTER_BATCHES:
                _audit_letters(connection, rows, migration, found)
    return found


def sign_again(connection: sa.Connection, chains: Chains) -> int:
    """Sign every record with the current key; how many there were.

    Raises:
        LedgerSignatureError: One is not as it was signed; nothing was changed.
    """
    signed = 0
    migrations = _migrations(connection)
    for migration in migrations:
        counts = chains.locked_counts(connection, migration)
        for chain in CHAINS:
            for row in chains.read(connection, chain, migration):
                _sign_row(connection, chains, chain, row, migration)
                signed += 1
        chains.write_counts(connection, migration, counts)
    bad = audit(connection, chains).bad
    if bad:
        raise bad[0]
    # Workers may be finishing splits meanwhile: none may be signed as it was before.
    for row in connection.execute(select_splits().with_for_update(of=schema.backfill_splits)).mappings():
        require_split(chains.seals, row)
        _sign_split(connection, chains, row)
        signed += 1
    return signed


def unsigned(connection: sa.Connection) -> list[tuple[str, Chain, Row]]:
    """The records that no version has signed, by migration, of migrations in which nothing is signed yet."""
    found: list[tuple[str, Chain, Row]] = []
    for migration in _migrations(connection):
        if connection.scalar(sa.select(_chains.migration).where(_chains.migration == migration)) is None:
            for chain in CHAINS:
                found += [(migration, chain, row) for row in _unnumbered(connection, chain, migration)]
    return found


def sign_first(connection: sa.Connection, chains: Chains) -> int:
    """Sign the records of `unsigned`, whatever they say; how many there were.

    A record without a signature in a migration that has signed ones is not among them: no version of this software
    wrote it.

    Raises:
        LedgerSignatureError: One has a signature although nothing of its migration should.
    """
    signed = 0
    numbers: dict[str, Counter[str]] = {}
    for migration, chain, row in unsigned(connection):
        if row["signature"] is not None:
            found = "it is signed, and the record of how many were written is not there"
            raise LedgerSignatureError(table=chain.name, record=f"id {row['id']}", found=found, advice=LOOK)
        counts = numbers.setdefault(migration, Counter())
        counts[chain.name] += 1
        completed = {**row, "chain_number": counts[chain.name], **_completion(connection, chain, row)}
        _sign_row(connection, chains, chain, completed, migration)
        signed += 1
    for row in connection.execute(select_splits().where(_runs.migration.in_(numbers))).mappings():
        _sign_split(connection, chains, row)
        signed += 1
    for migration, counts in numbers.items():
        chains.write_first_counts(connection, migration, counts)
    return signed


def _migrations(connection: sa.Connection) -> list[str]:
    known = sa.union(sa.select(_runs.migration), sa.select(_chains.migration)).order_by("migration")
    return [str(name) for name in connection.scalars(known)]


def _unnumbered(connection: sa.Connection, chain: Chain, migration: str) -> list[sa.RowMapping]:
    query = chain.select().where(_runs.migration == migration).order_by(None).order_by(chain.table.c.id)
    return list(connection.execute(query).mappings())


def _completion(connection: sa.Connection, chain: Chain, row: Row) -> dict[str, Any]:
    """The columns that older versions did not fill."""
    if chain is CHECKS:
        return {name: digest_of(table, stored_rows(connection, table, row["id"])) for name, table in DIGESTS.items()}
    if chain is BACKFILLS:
        count = sa.select(sa.func.count()).where(_splits.backfill_table_id == row["id"])
        return {"splits": connection.scalar(count)}
    return {}


def _sign_row(connection: sa.Connection, chains: Chains, chain: Chain, row: Row, migration: str) -> None:
    own = [column.name for column in chain.table.c if column.name != "id"]
    changed = {name: row[name] for name in own} | chains.seals.sign(signable(chain, row, migration))
    _update(connection, chain.table, row["id"], changed)


def _sign_split(connection: sa.Connection, chains: Chains, row: Row) -> None:
    seal = sign_split(chains.seals, row, migration=row["migration"])
    _update(connection, schema.backfill_splits, row["id"], seal)


def _update(connection: sa.Connection, table: sa.Table, row_id: int, values: dict[str, Any]) -> None:
    connection.execute(sa.update(table).where(table.c.id == row_id).values(values))


def _audit_splits(connection: sa.Connection, chains: Chains, tables: list[sa.RowMapping], found: Audit) -> None:
    for table in tables:
        splits = list(connection.execute(select_splits().where(_splits.backfill_table_id == table["id"])).mappings())
        found.by_key.update(split["key_id"] for split in splits if split["key_id"] is not None)
        try:
            require_all_splits(chains.seals, splits, table=table)
        except LedgerSignatureError as error:
            found.bad.append(error)


def _audit_checks(connection: sa.Connection, checks: list[sa.RowMapping], migration: str, found: Audit) -> None:
    for check in checks:
        for digest in DIGESTS if check["signature"] is not None else ():
            try:
                rows_of_check(connection, digest, check, migration=migration)
            except LedgerSignatureError as error:
                found.bad.append(error)


def _audit_letters(connection: sa.Connection, batches: list[sa.RowMapping], migration: str, found: Audit) -> None:
    for batch in batches:
        try:
            letters_of_batch(connection, batch, migration=migration)
        except LedgerSignatureError as error:
            found.bad.append(error)
