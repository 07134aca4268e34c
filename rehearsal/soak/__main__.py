"""Runs a soak.

    make soak NAME=dual-write MINUTES=10        RATE=500 CLOCKS_APART_S=30
    make soak NAME=follower-down MINUTES=10     RATE=300
    make soak NAME=faults                       the whole lifecycle in real Airflow, while what it stands on breaks

The last line is one JSON object. It ends with 1 where anything acknowledged is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from rehearsal.faults.run import run_faults
from rehearsal.faults.trial import counted, table
from rehearsal.processes import WorldError, end_processes_of
from rehearsal.soak.dual_write import DualWriteSoak, SoakPlan

FAULTS = "faults"


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=["dual-write", "follower-down", FAULTS])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=float, default=500, help="writes a second, over three processes")
    parser.add_argument("--clocks-apart-s", type=float, default=30)
    asked = parser.parse_args()
    # As Ctrl-C, which ends what was started, and takes away what was mounted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)
    return _faults() if asked.name == FAULTS else _writes(asked)


def _faults() -> int:
    """The lifecycle under faults; 1 where one was not survived, or anything is lost or wrong."""
    trials, why_ended = run_faults(Console(stderr=True, highlight=False))
    Console(width=200).print(Markdown(table(trials)))
    if why_ended is not None:
        sys.stderr.write(f"The lifecycle did not go on: {why_ended}\n")
    counts = counted(trials)
    sys.stdout.write(json.dumps(counts) + "\n")
    return int(why_ended is not None or counts["survived"] < counts["faults"] or counts["lost"] + counts["wrong"] > 0)


def _writes(asked: argparse.Namespace) -> int:
    """Dual writes under faults; 1 where a write that was acknowledged is not in both stores, or was read otherwise."""
    home = Path(tempfile.mkdtemp(prefix="soak-"))
    plan = SoakPlan(
        minutes=asked.minutes,
        writes_per_s=asked.rate,
        clocks_apart_s=asked.clocks_apart_s,
        follower_down=asked.name == "follower-down",
    )
    try:
        result = DualWriteSoak(plan, home=home).run()
    except WorldError as error:
        sys.stderr.write(f"{error}\nLogs: {home}\n")
        return 1
    finally:
        end_processes_of(home)
    bad = ("differences", "unsettled", "parked", "wrong_reads")
    failed = any(result[name] for name in bad) or not result["acknowledged"]
    if failed:
        sys.stderr.write(f"Logs and the applications' own records: {home}\n")
    else:
        shutil.rmtree(home)
    sys.stdout.write(json.dumps(result) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
