"""Services of the AWS stand-in that are cut off for a while, each by itself, as a file says."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    Send = Callable[[dict[str, Any]], Awaitable[None]]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    App = Callable[[Mapping[str, Any], Receive, Send], Awaitable[None]]


class CutKind(StrEnum):
    """What a service that is cut off answers."""

    AWAY = "away"
    """It is not available, whatever is asked."""
    EXPIRED = "expired"
    """The credentials are good no more."""


ANSWERS = {
    CutKind.AWAY: (HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", "The service is not available."),
    CutKind.EXPIRED: (
        HTTPStatus.FORBIDDEN,
        "ExpiredTokenException",
        "The security token included in the request is expired",
    ),
}
"""As AWS answers: status, code, message."""
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
XML_SERVICES = frozenset({"s3"})


def write_cut(file: Path, cut: Mapping[str, CutKind]) -> None:
    """Let these services, by the names that requests are signed for (`sqs`, `appconfig`, `s3`), answer so from now on.

    Unsigned requests are let through. An empty map ends it.
    """
    making = file.with_suffix(".new")
    making.write_text(json.dumps(cut), encoding="utf-8")
    making.replace(file)


class CutServices:
    """An ASGI application that answers for the services that are cut off, and passes all else on."""

    def __init__(self, app: App, file: Path) -> None:
        self._app, self._file = app, file

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request."""
        service = _service(scope) if scope["type"] == "http" else None
        kind = self._cut().get(service) if service else None
        if service is None or kind is None:
            await self._app(scope, receive, send)
            return
        while (await receive()).get("more_body"):  # an answer before the request's end would break the connection
            pass
        status, code, message = ANSWERS[kind]
        if service in XML_SERVICES:
            body, content = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>", "application/xml"
        else:
            body, content = json.dumps({"__type": code, "message": message}), "application/x-amz-json-1.1"
        headers = [(b"content-type", content.encode()), (b"x-amzn-errortype", code.encode())]
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})

    def _cut(self) -> dict[str, CutKind]:
        try:
            said = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {service: CutKind(kind) for service, kind in said.items()}


def _service(scope: Mapping[str, Any]) -> str | None:
    """For which service a request is signed."""
    for name, value in scope["headers"]:
        if name.lower() == b"authorization" and (found := _SCOPE.search(value.decode("latin-1"))):
            return found[1]
    return None
