"""What the comparison Lambda needs in the AWS stand-in before anybody makes it: its code in S3, and its secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3

from rehearsal.comparison_zip import comparison_zip
from rehearsal.local_keyspaces.contact import DATA_CENTER
from rehearsal.servers.aws import REGION
from rehearsal.servers.connections import SAMPLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.local_keyspaces.contact import Contact
    from rehearsal.servers.aws import AwsStandIn
    from rehearsal.servers.cassandra import WorldNode
    from rehearsal.servers.snowflake import SnowflakeStandIn

BUCKET = "keyspaces-migration-artifacts"
KEY = "comparison.zip"
STORES = ("source", "target", "history")


def secret_name(migration: str, store: str) -> str:
    """The name of a store's secret, as flights.yaml has it for the sample's migration."""
    return f"keyspaces-migration/{migration}/{store}"


def source(node: WorldNode) -> dict[str, Any]:
    """The secret of the source, as `connections.source` is its Airflow connection."""
    return {"hosts": [node.host], "port": node.port, "tls": False, "local_data_center": "datacenter1"}


def target(contact: Contact) -> dict[str, Any]:
    """The secret of the target, as `connections.target`."""
    return {
        "hosts": [contact.host],
        "port": contact.port,
        "ca_certificates": contact.ca_file.read_text(encoding="ascii") if contact.ca_file else None,
        "tls": contact.ca_file is not None,
        "username": contact.username,
        "password": contact.password,
        "local_data_center": DATA_CENTER,
    }


def history(stand_in: SnowflakeStandIn) -> dict[str, Any]:
    """The secret of the history, as `connections.history`; the stand-in's authority is part of it."""
    own = {"warehouse": "REHEARSAL", "role": "REHEARSAL", "ca_certificates": stand_in.ca_file.read_text("ascii")}
    return stand_in.connection() | own


def put_code(aws: AwsStandIn) -> None:
    """Put the Zip into its bucket, which is made where it is missing; the same code is left as it is."""
    s3, body = client(aws, "s3"), comparison_zip()
    # Making one's own bucket again is no error in us-east-1.
    s3.create_bucket(Bucket=BUCKET)
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=KEY).get("Contents", [])
    if KEY not in {each["Key"] for each in found} or s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() != body:
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=body)


def put_secrets(aws: AwsStandIn, secrets: Mapping[str, Mapping[str, Any]], *, migration: str = SAMPLE) -> None:
    """Put the secrets, by store, under their names; one that is there gets a new version if it differs."""
    manager = client(aws, "secretsmanager")
    for store, content in secrets.items():
        name, text = secret_name(migration, store), json.dumps(content)
        try:
            manager.create_secret(Name=name, SecretString=text)
        except manager.exceptions.ResourceExistsException:
            if manager.get_secret_value(SecretId=name)["SecretString"] != text:
                manager.put_secret_value(SecretId=name, SecretString=text)


def client(aws: AwsStandIn, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no type of their own
    """A client of a service of the stand-in."""
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106 - it takes any
    return session.client(service, endpoint_url=aws.endpoint_url)
