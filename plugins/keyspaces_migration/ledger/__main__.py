"""Look after a ledger: its schema, the signatures of its records, and the dead letters that are parked.

The database's address is read from LEDGER_URL, and the keys from LEDGER_SECRET_KEYS; or from the files that
LEDGER_URL_FILE and LEDGER_SECRET_KEYS_FILE name. Not from the command line: every user of the machine could read them.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from keyspaces_migration.errors import MigrationError
from keyspaces_migration.ledger.audit import audit, sign_again, sign_first, unsigned
from keyspaces_migration.ledger.chains import Chains, Row
from keyspaces_migration.ledger.database import Address, Database
from keyspaces_migration.ledger.errors import KeyringError, LedgerAddressError
from keyspaces_migration.ledger.keyring import Keyring
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.ledger.migrate import downgrade, upgrade
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.revision import current_revision, require_current_schema

_Lines = tuple[list[str], int]


def main(arguments: list[str], *, environment: Mapping[str, str]) -> _Lines:
    """Do what the command line asks for; the lines to print, and the exit status."""
    chosen = _parser().parse_args(arguments)
    if chosen.action == "new-key":
        return _new_key(environment, key_id=chosen.id, is_current=chosen.current)
    database = Database(Address.parse(_database_url(environment)))
    match chosen.action:
        case "verify":
            return _verify(database, _chains(environment))
        case "resign":
            return _resign(database, _chains(environment))
        case "sign":
            return _sign(database, _chains(environment), confirmed=chosen.yes)
        case "letters":
            return _letters(environment, migration=chosen.migration, letter_id=chosen.id)
        case "upgrade":
            upgrade(database)
        case "downgrade":
            downgrade(database, revision=chosen.revision)
    with database.reading() as connection:
        return [f"{database.address}: schema {current_revision(connection) or 'none'}"], 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m keyspaces_migration.ledger", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("upgrade", help="create the ledger, or bring it to this code's schema")
    actions.add_parser("current", help="show the revision of its schema")
    actions.add_parser("downgrade", help="take it back; what later revisions held is lost").add_argument("revision")
    actions.add_parser("verify", help="check every signature; exit status 1 where a record is not as it was signed")
    actions.add_parser("resign", help="sign every record with the current key, so that older ones can be taken away")
    sign = actions.add_parser("sign", help="sign the records of versions that did not sign yet; look at them first")
    sign.add_argument("--yes", action="store_true", help="sign what is listed; without it nothing is changed")
    letters = actions.add_parser("letters", help="show the dead letters that are parked, or one of them whole")
    letters.add_argument("migration", help="its name")
    letters.add_argument("--id", help="of the letter that is shown with its message, values included")
    new_key = actions.add_parser("new-key", help="print the secret with a new key beside those it has")
    new_key.add_argument("--id", help="the new key's id; today's date if not given")
    new_key.add_argument("--current", action="store_true", help="let the new key sign, even if there are others")
    return parser


def _verify(database: Database, chains: Chains) -> _Lines:
    with database.reading() as connection:
        require_current_schema(connection, where=database.address)
        found = audit(connection, chains)
    signed = [f"{count} records are signed with key {key_id}" for key_id, count in sorted(found.by_key.items())]
    if found.bad:
        return [*signed, *map(str, found.bad), f"Findings: {len(found.bad)}. The ledger is not as it was signed"], 1
    return [*signed, f"{database.address}: every record is as it was signed"], 0


def _resign(database: Database, chains: Chains) -> _Lines:
    with database.writing() as connection:
        require_current_schema(connection, where=database.address)
        count = sign_again(connection, chains)
    return [f"{count} records are signed with key {chains.seals.current_key} now. Verify before older keys go"], 0


def _letters(environment: Mapping[str, str], *, migration: str, letter_id: str | None) -> _Lines:
    ledger = Ledger(_database_url(environment), keyring=_keyring(environment))
    parked = LetterLedger(ledger).parked(migration)
    if letter_id is None:
        lines = [
            f"{each.letter_id} {each.table_name or '-'} {each.reason_class.value} {each.reason}" for each in parked
        ]
        return [*lines, f"{len(parked)} letters of {migration} are parked"], 0
    for each in parked:
        if each.letter_id == letter_id:
            facts = {name: value for name, value in asdict(each).items() if value is not None and name != "body"}
            return [*(f"{name}: {value}" for name, value in facts.items()), each.body or ""], 0
    return [f"{letter_id} is no parked letter of {migration}; without --id they are listed"], 1


def _sign(database: Database, chains: Chains, *, confirmed: bool) -> _Lines:
    with database.writing() as connection:
        require_current_schema(connection, where=database.address)
        lines = [f"{migration} {chain.name}: {_in_words(row)}" for migration, chain, row in unsigned(connection)]
        if not lines:
            return ["There is nothing to sign: no migration is without signatures"], 0
        if not confirmed:
            return [*lines, f"{len(lines)} records. If they are true, sign them with: sign --yes"], 1
        count = sign_first(connection, chains)
    return [*lines, f"{count} records are signed, splits included"], 0


def _in_words(row: Row) -> str:
    hidden = {"id", "canonical_json", "chain_number", "key_id", "signature"}
    return ", ".join(f"{name} {row[name]}" for name in row if name not in hidden and row[name] is not None)


def _new_key(environment: Mapping[str, str], *, key_id: str | None, is_current: bool) -> _Lines:
    key_id = key_id or f"{datetime.now(UTC):%Y-%m-%d}"
    known = _setting(environment, "LEDGER_SECRET_KEYS")
    if known is None:
        return [Keyring.new(key_id).to_json()], 0
    return [Keyring.from_json(known).with_new_key(key_id, is_current=is_current).to_json()], 0


def _database_url(environment: Mapping[str, str]) -> str:
    url = _setting(environment, "LEDGER_URL")
    if not url:
        raise LedgerAddressError(
            "LEDGER_URL is not set; write sqlite:////folder/ledger.db or postgresql://user:password@host/database"
        )
    return url


def _chains(environment: Mapping[str, str]) -> Chains:
    return Chains(_keyring(environment))


def _keyring(environment: Mapping[str, str]) -> Keyring:
    text = _setting(environment, "LEDGER_SECRET_KEYS")
    if text is None:
        raise KeyringError(
            "LEDGER_SECRET_KEYS is not set, nor LEDGER_SECRET_KEYS_FILE; give it what Airflow's variable "
            "keyspaces_ledger_secret_keys holds"
        )
    return Keyring.from_json(text)


def _setting(environment: Mapping[str, str], name: str) -> str | None:
    if (file := environment.get(f"{name}_FILE")) is None:
        return environment.get(name)
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise LedgerAddressError(f"{name}_FILE names {file}, which can't be read: {error.strerror}") from error


if __name__ == "__main__":
    try:
        printed, status = main(sys.argv[1:], environment=os.environ)
    except MigrationError as refused:
        sys.exit(str(refused))
    sys.stdout.write("".join(f"{line}\n" for line in printed))
    sys.exit(status)
