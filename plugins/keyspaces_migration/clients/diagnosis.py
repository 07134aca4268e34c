"""Why no session can be opened: a look of our own at each contact point, after the driver has given up.

The driver reports a failed TLS handshake as an `OSError` that has lost its type, and a plain-text connection to a TLS
port as a connection that was shut down. Resolving, connecting, shaking hands and sending one OPTIONS request by hand
tells these apart by what happens, not by wording.
"""

import socket
import ssl
from contextlib import suppress
from enum import Enum, auto

from keyspaces_migration.clients.errors import StoreError, StoreUnreachableError, TlsRefusedError
from keyspaces_migration.clients.settings import PROTOCOL_VERSION, SessionSettings, TlsSettings, host_and_port
from keyspaces_migration.clients.tls import ssl_context

# Native protocol v4, section 2: version, flags, stream (two bytes), opcode, length (four bytes). OPTIONS has no body,
# and is the one request that is answered before authentication.
_OPTIONS = bytes([PROTOCOL_VERSION, 0, 0, 0, 0x05, 0, 0, 0, 0])
_HEADER_BYTES = 9
_OPCODE_AT = 4
_ERROR, _SUPPORTED = 0x00, 0x06
_RESPONSE_BIT = 0x80

# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL's x509_vfy.h
_WRONG_NAME = {62, 64}


class Speech(Enum):
    """What a port answered to one OPTIONS request."""

    CQL = auto()
    OTHER_VERSION = auto()
    SILENCE = auto()
    SOMETHING_ELSE = auto()


def diagnose(settings: SessionSettings) -> StoreError | None:
    """Look at every contact point and return what is wrong, or None when one of them answers as it should.

    Costs up to `connect_timeout_s` for each step at each host. A TLS error is returned before one of reaching the
    host: it comes from a node that is there.
    """
    found: list[StoreError] = []
    for host in settings.hosts:
        error = _look_at(host, settings)
        if error is None:
            return None
        found.append(error)
    return min(found, key=lambda error: not isinstance(error, TlsRefusedError))


def _look_at(host: str, settings: SessionSettings) -> StoreError | None:
    try:
        address = socket.getaddrinfo(host, settings.port, type=socket.SOCK_STREAM)[0][4][0]
    except socket.gaierror as error:
        return _unreachable(
            host, settings, f"the host name does not resolve ({error.strerror})", "Check its spelling and the DNS."
        )
    try:
        with socket.create_connection((str(address), settings.port), timeout=settings.connect_timeout_s) as plain:
            if settings.tls:
                return _look_at_tls(plain, host, settings.tls, settings)
            return _look_at_plain(plain, host, settings)
    except TimeoutError:
        return _unreachable(
            host,
            settings,
            f"nothing answers within {settings.connect_timeout_s:g} s",
            "Check the address, and the firewalls or security groups on the way.",
        )
    except ConnectionRefusedError:
        return _unreachable(
            host,
            settings,
            "the connection is refused: the machine is there and nothing listens on that port",
            "Check the port (9042 for Cassandra unless changed, 9142 for Amazon Keyspaces) and that the node is up.",
        )
    except OSError as error:
        return _unreachable(host, settings, f"it cannot be reached ({error})", "Check the address and the network.")


def _look_at_plain(plain: socket.socket, host: str, settings: SessionSettings) -> StoreError | None:
    speech = _ask(plain)
    if speech is Speech.CQL:
        return None
    if speech is not Speech.OTHER_VERSION and _speaks_tls(host, settings):
        return TlsRefusedError(
            host=host_and_port(host, settings.port),
            found="the port speaks TLS and the settings speak plain text",
            hint="Turn TLS on.",
        )
    return _not_ours(speech, host, settings)


def _look_at_tls(plain: socket.socket, host: str, tls: TlsSettings, settings: SessionSettings) -> StoreError | None:
    # The driver checks the certificate against the address that it connects to, unless one name is given for all.
    ip = str(plain.getpeername()[0])
    name = tls.server_hostname or ip
    where = host_and_port(host, settings.port)
    try:
        with ssl_context(tls).wrap_socket(plain, server_hostname=name) as encrypted:
            speech = _ask(encrypted)
            return None if speech is Speech.CQL else _not_ours(speech, host, settings)
    except ssl.SSLCertVerificationError as error:
        return _certificate_refused(error, where, name, tls)
    except OSError as error:  # every SSLError, a reset and a time-out are OSErrors
        if _speaks_plain_cql(ip, settings):
            found, hint = "the port speaks plain text and the settings speak TLS", "Turn TLS off, or use the TLS port."
        else:
            found, hint = f"the TLS handshake fails ({error})", "Check that this is the port for CQL over TLS."
        return TlsRefusedError(host=where, found=found, hint=hint)


def _certificate_refused(error: ssl.SSLCertVerificationError, where: str, name: str, tls: TlsSettings) -> StoreError:
    if error.verify_code in _WRONG_NAME:
        return TlsRefusedError(
            host=where,
            found=f"the certificate does not bear the name {name}",
            hint="Give the name that it bears as the server name for TLS, or do not check the name.",
        )
    authorities = tls.ca_file or "the operating system's authorities"
    return TlsRefusedError(
        host=where,
        found=f"the certificate is not trusted by {authorities} ({error.verify_message})",
        hint="Give the file of the authority that signed the nodes' certificates.",
    )


def _ask(connected: socket.socket) -> Speech:
    """Send OPTIONS and say what came back. Waits no longer than the socket's timeout."""
    answer = b""
    try:
        connected.sendall(_OPTIONS)
        while len(answer) < _HEADER_BYTES and (more := connected.recv(_HEADER_BYTES - len(answer))):
            answer += more
    except OSError:
        return Speech.SILENCE
    if len(answer) < _HEADER_BYTES:
        return Speech.SOMETHING_ELSE if answer else Speech.SILENCE
    if answer[0] == _RESPONSE_BIT | PROTOCOL_VERSION and answer[_OPCODE_AT] == _SUPPORTED:
        return Speech.CQL
    if answer[0] & _RESPONSE_BIT and answer[_OPCODE_AT] == _ERROR:
        return Speech.OTHER_VERSION
    return Speech.SOMETHING_ELSE


def _speaks_plain_cql(ip: str, settings: SessionSettings) -> bool:
    with (
        suppress(OSError),
        socket.create_connection((ip, settings.port), timeout=settings.connect_timeout_s) as plain,
    ):
        return _ask(plain) is not Speech.SILENCE
    return False


def _speaks_tls(host: str, settings: SessionSettings) -> bool:
    """Whether a TLS handshake succeeds, whoever signed the certificate. Nothing is sent over it."""
    anyone = ssl.create_default_context()
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE
    with (
        suppress(OSError),
        socket.create_connection((host, settings.port), timeout=settings.connect_timeout_s) as plain,
        anyone.wrap_socket(plain),
    ):
        return True
    return False


def _not_ours(speech: Speech, host: str, settings: SessionSettings) -> StoreError:
    found = {
        Speech.OTHER_VERSION: f"the server refuses version {PROTOCOL_VERSION} of the protocol",
        Speech.SILENCE: "the port accepts a connection and does not answer in CQL",
    }.get(speech, "the port answers, and not in CQL")
    hint = (
        "Cassandra 2.2 or newer is needed."
        if speech is Speech.OTHER_VERSION
        else "Check the port; a node that is starting or overloaded can do this too."
    )
    return _unreachable(host, settings, found, hint)


def _unreachable(host: str, settings: SessionSettings, found: str, hint: str) -> StoreError:
    return StoreUnreachableError(host=host_and_port(host, settings.port), found=found, hint=hint)
