"""Transactions of Mixin's kernel, version 5, as bytes; and the ids that are computed from other ids.

    transaction   77 77 00 05, asset (32 bytes), inputs, outputs, references (32 bytes each), extra, signatures
    input         hash of a transaction (32), index of its output (u16), then 00 00 each for genesis, deposit and mint
    output        00, its kind (00 script, a1 withdrawal), amount, keys (32 each), mask (32; zeros: none), script,
                  then 00 00, or 77 77 with the address and the tag of a withdrawal
    amount        the number of hundred-millionths
    script        ff fe and how many of the keys have to sign
    signatures    for each input how many, and for each of those the key's index (u16) and 64 bytes; or none at all

    A list begins with its length (u16), as does a text or a number; the length of the extra is a u32. All big-endian.

A transaction's hash is BLAKE3 of these bytes as they are without signatures, the two bytes that say so among them.

Source: github.com/MixinNetwork/mixin @413771e, common/encoding.go and transaction.go; for the ids
github.com/MixinNetwork/bot-api-go-client @5161559 and bot-api-nodejs-client @b9024eb.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from blake3 import blake3

from common.money import EXACT, fraction_digits

DECIMALS = 8  # of every amount, whatever the chain of its asset counts
AMOUNT_DIGITS_MAX = 30  # before the point: with the eight behind it 38, which DynamoDB can hold
INPUTS_MAX = OUTPUTS_MAX = 256
REFERENCES_MAX = 16
EXTRA_BYTES_MAX = 256
_INDEX_MAX = 1024
_BEGINS = b"\x77\x77\x00\x05"
_NOTHING, _SOMETHING = b"\x00\x00", b"\x77\x77"
_PAYMENT, _WITHDRAWAL = b"\x00\x00", b"\x00\xa1"
_SCRIPT = b"\xff\xfe"

T = TypeVar("T")


class NotATransaction(ValueError):
    """Bytes that `encode` would not have written."""


@dataclass(frozen=True)
class Input:
    """An output that is spent: of which transaction, and which of its outputs."""

    transaction_hash: str
    index: int


@dataclass(frozen=True)
class Payment:
    """Money for somebody at the custody: an output whose one-time keys he alone can sign for. One key for each of its
    receivers; `threshold` of them have to sign."""

    amount: Decimal
    keys: tuple[str, ...]
    mask: str
    threshold: int = 1


@dataclass(frozen=True)
class Withdrawal:
    """Money that leaves for an address of a chain."""

    amount: Decimal
    destination: str
    tag: str = ""


@dataclass(frozen=True)
class KernelTransaction:
    """`asset` is the kernel's id of the asset (`kernel_asset_id`). Hashes, keys and masks are 64 hex digits."""

    asset: str
    inputs: tuple[Input, ...]
    outputs: tuple[Payment | Withdrawal, ...]
    references: tuple[str, ...] = ()
    extra: bytes = b""


def encode(transaction: KernelTransaction, signatures: Sequence[bytes] = ()) -> bytes:
    """The bytes of a transaction.

    signatures: 64 bytes for each input, by the first and only key of the output that it spends; or none.

    Raises ValueError for what the kernel would not take: among others an amount that is not above zero or has more
    than eight decimals, and an output that is spent twice.
    """
    _within("inputs", transaction.inputs, 1, INPUTS_MAX)
    _within("outputs", transaction.outputs, 1, OUTPUTS_MAX)
    _within("references", transaction.references, 0, REFERENCES_MAX)
    _within("bytes of extra", transaction.extra, 0, EXTRA_BYTES_MAX)
    if len(set(transaction.inputs)) < len(transaction.inputs):
        raise ValueError("a transaction spends an output twice")
    if signatures and [len(signature) for signature in signatures] != [64] * len(transaction.inputs):
        raise ValueError("a transaction has one signature of 64 bytes for each input, or none")
    return b"".join(
        (
            _BEGINS,
            _32(transaction.asset),
            _list(map(_input, transaction.inputs)),
            _list(map(_output, transaction.outputs)),
            _list(map(_32, transaction.references)),
            len(transaction.extra).to_bytes(4),
            transaction.extra,
            _list(_u16(1) + _u16(0) + signature for signature in signatures),
        )
    )


def decode(raw: bytes) -> tuple[KernelTransaction, tuple[bytes, ...]]:
    """The transaction and its signatures: the inverse of `encode`, and of nothing else. Raises NotATransaction."""
    try:
        transaction, signatures = _read(_Reader(raw))
        written = encode(transaction, signatures)
    except ValueError as wrong:
        raise NotATransaction(f"not a transaction as we write them: {wrong}") from wrong
    if written != raw:
        raise NotATransaction("not a transaction as we write them: the same can be written in another way")
    return transaction, signatures


def transaction_hash(transaction: KernelTransaction) -> str:
    """What the custody calls the transaction, whether it is signed or not. Raises ValueError as `encode` does."""
    return blake3(encode(transaction)).hexdigest()


def parts(amount: Decimal) -> int:
    """An amount in hundred-millionths. Raises ValueError where there is a digit too many: nothing is rounded."""
    if not amount.is_finite() or not -DECIMALS <= amount.adjusted() < AMOUNT_DIGITS_MAX:
        raise ValueError(f"{amount!s:.80} is no amount of a transaction")
    if amount <= 0 or fraction_digits(amount) > DECIMALS:
        raise ValueError(f"{amount!s:.80} is not above zero with at most {DECIMALS} decimals")
    return int(EXACT.scaleb(amount, DECIMALS))


# Ids that are computed from others: the same every time


def kernel_asset_id(asset_id: str) -> str:
    """What the kernel calls an asset. Raises ValueError for an id that is no UUID as it is written."""
    return hashlib.sha3_256(_uuid(asset_id)).hexdigest()


def members_hash(member_ids: Iterable[str]) -> str:
    """What the custody calls those who own outputs together. Raises ValueError."""
    return hashlib.sha3_256(b"".join(sorted(map(_uuid, member_ids)))).hexdigest()


def fee_request_id(request_id: str) -> str:
    """Of the second transaction, which pays the fee of the first. Raises ValueError."""
    return _named(_uuid(request_id) + b"FEE")


def ghost_hint(request_id: str, index: int) -> str:
    """Asked twice with the same hint, the custody makes the same one-time keys. Raises ValueError."""
    of_request = blake3(_uuid(request_id)).digest()
    seed = blake3(of_request + _number(index)).digest()
    return _named((of_request.hex() + seed.hex()).encode())


def _uuid(text: str) -> bytes:
    """Of another way to write the same UUID the hash would be another."""
    if text != str(UUID(text)):
        raise ValueError(f"{text!r} is not a UUID in small letters with its dashes")
    return text.encode()


def _named(of: bytes) -> str:
    """A UUID of version 3 that has no name space."""
    return str(UUID(bytes=hashlib.md5(of, usedforsecurity=False).digest(), version=3))


# Writing


def _within(what: str, listed: Sequence[object], least: int, most: int) -> None:
    if not least <= len(listed) <= most:
        raise ValueError(f"a transaction has {least} to {most} {what}, not {len(listed)}")


def _u16(number: int) -> bytes:
    if not 0 <= number < 0x10000:
        raise ValueError(f"{number} does not fit into two bytes")
    return number.to_bytes(2)


def _32(digits: str) -> bytes:
    value = bytes.fromhex(digits)
    if value.hex() != digits or len(value) != 32:
        raise ValueError(f"{digits!r:.80} is not 64 hex digits in small letters")
    return value


def _number(number: int) -> bytes:
    """Without a leading zero; nothing for 0."""
    return number.to_bytes((number.bit_length() + 7) // 8)


def _list(entries: Iterable[bytes]) -> bytes:
    listed = list(entries)
    return _u16(len(listed)) + b"".join(listed)


def _sized(content: bytes) -> bytes:
    return _u16(len(content)) + content


def _input(spent: Input) -> bytes:
    if not 0 <= spent.index <= _INDEX_MAX:
        raise ValueError(f"an output has an index of 0 to {_INDEX_MAX}, not {spent.index}")
    return _32(spent.transaction_hash) + _u16(spent.index) + 3 * _NOTHING


def _output(output: Payment | Withdrawal) -> bytes:
    amount = _sized(_number(parts(output.amount)))
    if isinstance(output, Withdrawal):
        if not output.destination:
            raise ValueError("a withdrawal has no destination")
        address = _sized(output.destination.encode()) + _sized(output.tag.encode())
        return _WITHDRAWAL + amount + _list([]) + bytes(32) + _sized(b"") + _SOMETHING + address
    if not 0 < output.threshold <= len(output.keys):
        raise ValueError(f"{output.threshold} of {len(output.keys)} keys can not sign")
    script = _sized(_SCRIPT + bytes([output.threshold]))
    return _PAYMENT + amount + _list(map(_32, output.keys)) + _32(output.mask) + script + _NOTHING


# Reading


class _Reader:
    """Bytes, taken from their beginning."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._raw[self._at : self._at + count]
        if len(taken) < count:
            raise ValueError("it ends too early")
        self._at += count
        return taken

    def expect(self, *choices: bytes) -> bytes:
        taken = self.take(len(choices[0]))
        if taken not in choices:
            raise ValueError(f"{taken.hex()} is none of {', '.join(choice.hex() for choice in choices)}")
        return taken

    def u16(self) -> int:
        return int.from_bytes(self.take(2))

    def sized(self) -> bytes:
        return self.take(self.u16())

    def hex32(self) -> str:
        return self.take(32).hex()

    def list(self, read: Callable[[], T]) -> tuple[T, ...]:
        return tuple(read() for _ in range(self.u16()))


def _read(reader: _Reader) -> tuple[KernelTransaction, tuple[bytes, ...]]:
    reader.expect(_BEGINS)
    transaction = KernelTransaction(
        asset=reader.hex32(),
        inputs=reader.list(lambda: _read_input(reader)),
        outputs=reader.list(lambda: _read_output(reader)),
        references=reader.list(reader.hex32),
        extra=reader.take(int.from_bytes(reader.take(4))),
    )
    signatures = reader.list(lambda: reader.expect(_u16(1) + _u16(0)) and reader.take(64))
    return transaction, signatures


def _read_input(reader: _Reader) -> Input:
    spent = Input(reader.hex32(), reader.u16())
    reader.expect(3 * _NOTHING)
    return spent


def _read_output(reader: _Reader) -> Payment | Withdrawal:
    kind = reader.expect(_PAYMENT, _WITHDRAWAL)
    counted = int.from_bytes(reader.sized())
    amount = EXACT.scaleb(Decimal(counted), -DECIMALS) if counted < 10 ** (AMOUNT_DIGITS_MAX + DECIMALS) else Decimal(0)
    keys, mask, script = reader.list(reader.hex32), reader.hex32(), reader.sized()
    if kind == _WITHDRAWAL:
        reader.expect(_SOMETHING)
        return Withdrawal(amount, reader.sized().decode(), reader.sized().decode())
    reader.expect(_NOTHING)
    return Payment(amount, keys, mask, threshold=script[-1] if script else 0)
