"""A table as GetTable shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rehearsal.keyspaces_control_plane.api import Answer
    from rehearsal.keyspaces_control_plane.backend import Backend
    from rehearsal.keyspaces_control_plane.live_schema import LiveTable

# Developer Guide, PointInTimeRecovery_HowItWorks: any second of the preceding 35 days.
RESTORABLE_MS = 35 * 24 * 60 * 60 * 1000


def summary(backend: Backend, table: LiveTable) -> Answer:
    """The answer of GetTable."""
    specifications = dict(table.specifications)
    specifications["pointInTimeRecovery"] = _recovery(backend, table)
    if warm := specifications.get("warmThroughputSpecification"):
        settled = table.status == "ACTIVE"
        specifications["warmThroughputSpecification"] = {**warm, "status": "AVAILABLE" if settled else "UPDATING"}
    return {
        "keyspaceName": table.keyspace,
        "tableName": table.name,
        "resourceArn": backend.account.arn(table.keyspace, table.name),
        "creationTimestamp": backend.properties.created_ms(table.table_id) / 1000,
        "status": table.status,
        "schemaDefinition": table.schema_definition,
        "comment": {"message": table.comment},
        "defaultTimeToLive": table.default_ttl_s,
        **specifications,
    }


def _recovery(backend: Backend, table: LiveTable) -> dict[str, Any]:
    recovery = table.specifications["pointInTimeRecovery"]
    if recovery["status"] != "ENABLED":
        backend.properties.forget_recovery(table.table_id)
        return recovery
    now_ms = backend.now_ms()
    # The node does not say since when: what this program has not seen enabled before is taken for enabled now.
    since_ms = backend.properties.recovery_since_ms(table.table_id, now_ms)
    return {**recovery, "earliestRestorableTimestamp": max(since_ms, now_ms - RESTORABLE_MS) / 1000}
