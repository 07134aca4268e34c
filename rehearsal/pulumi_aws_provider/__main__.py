"""`python -m rehearsal.pulumi_aws_provider --port N`: serve the provider protocol until told to end.

The engine attaches where its environment has PULUMI_DEBUG_PROVIDERS=aws:N.
"""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from concurrent import futures

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from rehearsal.pulumi_aws_provider.server import AwsProvider

MAX_MESSAGE_BYTES = 400 << 20  # the engine's own limit
WORKERS = 16


def main() -> None:
    """Start, serve, and end on SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.pulumi_aws_provider", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1, where the engine looks")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    limits = [(f"grpc.max_{way}_message_length", MAX_MESSAGE_BYTES) for way in ("send", "receive")]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=WORKERS), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(AwsProvider(), server)
    server.add_insecure_port(f"127.0.0.1:{arguments.port}")
    asked_to_end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked_to_end.set())
    server.start()
    asked_to_end.wait()
    server.stop(grace=5).wait()


if __name__ == "__main__":
    main()
