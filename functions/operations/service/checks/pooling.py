"""Purchases at the exchange: each is a member of one batch, or of the pool's open generation, whose total it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

from common import keys
from common.domain import pools
from common.domain.ledger.model import USD, TransactionType
from common.money import EXACT, plain
from functions.operations.entries import ZERO, Entry, Reads
from functions.operations.service.checks import desk
from functions.operations.service.checks.trading import COMPLETED, PENDING, journaled, waiting

CANCELLED, ALLOCATED = "CANCELLED", "ALLOCATED"


def purchase(reads: Reads, purchase: Entry) -> Iterator[str]:
    yield from waiting(purchase, unfinished=purchase.status == PENDING)
    if purchase.status == CANCELLED:
        return
    batch_id = str(purchase.batch_id)
    member = reads.get(keys.MEMBER(batch_id=batch_id, order_id=purchase.PK))
    if member is None:
        yield f"it is {purchase.status}, and a member of nothing"
    elif (member.held_amount, member.asset_id, member.sub) != (
        purchase.held_amount,
        purchase.asset_id,
        purchase.sub,
    ):
        yield f"it holds ${plain(purchase.held_amount or ZERO)}, as a member ${plain(member.held_amount or ZERO)}"
    elif (member.allocated_at is None) != (purchase.status == PENDING):
        yield f"it is {purchase.status}, its membership says otherwise"
    if (purchase.total_amount or ZERO) > (purchase.held_amount or ZERO):
        yield "more was paid for it than was held"
    if purchase.status == COMPLETED:
        asset_id, got = str(purchase.asset_id), purchase.executed_quantity
        yield from journaled(reads, purchase, asset_id, TransactionType.BUY, got)
    elif purchase.status == PENDING and reads.get(keys.BATCH(batch_id=batch_id)) is None:
        pool = None if purchase.shard is None else reads.get(_pool(purchase))
        if pool is None or pool.pool_generation != purchase.pool_generation:
            yield "it waits in a generation that is neither open nor closed"


def _pool(purchase: Entry) -> keys.PrimaryKey:
    return keys.POOL(asset_id=str(purchase.asset_id), shard=str(purchase.shard))


def member(reads: Reads, member: Entry) -> Iterator[str]:
    batch_id, order_id = member.parts["batch_id"], member.parts["order_id"]
    purchase = reads.get(keys.PURCHASE(order_id=order_id))
    if purchase is None:
        yield f"it is a member of {batch_id}, and not there"
    elif purchase.batch_id != batch_id or purchase.status == CANCELLED:
        yield f"it is {purchase.status} in {purchase.batch_id}, and a member of {batch_id}"


def pool(reads: Reads, pool: Entry) -> Iterator[str]:
    """Members come and go with the head, so that they are of its moment if it has not moved meanwhile."""
    generation = pools.batch_id(str(pool.asset_id), int(pool.shard or 0), int(pool.pool_generation or 0))
    total, number = ZERO, 0
    for member in reads.beside(generation, keys.MEMBER):
        total, number = EXACT.add(total, member.held_amount or ZERO), number + 1
    if (pool.total, int(pool.members or 0), pool.waits) == (total, number, number > 0):
        return
    now = reads.get(pool.key)
    if now is not None and now.updated_at == pool.updated_at:
        yield (
            f"its total is ${plain(pool.total or ZERO)} of {pool.members or 0}, "
            f"that of its members ${plain(total)} of {number}{'' if pool.waits else ', and nobody looks after it'}"
        )


def batch(reads: Reads, batch: Entry) -> Iterator[str]:
    """Of one that is allocated: what it has brought and cost is what its members have got and paid, and the desk."""
    if batch.status != ALLOCATED:
        yield from waiting(batch, unfinished=True)
        return
    paid = got = ZERO
    pending = 0
    for member in reads.beside(batch.PK, keys.MEMBER):
        purchase = reads.get(keys.PURCHASE(order_id=member.parts["order_id"]))
        if purchase is not None:  # which its membership tells
            paid, got = _plus(paid, purchase.total_amount), _plus(got, purchase.executed_quantity)
            pending += purchase.status == PENDING
    if pending:
        yield f"it is allocated, and {pending} of its members wait"
    cost = _plus(batch.gross_amount or ZERO, batch.fee_amount)
    received = max(ZERO, EXACT.subtract(batch.executed_quantity or ZERO, batch.fee_in_asset or ZERO))
    left = {asset_id: -Decimal(fee) for asset_id, fee in json.loads(batch.fees_elsewhere or "{}").items()}
    left[USD] = EXACT.subtract(_plus(paid, left.get(USD)), cost)
    left[str(batch.asset_id)] = EXACT.subtract(received, got)
    if not batch.waits:  # one that waits for its last look has brought nothing
        yield from desk.has(reads, batch.PK, batch.updated_at, left)


def _plus(a: Decimal, b: Decimal | None) -> Decimal:
    return EXACT.add(a, b or ZERO)
