"""SRP as Cognito's user pools speak it (USER_SRP_AUTH): who knows the password proves it, and it stays here.

SRP-6a (RFC 5054) in the group of 3072 bits (RFC 3526, group 15), with SHA-256; a number is hashed as its big-endian
bytes with a bit for the sign. Both sides derive the key of the proof by HKDF (RFC 5869), under the name "Caldera
Derived Key".
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

N = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
G = 2
_KEY_BYTES = 16


class NoProof(ValueError):
    """What the other side says is no number of this protocol: it is not the user pool that speaks."""


@dataclass(frozen=True)
class Srp:
    """`secret` is a random number, new for each sign-in."""

    pool_id: str
    secret: int

    @property
    def public(self) -> str:
        """What is sent first, as SRP_A: hex."""
        return f"{self._public:x}"

    @property
    def _public(self) -> int:
        return pow(G, self.secret, N)

    def proof(self, user_id: str, password: str, salt: str, theirs: str, secret_block: str, at: datetime) -> str:
        """PASSWORD_CLAIM_SIGNATURE: base64. `salt` and `theirs` (SRP_B) are hex, `secret_block` base64. Raises
        NoProof."""
        said = self._pool_name + user_id.encode() + base64.b64decode(secret_block) + timestamp(at).encode()
        key = self._key(user_id, password, int(salt, 16), int(theirs, 16))
        return base64.b64encode(_mac(key, said)).decode()

    def _key(self, user_id: str, password: str, salt: int, theirs: int) -> bytes:
        mixed = _number(_bytes(self._public) + _bytes(theirs))
        if theirs % N == 0 or mixed == 0:
            raise NoProof("the user pool's part of the proof is none")
        known = sha256(self._pool_name + f"{user_id}:{password}".encode()).digest()
        private = _number(_bytes(salt) + known)
        multiplier = _number(_bytes(N) + _bytes(G))
        shared = pow(theirs - multiplier * pow(G, private, N), self.secret + mixed * private, N)
        return _mac(_mac(_bytes(mixed), _bytes(shared)), b"Caldera Derived Key\x01")[:_KEY_BYTES]

    @property
    def _pool_name(self) -> bytes:
        """Its id without the region."""
        return self.pool_id.partition("_")[2].encode()


def timestamp(at: datetime) -> str:
    """As the proof has it: Sat Nov 21 12:00:00 UTC 2026."""
    return f"{at:%a %b} {at.day} {at:%H:%M:%S} UTC {at:%Y}"


def _number(hashed: bytes) -> int:
    return int.from_bytes(sha256(hashed).digest(), "big")


def _bytes(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _mac(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, said, sha256)
