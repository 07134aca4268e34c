"""The sample application as a part of the world: started when the scenario says so, once the flag is deployed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rehearsal.application.control import ask
from rehearsal.processes import Child, Program, wait_until
from rehearsal.servers.aws import REGION
from rehearsal.servers.service import REPOSITORY, without_proxy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rehearsal.servers.aws import AwsStandIn
    from rehearsal.servers.cassandra import WorldNode
    from rehearsal.servers.keyspaces import WorldTarget
    from rehearsal.subject import Subject

START_TIMEOUT_S = 120.0
ANSWER_TIMEOUT_S = 300.0
FLAG_POLL_S = 1.0
OPERATIONS_PER_S = 30.0
"""The nodes and the application share the machine with the stages: at 50 a second they take half of two cores."""
LETTERS_AFTER_S = 5.0
FLAG = ("keyspaces-migration-flights", "rehearsal", "flag")
"""Application, environment and profile, as `cutover.flag_writer.flag_address` names them for flights.yaml."""


class SampleApplication:
    """`python -m rehearsal.application run`, against both nodes and the stand-in's AppConfig."""

    name = "sample application"

    def __init__(
        self, *, home: Path, subject: Subject, source: WorldNode, target: WorldTarget, aws: AwsStandIn
    ) -> None:
        self.folder = home / "application"
        self._subject = subject
        self._source, self._target = source, target
        self._aws = aws
        self._child = Child(
            Program(
                name=self.name,
                command=self._command(),
                log=home / "logs" / "application.log",
                home=home,
                environment=self._environment(),
                folder=REPOSITORY,
            )
        )

    def start(self) -> None:
        """Start it and wait until it answers; a flag must be deployed before.

        Raises:
            ProgramNotHealthyError: it did not answer in time.
            ProgramDiedError: it has ended.
        """
        self._target.contact.write(self._contact_file)
        self._child.start()
        wait_until(self._why_not_healthy, name=self.name, log=self._child.program.log, timeout_s=START_TIMEOUT_S)

    def ask(self, command: str) -> dict[str, Any]:
        """Ask for `status`, `audit`, `audit-all` or `stop`.

        Raises:
            ApplicationGoneError: it does not answer.
            WorldError: it answers with an error.
        """
        return ask(self.folder, command, timeout_s=ANSWER_TIMEOUT_S)

    def check(self) -> None:
        """Raise ProgramDiedError when it was started and has ended."""
        self._child.check()

    @property
    def log(self) -> Path:
        """What it said."""
        return self._child.program.log

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._child.kill()

    def stop(self) -> None:
        """End it. No harm when it does not run."""
        self._child.stop()

    @property
    def _contact_file(self) -> Path:
        return self.folder / "target.json"

    def _why_not_healthy(self) -> str | None:
        self._child.check()
        try:
            self.ask("status")
        except Exception as error:  # noqa: BLE001 - whatever keeps it from answering is the reason shown
            return str(error)
        return None

    def _command(self) -> tuple[str, ...]:
        flag = self._subject.flag
        options = {
            "--folder": str(self.folder.resolve()),
            "--migration-file": str(self._subject.file.resolve()),
            "--tables": ",".join(self._subject.tables),
            "--source": f"{self._source.host}:{self._source.port}",
            "--target-contact": str(self._contact_file.resolve()),
            "--aws-endpoint": self._aws.endpoint_url,
            "--aws-region": REGION,
            "--flag-application": flag.application,
            "--flag-environment": flag.environment,
            "--flag-profile": flag.profile,
            "--flag-poll-s": str(FLAG_POLL_S),
            "--rate": str(OPERATIONS_PER_S),
            # What the canary watches; a real application compares less, and reads more.
            "--shadow-share": "0.4",
            # Not an hour, as in earnest: the rehearsal waits for letters.
            "--letters-after-s": str(LETTERS_AFTER_S),
            "--letters-queue-url": f"{self._aws.endpoint_url}/000000000000/{self._subject.letters}",
            "--letters-endpoint": self._aws.endpoint_url,
            # Nothing carries the source's changes into the sample history, so none may come before they are recorded.
            "--first-write-mode": "RECORD",
        }
        return (
            sys.executable, "-m", "rehearsal.application", "run",
            *(part for pair in options.items() for part in pair),
        )  # fmt: skip

    def _environment(self) -> Mapping[str, str]:
        return {
            **without_proxy(),
            "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'plugins'}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }
