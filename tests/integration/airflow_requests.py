"""Sends requests to Airflow's own API application, in a process and an Airflow home of their own.

Reads one JSON list [method, path, body] a line, and prints for each a line "ANSWER [status, answer]" among whatever
Airflow logs.
"""

from __future__ import annotations

import json
import sys

from airflow.api_fastapi.app import create_app
from fastapi.testclient import TestClient

HTTP_CREATED = 201

with TestClient(create_app(), base_url="http://127.0.0.1") as client:
    token = client.get("/auth/token")
    assert token.status_code == HTTP_CREATED, token.text
    client.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
    for line in sys.stdin:
        method, path, body = json.loads(line)
        answer = client.request(method, path, json=body)
        sys.stdout.write(f"\nANSWER {json.dumps([answer.status_code, answer.json()])}\n")
        sys.stdout.flush()
