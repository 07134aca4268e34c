"""`python -m rehearsal run | up | down | status | connections | clean`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape

from keyspaces_migration.config import MigrationFileError, load_migration
from keyspaces_provider.status_page import URL_ROUTE
from rehearsal import home as homes
from rehearsal.adapted import adapt
from rehearsal.certificates import write_ca_bundle
from rehearsal.processes import WorldError, processes_of
from rehearsal.reporter import ConsoleReporter
from rehearsal.run import Choices, choices_of_this_terminal, rehearse
from rehearsal.servers.connections import as_import_file, ledger_on_postgresql
from rehearsal.servers.service import REPOSITORY
from rehearsal.settings import DEFAULT_HOME, Component, WorldPorts, WorldSettings
from rehearsal.synthetic.choice import ROWS
from rehearsal.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from rehearsal.adapted import Adapted

INTERRUPTED = 130
WIDTH = 160


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGTERM do what Ctrl-C does, once: a second signal must not break off the taking down."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    chosen = _parser().parse_args(arguments)
    # Reports have wide tables; where no terminal says how wide it is, 80 columns would cut them up.
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=WIDTH)
    # A program reads standard output then, and takes whatever stands there for JSON.
    words = Console(stderr=True, highlight=False) if getattr(chosen, "json", False) else console
    try:
        with interruptible():
            return int(chosen.run(chosen, console))
    except KeyboardInterrupt:
        words.print("taken down")
        return INTERRUPTED
    except MigrationFileError as error:
        # As `make validate` says it.
        sys.stderr.write(f"{error}\n")
        return 1
    except (WorldError, ValueError) as error:
        words.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)
        return 1


def _settings(chosen: argparse.Namespace, *, own: Adapted | None = None) -> WorldSettings:
    ports = WorldPorts.free() if getattr(chosen, "free_ports", False) else WorldPorts()
    # Lives of made-up rows are reckoned from the start, so a migration of one's own never goes on with older data.
    wipe = chosen.wipe or own is not None
    return WorldSettings(
        home=chosen.home,
        ports=ports.choose(dict(chosen.port)),
        components=frozenset(chosen.only or Component),
        wipe=wipe,
        days=chosen.days,
        own=own,
    )


def _own(chosen: argparse.Namespace, console: Console) -> Adapted | None:
    """The person's own file, adapted, and what was changed shown; None for the sample's."""
    if chosen.migration is None:
        if chosen.rows is not None:
            raise ValueError("ROWS says how many rows are made up for your own file: MIGRATION names it")
        return None
    if chosen.keep or chosen.days is not None:
        raise ValueError("--keep and --days are for the sample's data; made-up data are new each time")
    rows = ROWS if chosen.rows is None else chosen.rows
    if rows < 1:
        raise ValueError(f"ROWS is {rows}; it is 1 or more")
    own = adapt(load_migration(chosen.migration), rows=rows)
    console.print(Markdown(own.as_page()))
    return own


def _run(chosen: argparse.Namespace, console: Console) -> int:
    choices, own = choices_of_this_terminal(), _own(chosen, console)
    reporter = ConsoleReporter()
    chosen.only = None
    try:
        with World(_settings(chosen, own=own), reporter=reporter) as world:
            reporter.close()
            describe(world, console)
            result = rehearse(world, choices=choices, console=console, reporter=reporter)
            reporter.close()
            if choices.keep:
                describe(world, console)
                console.print("Everything stays up to look around; Ctrl-C takes it down.")
            console.file.write(json.dumps(result) + "\n")
            console.file.flush()
            if choices.keep:
                world.watch()
    finally:
        reporter.close()
    return 0


def _screenshots(chosen: argparse.Namespace, console: Console) -> int:
    from rehearsal.screenshots import take  # noqa: PLC0415 - a browser's driver is needed here alone

    chosen.only = None
    reporter = ConsoleReporter()
    try:
        with World(_settings(chosen), reporter=reporter) as world:
            rehearse(world, choices=Choices(approve=True, keep=False), console=console, reporter=reporter)
            for path in take(world, REPOSITORY / "docs" / "images"):
                reporter.done(f"took {path.name}")
    finally:
        reporter.close()
    return 0


def _up(chosen: argparse.Namespace, console: Console) -> int:
    settings = _settings(chosen)
    if chosen.json:
        require_addresses(settings.components)
    reporter = ConsoleReporter()
    began = time.monotonic()
    try:
        with World(settings, reporter=reporter) as world:
            reporter.close()
            if chosen.json:
                console.file.write(
                    json.dumps({**addresses(world), "ready_s": round(time.monotonic() - began, 1)}) + "\n"
                )
                console.file.flush()
            else:
                describe(world, console)
                console.print(f"Ready after {time.monotonic() - began:.0f} s. Ctrl-C takes it down.")
            world.watch()
    finally:
        reporter.close()
    return 0


def require_addresses(started: frozenset[Component]) -> None:
    """Check that what `addresses` names is started: a program would take the address of a part that does not run.

    Raises:
        ValueError: A part is not started; the message says how to start it.
    """
    if missing := [part.value for part in (Component.TARGET, Component.KEYSPACES) if part not in started]:
        raise ValueError(
            f"--json says where target and keyspaces are, and {' and '.join(missing)} would not be started. "
            f"Add {' '.join(f'--only {part}' for part in missing)}, or leave --json out"
        )


def addresses(world: World) -> dict[str, str | int]:
    """How the target and its control plane are reached, secrets included, for programs."""
    contact, key = world.target.contact, world.target.credentials.access_key
    return {
        "host": contact.host,
        "port": contact.port,
        "region": contact.region,
        "ca_file": str(contact.ca_file),
        "username": contact.username or "",
        "password": contact.password or "",
        "access_key_id": key.access_key_id,
        "secret_access_key": key.secret_access_key,
        "control_plane": world.keyspaces.url,
        "admin": f"http://{contact.host}:{world.target.admin.port}",
    }


def describe(world: World, console: Console) -> None:
    """Print where everything is, and how to log in."""
    if Component.AIRFLOW in world.services:
        console.print(f"Airflow    {world.airflow.url}")
        console.print(f"Status     {world.airflow.url}/plugin/{URL_ROUTE}")
        for user, password in world.airflow.users.items():
            console.print(f"           user {user}  password {escape(password)}", soft_wrap=True)
    if Component.SOURCE in world.services:
        console.print(f"source     cqlsh {world.source.host} {world.source.port}")
    if Component.TARGET in world.services:
        contact = world.target.contact
        console.print(f"target     SSL_CERTFILE={contact.ca_file} cqlsh --ssl {contact.host} {contact.port}")
        key = world.target.credentials.access_key
        console.print(f"           user {contact.username}  password {escape(contact.password or '')}", soft_wrap=True)
        console.print(
            f"           access key {key.access_key_id}  secret {escape(key.secret_access_key)}", soft_wrap=True
        )
        console.print(f"           faults, limits, metrics: http://{contact.host}:{world.target.admin.port}")
    if Component.SNOWFLAKE in world.services:
        console.print(f"Snowflake  https://127.0.0.1:{world.snowflake.port}", soft_wrap=True)
    if Component.AWS in world.services:
        console.print(f"AWS        {world.aws.endpoint_url}")
    if Component.KEYSPACES in world.services:
        console.print(f"Keyspaces  {world.keyspaces.url}")
    console.print(f"logs       {world.home / 'logs'}", soft_wrap=True)


def _down(chosen: argparse.Namespace, console: Console) -> int:
    for line in homes.take_down(chosen.home):
        console.print(f"ended {escape(line)}", soft_wrap=True)
    console.print(f"nothing of the world in {chosen.home} runs", soft_wrap=True)
    return 0


def _clean(chosen: argparse.Namespace, console: Console) -> int:
    _down(chosen, console)
    homes.remove(chosen.home)
    console.print(f"removed {chosen.home}", soft_wrap=True)
    return 0


def _connections(chosen: argparse.Namespace, console: Console) -> int:
    world = World(WorldSettings(home=chosen.home, ports=WorldPorts().choose(dict(chosen.port))))
    found = world.connections()
    if chosen.ledger:
        ledger = ledger_on_postgresql(chosen.ledger)
        found = [ledger if each.connection_id == ledger.connection_id else each for each in found]
    if chosen.ca_bundle:
        write_ca_bundle(chosen.ca_bundle, own=world.snowflake.ca_file)
    console.file.write(as_import_file(found) + "\n")
    return 0


def _status(chosen: argparse.Namespace, console: Console) -> int:
    if chosen.ready:
        return 0 if homes.is_ready(chosen.home) else 1
    supervisor = homes.holder(chosen.home)
    console.print(f"supervisor {supervisor or 'none'}, home {chosen.home}", soft_wrap=True)
    settings = WorldSettings(home=chosen.home, ports=WorldPorts().choose(dict(chosen.port)))
    for process in processes_of(settings.home):
        with process.oneshot():
            memory_mb = process.memory_info().rss >> 20
            console.print(
                f"{process.pid:>8} {memory_mb:>6} MB {escape(' '.join(process.cmdline())[:100])}", soft_wrap=True
            )
    return 0 if supervisor else 1


def _port(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    return name, int(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description="The local world of a migration.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run, text in (
        ("run", _run, "bring the world up and take a migration through every stage that is built"),
        ("screenshots", _screenshots, "bring the world up, run the stages, and take the pictures in docs/ anew"),
        ("up", _up, "bring the world up and stay; Ctrl-C takes it down"),
        ("down", _down, "take a running world down, and what a crashed one left behind"),
        ("status", _status, "show the supervisor and the processes"),
        ("connections", _connections, "print the Airflow connections of this world, secrets included, to import them"),
        ("clean", _clean, "take it down and remove its folder"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument("--home", type=Path, default=DEFAULT_HOME, help="folder of the world (%(default)s)")
        command.add_argument("--port", type=_port, action="append", default=[], metavar="NAME=NUMBER", help="a port")
        if name in {"run", "screenshots", "up"}:
            data = command.add_mutually_exclusive_group()
            data.add_argument("--wipe", action="store_true", help="begin without the data of earlier runs")
            data.add_argument("--keep", action="store_true", help="keep it, which is the default")
            command.add_argument("--days", type=int, help="load only the year's first days")
        if name == "run":
            command.add_argument("--migration", type=Path, metavar="FILE", help="rehearse this file, with made-up data")
            command.add_argument("--rows", type=int, help=f"how many rows of each of its tables are made up ({ROWS:,})")
        if name == "status":
            command.add_argument("--ready", action="store_true", help="exit 0 only when all is up and filled")
        if name == "connections":
            command.add_argument("--ledger", metavar="URL", help="a PostgreSQL for the ledger, in the file's place")
            command.add_argument("--ca-bundle", type=Path, metavar="FILE", help="also write what to trust there")
        if name == "up":
            command.add_argument("--only", type=Component, action="append", metavar="PART", help="start only this part")
            command.add_argument("--json", action="store_true", help="say where the target is in one line of JSON")
            command.add_argument(
                "--free-ports", action="store_true", help="ports that nothing listens on now; --port goes before them"
            )
    return parser


if __name__ == "__main__":
    sys.exit(main())
