"""A small KMS in memory, shaped like a botocore client: one key that wraps others. A test compares it with moto's."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import blake2b
from typing import Any

from botocore.exceptions import ClientError
from nacl.exceptions import CryptoError
from nacl.secret import Aead
from nacl.utils import random

KEY_ID = "arn:aws:kms:eu-central-1:123456789012:key/wraps-those-of-dealers"


class InMemoryKms:
    """down: no call is answered. seed: instead of chance, so that another one of the same seed opens what this has
    wrapped, and whoever plays the same again gets the same keys."""

    def __init__(self, key_id: str = KEY_ID, seed: bytes | None = None) -> None:
        self.key_id = key_id
        self.down = False
        self._seed = random(32) if seed is None else seed
        self._made = Counter[bytes]()
        self._key = Aead(self._drawn(b"wraps", Aead.KEY_SIZE))

    def generate_data_key(self, *, KeyId: str, KeySpec: str, EncryptionContext: Any) -> dict[str, Any]:  # noqa: N803
        self._check("GenerateDataKey", KeyId)
        assert KeySpec == "AES_256"
        of = _told(EncryptionContext)
        self._made[of] += 1
        plain = self._drawn(b"key %d of %b" % (self._made[of], of), 32)
        wrapped = self._key.encrypt(plain, of, self._drawn(b"nonce of %b" % plain, Aead.NONCE_SIZE))
        return {"CiphertextBlob": bytes(wrapped), "Plaintext": plain}

    def decrypt(self, *, KeyId: str, CiphertextBlob: bytes, EncryptionContext: Any) -> dict[str, Any]:  # noqa: N803
        self._check("Decrypt", KeyId)
        try:
            return {"Plaintext": self._key.decrypt(CiphertextBlob, _told(EncryptionContext))}
        except (CryptoError, ValueError):
            raise _error("Decrypt", "InvalidCiphertextException") from None

    def _drawn(self, what: bytes, size: int) -> bytes:
        return blake2b(what, digest_size=size, key=self._seed).digest()

    def _check(self, operation: str, key_id: str) -> None:
        if self.down:
            raise _error(operation, "KMSInternalException")
        if key_id != self.key_id:
            raise _error(operation, "NotFoundException")


def _told(context: Any) -> bytes:
    return json.dumps(context, sort_keys=True).encode()


def _error(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)
