"""A migration's `access:` section in the words of Airflow's DAG-level permissions."""

from collections.abc import Mapping

from keyspaces_migration.config import Access, Right

DAGS, DAG_RUNS = "DAGs", "DAG Runs"
CAN_READ, CAN_EDIT, CAN_CREATE = "can_read", "can_edit", "can_create"

# Airflow asks for `can_edit` on the DAG before it starts a run or takes an answer at a gate; who may answer is decided
# by the role's own right on "HITL Detail", which no DAG can give, and by `approvals.approvers`.
_PERMISSIONS: Mapping[Right, Mapping[str, frozenset[str]]] = {
    Right.READ: {DAGS: frozenset({CAN_READ}), DAG_RUNS: frozenset({CAN_READ})},
    Right.TRIGGER: {DAGS: frozenset({CAN_READ, CAN_EDIT}), DAG_RUNS: frozenset({CAN_READ, CAN_CREATE})},
    Right.APPROVE: {DAGS: frozenset({CAN_READ, CAN_EDIT}), DAG_RUNS: frozenset({CAN_READ})},
}


def access_control(access: Access | None) -> dict[str, dict[str, set[str]]] | None:
    """What Airflow takes as `access_control` of a DAG.

    Args:
        access: The section; None: the file has none, and Airflow leaves the DAG's permissions as they are. A section
            without roles takes back what was given before.
    """
    if access is None:
        return None
    return {
        role: {
            resource: {action for right in rights for action in _PERMISSIONS[right][resource]}
            for resource in (DAGS, DAG_RUNS)
        }
        for role, rights in access.roles.items()
    }
