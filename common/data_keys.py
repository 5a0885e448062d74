"""Data of a person or a company under a key of its own, which KMS has wrapped: whoever forgets the wrapped key has
forgotten the data, in every copy of the table that is taken from then on.

    wrapped   what KMS gives for a new key, and takes back for the key: bound to whose it is (the encryption context)
    sealed    base64 of nonce (24 random bytes) and ciphertext, XChaCha20-Poly1305 (libsodium's, by PyNaCl): bound to
              what it is about (associated data), so that nobody can put one item's in the place of another's

KMS is asked once for each key that is made or used; no key outlives the call for which it was asked for.
"""

from __future__ import annotations

import base64
import hashlib
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from common.errors import Unavailable

_NEVER = {"InvalidCiphertextException", "IncorrectKeyException"}  # codes of an answer that another try will not change


class DataKeysUnavailable(Unavailable):
    """What is kept sealed can be neither read nor written now. Send the same request again.

    KMS did not give the key.
    """


class Tampered(Exception):
    """What is sealed, or its wrapped key, is not what was put there. No caller can mend it: it is a bug, or worse."""


class Kms(Protocol):
    """What is asked of KMS's client."""

    def generate_data_key(self, *, KeyId: str, KeySpec: Any, EncryptionContext: Any) -> Any: ...  # noqa: N803
    def decrypt(self, *, KeyId: str, CiphertextBlob: bytes, EncryptionContext: Any) -> Any: ...  # noqa: N803


@dataclass(frozen=True, repr=False)
class DataKey:
    """wrapped: text that may be kept. The key itself is never shown."""

    wrapped: str
    _key: bytes

    def seal(self, plain: bytes, about: str) -> str:
        from nacl.secret import Aead

        return base64.b64encode(Aead(self._key).encrypt(plain, about.encode())).decode()

    def seal_alike(self, plain: bytes, about: str) -> str:
        """As `seal`; the same is sealed alike. Who has no key learns of two that they are the same, and nothing else:
        the nonce is a hash of them under the key, as in the modes of encryption with a synthetic IV (RFC 5297)."""
        from nacl.secret import Aead

        said = len(about).to_bytes(4, "big") + about.encode() + plain
        nonce = hashlib.blake2b(said, digest_size=Aead.NONCE_SIZE, key=self._key, person=b"nonce").digest()
        return base64.b64encode(Aead(self._key).encrypt(plain, about.encode(), nonce)).decode()

    def open(self, sealed: str, about: str) -> bytes:
        """Raises Tampered."""
        from nacl.exceptions import CryptoError
        from nacl.secret import Aead

        try:
            return Aead(self._key).decrypt(base64.b64decode(sealed, validate=True), about.encode())
        except (CryptoError, ValueError, NotBase64) as wrong:
            raise Tampered(f"what is sealed about {about} does not open") from wrong


@dataclass(frozen=True)
class DataKeys:
    """key_id: of the one KMS key that wraps all others; its ARN."""

    client: Kms
    key_id: str

    def new(self, owner: str) -> DataKey:
        """Raises DataKeysUnavailable."""
        made = self._asked("generate_data_key", KeyId=self.key_id, KeySpec="AES_256", EncryptionContext=_context(owner))
        return DataKey(base64.b64encode(made["CiphertextBlob"]).decode(), made["Plaintext"])

    def unwrapped(self, owner: str, wrapped: str) -> DataKey:
        """Raises DataKeysUnavailable, Tampered."""
        told = self._asked(
            "decrypt",
            KeyId=self.key_id,
            CiphertextBlob=base64.b64decode(wrapped),
            EncryptionContext=_context(owner),
        )
        return DataKey(wrapped, told["Plaintext"])

    def _asked(self, operation: str, **asked: Any) -> Any:
        try:
            return getattr(self.client, operation)(**asked)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _NEVER:
                raise Tampered(f"KMS does not unwrap this key: {code}") from error
            raise DataKeysUnavailable(
                f"what is kept sealed can not be opened now: {code}", retry_after_seconds=5
            ) from error
        except BotoCoreError as error:
            what = type(error).__name__
            raise DataKeysUnavailable(
                f"what is kept sealed can not be opened now: {what}", retry_after_seconds=5
            ) from error


def _context(owner: str) -> dict[str, str]:
    return {"owner": owner}
