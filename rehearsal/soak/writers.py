"""The sample applications of a soak: processes with clocks of their own, that are killed and started again."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cutover.flag_writer import flag_address
from rehearsal.application.control import ApplicationGoneError, ask
from rehearsal.processes import Child, Program, WorldError, wait_until
from rehearsal.servers.aws import REGION
from rehearsal.servers.service import REPOSITORY, without_proxy

if TYPE_CHECKING:
    from rehearsal.soak.pair import Pair

MIGRATION_FILE = Path(__file__).with_name("migration.yaml")
START_TIMEOUT_S = 60.0
AUDIT_TIMEOUT_S = 600.0
LETTERS_AFTER_S = 5.0
"""How soon what the target does not take becomes a letter: an hour by default, too long for a soak."""


class WritingProcess:
    """One application: `python -m rehearsal.application run` with a folder of its own."""

    def __init__(  # noqa: PLR0913 -- all by keyword
        self, pair: Pair, *, home: Path, number: int, rate_per_s: float, clock_ahead_s: float, letters_after_s: float
    ) -> None:
        """Keep what is needed.

        Args:
            pair: The stores.
            home: Its folder is made in it.
            number: Among the processes.
            rate_per_s: Operations a second.
            clock_ahead_s: Of its writer's clock.
            letters_after_s: How old a write gets that the target does not take, before it is a letter.
        """
        self.folder = home / f"application-{number}"
        self.kills = 0
        self.peak_rss_mb = 0.0
        address = flag_address(pair.migration)
        options = {
            "--folder": self.folder,
            "--migration-file": MIGRATION_FILE,
            "--tables": ",".join(shape.name for shape in pair.shapes),
            "--source": f"127.0.0.1:{pair.source.port}",
            "--target": f"127.0.0.1:{pair.to_target.port}",
            "--aws-endpoint": pair.aws.endpoint_url,
            "--aws-region": REGION,
            "--flag-application": address.application,
            "--flag-environment": address.environment,
            "--flag-profile": address.profile,
            "--flag-poll-s": 1,
            "--rate": rate_per_s,
            "--read-share": READ_SHARE,
            "--clock-ahead-s": clock_ahead_s,
            "--adopt": 0,
            # Nothing carries the source's changes into a history here.
            "--first-write-mode": "RECORD",
            "--number": number,
            "--letters-queue-url": pair.queue_url,
            "--letters-endpoint": f"http://127.0.0.1:{pair.to_queue.port}",
            "--letters-bucket": pair.bucket,
            "--letters-after-s": letters_after_s,
        }
        self._child = Child(
            Program(
                name=f"application {number}",
                command=(
                    *(sys.executable, "-m", "rehearsal.application", "run"),
                    *(str(part) for pair in options.items() for part in pair),
                ),
                log=home / f"application-{number}.log",
                home=home,
                environment={
                    **without_proxy(),
                    "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'plugins'}",
                    "AWS_ACCESS_KEY_ID": "test",
                    "AWS_SECRET_ACCESS_KEY": "test",
                    "AWS_DEFAULT_REGION": REGION,
                },
                folder=REPOSITORY,
            )
        )

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""
        self._child.start()
        wait_until(self._why_not_healthy, name="application", log=self._child.program.log, timeout_s=START_TIMEOUT_S)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.note_memory()
        self.kills += 1
        self._child.kill()

    def ask(self, command: str) -> dict[str, Any]:
        """Ask it for `status` or `audit`.

        Raises:
            ApplicationGoneError: It does not answer.
            WorldError: It answers with an error.
        """
        return ask(self.folder, command, timeout_s=AUDIT_TIMEOUT_S)

    def note_memory(self) -> None:
        """Note the most memory that it has held so far."""
        status = Path(f"/proc/{self._child.pid}/status")
        peak = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if peak is not None:
            self.peak_rss_mb = max(self.peak_rss_mb, int(peak.split()[1]) / 1024)

    def wait_until_sent(self, *, stalled_s: float) -> None:
        """Wait until its journal is empty: each write is in both stores, or a letter.

        However many there are: it is left only when their number has not fallen for `stalled_s`.

        Raises:
            WorldError: It did not get on.
        """
        least, since = None, time.monotonic()
        while unsent := self.ask("status")["unsent"]:
            if least is None or unsent < least:
                least, since = unsent, time.monotonic()
            elif time.monotonic() - since > stalled_s:
                raise WorldError(
                    f"{unsent} writes are in the journal of {self.folder}, no fewer since {stalled_s:.0f} s"
                )
            time.sleep(0.5)

    def stop(self) -> None:
        """End it. No harm when it does not run."""
        self._child.stop()

    def _why_not_healthy(self) -> str | None:
        self._child.check()
        try:
            self.ask("status")
        except (ApplicationGoneError, WorldError) as error:
            return str(error)
        return None


READ_SHARE = 0.1
