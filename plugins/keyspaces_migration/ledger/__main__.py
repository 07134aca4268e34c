"""`LEDGER_URL=… python -m keyspaces_migration.ledger upgrade`, or `current`, or `downgrade REVISION`.

The address comes from the environment: on a command line every user of the machine could read its password.
"""

import argparse
import os
import sys

from keyspaces_migration.errors import MigrationError
from keyspaces_migration.ledger import Ledger
from keyspaces_migration.ledger.migrate import downgrade, upgrade
from keyspaces_migration.ledger.revision import current_revision


def main(arguments: list[str], *, url: str | None) -> str:
    """Do what the command line asks for; the line to print."""
    parser = argparse.ArgumentParser(prog="python -m keyspaces_migration.ledger", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("upgrade", help="create the ledger, or bring it to this code's schema")
    actions.add_parser("current", help="show the revision of its schema")
    actions.add_parser("downgrade", help="take it back; what later revisions held is lost").add_argument("revision")
    chosen = parser.parse_args(arguments)
    if not url:
        parser.error(
            "LEDGER_URL is not set; write sqlite:////folder/ledger.db or postgresql://user:password@host/database"
        )
    database = Ledger(url).database
    if chosen.action == "upgrade":
        upgrade(database)
    elif chosen.action == "downgrade":
        downgrade(database, revision=chosen.revision)
    with database.reading() as connection:
        return f"{database.address}: schema {current_revision(connection) or 'none'}"


if __name__ == "__main__":
    try:
        sys.stdout.write(main(sys.argv[1:], url=os.environ.get("LEDGER_URL")) + "\n")
    except MigrationError as refused:
        sys.exit(str(refused))
