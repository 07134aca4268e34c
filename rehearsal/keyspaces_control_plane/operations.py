"""Keyspaces' API, put together from the operations on each kind of resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.keyspaces_control_plane.api import Api
from rehearsal.keyspaces_control_plane.keyspaces import KeyspaceOperations
from rehearsal.keyspaces_control_plane.live_types import LiveTypes
from rehearsal.keyspaces_control_plane.tables import TableOperations
from rehearsal.keyspaces_control_plane.tags import TagOperations
from rehearsal.keyspaces_control_plane.user_types import TypeOperations

if TYPE_CHECKING:
    import threading

    from rehearsal.keyspaces_control_plane.backend import Backend

NOT_SUPPORTED = {
    "RestoreTable": "it keeps no backups",
    "UpdateKeyspace": "it has one Region, and this operation adds Regions",
}


def keyspaces_api(backend: Backend, lock: threading.Lock) -> Api:
    """The API that boto3 calls `keyspaces`."""
    return Api(
        service="keyspaces",
        operations={
            **KeyspaceOperations(backend).operations(),
            **TableOperations(backend).operations(),
            **TypeOperations(backend, LiveTypes(backend.schema.session)).operations(),
            **TagOperations(backend).operations(),
        },
        not_supported=NOT_SUPPORTED,
        lock=lock,
    )
