"""What is signed at the custody: byte for byte what Mixin's own library publishes, and what the keys' owners verify."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl import bindings

from common.gateways.custody.encoding import Input, decode, transaction_hash
from common.gateways.custody.signing import SessionKey, SpendKey, is_view
from tests.gateways.test_custody_encoding import HASH, RAW, REQUEST, TRANSACTION, USER

# bot-api-nodejs-client, test/mixin/safe.test.ts
SEED = "7fb3893475a82c85e2b3c8a9a9232eddb36651ac32fa98ae83e6c2f33fb1be84"
VIEW = bytes.fromhex("0164ba23d5aa1953132bc0bf5d12d0af7e66de2ba8773701ef135e015f24bb0b")
SIGNATURE = (
    "fde63b999d519394b3ba8a99a9f1d44bc91c2ee73d472d2085fa222925732889"
    "159042b126b4436766d6d3308ee541c50fc1b9b8b83701ac534c68e7f4d0f50c"
)
PUBLIC = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SEED)).public_key()
AT = datetime(2026, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)
BODY = b'{"chain_id": "x"}'


def test_a_transaction_is_signed_with_the_published_signature() -> None:
    signed = SpendKey(SEED).signed(TRANSACTION, [VIEW])
    assert signed.hex() == RAW.removesuffix("0000") + "000100010000" + SIGNATURE


def test_each_input_is_signed_by_its_own_view() -> None:
    """The signature is a plain Ed25519 one, by the public key view × B + the spend key's own."""
    transaction = replace(TRANSACTION, inputs=(*TRANSACTION.inputs, Input(HASH, 1)))
    views = [VIEW, bytes([7]).ljust(32, b"\0")]
    unsigned, signatures = decode(SpendKey(SEED).signed(transaction, views))
    assert unsigned == transaction
    message = bytes.fromhex(transaction_hash(transaction))
    for view, signature in zip(views, signatures, strict=True):
        point = bindings.crypto_scalarmult_ed25519_base_noclamp(view)
        owner = Ed25519PublicKey.from_public_bytes(bindings.crypto_core_ed25519_add(point, PUBLIC.public_bytes_raw()))
        owner.verify(signature, message)
        with pytest.raises(InvalidSignature):
            owner.verify(signature, message[::-1])


@pytest.mark.parametrize("views", [[], [VIEW, VIEW], [b""], [VIEW[:-1]], [bytes(32)], [b"\xff" * 32]])
def test_what_can_not_be_the_inputs_views_signs_nothing(views: list[bytes]) -> None:
    with pytest.raises(ValueError, match="one view for each input"):
        SpendKey(SEED).signed(TRANSACTION, views)


def test_a_view_is_a_reduced_scalar_above_zero() -> None:
    largest = 2**252 + 27742317777372353535851937790883648493 - 1
    assert is_view(largest.to_bytes(32, "little"))
    assert not is_view((largest + 1).to_bytes(32, "little"))
    assert is_view((1).to_bytes(32, "little"))


# The token of a request


def opened(token: str) -> tuple[dict[str, object], dict[str, object]]:
    """Its header and its claims, once the session's public key has verified them."""
    signed, _, signature = token.rpartition(".")
    PUBLIC.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode())
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in signed.split("."))
    return header, claims


def test_a_token_is_of_one_request_and_lasts_a_minute() -> None:
    session = SessionKey(USER, "a-session", SEED)
    token = session.token("POST", "/safe/deposit/entries?a=b%20c", BODY, REQUEST, AT)
    assert opened(token) == (
        {"alg": "EdDSA", "typ": "JWT"},
        {
            "uid": USER,
            "sid": "a-session",
            "iat": 1767225600,
            "exp": 1767225660,
            "jti": REQUEST,
            "sig": hashlib.sha256(b'POST/safe/deposit/entries?a=b%20c{"chain_id": "x"}').hexdigest(),
            "scp": "FULL",
        },
    )
    assert "=" not in token


def test_a_token_of_another_request_is_another() -> None:
    session = SessionKey(USER, "a-session", SEED)
    asked = ("GET", "/safe/snapshots", b"", REQUEST)
    others = [("POST", *asked[1:]), ("GET", "/safe/outputs", *asked[2:]), (*asked[:2], b" ", REQUEST)]
    others += [(*asked[:3], USER)]
    assert len({session.token(*each, AT) for each in (asked, *others)}) == len(others) + 1


@pytest.mark.parametrize("digits", ["", "hush", SEED[:-2], SEED + "00", SEED.upper(), f" {SEED}", "é" * 64])
def test_a_key_that_can_not_be_one_is_refused_and_not_shown(digits: str) -> None:
    for made in (lambda: SessionKey(USER, "a-session", digits), lambda: SpendKey(digits)):
        with pytest.raises(ValueError, match="private key is not 64 hex digits") as refusal:
            made()
        assert not digits or digits not in str(refusal.value)
        assert refusal.value.__cause__ is None
