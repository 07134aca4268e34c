"""Calls the driver of the target's infrastructure (`python -m keyspaces_infra`) in a process of its own."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from keyspaces_migration.provisioning import DriverDefectError, ProvisionStoppedError, error_of

if TYPE_CHECKING:
    from keyspaces_provider.stack_files import StackFiles
    from keyspaces_provider.stack_lease import LeaseKeeper

DRIVER = (sys.executable, "-m", "keyspaces_infra")
LOOK_S = 0.2
TAIL_CHARACTERS = 4000
REFUSED = 10
LOCK_WAIT_S = 900.0
"""How long the driver waits for an engine that still runs on its machine."""

SERVICES = {
    "keyspaces": "keyspaces",
    "appautoscaling": "application-autoscaling",
    "appconfig": "appconfig",
    "cloudcontrolapi": "cloudcontrol",
    "cloudwatch": "cloudwatch",
    "iam": "iam",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "s3": "s3",
    "scheduler": "scheduler",
    "sns": "sns",
    "sqs": "sqs",
    "sts": "sts",
}
"""The services that the program uses, by their names as endpoints of pulumi_aws; the values are AWS's own names."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where the target is, from the Airflow connection of the AWS account.

    Attributes:
        environment: Credentials, as AWS's SDKs read them.
        endpoints: Address by service of a stand-in of AWS; empty for AWS itself.
    """

    environment: Mapping[str, str] = field(repr=False)
    endpoints: Mapping[str, str]


class Driver:
    """One call of the driver at a time, followed to its end, with the stack held in the ledger meanwhile.

    Args:
        files: Where the stack's files are.
        account: Credentials and endpoints.
        lease: Holds the stack.
        program: The command that is called; tests give another.
    """

    def __init__(
        self, *, files: "StackFiles", account: Account, lease: "LeaseKeeper", program: tuple[str, ...] = DRIVER
    ) -> None:
        self.files = files
        self.account = account
        self.lease = lease
        self.program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def preview(self, *, on_line: Callable[[str], object]) -> dict[str, Any]:
        """Preview, keeping the plan. The answer names refused changes, if there are any.

        Raises:
            ProvisionError: as the driver's exit code says.
        """
        return self._call("preview", "--plan", str(self.files.plan), on_line=on_line)

    def up(self, *, digest: str, on_line: Callable[[str], object]) -> dict[str, Any]:
        """Apply the plan of this run's preview if it has the digest `digest` still.

        Raises:
            ProvisionError: as the driver's exit code says.
        """
        return self._call("up", "--plan", str(self.files.plan), "--digest", digest, on_line=on_line)

    def drift(self, *, on_line: Callable[[str], object]) -> dict[str, Any]:
        """Look for what others have changed.

        Raises:
            ProvisionError: as the driver's exit code says.
        """
        return self._call("drift", on_line=on_line)

    def outputs(self, *, on_line: Callable[[str], object]) -> dict[str, Any]:
        """Read the stack's outputs.

        Raises:
            ProvisionError: as the driver's exit code says.
        """
        return self._call("outputs", on_line=on_line)

    def preview_destroy(self, *, on_line: Callable[[str], object]) -> dict[str, Any]:
        """Say what a destruction would delete.

        Raises:
            ProvisionError: as the driver's exit code says.
        """
        return self._call("preview-destroy", on_line=on_line)

    def destroy(self, *, digest: str, on_line: Callable[[str], object]) -> dict[str, Any]:
        """Delete all that the stack made, if it has the digest `digest` still.

        Raises:
            ProvisionError: as the driver's exit code says.
        """
        return self._call("destroy", "--digest", digest, on_line=on_line)

    def stop(self) -> None:
        """Ask the running call to end: once, and the driver alone, as a second signal would leave the stack locked.

        Called by a signal handler. It returns at once; the driver lets what is in flight end, and outlives this
        process if need be.
        """
        if self._stopped.is_set():
            return
        self._stopped.set()
        if (process := self._process) is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)

    def _call(self, operation: str, *arguments: str, on_line: Callable[[str], object]) -> dict[str, Any]:
        self.lease.take(stopped=self._stopped, on_line=on_line)
        try:
            return self._held_call(operation, *arguments, on_line=on_line)
        finally:
            # A driver that outlives this task works on: the lease then ends by itself, and the next run waits for it.
            if self._process is None or self._process.poll() is not None:
                self.lease.release(on_line=on_line)

    def _held_call(self, operation: str, *arguments: str, on_line: Callable[[str], object]) -> dict[str, Any]:
        if self._stopped.is_set():
            raise ProvisionStoppedError("told to stop before the driver was started: nothing was changed")
        self.files.fetch()
        command = self._command(operation, *arguments)
        on_line(f"$ {shlex.join(command)}")
        output = self.files.run_folder / f"{operation}.jsonl"
        # To files, not pipes: the driver must be able to finish when this process is killed before it.
        with output.open("wb") as out, output.with_suffix(".stderr").open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - the driver, with arguments of ours and no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                env=self._environment(),
                start_new_session=True,
            )
            if self._stopped.is_set():
                self._process.send_signal(signal.SIGTERM)
        last = _follow(self._process, output, on_line=on_line, each_look=lambda: self._keep_lease(on_line))
        if operation == "preview":
            # Alone what makes them: an update that is done must not fail for a store that can't be written.
            self.files.keep()
        return _outcome(self._process.returncode, last, errors=output.with_suffix(".stderr"))

    def _keep_lease(self, on_line: Callable[[str], object]) -> None:
        from keyspaces_migration.ledger import LeaseLostError

        try:
            self.lease.keep(on_line=on_line)
        except LeaseLostError as error:
            on_line(f"{error}: the engine is asked to end")
            self.stop()

    def _command(self, operation: str, *arguments: str) -> list[str]:
        endpoints = [f"--endpoint={service}={url}" for service, url in self.account.endpoints.items()]
        options = self.files.options(environment=os.environ)
        # The lease is ours: whatever lock is left is of an engine that no task of ours drives any more.
        ours = [*(["--recover"] if self.lease.may_recover else []), "--lock-wait-s", str(LOCK_WAIT_S)]
        return [*self.program, operation, *options, *ours, *endpoints, *arguments]

    def _environment(self) -> dict[str, str]:
        """This process's environment less Airflow's own settings and secrets, with the account's credentials."""
        # Nor with credentials of the worker's own, which would stand beside those of the connection.
        left_out = ("AIRFLOW", "AWS_ACCESS_KEY", "AWS_SECRET", "AWS_SESSION", "AWS_SECURITY", "AWS_PROFILE")
        inherited = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith(left_out)}
        # The driver must read the migration with the code that this task reads it with.
        core = str(Path(sys.modules["keyspaces_migration"].__path__[0]).parent)
        path = os.pathsep.join(part for part in (core, os.environ.get("PYTHONPATH")) if part)
        return {**inherited, **self.account.environment, "PYTHONPATH": path}


def _follow(
    process: subprocess.Popen[bytes],
    output: Path,
    *,
    on_line: Callable[[str], object],
    each_look: Callable[[], object],
) -> dict[str, Any]:
    """Hand on the engine's lines until the process has ended, and return its last word, or nothing."""
    last: dict[str, Any] = {}
    with output.open(encoding="utf-8", errors="replace") as stream:
        lines = _lines(stream)
        ended = False
        while not ended:
            each_look()
            ended = _has_ended(process)  # looked at before reading, so that nothing written last is missed
            for line in lines:
                if line is None:
                    break
                said = _said(line)
                if said.get("kind") == "engine":
                    on_line(str(said.get("line", "")))
                else:
                    last = said
    return last


def _lines(stream: IO[str]) -> Iterator[str | None]:
    """Whole lines as they are written; None each time there is none for now."""
    begun = ""
    while True:
        begun += stream.readline()
        if begun.endswith("\n"):
            yield begun
            begun = ""
        else:
            yield None


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=LOOK_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _said(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        # Shown as it is: a program under the driver has written past it.
        return {"kind": "engine", "line": line.rstrip()}
    return said


def _outcome(code: int, last: dict[str, Any], *, errors: Path) -> dict[str, Any]:
    if last.get("kind") == "result" and code in (0, REFUSED):
        return last
    if code == 0:
        raise DriverDefectError(f"the driver ended well without a result; it said {last or 'nothing'}")
    said = last.get("message") if last.get("kind") == "error" else None
    raise error_of(exit_code=code, message=said or _tail(errors) or "it said nothing")


def _tail(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:].strip()


def account_of(conn_id: str, *, region: str) -> Account:
    """Credentials and endpoints of the Airflow connection `conn_id` of type `aws`."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    hook: Any = AwsBaseHook(aws_conn_id=conn_id, client_type="keyspaces", region_name=region)
    credentials = hook.get_credentials(region_name=region)
    found = {name: hook.conn_config.get_service_endpoint_url(service) for name, service in SERVICES.items()}
    environment = {"AWS_ACCESS_KEY_ID": credentials.access_key, "AWS_SECRET_ACCESS_KEY": credentials.secret_key}
    if credentials.token:
        environment["AWS_SESSION_TOKEN"] = credentials.token
    return Account(
        environment={**environment, "AWS_REGION": region, "AWS_DEFAULT_REGION": region},
        endpoints={name: url for name, url in found.items() if url},
    )
