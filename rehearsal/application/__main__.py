"""Runs the sample application, or asks one that runs.

python -m rehearsal.application run --folder … --migration-file … --source host:port --target host:port …
python -m rehearsal.application ask audit --folder …
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from pathlib import Path

from keyspaces_migration.clients import SessionSettings
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.flag_reader import FlagAddress
from keyspaces_migration.errors import MigrationError
from rehearsal.application.application import COMMAND_TIMEOUT_S, Application, ApplicationSettings, LetterSettings
from rehearsal.application.control import ask
from rehearsal.local_keyspaces.contact import Contact
from rehearsal.processes import WorldError


def main() -> int:
    """Parse the command line and do it. The result goes to standard output as one line of JSON."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("cassandra").setLevel(logging.ERROR)
    try:
        if arguments.verb == "ask":
            result = ask(arguments.folder, arguments.command, timeout_s=COMMAND_TIMEOUT_S)
        else:
            application = Application(_settings(arguments))
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: application.stop())
            result = application.run()
    except (MigrationError, WorldError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.application", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    asking = verbs.add_parser("ask", help="ask the application that runs in a folder")
    asking.add_argument("command", choices=["status", "audit", "audit-all", "pause", "stop"])
    asking.add_argument("--folder", type=Path, required=True)
    running = verbs.add_parser("run", help="run until SIGTERM, SIGINT or the command stop")
    running.add_argument("--folder", type=Path, required=True, help="kept between starts")
    running.add_argument("--migration-file", type=Path, required=True)
    running.add_argument("--tables", default="flights_unarchived,planes,weather", help="static columns are left alone")
    running.add_argument("--source", type=_place, required=True, metavar="HOST:PORT")
    target = running.add_mutually_exclusive_group(required=True)
    target.add_argument("--target", type=_place, metavar="HOST:PORT", help="a plain node")
    target.add_argument("--target-contact", type=Path, metavar="FILE", help="how a local Keyspaces is reached")
    running.add_argument("--aws-endpoint", help="of AppConfig; AWS itself without it")
    running.add_argument("--aws-region", default="us-east-1")
    running.add_argument("--flag-application", required=True)
    running.add_argument("--flag-environment", required=True)
    running.add_argument("--flag-profile", required=True)
    running.add_argument("--flag-poll-s", type=float, help="only against a stand-in; AppConfig decides otherwise")
    running.add_argument("--rate", type=float, default=50, help="operations a second")
    running.add_argument("--read-share", type=float, default=0.45, help="how many of them are reads, 0 to 1")
    running.add_argument("--shadow-share", type=float, default=0, help="of its reads, compared in both stores")
    running.add_argument("--clock-ahead-s", type=float, default=0, help="of the writer's clock")
    running.add_argument("--letters-queue-url", help="of dead letters; without one they stay in the journal")
    running.add_argument("--letters-endpoint", help="of SQS and S3; AWS itself without it")
    running.add_argument("--letters-bucket", help="for letters that are too large for a message")
    running.add_argument("--letters-after-s", type=float, default=3600, help="how old a write gets before it is one")
    running.add_argument("--adopt", type=int, default=500, help="rows of each table taken over from the source")
    running.add_argument(
        "--first-write-mode",
        type=WriteMode,
        choices=[WriteMode.SOURCE_ONLY, WriteMode.RECORD],
        default=WriteMode.SOURCE_ONLY,
        help="RECORD: only read before, where nothing carries the source's changes into the history",
    )
    running.add_argument("--seed", type=int)
    running.add_argument("--number", type=int, default=0, help="tells several applications of one host apart")
    running.add_argument("--port", type=int, default=0)
    return parser


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _plain(place: tuple[str, int]) -> SessionSettings:
    host, port = place
    return SessionSettings(hosts=(host,), port=port)


def _letters(arguments: argparse.Namespace) -> LetterSettings | None:
    if arguments.letters_queue_url is None:
        return None
    return LetterSettings(
        queue_url=arguments.letters_queue_url,
        bucket=arguments.letters_bucket,
        endpoint=arguments.letters_endpoint,
        after_s=arguments.letters_after_s,
    )


def _settings(arguments: argparse.Namespace) -> ApplicationSettings:
    return ApplicationSettings(
        folder=arguments.folder,
        migration_file=arguments.migration_file,
        tables=tuple(arguments.tables.split(",")),
        source=_plain(arguments.source),
        target=Contact.read(arguments.target_contact).session_settings()
        if arguments.target_contact
        else _plain(arguments.target),
        aws_endpoint=arguments.aws_endpoint,
        aws_region=arguments.aws_region,
        flag=FlagAddress(
            application=arguments.flag_application,
            environment=arguments.flag_environment,
            profile=arguments.flag_profile,
        ),
        flag_poll_s=arguments.flag_poll_s,
        rate_per_s=arguments.rate,
        read_share=arguments.read_share,
        shadow_share=arguments.shadow_share,
        clock_ahead_s=arguments.clock_ahead_s,
        adopt=arguments.adopt,
        letters=_letters(arguments),
        first_write_mode=arguments.first_write_mode,
        seed=arguments.seed,
        number=arguments.number,
        port=arguments.port,
    )


if __name__ == "__main__":
    sys.exit(main())
