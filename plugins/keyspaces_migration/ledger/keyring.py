"""The secret keys with which the ledger's records are signed."""

import base64
import binascii
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keyspaces_migration.ledger.errors import KeyringError

KEY_BYTES = 32
"""HMAC-SHA256 gains nothing from a longer key, and a shorter one is weaker (RFC 2104, section 3)."""
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# 32 random bytes have about 30 different ones; 16 or fewer come up once in some 10^19 keys. A passphrase, or a key of
# zeros, has fewer.
_LEAST_DIFFERENT_BYTES = 17
_ADVICE = "Make one with: python -m keyspaces_migration.ledger new-key"


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """Keys by id. The current one signs; each of them verifies.

    Attributes:
        current: Id of the key that signs.
        keys: The keys, of at least 32 random bytes each.

    Raises:
        KeyringError: A key is weak, or the current one is not there.
    """

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise KeyringError(
                f"The ledger's keyring names {self.current!r} as its current key, and has "
                f"{', '.join(sorted(self.keys)) or 'none'}. Name one of them, or add the key"
            )
        for key_id, key in self.keys.items():
            _require_strong(key_id, key)

    @classmethod
    def from_json(cls, text: str) -> "Keyring":
        """Read `{"current": "id", "keys": {"id": "base64 of 32 bytes or more"}}`.

        Raises:
            KeyringError: It is not that, or a key is weak. The message quotes no secret.
        """
        current, encoded = _parts(text)
        return cls(current=current, keys={key_id: _decoded(key_id, value) for key_id, value in encoded.items()})

    @classmethod
    def new(cls, key_id: str) -> "Keyring":
        """A keyring with one new random key."""
        return cls(current=key_id, keys={key_id: secrets.token_bytes(KEY_BYTES)})

    def with_new_key(self, key_id: str, *, is_current: bool) -> "Keyring":
        """The same keyring with a new random key beside the others.

        Raises:
            KeyringError: There is a key of that id.
        """
        if key_id in self.keys:
            raise KeyringError(f"The ledger's keyring has a key {key_id!r} already. Give the new one another id")
        keys = {**self.keys, key_id: secrets.token_bytes(KEY_BYTES)}
        return Keyring(current=key_id if is_current else self.current, keys=keys)

    def to_json(self) -> str:
        """The text that `from_json` reads: a secret."""
        return json.dumps({"current": self.current, "keys": self.encoded_keys()})

    def encoded_keys(self) -> dict[str, str]:
        """The keys in base64, by id: secrets."""
        return {key_id: base64.b64encode(key).decode() for key_id, key in self.keys.items()}

    def sign(self, message: bytes) -> str:
        """HMAC-SHA256 of `message` with the current key, in hexadecimal."""
        return _hmac(self.keys[self.current], message)

    def verifies(self, message: bytes, *, key_id: str, signature: str) -> bool:
        """Whether the key `key_id`, which must be there, made this signature of `message`."""
        return hmac.compare_digest(_hmac(self.keys[key_id], message).encode(), signature.encode())

    def derive(self, label: bytes, *, key_id: str) -> str:
        """A secret of 32 bytes, in hexadecimal, that whoever has the key `key_id` can make anew from `label`.

        Raises:
            KeyError: The keyring does not have that key.
        """
        # Apart from what is signed: no signature that is stored is a secret that is derived.
        return _hmac(self.keys[key_id], b"derived secret\0" + label)


def _hmac(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, "sha256").hex()


def _parts(text: str) -> tuple[str, dict[str, Any]]:
    try:
        read = json.loads(text)
    except ValueError:
        # Not chained: the error quotes the text, which is secret.
        read = None
    if (
        not isinstance(read, dict)
        or set(read) != {"current", "keys"}
        or not isinstance(read["current"], str)
        or not isinstance(read["keys"], dict)
    ):
        raise KeyringError(
            'The ledger\'s secret keys are not written as {"current": "id", "keys": {"id": "base64 of 32 random '
            f'bytes"}}}}. {_ADVICE}'
        )
    return read["current"], read["keys"]


def _decoded(key_id: str, value: object) -> bytes:
    try:
        return base64.b64decode(str(value), validate=True)
    except binascii.Error:
        raise KeyringError(f"Key {key_id!r} of the ledger's keyring is not base64. {_ADVICE}") from None


def _require_strong(key_id: str, key: bytes) -> None:
    if _KEY_ID.fullmatch(key_id) is None:
        raise KeyringError(
            f"The ledger's keyring has a key with id {key_id!r}; allowed are up to 64 of A-Z, a-z, 0-9, '.', '_', '-'"
        )
    if len(key) < KEY_BYTES:
        raise KeyringError(
            f"Key {key_id!r} of the ledger's keyring has {len(key)} bytes; it needs {KEY_BYTES} random ones. {_ADVICE}"
        )
    if len(set(key)) < _LEAST_DIFFERENT_BYTES:
        raise KeyringError(f"Key {key_id!r} of the ledger's keyring is not random: it repeats few bytes. {_ADVICE}")
