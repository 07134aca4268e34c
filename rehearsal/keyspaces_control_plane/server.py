"""JSON 1.0 over HTTP: one POST is one operation, named by the header X-Amz-Target."""

from __future__ import annotations

import ipaddress
import json
import logging
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from cassandra import DriverException, RequestValidationException
from cassandra.cluster import NoHostAvailable
from typing_extensions import override

from rehearsal.keyspaces_control_plane.contract import error_codes, service_model
from rehearsal.keyspaces_control_plane.errors import (
    InternalServerError,
    InternalServiceError,
    ServiceError,
    ValidationError,
)
from rehearsal.keyspaces_control_plane.faults import ApiFault, AskedForError, Faults

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearsal.keyspaces_control_plane.api import Answer, Api

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/x-amz-json-1.0"
MAX_BODY_BYTES = 1 << 20


class ControlPlaneServer(ThreadingHTTPServer):
    """The API on a loopback address. Signatures are not checked: whoever reaches loopback may do all."""

    daemon_threads = True

    def __init__(self, apis: Iterable[Api], *, address: str, port: int) -> None:
        if not ipaddress.ip_address(address).is_loopback:
            raise ValueError(f"{address} is not a loopback address: the API checks no signatures")
        self.apis = {service_model(api.service).metadata["targetPrefix"]: api for api in apis}
        self.faults = Faults()
        super().__init__((address, port), _Handler)

    @property
    def url(self) -> str:
        """What boto3 takes as endpoint_url."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ControlPlaneServer

    def do_POST(self) -> None:
        target = self.headers.get("X-Amz-Target", "")
        try:
            status, answer = 200, self._answer(target)
        except ServiceError as error:
            status, answer = error.http_status, {"__type": error.code, "message": str(error)}
        log.info("%s %s %s", target, status, answer.get("message", ""))
        self._send(status, answer)

    def do_GET(self) -> None:
        """Say that it is there, for those who wait for a start."""
        apis = self.server.apis.values()
        self._send(200, {"services": {api.service: sorted(api.operations) for api in apis}})

    def do_PUT(self) -> None:
        """`/faults`: put a list of faults in force, in place of all that were."""
        try:
            if self.path != "/faults":
                raise ValidationError(f"{self.path} is nothing to put; /faults is")
            self.server.faults.replace(ApiFault.from_json(each) for each in self._body(list))
            status, answer = 200, {}
        except ServiceError as error:
            status, answer = error.http_status, {"__type": error.code, "message": str(error)}
        self._send(status, answer)

    def _answer(self, target: str) -> Answer:
        # Read before anything is refused: what is left of a body would be taken for the next request.
        request: dict[str, Any] = self._body(dict)
        prefix, _, operation = target.rpartition(".")
        api = self.server.apis.get(prefix)
        if api is None or operation not in service_model(api.service).operation_names:
            raise ValidationError(f"X-Amz-Target {target!r} names no operation of {', '.join(self.server.apis)}")
        try:
            self.server.faults.check(operation, request)
            return api.call(operation, request)
        except AskedForError:
            raise
        except ServiceError as error:
            if error.code in error_codes(api.service, operation):
                raise
            raise ValidationError(str(error)) from error
        except RequestValidationException as error:
            raise ValidationError(f"Cassandra refuses it: {error}") from error
        except (DriverException, NoHostAvailable) as error:
            failed = InternalServiceError if api.service == "application-autoscaling" else InternalServerError
            raise failed(f"the Cassandra node behind local Keyspaces: {error}") from error

    def _body(self, kind: type[dict[str, Any] | list[Any]]) -> Any:  # noqa: ANN401 - of that kind
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            raise ValidationError(f"a request of {length} bytes; at most {MAX_BODY_BYTES}")
        try:
            request = json.loads(self.rfile.read(length) or (b"{}" if kind is dict else b"[]"))
        except ValueError as error:
            raise ValidationError(f"the body is no JSON: {error}") from error
        if not isinstance(request, kind):
            raise ValidationError(f"the body must be a JSON {'object' if kind is dict else 'list'}")
        return request

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Requests are logged by operation, above."""
