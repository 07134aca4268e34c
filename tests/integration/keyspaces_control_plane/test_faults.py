"""Errors that are asked for: they come, as often as asked, and nothing else fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.keyspaces_control_plane.faults import ApiFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.keyspaces_control_plane.process import KeyspacesControlPlane

QUOTA = ApiFault(operation="GetTable", error="ServiceQuotaExceededException", message="no more", table="t", count=2)


@pytest.fixture
def failing(control_plane: KeyspacesControlPlane) -> Iterator[KeyspacesControlPlane]:
    yield control_plane
    control_plane.fail()


def code_of(client: Any, table: str) -> str:
    with pytest.raises(ClientError) as caught:
        client.get_table(keyspaceName="nowhere", tableName=table)
    return str(caught.value.response["Error"]["Code"])


def test_a_fault_fails_the_calls_that_it_names_as_often_as_it_says(failing: KeyspacesControlPlane, client: Any) -> None:
    failing.fail(QUOTA)
    found = [code_of(client, table) for table in ("other", "t", "t", "t")]
    assert found == [
        "ResourceNotFoundException",
        "ServiceQuotaExceededException",
        "ServiceQuotaExceededException",
        "ResourceNotFoundException",
    ]


def test_a_code_that_no_operation_of_the_model_has_is_answered_all_the_same(
    failing: KeyspacesControlPlane, client: Any
) -> None:
    failing.fail(ApiFault(operation="*", error="ExpiredTokenException", message="The security token is expired"))
    assert code_of(client, "t") == "ExpiredTokenException"
    failing.fail()
    assert code_of(client, "t") == "ResourceNotFoundException"


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": True}, {"operation": 1}])
def test_what_is_no_fault_is_refused(failing: KeyspacesControlPlane, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no fault"):
        failing.fail(ApiFault(**{**QUOTA.to_json(), **wrong}))
