"""Keys: from the secret, strong, several at once, and never in a message."""

import base64
import json
import os

import pytest

from keyspaces_migration.ledger import Keyring, KeyringError

STRONG = base64.b64encode(bytes(range(32))).decode()


def text(*, current: object = "a", **keys: str) -> str:
    return json.dumps({"current": current, "keys": keys})


def test_the_current_key_signs_and_each_verifies() -> None:
    before = Keyring.new("a")
    signature = before.sign(b"record")
    after = before.with_new_key("b", is_current=True)
    assert after.current == "b"
    assert after.verifies(b"record", key_id="a", signature=signature)
    assert not after.verifies(b"record", key_id="b", signature=signature)
    assert not after.verifies(b"another", key_id="a", signature=signature)
    assert after.verifies(b"record", key_id="b", signature=after.sign(b"record"))
    assert before.with_new_key("b", is_current=False).sign(b"record") == signature


def test_the_signature_is_hmac_sha256() -> None:
    """The expected value is of `printf 'Hi There' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f`."""
    ring = Keyring.from_json(text(a=STRONG))
    assert ring.sign(b"Hi There") == "278639ec02309d3afded1b273f1349ba63b9089c12476d716bee3ecc94673e9e"


def test_text_and_keyring_are_the_same() -> None:
    ring = Keyring.new("a").with_new_key("b", is_current=True)
    assert Keyring.from_json(ring.to_json()) == ring


def test_new_keys_are_random_and_never_thought_weak() -> None:
    keys = {Keyring.new("a").keys["a"] for _ in range(2_000)}
    assert len(keys) == 2_000
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "not written as"),
        ("hunter2hunter2", "not written as"),
        ("[]", "not written as"),
        (json.dumps({"keys": {"a": STRONG}}), "not written as"),
        (text(current=1, a=STRONG), "not written as"),
        (text(current="b", a=STRONG), "names 'b' as its current key, and has a"),
        (text(), "names 'a' as its current key, and has none"),
        (text(a="hunter2hunter2!"), "'a'.*not base64"),
        (text(a=base64.b64encode(b"hunter2").decode()), "'a'.*has 7 bytes; it needs 32"),
        (text(a=base64.b64encode(b"hunter2hunter2hunter2hunter2hunter2").decode()), "'a'.*not random"),
        (text(a=base64.b64encode(bytes(32)).decode()), "'a'.*not random"),
        (json.dumps({"current": "a key", "keys": {"a key": STRONG}}), "id 'a key'"),
    ],
)
def test_what_is_no_keyring_of_strong_keys_is_refused_with_the_command_that_makes_one(given: str, message: str) -> None:
    with pytest.raises(KeyringError, match=message) as refused:
        Keyring.from_json(given)
    shown = str(refused.value)
    assert "hunter2" not in shown
    assert STRONG not in shown
    assert refused.value.__cause__ is None
    if "id " not in message and "current key" not in message:
        assert "python -m keyspaces_migration.ledger new-key" in shown


def test_one_weak_key_among_strong_ones_is_refused() -> None:
    weak = base64.b64encode(os.urandom(31)).decode()
    with pytest.raises(KeyringError, match=r"'old'.*31 bytes"):
        Keyring.from_json(text(a=STRONG, old=weak))


def test_a_key_is_not_replaced_by_a_new_one_of_the_same_id() -> None:
    with pytest.raises(KeyringError, match="has a key 'a' already"):
        Keyring.new("a").with_new_key("a", is_current=True)


def test_a_keyring_is_not_spilled_by_its_text() -> None:
    ring = Keyring.from_json(text(a=STRONG))
    assert repr(ring) == str(ring) == "Keyring(current='a')"
