"""`python -m rehearsal.keyspaces_control_plane`: serve the APIs over one local Keyspaces node until told to end."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
import time
from pathlib import Path

from keyspaces_migration.clients import open_session
from rehearsal.keyspaces_control_plane.account import Account
from rehearsal.keyspaces_control_plane.backend import Backend
from rehearsal.keyspaces_control_plane.live_schema import LiveSchema
from rehearsal.keyspaces_control_plane.operations import keyspaces_api
from rehearsal.keyspaces_control_plane.properties import PropertyStore
from rehearsal.keyspaces_control_plane.scaling_operations import auto_scaling_api
from rehearsal.keyspaces_control_plane.scaling_registry import Registry
from rehearsal.keyspaces_control_plane.scaling_targets import ScalingStore
from rehearsal.keyspaces_control_plane.server import ControlPlaneServer
from rehearsal.local_keyspaces.contact import Contact

REQUEST_TIMEOUT_S = 30.0


def main() -> None:
    """Start, serve, and end on SIGTERM or SIGINT."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("cassandra").setLevel(logging.WARNING)
    # No metadata: DDL is followed in the system tables, which have it at once.
    settings = Contact.read(arguments.node).session_settings(request_timeout_s=REQUEST_TIMEOUT_S, schema_metadata=False)
    with open_session(settings) as session:
        backend = Backend(
            schema=LiveSchema(session),
            properties=PropertyStore(arguments.properties),
            account=Account(region=arguments.region, account_id=arguments.account_id),
            now_ms=lambda: time.time_ns() // 1_000_000,
        )
        registry, lock = Registry(backend=backend, store=ScalingStore(arguments.properties)), threading.Lock()
        apis = [keyspaces_api(backend, lock), auto_scaling_api(registry, lock)]
        _serve(ControlPlaneServer(apis, address=arguments.address, port=arguments.port))


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
    parser.add_argument("--node", type=Path, required=True, help="file that says how the node is reached")
    parser.add_argument("--properties", type=Path, required=True, help="SQLite file of what the node does not hold")
    parser.add_argument("--region", default=Account.region)
    parser.add_argument("--account-id", default=Account.account_id)
    return parser.parse_args()


if __name__ == "__main__":
    main()
