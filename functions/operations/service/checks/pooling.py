"""Purchases and sales at the exchange: each is a member of one batch, or of the pool's open generation, whose total it
is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

from common import keys
from common.domain import pools
from common.domain.ledger.model import USD, TransactionType
from common.keys import Key
from common.money import EXACT, plain
from functions.operations.entries import ZERO, Entry, Reads
from functions.operations.service.checks import desk
from functions.operations.service.checks.trading import COMPLETED, PENDING, journaled, waiting

CANCELLED, ALLOCATED, SELL = "CANCELLED", "ALLOCATED", "SELL"


def purchase(reads: Reads, purchase: Entry) -> Iterator[str]:
    yield from _traded(reads, purchase, keys.MEMBER, TransactionType.BUY)
    if (purchase.total_amount or ZERO) > (purchase.held_amount or ZERO):
        yield "more was paid for it than was held"


def sale(reads: Reads, sale: Entry) -> Iterator[str]:
    yield from _traded(reads, sale, keys.SELLER, TransactionType.SELL)
    if (sale.executed_quantity or ZERO) > (sale.quantity or ZERO):
        yield "more was sold of it than was held"


def _traded(reads: Reads, order: Entry, row: Key, kind: TransactionType) -> Iterator[str]:
    yield from waiting(order, unfinished=order.status == PENDING)
    if order.status == CANCELLED:
        return
    batch_id = str(order.batch_id)
    member = reads.get(row(batch_id=batch_id, order_id=order.PK))
    if member is None:
        yield f"it is {order.status}, and a member of nothing"
    elif (_held(member), member.asset_id, member.sub) != (_held(order), order.asset_id, order.sub):
        yield f"it holds {_told(order)}, as a member {_told(member)}"
    elif (member.allocated_at is None) != (order.status == PENDING):
        yield f"it is {order.status}, its membership says otherwise"
    if order.status == COMPLETED:
        yield from journaled(reads, order, str(order.asset_id), kind, order.executed_quantity)
    elif order.status == PENDING and reads.get(keys.BATCH(batch_id=batch_id)) is None:
        pool = None if order.shard is None else reads.get(_pool(order))
        if pool is None or pool.pool_generation != order.pool_generation:
            yield "it waits in a generation that is neither open nor closed"


def _sells(entry: Entry) -> bool:
    """Are they coins that it holds?"""
    return entry.row in (keys.SALE, keys.SELLER, keys.SALE_POOL) or entry.side == SELL


def _held(entry: Entry) -> Decimal:
    """Of an order, or of a member: what it gives."""
    return (entry.quantity if _sells(entry) else entry.held_amount) or ZERO


def _told(entry: Entry) -> str:
    return plain(_held(entry)) if _sells(entry) else f"${plain(_held(entry))}"


def _pool(order: Entry) -> keys.PrimaryKey:
    return pools.row(sells=_sells(order))(asset_id=str(order.asset_id), shard=str(order.shard))


def member(reads: Reads, member: Entry) -> Iterator[str]:
    batch_id, order_id = member.parts["batch_id"], member.parts["order_id"]
    order = reads.get(_whose(member)(order_id=order_id))
    if order is None:
        yield f"it is a member of {batch_id}, and not there"
    elif order.batch_id != batch_id or order.status == CANCELLED:
        yield f"it is {order.status} in {order.batch_id}, and a member of {batch_id}"


def _whose(member: Entry) -> Key:
    return keys.SALE if _sells(member) else keys.PURCHASE


def _members(reads: Reads, batch_id: str, *, sells: bool) -> Iterator[Entry]:
    return reads.beside(batch_id, keys.SELLER if sells else keys.MEMBER)


def pool(reads: Reads, pool: Entry) -> Iterator[str]:
    """Members come and go with the head, so that they are of its moment if it has not moved meanwhile."""
    sells = _sells(pool)
    of = str(pool.asset_id), int(pool.shard or 0), int(pool.pool_generation or 0)
    total, number = ZERO, 0
    for member in _members(reads, pools.batch_id(*of, sells=sells), sells=sells):
        total, number = EXACT.add(total, _held(member)), number + 1
    if (pool.total, int(pool.members or 0), pool.waits) == (total, number, number > 0):
        return
    now = reads.get(pool.key)
    if now is not None and now.updated_at == pool.updated_at:
        unit = "" if sells else "$"
        yield (
            f"its total is {unit}{plain(pool.total or ZERO)} of {pool.members or 0}, "
            f"that of its members {unit}{plain(total)} of {number}{'' if pool.waits else ', and nobody looks after it'}"
        )


def batch(reads: Reads, batch: Entry) -> Iterator[str]:
    """Of one that is allocated: what it has brought and cost is what its members have got and paid, and the desk."""
    if batch.status != ALLOCATED:
        yield from waiting(batch, unfinished=True)
        return
    paid = got = ZERO
    pending = 0
    for member in _members(reads, batch.PK, sells=_sells(batch)):
        order = reads.get(_whose(member)(order_id=member.parts["order_id"]))
        if order is not None:  # which its membership tells
            paid, got = _plus(paid, order.total_amount), _plus(got, order.executed_quantity)
            pending += order.status == PENDING
    if pending:
        yield f"it is allocated, and {pending} of its members wait"
    if not batch.waits:  # one that waits for its last look has brought nothing
        left = _left_by_sellers(batch, paid, got) if _sells(batch) else _left_by_buyers(batch, paid, got)
        yield from desk.has(reads, batch.PK, batch.updated_at, left)


def _left_by_buyers(batch: Entry, paid: Decimal, got: Decimal) -> dict[str, Decimal]:
    cost = _plus(batch.gross_amount or ZERO, batch.fee_amount)
    received = max(ZERO, EXACT.subtract(batch.executed_quantity or ZERO, batch.fee_in_asset or ZERO))
    left = _fees(batch)
    left[USD] = EXACT.subtract(_plus(paid, left.get(USD)), cost)
    left[str(batch.asset_id)] = EXACT.subtract(received, got)
    return left


def _left_by_sellers(batch: Entry, got: Decimal, sold: Decimal) -> dict[str, Decimal]:
    brought = EXACT.subtract(batch.gross_amount or ZERO, batch.fee_amount or ZERO)
    left = _fees(batch)
    left[USD] = EXACT.subtract(_plus(brought, left.get(USD)), got)
    left[str(batch.asset_id)] = EXACT.subtract(sold, _plus(batch.executed_quantity or ZERO, batch.fee_in_asset))
    return left


def _fees(batch: Entry) -> dict[str, Decimal]:
    """In other assets: the desk's."""
    return {asset_id: -Decimal(fee) for asset_id, fee in json.loads(batch.fees_elsewhere or "{}").items()}


def _plus(a: Decimal, b: Decimal | None) -> Decimal:
    return EXACT.add(a, b or ZERO)
