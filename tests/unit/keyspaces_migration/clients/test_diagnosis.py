from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import trustme

from keyspaces_migration.clients import SessionSettings, StoreUnreachableError, TlsRefusedError, TlsSettings
from keyspaces_migration.clients.diagnosis import diagnose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUPPORTED = b"\x84\x00\x00\x00\x06\x00\x00\x00\x02\x00\x00"
WRONG_VERSION = b"\x83\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x0a\x00\x00"
NAME = "cassandra.test"


@contextmanager
def server(answer: bytes | None, *, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Answers each connection's first request with `answer`, or, for None, holds the connection in silence."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)

        def serve_one(plain: socket.socket) -> None:
            with suppress(OSError), plain:
                plain.settimeout(5)
                talking = context.wrap_socket(plain, server_side=True) if context else plain
                with talking:
                    if answer is None:
                        over.wait(10)
                        return
                    talking.recv(9)
                    talking.sendall(answer)

        def serve() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    threads.append(threading.Thread(target=serve_one, args=(listening.accept()[0],)))
                    threads[-1].start()

        threads = [threading.Thread(target=serve)]
        threads[0].start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            for thread in threads:
                thread.join()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def settings(port: int, tls: TlsSettings | None = None, *hosts: str) -> SessionSettings:
    return SessionSettings(hosts=hosts or ("127.0.0.1",), port=port, tls=tls, connect_timeout_s=0.5)


def test_a_plain_node_that_answers_has_nothing_wrong() -> None:
    with server(SUPPORTED) as port:
        assert diagnose(settings(port)) is None


def test_a_tls_node_with_the_right_name_and_authority_has_nothing_wrong(context: ssl.SSLContext, ca_file: Path) -> None:
    with server(SUPPORTED, context=context) as port:
        assert diagnose(settings(port, TlsSettings(ca_file=ca_file, server_hostname=NAME))) is None
        assert diagnose(settings(port, TlsSettings(ca_file=ca_file, check_hostname=False))) is None


def test_the_certificate_is_checked_against_the_address_unless_a_name_is_given(
    context: ssl.SSLContext, ca_file: Path
) -> None:
    with server(SUPPORTED, context=context) as port:
        error = diagnose(settings(port, TlsSettings(ca_file=ca_file)))
    assert isinstance(error, TlsRefusedError)
    assert "does not bear the name 127.0.0.1" in error.found


def test_an_unknown_authority_is_told_from_a_wrong_name(context: ssl.SSLContext, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with server(SUPPORTED, context=context) as port:
        error = diagnose(settings(port, TlsSettings(ca_file=other, server_hostname=NAME)))
    assert isinstance(error, TlsRefusedError)
    assert f"not trusted by {other}" in error.found


def test_tls_against_a_plain_node(ca_file: Path) -> None:
    with server(SUPPORTED) as port:
        error = diagnose(settings(port, TlsSettings(ca_file=ca_file)))
    assert isinstance(error, TlsRefusedError)
    assert error.hint == "Turn TLS off, or use the TLS port."


def test_plain_text_against_a_tls_node(context: ssl.SSLContext) -> None:
    with server(SUPPORTED, context=context) as port:
        error = diagnose(settings(port))
    assert isinstance(error, TlsRefusedError)
    assert error.hint == "Turn TLS on."


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (None, "does not answer in CQL"),
        (b"", "does not answer in CQL"),
        (b"\x84", "answers, and not in CQL"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "answers, and not in CQL"),
        (WRONG_VERSION, "refuses version 4 of the protocol"),
    ],
)
def test_something_else_on_the_port_is_told(answer: bytes | None, found: str) -> None:
    with server(answer) as port:
        error = diagnose(settings(port))
    assert isinstance(error, StoreUnreachableError)
    assert found in error.found
    assert error.host == f"127.0.0.1:{port}"


def test_a_closed_port_is_told_from_a_silent_network() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        closed = diagnose(settings(port))
        bound.listen(0)  # with its queue full, the kernel drops further requests to connect, as a firewall does
        with socket.create_connection(("127.0.0.1", port)):
            silent = diagnose(settings(port))
    assert isinstance(closed, StoreUnreachableError)
    assert "the connection is refused" in closed.found
    assert isinstance(silent, StoreUnreachableError)
    assert "nothing answers within 0.5 s" in silent.found


def test_a_name_that_does_not_resolve() -> None:
    error = diagnose(settings(9042, None, "no-such-host.invalid"))
    assert isinstance(error, StoreUnreachableError)
    assert error.host == "no-such-host.invalid:9042"
    assert "does not resolve" in error.found


def test_one_good_host_among_bad_ones_has_nothing_wrong() -> None:
    with server(SUPPORTED) as port:
        assert diagnose(settings(port, None, "no-such-host.invalid", "127.0.0.1")) is None


def test_an_error_of_tls_goes_before_one_of_reaching(context: ssl.SSLContext) -> None:
    with server(SUPPORTED, context=context) as port:
        error = diagnose(settings(port, None, "no-such-host.invalid", "127.0.0.1"))
    assert isinstance(error, TlsRefusedError)
