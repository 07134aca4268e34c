"""Runs every bad case of provisioning on the real engine: `make provision-cases`.

Prints a line for each as it ends, and last one JSON object: how many there are, how many had the outcome that they
should, and how many tables were lost over all of them. Exits with 1 unless all were as expected and none was lost.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CASES = ROOT / "tests/integration/provision_cases"


class Tally:
    """Counts what pytest reports."""

    def __init__(self) -> None:
        self.outcomes: dict[str, bool] = {}
        self.tables_lost = 0
        self.uncounted: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one case: it is as expected when each phase passed."""
        name = report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")
        self.outcomes[name] = self.outcomes.get(name, True) and report.passed
        if report.failed:
            print(report.longreprtext, flush=True)
        if report.when != "teardown":
            return
        lost = [int(str(value)) for key, value in report.user_properties if key == "tables_lost"]
        self.tables_lost += sum(lost)
        if not lost:
            self.uncounted.append(name)
        print(f"{'ok ' if self.outcomes[name] else 'BAD'}  {name}", flush=True)

    @property
    def is_good(self) -> bool:
        """Whether there were cases, each as expected, and what each lost was counted and is nothing."""
        return bool(self.outcomes) and all(self.outcomes.values()) and not self.tables_lost and not self.uncounted

    def line(self) -> str:
        """The last line."""
        found = {
            "cases": len(self.outcomes),
            "as_expected": sum(self.outcomes.values()),
            "tables_lost": self.tables_lost,
        }
        return json.dumps(found | ({"not_counted": self.uncounted} if self.uncounted else {}))


def main() -> int:
    """Run them; arguments go to pytest, such as `-k clustering`."""
    tally = Tally()
    options = ["-q", "--no-header", "-p", "no:terminalreporter", "-p", "no:cacheprovider"]
    pytest.main([str(CASES), f"--rootdir={ROOT}", *options, *sys.argv[1:]], plugins=[tally])
    print(tally.line())
    return 0 if tally.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
