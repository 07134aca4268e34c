"""A message through Airflow's mail notifier, to a server that takes one mail and shows what it was sent."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from email import policy
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.config import Channel, EventKind, load_migration
from keyspaces_migration.events import happening
from keyspaces_provider.notifications import Sent, place_of, send

if TYPE_CHECKING:
    from collections.abc import Iterator

FLIGHTS = Path(__file__).parents[2] / "dags/migrations/flights.yaml"
CONTEXT: Any = {
    "ti": SimpleNamespace(dag_id="flights.drift", run_id="run", task_id="drift", log_url="http://airflow/x")
}


class Conversation(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as a client needs to hand over a mail."""

    server: MailServer

    def handle(self) -> None:
        self.say("220 here")
        for line in self.rfile:
            command = line[:4].upper()
            if command == b"DATA":
                self.say("354 go on")
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.say("221 bye" if command == b"QUIT" else "250 fine")
            if command == b"QUIT":
                return

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    """Keeps the mails that it is handed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.mails: list[bytes] = []


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server, while the test runs."""
    with MailServer() as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_an_event_goes_by_mail_with_what_happened_escaped(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    host, port = server.server_address[:2]
    connection = {
        "conn_type": "smtp",
        "host": host,
        "port": port,
        "extra": {"disable_ssl": True, "disable_tls": True},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SMTP", json.dumps(connection))
    channel = Channel(
        notifier="airflow.providers.smtp.notifications.smtp.SmtpNotifier",
        arguments={
            "smtp_conn_id": "smtp",
            "from_email": "airflow@example.com",
            "to": ["data-platform@example.com"],
            "subject": "{{ event.title }}",
            "html_content": "{{ event.html }}",
        },
    )
    flights = load_migration(FLIGHTS)
    told = flights.model_copy(
        update={"notifications": flights.notifications.model_copy(update={"channels": {"mail": channel}})}
    )
    place = place_of(CONTEXT, migration=told)
    event = happening(EventKind.DRIFT, migration=told, place=place, happened="<b>{{ planes }}</b> has gone.")
    assert send(event, migration=told, context=CONTEXT) == Sent(through=("mail",), failed=())
    (mail,) = server.mails
    message = email.message_from_bytes(mail, policy=policy.default)
    assert message["Subject"] == event.title
    assert message["To"] == "data-platform@example.com"
    body = message.get_body(("html",))
    assert body is not None
    assert "&lt;b&gt;{{ planes }}&lt;/b&gt; has gone." in body.get_content()
