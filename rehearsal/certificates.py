"""Certificates of the local world: one authority, and servers on loopback addresses that it vouches for."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME = dt.timedelta(days=365)
RENEW_BEFORE = dt.timedelta(days=7)
CA_FILE, CERTIFICATE, KEY, KEYSTORE = "ca.pem", "server.pem", "server.key", "server.p12"


@dataclass(frozen=True, kw_only=True)
class ServerFiles:
    """Files of one server.

    Attributes:
        ca_file: PEM certificate of the authority, which clients trust. Its key is never written.
        certificate: PEM certificate of the server.
        key: PEM key of the server, readable by the owner only.
    """

    ca_file: Path
    certificate: Path
    key: Path


def make_server_files(folder: Path, *, address: str, now: dt.datetime) -> ServerFiles:
    """Make an authority and a server certificate for an IP address in `folder`, valid for a year from `now`."""
    folder.mkdir(parents=True, exist_ok=True)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _sign(_authority(authority_key, now=now), authority_key)
    certificate = _sign(_server(address, key, authority=authority, now=now), authority_key)
    files = server_files(folder)
    files.ca_file.write_bytes(authority.public_bytes(Encoding.PEM))
    files.key.touch(mode=0o600)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    return files


def kept_server_files(folder: Path, *, now: dt.datetime, address: str = "127.0.0.1") -> ServerFiles:
    """The files in `folder`, made anew where there are none or the certificate ends within a week."""
    files = server_files(folder)
    if files.key.exists() and files.certificate.exists() and expires(files.certificate) - now > RENEW_BEFORE:
        return files
    return make_server_files(folder, address=address, now=now)


def server_files(folder: Path) -> ServerFiles:
    """Where the files of a server lie in its folder."""
    return ServerFiles(ca_file=folder / CA_FILE, certificate=folder / CERTIFICATE, key=folder / KEY)


def expires(certificate: Path) -> dt.datetime:
    """When a PEM certificate ends, in UTC."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def make_keystore(files: ServerFiles, *, password: str) -> Path:
    """Write the server's key and certificate as PKCS #12 beside them, for Java."""
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    key = _load_key(files.key)
    bundle = pkcs12.serialize_key_and_certificates(
        b"server", key, certificate, None, BestAvailableEncryption(password.encode())
    )
    keystore = files.key.with_name(KEYSTORE)
    keystore.touch(mode=0o600)
    keystore.write_bytes(bundle)
    return keystore


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds a {type(key).__name__}, not an elliptic curve key")
    return key


def _authority(key: ec.EllipticCurvePrivateKey, *, now: dt.datetime) -> x509.CertificateBuilder:
    name = _name("Local world authority")
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(name, name, key, now=now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _server(
    address: str, key: ec.EllipticCurvePrivateKey, *, authority: x509.Certificate, now: dt.datetime
) -> x509.CertificateBuilder:
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName("localhost")])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(_public(authority))
    return (
        _builder(_name(address), authority.subject, key, now=now)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer, critical=False)
    )


def _public(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError(f"the authority has a {type(key).__name__}, not an elliptic curve key")
    return key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def write_ca_bundle(path: Path, *, own: Path | None) -> None:
    """Write the system's authorities and, after them, our `own` if that file is there, to one PEM file.

    What trusts only one file (REQUESTS_CA_BUNDLE) then trusts the stand-ins and the rest of the world.
    """
    candidates = (os.environ.get("REQUESTS_CA_BUNDLE"), ssl.get_default_verify_paths().cafile, certifi.where())
    system = next(Path(candidate) for candidate in candidates if candidate and Path(candidate).is_file())
    ours = own.read_bytes() if own and own.exists() else b""
    path.write_bytes(system.read_bytes() + b"\n" + ours)
