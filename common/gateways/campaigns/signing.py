"""How a participant logs in: a signature of Ethereum's under a text, `personal_sign` (ERC-191, version 0x45).

    hash       Keccak-256 of "\\x19Ethereum Signed Message:\\n" + the text's length in bytes + the text
    signature  0x, r and s of 32 bytes each, and 27 + the recovery id in one: hex
    address    0x and the last 20 bytes of the Keccak-256 of the public key's x and y: hex

What begins so is no transaction: no text that somebody has us sign can move anything on the chain.
"""

from __future__ import annotations

import re

from coincurve import PrivateKey, PublicKey
from Crypto.Hash import keccak

_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}")
_SIGNATURE = re.compile(r"0x[0-9a-f]{130}")


class LoginKey:
    """A participant's private key. Raises ValueError for one that can not be one, and does not show it."""

    def __init__(self, private_key: str) -> None:
        if not _KEY.fullmatch(private_key):
            raise ValueError("a login key is 64 hexadecimal digits")
        try:
            self._key = PrivateKey(bytes.fromhex(private_key[-64:]))
        except ValueError:  # zero, or beyond the curve's order
            raise ValueError("a login key is a number of the curve") from None
        self.address = address_of(self._key.public_key)

    def sign(self, text: str) -> str:
        signed = self._key.sign_recoverable(_personal(text), hasher=None)
        return f"0x{signed[:64].hex()}{27 + signed[64]:02x}"


def signer(text: str, signature: str) -> str:
    """The address of who has signed a text. Raises ValueError for what is no signature."""
    if not _SIGNATURE.fullmatch(signature):
        raise ValueError("a signature is 0x and 130 hexadecimal digits")
    written = bytes.fromhex(signature[2:])
    if written[64] not in (27, 28):
        raise ValueError("a signature ends in 1b or 1c")
    try:
        recovered = PublicKey.from_signature_and_message(
            written[:64] + bytes([written[64] - 27]), _personal(text), hasher=None
        )
    except Exception as unfit:  # coincurve raises Exception itself
        raise ValueError("nobody has signed that") from unfit
    return address_of(recovered)


def address_of(public_key: PublicKey) -> str:
    return f"0x{_keccak(public_key.format(compressed=False)[1:])[-20:].hex()}"


def _personal(text: str) -> bytes:
    written = text.encode()
    return _keccak(b"\x19Ethereum Signed Message:\n%d%b" % (len(written), written))


def _keccak(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()
