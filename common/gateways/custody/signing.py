"""What our two keys at Mixin sign: the session's key each request, the spend key each output that is spent.

    token      base64url(header).base64url(claims).base64url(Ed25519 signature), RFC 7519 and 8037
               {"alg": "EdDSA", "typ": "JWT"}
               {"uid": app, "sid": session, "iat", "exp", "jti": the request's id, "scp": "FULL",
                "sig": hex SHA-256 of method + path with query + body, exactly as they are sent}

    signature  of an input: an Ed25519 signature of the transaction's hash. Its secret scalar is the one of the spend
               key plus the `view` that the custody tells for the output; its nonce is derived from both.

Source: developers.mixin.one, "Generate JWT token"; github.com/MixinNetwork/mixin @413771e, crypto/key.go.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime

from nacl import bindings
from nacl.signing import SigningKey

from common.gateways.custody.encoding import KernelTransaction, encode, transaction_hash

TOKEN_SECONDS = 60
_SCALARS = 2**252 + 27742317777372353535851937790883648493  # how many there are (RFC 8032, L)


class SessionKey:
    """Says to the custody who asks. Raises ValueError for a private key that can not be one, and does not show it."""

    def __init__(self, app_id: str, session_id: str, private_key: str) -> None:
        self.app_id = app_id
        self._session_id = session_id
        self._key = SigningKey(_seed("the session's private key", private_key))

    def token(self, method: str, target: str, body: bytes, request_id: str, at: datetime) -> str:
        """For this one request. target: its path with its query, as it is sent."""
        issued_at = int(at.timestamp())
        claims: dict[str, object] = {
            "uid": self.app_id,
            "sid": self._session_id,
            "iat": issued_at,
            "exp": issued_at + TOKEN_SECONDS,
            "jti": request_id,
            "sig": hashlib.sha256(f"{method}{target}".encode() + body).hexdigest(),
            "scp": "FULL",
        }
        signed = b".".join((_base64url(_json({"alg": "EdDSA", "typ": "JWT"})), _base64url(_json(claims))))
        return b".".join((signed, _base64url(self._key.sign(signed).signature))).decode()


class SpendKey:
    """Spends our outputs. Raises ValueError for a private key that can not be one, and does not show it."""

    def __init__(self, private_key: str) -> None:
        digest = hashlib.sha512(_seed("the spend private key", private_key)).digest()
        clamped = bytes([digest[0] & 248, *digest[1:31], digest[31] & 127 | 64])
        self._scalar = bindings.crypto_core_ed25519_scalar_reduce(clamped + bytes(32))

    def signed(self, transaction: KernelTransaction, views: list[bytes]) -> bytes:
        """The transaction's bytes with a signature for each input, by its view. Raises ValueError for a number of
        views that is not the inputs', and for a view that is none (`is_view`)."""
        message = bytes.fromhex(transaction_hash(transaction))
        if len(views) != len(transaction.inputs) or not all(map(is_view, views)):
            raise ValueError("there is not one view for each input")
        return encode(transaction, [self._signature(message, view) for view in views])

    def _signature(self, message: bytes, view: bytes) -> bytes:
        key = bindings.crypto_core_ed25519_scalar_add(self._scalar, view)
        nonce = _scalar(hashlib.sha512(key).digest()[32:], message)
        point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
        public = bindings.crypto_scalarmult_ed25519_base_noclamp(key)
        challenge = _scalar(point, public, message)
        answer = bindings.crypto_core_ed25519_scalar_mul(challenge, key)
        return point + bindings.crypto_core_ed25519_scalar_add(answer, nonce)


def is_view(view: bytes) -> bool:
    """Whether these bytes can be a view: a scalar, above zero and reduced."""
    return len(view) == 32 and 0 < int.from_bytes(view, "little") < _SCALARS


def _scalar(*parts: bytes) -> bytes:
    return bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(b"".join(parts)).digest())


def _seed(name: str, digits: str) -> bytes:
    """32 bytes. Raises ValueError, which names them and does not show them."""
    try:
        seed = bytes.fromhex(digits)
    except ValueError:
        seed = b""
    if len(seed) != 32 or seed.hex() != digits:
        raise ValueError(f"{name} is not 64 hex digits in small letters") from None
    return seed


def _json(part: dict[str, object]) -> bytes:
    return json.dumps(part, separators=(",", ":")).encode()


def _base64url(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
