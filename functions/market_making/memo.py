"""The memo of a transfer: which order it pays for, and in which pair. Pure.

39 bytes in base58 (Bitcoin's alphabet, 52 or 53 letters), which a transfer carries as UTF-8:

    version 1 | trading type 1 | action 1 | pair id 16 | order id 16 | checksum 4

Ids are the plain bytes of uuids; the checksum is the beginning of the double SHA-256 of what stands before it. Older
wallets append a reward address before the checksum, which is not read. The format is that of Mr.Market's wallets.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

import base58

VERSION = 1
MARKET_MAKING = 1  # of the trading types 0 spot, 1 market making, 2 Simply Grow
CREATE, TOP_UP = 1, 2
_HEAD, _CHECKSUM, _ADDRESS = 35, 4, 20
_LETTERS_MAX = 100


class BadMemo(Exception):
    """The memo names no order. Says why, for whoever sent it: the transfer is refunded."""


@dataclass(frozen=True)
class Memo:
    pair_id: UUID
    order_id: UUID


def encode(memo: Memo) -> str:
    head = bytes([VERSION, MARKET_MAKING, CREATE]) + memo.pair_id.bytes + memo.order_id.bytes
    return base58.b58encode(head + _checksum(head)).decode()


def decode(memo: bytes) -> Memo:
    """Raises BadMemo: in this order for no memo, what is no base58 of the right length, a wrong checksum, and another
    version, trading type or action."""
    if not memo:
        raise BadMemo("no memo")
    try:
        if len(memo) > _LETTERS_MAX:
            raise ValueError
        decoded = base58.b58decode(memo.decode("ascii"))
    except ValueError:  # UnicodeDecodeError is one
        raise BadMemo("the memo is not of a market-making order") from None
    if len(decoded) < 3 + _CHECKSUM:
        raise BadMemo("the memo is not of a market-making order")
    body, checksum = decoded[:-_CHECKSUM], decoded[-_CHECKSUM:]
    if checksum != _checksum(body):
        raise BadMemo("the memo's checksum is wrong")
    version, trading_type, action = body[:3]
    if version != VERSION:
        raise BadMemo(f"the memo's version is {version}; it should be {VERSION}")
    if trading_type != MARKET_MAKING:
        raise BadMemo(f"the memo's trading type is {trading_type}; it should be {MARKET_MAKING}")
    if action == TOP_UP:
        raise BadMemo("a running order can not be topped up")
    if action != CREATE:
        raise BadMemo(f"the memo's action is {action}; it should be {CREATE}")
    if len(body) not in (_HEAD, _HEAD + _ADDRESS):
        raise BadMemo("the memo is not of a market-making order")
    return Memo(UUID(bytes=body[3:19]), UUID(bytes=body[19:35]))


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(body).digest()).digest()[:_CHECKSUM]
