"""Asking the running application: HTTP on a loopback address, and the file that says where."""

from __future__ import annotations

import json
import os
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx

from rehearsal.processes import WorldError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FILE_NAME = "application.json"
ADDRESS = "127.0.0.1"


class ApplicationGoneError(WorldError):
    """No application answers for this folder."""


class Control:
    """Serves commands: GET /status and POST /<command>, each answered with the JSON of what its function returns."""

    def __init__(self, *, folder: Path, port: int, commands: Mapping[str, Callable[[], Any]]) -> None:
        self._file = folder / FILE_NAME
        self._server = ThreadingHTTPServer((ADDRESS, port), _handler(commands))
        self._server.daemon_threads = False  # an answer under way is finished before the process ends
        self._thread = threading.Thread(target=self._server.serve_forever, name="control", daemon=True)

    def start(self) -> None:
        """Serve, and write down where."""
        self._thread.start()
        content = json.dumps({"pid": os.getpid(), "url": f"http://{ADDRESS}:{self._server.server_address[1]}"})
        new = self._file.with_suffix(".new")
        new.write_text(content, encoding="utf-8")
        new.replace(self._file)

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()
        self._file.unlink(missing_ok=True)


def ask(folder: Path, command: str, *, timeout_s: float) -> dict[str, Any]:
    """Ask the application that runs in a folder.

    Raises:
        ApplicationGoneError: None answers.
        WorldError: It answers with an error.
    """
    try:
        url = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))["url"]
        method = "GET" if command == "status" else "POST"
        response = httpx.request(method, f"{url}/{command}", timeout=timeout_s, trust_env=False)
    except (OSError, httpx.TransportError) as error:
        raise ApplicationGoneError(f"no application answers for {folder}: {error}") from error
    if response.status_code != HTTPStatus.OK:
        raise WorldError(f"the application in {folder} answered {response.status_code} to {command}: {response.text}")
    answer: dict[str, Any] = response.json()
    return answer


def _handler(commands: Mapping[str, Callable[[], Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(is_read=True)

        def do_POST(self) -> None:
            self._answer(is_read=False)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 -- the base class's names
            del format, args

        def _answer(self, *, is_read: bool) -> None:
            command = self.path.strip("/")
            if command not in commands or is_read is not (command == "status"):
                self._send(HTTPStatus.NOT_FOUND, {"error": f"commands: {', '.join(commands)}"})
                return
            try:
                body = commands[command]()
            except Exception as error:  # noqa: BLE001 -- whatever it is, the one who asked gets to see it
                self._send(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": f"{type(error).__name__}: {error}"})
            else:
                self._send(HTTPStatus.OK, body)

        def _send(self, status: HTTPStatus, body: Any) -> None:  # noqa: ANN401 -- any JSON
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
