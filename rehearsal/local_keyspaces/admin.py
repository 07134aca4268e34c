"""Client of a local Keyspaces' admin server, which Amazon's service does not have: settings, rules, faults, metrics."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

OK = 200
CREATED = 201


class AdminError(Exception):
    """The admin server refused a request. The message is its own: what was found and what is allowed."""


class FaultKind(StrEnum):
    """What goes wrong."""

    LATENCY = "latency"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    DROP_CONNECTION_BEFORE = "drop_connection_before"
    DROP_CONNECTION_AFTER = "drop_connection_after"


class Operation(StrEnum):
    """Which requests a fault strikes."""

    READ = "read"
    WRITE = "write"
    DDL = "ddl"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that shall go wrong.

    Attributes:
        kind: What. BEFORE and AFTER say whether the request is carried out nevertheless.
        table: `keyspace.table`; None for all. Statements on the schema match None only.
        operation: None for all.
        percentage: How many of the requests it strikes, above 0 and up to 100.
        latency_ms: How long a request waits; for LATENCY, and only for it.
        above_token: It strikes reads that may touch a partition with a greater token, as where the replicas of a part
            of the ring are down; for reads only, and not for the AFTER kinds.
        count: How many requests it strikes at most; None for no end.
        expires_s: After which it strikes no more; None for never.
    """

    kind: FaultKind
    table: str | None = None
    operation: Operation | None = None
    percentage: float = 100
    latency_ms: int | None = None
    above_token: int | None = None
    count: int | None = None
    expires_s: int | None = None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A sum since the node started, under the name and dimensions that it has in CloudWatch's AWS/Cassandra.

    Attributes:
        operation: CQL verb; None where the metric does not have the dimension.
    """

    name: str
    keyspace: str
    table: str
    operation: str | None
    unit: str
    value: float

    @property
    def dimensions(self) -> dict[str, str]:
        """As CloudWatch names them."""
        named = {"Keyspace": self.keyspace, "TableName": self.table, "Operation": self.operation}
        return {name: value for name, value in named.items() if value is not None}


class LocalKeyspacesAdmin:
    """Speaks to the admin server of one node.

    Every method raises AdminError when the server refuses, and OSError when it is not there.
    """

    def __init__(self, *, port: int, host: str = "127.0.0.1", timeout_s: float = 30) -> None:
        self.host = host
        self.port = port
        self.timeout_s = timeout_s

    def settings(self) -> dict[str, Any]:
        """All settings."""
        return dict(self._ask("GET", "/settings"))

    def change_settings(self, **changes: int | bool) -> dict[str, Any]:
        """Set some, at once and until the node ends. Returns all.

        `capacity` and `ddl_frozen` are true or false; `ddl_delay_ms`, `clock_skew_us` and the limits are integers.
        """
        return dict(self._ask("PUT", "/settings", changes))

    def rules(self) -> dict[str, bool]:
        """Whether each rule is enforced, by id."""
        return dict(self._ask("GET", "/rules"))

    def turn_rules(self, changes: Mapping[str, bool]) -> dict[str, bool]:
        """Enforce rules or don't. Returns all."""
        return dict(self._ask("PUT", "/rules", changes))

    def metrics(self) -> list[Metric]:
        """What was counted of each table."""
        return [_metric(found) for found in self._ask("GET", "/metrics")["metrics"]]

    def total(self, name: str, table: str) -> float:
        """A metric of `keyspace.table`, summed over operations. 0 when nothing was counted."""
        return sum(
            found.value for found in self.metrics() if (found.name, f"{found.keyspace}.{found.table}") == (name, table)
        )

    def add_fault(self, fault: Fault) -> int:
        """Let something go wrong from now on. Returns the fault's id."""
        said = {name: value for name, value in vars(fault).items() if value is not None}
        return int(self._ask("POST", "/faults", said)["id"])

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are set, with how many requests each has struck."""
        return list(self._ask("GET", "/faults")["faults"])

    def remove_fault(self, fault_id: int) -> None:
        """Let it strike no more."""
        self._ask("DELETE", f"/faults/{fault_id}")

    def clear_faults(self) -> None:
        """Remove all."""
        self._ask("DELETE", "/faults")

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)
        try:
            connection.request(method, path, body=None if body is None else json.dumps(dict(body)))
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status not in (OK, CREATED):
            raise AdminError(f"{method} {path}: {answer['error']}")
        return answer


def _metric(found: dict[str, Any]) -> Metric:
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in found["Dimensions"]}
    return Metric(
        name=found["MetricName"],
        keyspace=dimensions["Keyspace"],
        table=dimensions["TableName"],
        operation=dimensions.get("Operation"),
        unit=found["Unit"],
        value=found["Value"],
    )
