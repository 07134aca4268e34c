"""The Airflow connections of the rehearsal."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from rehearsal.local_keyspaces.contact import DATA_CENTER
from rehearsal.servers.aws import REGION

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rehearsal.local_keyspaces.contact import Contact
    from rehearsal.servers.aws import AwsStandIn
    from rehearsal.servers.cassandra import WorldNode
    from rehearsal.servers.snowflake import SnowflakeStandIn


SAMPLE = "flights"
"""The sample's migration."""
_ENDS = {
    "source": "cassandra",
    "target": "keyspaces",
    "history": "snowflake",
    "ledger": "ledger",
    "aws": "aws",
    "airflow": "airflow",
}


def connection_ids(migration: str) -> dict[str, str]:
    """The ids of the world's connections for a migration, by their key in the migration file."""
    return {key: f"{migration}_{end}" for key, end in _ENDS.items()}


@dataclass(frozen=True, kw_only=True)
class AirflowConnection:
    """A connection as Airflow stores it."""

    connection_id: str
    conn_type: str
    description: str
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    schema: str | None = None
    extra: dict[str, Any] = field(default_factory=dict, repr=False)

    def body(self) -> dict[str, Any]:
        """The body that Airflow's REST API takes."""
        given = {name: value for name, value in vars(self).items() if name != "extra" and value is not None}
        return {**given, **({"extra": json.dumps(self.extra)} if self.extra else {})}


def as_import_file(connections: Iterable[AirflowConnection]) -> str:
    """The connections as `airflow connections import` takes them from a JSON file. It holds their secrets."""
    bodies = {connection.connection_id: connection.body() for connection in connections}
    for body in bodies.values():
        del body["connection_id"]
    return json.dumps(bodies, indent=2)


def source(node: WorldNode, *, migration: str = SAMPLE, keyspace: str = SAMPLE) -> AirflowConnection:
    """The source, where the data is."""
    return AirflowConnection(
        connection_id=connection_ids(migration)["source"],
        conn_type="apache_cassandra",
        description="Local world: the source, a Cassandra 5.0 node",
        host=node.host,
        port=node.port,
        schema=keyspace,
        extra={"tls": False, "local_data_center": "datacenter1"},
    )


def target(contact: Contact, *, migration: str = SAMPLE) -> AirflowConnection:
    """The target, local Keyspaces with service-specific credentials."""
    return AirflowConnection(
        connection_id=connection_ids(migration)["target"],
        conn_type="amazon_keyspaces",
        description="Local world: the target, local Keyspaces",
        host=contact.host,
        port=contact.port,
        login=contact.username,
        password=contact.password,
        extra={
            "ca_certificate_file": str(contact.ca_file),
            "local_data_center": DATA_CENTER,
            "region": contact.region,
        },
    )


def history(stand_in: SnowflakeStandIn, *, migration: str = SAMPLE) -> AirflowConnection:
    """The history."""
    settings = stand_in.connection()
    return AirflowConnection(
        connection_id=connection_ids(migration)["history"],
        conn_type="snowflake",
        description="Local world: the history, a Snowflake stand-in",
        login=settings["user"],
        password=settings["password"],
        schema=settings["schema"],
        extra={
            "account": settings["account"],
            "database": settings["database"],
            "warehouse": "REHEARSAL",
            "role": "REHEARSAL",
            "host": settings["host"],
            "port": settings["port"],
            "ocsp_fail_open": True,
            "network_timeout": settings["network_timeout"],
            "session_parameters": settings["session_parameters"],
        },
    )


def aws(stand_in: AwsStandIn, *, keyspaces_url: str, migration: str = SAMPLE) -> AirflowConnection:
    """AWS."""
    return AirflowConnection(
        connection_id=connection_ids(migration)["aws"],
        conn_type="aws",
        description="Local world: an AWS stand-in",
        login="test",
        password="test",  # noqa: S106 - the stand-in takes any
        extra={
            "region_name": REGION,
            "endpoint_url": stand_in.endpoint_url,
            # The form's Test button asks STS, which heeds no other setting, and would go to the real AWS.
            "service_config": {
                "sts": {"endpoint_url": stand_in.endpoint_url},
                "keyspaces": {"endpoint_url": keyspaces_url},
                "application-autoscaling": {"endpoint_url": keyspaces_url},
            },
        },
    )


def ledger(home: Path, *, migration: str = SAMPLE) -> AirflowConnection:
    """The migration's ledger: a file, which only LocalExecutor may use."""
    return AirflowConnection(
        connection_id=connection_ids(migration)["ledger"],
        conn_type="sqlite",
        description="Local world: the migration's ledger",
        host=str(home.resolve() / "ledger" / "ledger.db"),
    )


def ledger_on_postgresql(url: str, *, migration: str = SAMPLE) -> AirflowConnection:
    """The migration's ledger on a PostgreSQL, from its URL.

    Raises:
        ValueError: The URL is not one of PostgreSQL with a database.
    """
    parts = urlsplit(url)
    if parts.scheme != "postgresql" or not parts.hostname or not parts.path.strip("/"):
        raise ValueError("the ledger's URL is postgresql://user:password@host[:port]/database")
    return AirflowConnection(
        connection_id=connection_ids(migration)["ledger"],
        conn_type="postgres",
        description="The migration's ledger",
        host=parts.hostname,
        port=parts.port or 5432,
        login=unquote(parts.username or "") or None,
        password=unquote(parts.password or "") or None,
        schema=parts.path.strip("/"),
    )
