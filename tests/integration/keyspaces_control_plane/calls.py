"""What the tests of the control plane share beside their fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal.processes import wait_until

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from rehearsal.keyspaces_control_plane.process import KeyspacesControlPlane


SCHEMA = {
    "allColumns": [
        {"name": "a", "type": "text"},
        {"name": "b", "type": "int"},
        {"name": "s", "type": "int"},
        {"name": "m", "type": "map<tinyint,frozen<list<int>>>"},
    ],
    "partitionKeys": [{"name": "a"}],
    "clusteringKeys": [{"name": "b", "orderBy": "DESC"}],
    "staticColumns": [{"name": "s"}],
}

PROVISIONED = {"throughputMode": "PROVISIONED", "readCapacityUnits": 5, "writeCapacityUnits": 6}
TYPE_FIELDS = [{"name": "street", "type": "text"}, {"name": "lines", "type": "list<int>"}]


def start(control_plane: KeyspacesControlPlane) -> None:
    control_plane.launch()
    wait_until(control_plane.why_not_healthy, name=control_plane.name, log=control_plane.log, timeout_s=60)


def client_of(service: str, control_plane: KeyspacesControlPlane) -> Any:
    make: Any = boto3.client  # Its types are by literal name, a service at a time.
    return make(
        service,
        endpoint_url=control_plane.url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def thaw(session: Session) -> None:
    session.execute("UPDATE local_keyspaces.settings SET value = 0 WHERE name = 'ddl_frozen'")
