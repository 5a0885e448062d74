"""The desk's own account: each of its lines is what something has left over, and nothing is left over without one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from common import keys
from common.clock import text
from common.domain.custody.model import Disposition
from common.domain.ledger.model import USD
from common.domain.payouts.model import kind_of
from common.money import EXACT, plain
from functions.operations.entries import ZERO, Entry, Reads


def has(reads: Reads, order_id: str, at: datetime, left: Mapping[str, Decimal]) -> Iterator[str]:
    """The desk's account has what an order has left over at that time, by asset."""
    for asset_id, amount in left.items():
        line = reads.get(keys.DESK_TRANSACTION(asset_id=asset_id, created_at=text(at), order_id=order_id))
        there = ZERO if line is None else line.amount or ZERO
        if there != amount:
            yield f"it has left {plain(amount)} {asset_id}, the desk's account has {plain(there)} of it"


def line(reads: Reads, line: Entry) -> Iterator[str]:
    """A line of the desk's account is of something that leaves such lines, at the time when it did."""
    order_id, asset_id = str(line.order_id), line.PK.partition("#")[2]
    what = f"the desk's account has {plain(line.amount or ZERO)} {asset_id} of it"
    if line.SK != f"{text(line.created_at)}#{order_id}":
        yield f"{what} under another name or time"
    row = keys.row_of_id(order_id)
    entry = None if row is None else reads.get(keys.PrimaryKey(order_id, row.sk))
    if entry is None:
        yield f"{what}, and it is not there"
    elif row is keys.BATCH:
        if entry.updated_at != line.created_at:
            yield f"{what}, which it has not left"
    elif row in (keys.SELL_ORDER, keys.WITHDRAWAL):
        if entry.resolved_at != line.created_at and not (asset_id == USD and _paid_beyond(reads, entry, line)):
            yield f"{what}, which it has not left"
    elif row is keys.SNAPSHOT:
        if (entry.status, entry.amount) != (Disposition.DESK, line.amount):
            yield f"{what}, which is {entry.status}"
    elif row is not keys.MARKET_MAKING_ORDER:
        yield f"{what}, which leaves the desk nothing"


def _paid_beyond(reads: Reads, order: Entry, line: Entry) -> bool:
    """Is it what the bank has paid beyond a payout, as two operators say?"""
    assert kind_of(order.PK) is not None
    for attempt in reads.beside(order.PK, keys.PAYOUT_ATTEMPT):
        if attempt.paid_amount is not None and attempt.decided_at == line.created_at:
            return EXACT.subtract(attempt.amount or ZERO, attempt.paid_amount) == line.amount
    return False
