"""What Airflow reads about this package: the connection types and how their forms look.

Airflow calls `get_provider_info` through the entry point `apache_airflow_provider` in every process, so this module
imports nothing. The extra fields here are the fields of `hooks/extras.py`; a test holds them together.
"""

from typing import Any

PACKAGE = "keyspaces-migration"


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata in the shape of Airflow's `provider_info.schema.json`."""
    return {
        "package-name": PACKAGE,
        "name": "Cassandra to Amazon Keyspaces migration",
        "description": "Moves Apache Cassandra to Amazon Keyspaces.",
        "extra-links": [
            "keyspaces_provider.links.KeyspacesTableLink",
            "keyspaces_provider.links.KeyspacesMetricsLink",
            "keyspaces_provider.links.ReportLink",
        ],
        "config": {
            "keyspaces_migration": {
                "description": "The status page of migrations.",
                "options": {
                    "ledger_conn_ids": {
                        "description": "Connections of the ledgers that the status page shows, separated by commas.",
                        "version_added": "0.1.0",
                        "type": "string",
                        "example": "keyspaces_ledger",
                        "default": "",
                    }
                },
            }
        },
        "connection-types": [
            {
                "connection-type": "apache_cassandra",
                "hook-class-name": "keyspaces_provider.hooks.cassandra.CassandraHook",
                "hook-name": "Apache Cassandra",
                "ui-field-behaviour": _CASSANDRA_FORM,
                "conn-fields": _CASSANDRA_FIELDS,
            },
            {
                "connection-type": "amazon_keyspaces",
                "hook-class-name": "keyspaces_provider.hooks.keyspaces.KeyspacesHook",
                "hook-name": "Amazon Keyspaces",
                "ui-field-behaviour": _KEYSPACES_FORM,
                "conn-fields": _KEYSPACES_FIELDS,
            },
        ],
    }


def _text(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"]}}


def _switch(label: str, description: str, *, default: bool) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["boolean", "null"], "default": default}}


def _seconds(label: str, description: str) -> dict[str, Any]:
    return {
        "label": label,
        "description": description,
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
    }


def _choice(label: str, description: str, *allowed: str) -> dict[str, Any]:
    return {
        "label": label,
        "description": description,
        "schema": {"type": ["string", "null"], "enum": [*allowed], "default": allowed[0]},
    }


_CA = _text(
    "CA certificate file",
    "PEM file, on the workers, of the authorities to trust. Empty: those of the operating system.",
)
_CHECK_HOSTNAME = _switch(
    "TLS: check the name", "Whether the certificate must bear the node's address or the server name.", default=True
)
_REQUEST_TIMEOUT = _seconds("Request time-out (s)", "How long the client waits for an answer. Empty: 10.")
_CONNECT_TIMEOUT = _seconds("Connect time-out (s)", "How long opening one connection may take. Empty: 5.")

_CASSANDRA_FORM = {
    "hidden-fields": [],
    "relabeling": {"host": "Contact points", "login": "User name", "schema": "Keyspace"},
    "placeholders": {
        "host": "10.0.0.11,10.0.0.12,10.0.0.13",
        "port": "9042",
        "login": "a role of the cluster; empty without authentication",
        "schema": "optional",
    },
}
_CASSANDRA_FIELDS = {
    "tls": _switch("TLS", "Speak TLS to the nodes.", default=False),
    "ca_certificate_file": _CA,
    "tls_check_hostname": _CHECK_HOSTNAME,
    "tls_server_hostname": _text(
        "TLS: server name",
        "The one name that every node's certificate bears. Empty: each node's certificate bears its IP address.",
    ),
    "local_data_center": _text(
        "Local data centre", "Where statements go. Needed only if the cluster has several data centres."
    ),
    "consistency": _choice(
        "Consistency",
        "How many replicas must answer.",
        "QUORUM",
        "LOCAL_QUORUM",
        "EACH_QUORUM",
        "ALL",
        "THREE",
        "TWO",
        "ONE",
        "LOCAL_ONE",
    ),
    "request_timeout_s": _REQUEST_TIMEOUT,
    "connect_timeout_s": _CONNECT_TIMEOUT,
}

_KEYSPACES_FORM = {
    "hidden-fields": [],
    "relabeling": {
        "host": "Service endpoint",
        "login": "Service-specific user name",
        "password": "Service-specific password",
        "schema": "Keyspace",
    },
    "placeholders": {
        "host": "empty: cassandra.<region>.amazonaws.com",
        "port": "9142",
        "login": "app-at-111122223333",
        "schema": "optional",
    },
}
_KEYSPACES_FIELDS = {
    "region": _text("AWS Region", "For example eu-west-1. Empty: taken from the service endpoint."),
    "aws_conn_id": _text(
        "AWS connection",
        "Id of the connection whose credentials sign the login (SigV4). Empty: the user name and password above.",
    ),
    "tls": _switch("TLS", "Amazon Keyspaces accepts nothing else; off only for a rehearsal.", default=True),
    "ca_certificate_file": _CA,
    "tls_check_hostname": _CHECK_HOSTNAME,
    "tls_server_hostname": _text(
        "TLS: server name", "The name that the certificate bears. Empty: the service endpoint."
    ),
    "local_data_center": _text("Local data centre", "Empty: the Region, as Amazon Keyspaces names it."),
    "consistency": _choice(
        "Consistency", "Writes need LOCAL_QUORUM; the others are for reads.", "LOCAL_QUORUM", "LOCAL_ONE", "ONE"
    ),
    "request_timeout_s": _REQUEST_TIMEOUT,
    "connect_timeout_s": _CONNECT_TIMEOUT,
}
