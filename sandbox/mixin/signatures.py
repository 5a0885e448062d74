"""What members sign, and whose signature it is: tokens with the session's key, inputs with one-time keys.

An output's one-time key is A = x·B + Y: Y is the public spend key of its owner, x is told to whoever registers a
transaction that spends it (its `view`). Who has y with Y = y·B signs by x + y, and what comes out is an ordinary
Ed25519 signature under A (RFC 8032). Here x is drawn from the output's mask, and A computed; neither x + y nor how one
signs by it is known here.

Source: github.com/MixinNetwork/mixin @413771e, crypto/key.go; developers.mixin.one @99a7514, "Generate JWT token".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nacl import bindings

from sandbox.mixin.refusals import Code, SafeRefused

LIFETIME_SECONDS_MAX = 91 * 86_400  # the longest that one of the service's own clients takes is 90 days
AHEAD_SECONDS_MAX = 60
_HEADER = {"alg": "EdDSA", "typ": "JWT"}


@dataclass(frozen=True)
class Keystore:
    """What a member's programs are given; keys are seeds of 32 bytes in hex."""

    app_id: str
    session_id: str
    session_private_key: str
    spend_private_key: str


@dataclass(frozen=True)
class Member:
    """Who may ask, as the custody knows him: by his public keys."""

    user_id: str
    session_id: str
    session_public_key: bytes
    spend_public_key: bytes

    @classmethod
    def of(cls, keystore: Keystore) -> Member:
        session, spend = map(public_key, (keystore.session_private_key, keystore.spend_private_key))
        return cls(keystore.app_id, keystore.session_id, session, spend)


def public_key(seed: str) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key().public_bytes_raw()


@lru_cache(maxsize=4096)
def spend_key_of_a_stranger(user_id: str) -> bytes:
    """Of somebody whose programs do not ask here."""
    return public_key(hashlib.sha256(f"spend/{user_id}".encode()).hexdigest())


@lru_cache(maxsize=65_536)
def view(mask: str) -> bytes:
    return bindings.crypto_core_ed25519_scalar_reduce(hashlib.sha512(f"view/{mask}".encode()).digest())


@lru_cache(maxsize=65_536)
def one_time_key(mask: str, spend_public_key: bytes) -> bytes:
    return key_of(view(mask), spend_public_key)


def key_of(view: bytes, spend_public_key: bytes) -> bytes:
    return bindings.crypto_core_ed25519_add(bindings.crypto_scalarmult_ed25519_base_noclamp(view), spend_public_key)


def is_signed(message: bytes, signature: bytes, key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class Tokens:
    """Who asks, by the token of his request. No token is taken twice."""

    def __init__(self, members: Iterable[Member], clock: Callable[[], datetime]) -> None:
        self._members = {(member.user_id, member.session_id): member for member in members}
        self._clock = clock
        self._used: dict[str, int] = {}  # each token's id, and when it ends

    def member(self, authorization: str, method: str, target: str, body: bytes) -> Member:
        """target: path and query as they were sent. Raises SafeRefused(UNAUTHORIZED)."""
        scheme, _, token = authorization.partition(" ")
        parts = token.split(".")
        if scheme != "Bearer" or len(parts) != 3:
            raise _unauthorized("there is no token")
        header, claims = _object(parts[0]), _object(parts[1])
        member = self._members.get((str(claims.get("uid")), str(claims.get("sid"))))
        if header != _HEADER or member is None:
            raise _unauthorized("nobody has this session, or the token is not one of EdDSA")
        if not is_signed(f"{parts[0]}.{parts[1]}".encode(), _bytes(parts[2]), member.session_public_key):
            raise _unauthorized("the token is not signed by the session's key")
        if claims.get("sig") != hashlib.sha256(f"{method}{target}".encode() + body).hexdigest():
            raise _unauthorized("the token is of another request")
        if claims.get("scp") != "FULL":
            raise _unauthorized("the token's scope is not FULL")
        self._use(claims)
        return member

    def _use(self, claims: dict[str, Any]) -> None:
        now = int(self._clock().timestamp())
        begins, ends, id_ = claims.get("iat"), claims.get("exp"), claims.get("jti")
        if not (isinstance(begins, int) and isinstance(ends, int) and isinstance(id_, str) and id_):
            raise _unauthorized("the token has no times, or no id")
        if not (begins <= now + AHEAD_SECONDS_MAX and now < ends <= begins + LIFETIME_SECONDS_MAX):
            raise _unauthorized("the token is not valid now")
        if self._used.get(id_, 0) > now:
            raise _unauthorized("the token was used before")
        if len(self._used) > 10_000:
            self._used = {used: until for used, until in self._used.items() if until > now}
        self._used[id_] = ends


def _unauthorized(why: str) -> SafeRefused:
    return SafeRefused(Code.UNAUTHORIZED, f"Unauthorized: {why}.")


def _bytes(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _unauthorized("the token is not in base64url") from None


def _object(part: str) -> dict[str, Any]:
    try:
        told = json.loads(_bytes(part))
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise _unauthorized("a part of the token is no JSON object")
    return told
