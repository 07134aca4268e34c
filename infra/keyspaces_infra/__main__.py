"""`python -m keyspaces_infra`: one operation on the stack of a migration, for whoever must not import Pulumi.

Prints JSON lines: `{"kind": "engine", "line": …}` as the engine speaks, then one `{"kind": "result", …}` or
`{"kind": "error", "error": …, "message": …}`. Exit codes are those of `keyspaces_infra.errors.ExitCode`. SIGTERM and
SIGINT are handed to the engine once; it ends what is in flight and releases the stack (exit code 15).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from keyspaces_infra.command import EngineCommand, find_engine
from keyspaces_infra.engine import StackDriver
from keyspaces_infra.errors import ExitCode, ProvisionError, RefusedError
from keyspaces_infra.failures import refused_by_aws
from keyspaces_infra.settings import PASSPHRASE, StackSettings
from keyspaces_migration.config import Migration

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_printing = threading.Lock()


def main(arguments: Sequence[str] | None = None) -> ExitCode:
    """Run one operation and print what came of it."""
    options = _parser().parse_args(arguments)
    try:
        settings = _settings(options)
        command = EngineCommand(settings.engine, parent=os.getppid() if options.recover else None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: command.interrupt())
        driver = StackDriver(settings, command=command, on_line=lambda line: _say(kind="engine", line=line))
        code, result = _run(driver, options)
    except (BotoCoreError, ClientError) as raised:
        # Of the backend's bucket, or of a look at what a killed engine was making.
        error = refused_by_aws(str(raised))
        _say(kind="error", error=type(error).__name__, message=str(error), refused=[])
        return error.exit_code
    except ProvisionError as error:
        refused = [asdict(each) for each in error.refused] if isinstance(error, RefusedError) else []
        _say(kind="error", error=type(error).__name__, message=str(error), refused=refused)
        return error.exit_code
    _say(kind="result", command=options.command, stack=settings.stack, **result)
    return code


def _run(driver: StackDriver, options: argparse.Namespace) -> tuple[ExitCode, dict[str, Any]]:
    if options.command == "preview":
        preview = driver.preview(plan=options.plan)
        code = ExitCode.REFUSED if preview.refused else ExitCode.DONE
        return code, asdict(preview) | {"plan": options.plan}
    operations: dict[str, Callable[[], dict[str, Any]]] = {
        "up": lambda: asdict(driver.up(plan=options.plan, approved=options.digest)),
        "drift": lambda: {"drift": [asdict(change) for change in driver.drift()]},
        "preview-destroy": lambda: asdict(driver.preview_destroy()) | {"plan": None},
        "destroy": lambda: asdict(driver.destroy(approved=options.digest)),
        "refresh": lambda: asdict(driver.refresh()),
        "recover": lambda: asdict(driver.recover()),
        "outputs": lambda: {"outputs": driver.outputs()},
    }
    return ExitCode.DONE, operations[options.command]()


def _settings(options: argparse.Namespace) -> StackSettings:
    return StackSettings(
        migration=Migration.from_canonical_json(options.migration_json.read_bytes()),
        stack=options.stack,
        work_dir=options.work_dir.resolve(),
        pulumi_home=options.pulumi_home.resolve(),
        backend_url=options.backend_url,
        engine=find_engine(os.environ),
        secrets_provider=options.secrets_provider,
        recovers=options.recover,
        lock_wait_s=options.lock_wait_s,
        endpoints=dict(each.split("=", 1) for each in options.endpoint),
        environment=dict(os.environ),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m keyspaces_infra", description="Provision a migration's target.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("preview", "say what would change, and write the plan"),
        ("up", "apply the plan that preview wrote, and nothing else"),
        ("drift", "say what others have changed since the last update, changing neither AWS nor the state"),
        ("preview-destroy", "say what destroy would delete; only where the file calls the environment disposable"),
        ("destroy", "delete all that the stack made; only where the file calls the environment disposable"),
        ("refresh", "bring the state up to what is live"),
        ("recover", "take up what a killed engine left: its lock, and what it was making"),
        ("outputs", "show the outputs of the last update"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        _add_stack(command)
        if name in ("preview", "up"):
            command.add_argument("--plan", type=Path, required=True, help="file of the engine's plan")
        if name in ("up", "destroy"):
            command.add_argument(
                "--digest", required=True, help="the digest that was approved; anything else is refused"
            )
    return parser


def _add_stack(command: argparse.ArgumentParser) -> None:
    command.add_argument("--migration-json", type=Path, required=True, help="Migration.canonical_json() in a file")
    command.add_argument("--stack", required=True)
    command.add_argument(
        "--work-dir", type=Path, required=True, help="holds Pulumi.<stack>.yaml, the same one for each call on a stack"
    )
    command.add_argument("--pulumi-home", type=Path, required=True)
    command.add_argument("--backend-url", required=True, help="file:///…, s3://…, https://…")
    command.add_argument("--secrets-provider", default=PASSPHRASE, help="passphrase, default, awskms://…")
    command.add_argument(
        "--recover",
        action="store_true",
        help="take up what an engine left that is proven gone; only for a caller that alone works on the stack",
    )
    command.add_argument(
        "--lock-wait-s", type=float, default=0.0, help="how long to wait for an engine that still runs on this machine"
    )
    command.add_argument(
        "--endpoint", action="append", default=[], metavar="SERVICE=URL", type=_endpoint, help="of a stand-in of AWS"
    )


def _endpoint(text: str) -> str:
    service, separator, url = text.partition("=")
    if not (service.isidentifier() and separator and "://" in url):
        raise argparse.ArgumentTypeError(f"{text!r} is not SERVICE=URL, such as keyspaces=http://127.0.0.1:9170")
    return text


def _say(**line: object) -> None:
    # The engine's lines come from threads of their own.
    with _printing:
        sys.stdout.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
