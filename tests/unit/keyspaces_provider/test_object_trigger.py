"""Waiting for objects where S3 does not answer; with one that does: tests/integration/test_consistency_by_lambda.py."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_provider.triggers.comparison import ObjectTrigger
from rehearsal.ports import free_ports

if TYPE_CHECKING:
    from airflow.triggers.base import TriggerEvent


@pytest.fixture
def trigger(monkeypatch: pytest.MonkeyPatch) -> ObjectTrigger:
    """Of a bucket at an address where nobody listens, for two more seconds."""
    extra = {"region_name": "us-east-1", "endpoint_url": f"http://127.0.0.1:{free_ports(1)[0]}"}
    connection = {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SOME_AWS", json.dumps(connection))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    return ObjectTrigger(
        aws_conn_id="some_aws",
        region="us-east-1",
        roles=[],
        bucket="results",
        prefix="a",
        keys=["a.json", "a.failed.json"],
        until=(datetime.now(UTC) + timedelta(seconds=2)).isoformat(),
        look_every_s=0.1,
    )


def test_an_s3_that_does_not_answer_is_asked_again_until_the_time_is_over(
    trigger: ObjectTrigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[datetime] = []
    look = trigger.look

    def counted() -> list[str]:
        looks.append(datetime.now(UTC))
        return look()

    monkeypatch.setattr(trigger, "look", counted)

    async def first() -> TriggerEvent:
        return await anext(trigger.run())

    assert asyncio.run(first()).payload == {"found": []}
    assert datetime.now(UTC) >= datetime.fromisoformat(trigger.until)
    assert len(looks) > 1


def test_what_airflow_keeps_of_it_makes_it_anew(trigger: ObjectTrigger) -> None:
    path, arguments = trigger.serialize()
    again: Any = ObjectTrigger(**json.loads(json.dumps(arguments)))
    assert path == "keyspaces_provider.triggers.comparison.ObjectTrigger"
    assert again.serialize() == (path, arguments)
