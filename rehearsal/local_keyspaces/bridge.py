"""`python -m rehearsal.local_keyspaces.bridge`: puts a node's metrics into CloudWatch and judges alarms by them."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.alarms import AlarmNotJudgedError, judge
from rehearsal.local_keyspaces.admin import AdminError, LocalKeyspacesAdmin
from rehearsal.local_keyspaces.metrics import MetricsPublisher

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = logging.getLogger(__name__)


class Bridge:
    """One turn after another: publish what was added since the last one, then judge."""

    def __init__(self, *, admin: LocalKeyspacesAdmin, cloudwatch: Any) -> None:  # noqa: ANN401 - boto3's client
        self._admin = admin
        self._cloudwatch = cloudwatch
        self._publisher = MetricsPublisher(cloudwatch)

    def turn(self, now: datetime) -> None:
        """One turn. What does not answer is logged; nothing is lost, as the node goes on counting."""
        try:
            self._publisher.publish(self._admin.metrics(), at=now)
        except (OSError, AdminError, BotoCoreError, ClientError) as error:
            LOG.warning("metrics were not put this time: %s", error)
        try:
            for judged in judge(self._cloudwatch, now=now):
                LOG.info("alarm %s is %s: %s", judged.name, judged.state, judged.reason)
        except (AlarmNotJudgedError, BotoCoreError, ClientError) as error:
            LOG.warning("alarms were not judged this time: %s", error)


def main(arguments: Sequence[str] | None = None) -> None:
    """Take turns until told to end."""
    chosen = _arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    cloudwatch = boto3.client(
        "cloudwatch",
        endpoint_url=chosen.endpoint,
        region_name=chosen.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the stand-in checks none
        config=Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 2}),
    )
    admin = LocalKeyspacesAdmin(port=chosen.admin_port, host=chosen.admin_host)
    bridge = Bridge(admin=admin, cloudwatch=cloudwatch)
    while not ended.is_set():
        bridge.turn(datetime.now(UTC))
        ended.wait(chosen.every_s)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.local_keyspaces.bridge", description=__doc__)
    parser.add_argument("--admin-host", default="127.0.0.1", help="of the node's admin server")
    parser.add_argument("--admin-port", type=int, required=True)
    parser.add_argument("--endpoint", required=True, help="of CloudWatch: the AWS stand-in's")
    parser.add_argument("--region", required=True)
    parser.add_argument("--every-s", type=float, default=5)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
