"""`python -m rehearsal.keyspaces_control_plane`: serve the API over one Cassandra node until told to end."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
import time
from pathlib import Path

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import RoundRobinPolicy

from rehearsal.keyspaces_control_plane.live_schema import LiveSchema
from rehearsal.keyspaces_control_plane.operations import Account, ControlPlane
from rehearsal.keyspaces_control_plane.properties import PropertyStore
from rehearsal.keyspaces_control_plane.server import ControlPlaneServer

REQUEST_TIMEOUT_S = 30.0


def main() -> None:
    """Start, serve, and end on SIGTERM or SIGINT."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("cassandra").setLevel(logging.WARNING)
    profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=REQUEST_TIMEOUT_S)
    # No metadata: DDL is followed in system_schema, which has it at once.
    with Cluster(
        [arguments.cassandra_host],
        port=arguments.cassandra_port,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
    ) as cluster:
        control_plane = ControlPlane(
            schema=LiveSchema(cluster.connect()),
            properties=PropertyStore(arguments.properties),
            account=Account(
                region=arguments.region, account_id=arguments.account_id, settle_ms=round(arguments.settle_s * 1000)
            ),
            now_ms=lambda: time.time_ns() // 1_000_000,
        )
        _serve(ControlPlaneServer(control_plane, address=arguments.address, port=arguments.port))


def _serve(server: ControlPlaneServer) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        # From another thread: shutdown() waits for the loop that this handler interrupts.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    with server:
        logging.getLogger(__package__).info("serving on %s", server.url)
        server.serve_forever(poll_interval=0.1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.keyspaces_control_plane", description=__doc__)
    parser.add_argument("--address", default="127.0.0.1", help="loopback address to serve on")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cassandra-host", default="127.0.0.1")
    parser.add_argument("--cassandra-port", type=int, required=True)
    parser.add_argument("--properties", type=Path, required=True, help="SQLite file of what Cassandra can't hold")
    parser.add_argument("--region", default=Account.region)
    parser.add_argument("--account-id", default=Account.account_id)
    parser.add_argument("--settle-s", type=float, default=Account.settle_ms / 1000, help="until a table is ACTIVE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
