"""What ends in a payout: withdrawals and cash-outs, their attempts, and the bank's adjustments for those."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from common import keys
from common.domain import adjustments
from common.domain.comparisons import BANK
from common.domain.desk_book.model import DeskBuys
from common.domain.exchange_orders.model import Status as AtExchange
from common.domain.exchange_orders.model import fees_of
from common.domain.ledger.model import USD, TransactionType
from common.domain.payouts.model import CASH_OUT, WITHDRAWAL, AttemptStatus, Kind, kind_of
from common.money import EXACT, Price, Quantity, plain
from functions.operations.entries import ZERO, Entry, Reads, said_by
from functions.operations.service.checks import comparing, desk
from functions.operations.service.checks.trading import COMPLETED, journaled, waiting

NEW, WORKING, NOT_SOLD = "NEW", "BASE_TXN_PENDING", "BASE_TXN_FAILED"
SOLD = (CASH_OUT.ready, CASH_OUT.paying, CASH_OUT.failed, CASH_OUT.paid)


def is_unpaid(kind: Kind, status: str | None) -> bool:
    return status in (kind.ready, kind.paying, kind.failed)


def withdrawal(reads: Reads, order: Entry) -> Iterator[str]:
    yield from waiting(order, unfinished=is_unpaid(WITHDRAWAL, order.status))
    yield from _attempts(reads, order, WITHDRAWAL)
    if order.status == COMPLETED:
        yield from journaled(reads, order, USD, TransactionType.WITHDRAW, None)


def sale(reads: Reads, sale: Entry) -> Iterator[str]:
    status = sale.status
    if status == NEW:
        placed = reads.get(keys.EXCHANGE_ORDER(order_id=sale.PK, n=str(sale.exchange_orders)))
        if placed is None:
            yield f"order {sale.exchange_orders} at the exchange is not there"
        elif placed.status == AtExchange.SENT:
            yield from waiting(sale, unfinished=True)
    elif status != NOT_SOLD:  # which may wait for a last look
        yield from waiting(sale, unfinished=status == WORKING or is_unpaid(CASH_OUT, status))
    if status in SOLD:
        yield from journaled(reads, sale, str(sale.asset_id), TransactionType.SELL, sale.executed_quantity)
        yield from _proceeds(reads, sale)
        yield from _attempts(reads, sale, CASH_OUT)
    if status == CASH_OUT.paid and sale.total_amount and not sale.returned:
        yield from journaled(reads, sale, USD, TransactionType.WITHDRAW, None)


def _proceeds(reads: Reads, sale: Entry) -> Iterator[str]:
    """What a sale brought, less the fee, is what is paid and what the desk has of it; fees in other assets, and what
    its own book has bought, are the desk's. What that has not bought was executed at the exchange."""
    assert sale.resolved_at is not None
    placed = reads.get(keys.EXCHANGE_ORDER(order_id=sale.PK, n=str(sale.exchange_orders)))
    if placed is None:
        yield f"order {sale.exchange_orders} at the exchange is not there"
        return
    if (sale.executed_quantity or ZERO) > (sale.quantity or ZERO):
        yield "more was sold than was asked"
    asset_id, by_desk = str(sale.asset_id), sale.desk_quantity or ZERO
    executed = EXACT.add(placed.executed_quantity or ZERO, by_desk)
    if sale.executed_quantity != executed:
        yield f"{plain(sale.executed_quantity or ZERO)} were sold, and {plain(executed)} were taken"
    desk_paid = DeskBuys(Quantity(by_desk, asset_id), Price(sale.desk_price or ZERO)).amount.usd
    net = EXACT.subtract(EXACT.subtract(sale.gross_amount or ZERO, desk_paid), sale.fee_amount or ZERO)
    left = {other: -fee for other, fee in fees_of(placed.fees_elsewhere or "").items()}
    left[USD] = EXACT.add(left.get(USD, ZERO), EXACT.subtract(net, sale.total_amount or ZERO))
    if by_desk:
        left[asset_id] = EXACT.add(left.get(asset_id, ZERO), by_desk)
    yield from desk.has(reads, sale.PK, sale.resolved_at, left)


def _attempts(reads: Reads, order: Entry, kind: Kind) -> Iterator[str]:
    """They are counted without gaps, all but the latest are rejected, and what one has paid is paid."""
    if not order.attempts:
        return
    attempts = list(reads.beside(order.PK, keys.PAYOUT_ATTEMPT))
    numbers = [int(attempt.parts["attempt"]) for attempt in attempts]
    if numbers != list(range(1, int(order.attempts) + 1)):
        yield f"it counts {order.attempts} attempts to pay, there are {len(numbers)}"
    if any(attempt.status != AttemptStatus.REJECTED and attempt.paid_amount is None for attempt in attempts[:-1]):
        yield "an attempt to pay was begun before the one before was rejected"
    latest = attempts[-1].status if attempts else None
    if latest == AttemptStatus.COMPLETED and order.status != kind.paid:
        yield f"it is paid and {order.status}"
    if latest == AttemptStatus.PENDING and not is_unpaid(kind, order.status):
        yield f"it is {order.status}, and an attempt to pay it is open"


def attempt(reads: Reads, attempt: Entry) -> Iterator[str]:
    kind, number = kind_of(attempt.PK), int(attempt.parts["attempt"])
    order = None if kind is None else reads.get(keys.PrimaryKey(attempt.PK, kind.row.sk))
    if order is None:
        yield "there are attempts to pay an order that is not there"
        return
    if number > (order.attempts or 0):
        yield f"attempt {number} to pay is there, the order counts {order.attempts or 0}"
    if attempt.adjustment_id is not None:
        claimed = reads.get(adjustments.key_of(attempt.adjustment_id))
        ours = f"{attempt.PK}-{attempt.parts['attempt']}"
        # What a rejected one had may be that by which its payout was paid otherwise.
        its = {ours} if attempt.status == AttemptStatus.COMPLETED else {ours, attempt.PK}
        if claimed is None or claimed.ours not in its:
            yield f"{ours} is adjustment {attempt.adjustment_id}, which is {said_by(claimed, 'ours', 'nobody')}'s"

    if attempt.status == AttemptStatus.COMPLETED and attempt.paid_amount is None and attempt.listed_at is None:
        # It is made within a day of its attempt, or never.
        yield from comparing.missed(reads, BANK, attempt.created_at, f"{attempt.PK}-{attempt.parts['attempt']}")


def adjustment(reads: Reads, claim: Entry) -> Iterator[str]:
    """What the bank has done is for one payment of ours, which says so."""
    order_id, _, number = str(claim.ours).partition("-")
    told = unquote(claim.parts["adjustment_id"])
    if not number:
        kind = kind_of(order_id)
        found = reads.get(keys.DEPOSIT(order_id=order_id) if kind is None else kind.row(order_id=order_id))
        if found is None:
            yield f"adjustment {told} is that of {order_id}, which is not there"
        elif kind is not None and found.status != kind.paid:
            yield f"adjustment {told} has paid {order_id} by another way, which is {found.status}"
        return
    attempt = reads.get(keys.PAYOUT_ATTEMPT(order_id=order_id, attempt=number))
    # What two operators have said the bank may tell too, under an id of its own.
    decided_by = None if attempt is None else attempt.adjustment_id
    is_its = decided_by is not None and adjustments.key_of(decided_by) == claim.key
    if attempt is None or (not is_its and attempt.paid_amount is None):
        yield f"adjustment {told} is that of {claim.ours}, which does not know it"
