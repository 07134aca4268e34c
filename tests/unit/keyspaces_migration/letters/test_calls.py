"""Failed calls of the comparison Lambda among the letters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keyspaces_migration.letters.calls import failed_call

RECORD: dict[str, Any] = {
    "version": "1.0",
    "timestamp": "2026-11-27T02:00:00.000Z",
    "requestContext": {
        "requestId": "e4b46cbf",
        "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:comparison:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    },
    "requestPayload": {"version": 2, "signing_key": "SECRET"},
    "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
    "responsePayload": {"errorMessage": "the secret source can't be read"},
}


def test_a_failed_call_is_told_by_its_record_and_its_payload_is_not_repeated() -> None:
    said = failed_call(json.dumps(RECORD))
    assert said is not None
    assert (
        "function:comparison:$LATEST that failed (RetriesExhausted, 3 tries: the secret source can't be read)" in said
    )
    assert "SECRET" not in said


def test_a_call_that_was_never_answered_is_one_too() -> None:
    never = {name: value for name, value in RECORD.items() if not name.startswith("response")}
    said = failed_call(json.dumps(never))
    assert said is not None
    assert "(RetriesExhausted, 3 tries)" in said


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        json.dumps({"requestContext": {}, "requestPayload": {}}),
        json.dumps({"requestContext": "x", "requestPayload": {}}),
        json.dumps({"version": 1, "table": "events"}),
    ],
)
def test_anything_else_is_none(body: str) -> None:
    assert failed_call(body) is None
