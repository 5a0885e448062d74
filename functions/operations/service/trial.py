"""The trial balance: of each thing that is over, what it has moved between the accounts of the books. Of each asset
these add up to zero, whatever moves meanwhile, since every entry is of a time that is over when it is looked at.

    customers   what their journals say                    desk     its own account
    own book    the other side of orders that the desk     shares   of batches: what members have paid and got before
                fills itself, without their fees                    the batch was ended
    fees        what the desk takes of those orders
    exchange    what was sold and bought there, with fees  bank     what came in by it and went out
    market makers   the other side of what the desk has of their orders

Who has what is told from different items: the customers' side and the fees from lines of the journal, that of the own
book from orders, the exchange's from the orders there, the bank's from attempts to pay. So a sum that is not zero is a
thing of which one side is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import reduce

from common import keys
from common.domain.exchange_orders.model import Status as AtExchange
from common.domain.exchange_orders.model import fees_of
from common.domain.ledger.model import USD, TransactionType
from common.domain.payouts.model import CASH_OUT, AttemptStatus
from common.money import EXACT, plain
from functions.operations.entries import ZERO, Entry, Reads
from functions.operations.service.checks.pooling import ALLOCATED
from functions.operations.service.checks.trading import COMPLETED

CUSTOMERS, DESK, OWN_BOOK, FEES, SHARES = "customers", "desk", "own book", "fees", "shares"
EXCHANGE, BANK, MARKET_MAKERS = "exchange", "bank", "market makers"

Entries = Iterator[tuple[str, str, Decimal, datetime]]  # account, asset, how much more it has there, and since when


@dataclass
class Trial:
    """Sums by asset and account, of what was over before `until`; and of the desk's own account by what it is of."""

    until: datetime
    sums: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    why: dict[str, dict[str, Decimal]] = field(default_factory=dict)

    def add(self, reads: Reads, entry: Entry) -> None:
        for account, asset_id, amount, at in _entries(reads, entry):
            if amount and at < self.until:
                _plus(self.sums, asset_id, account, amount)
                if account == DESK:
                    row = keys.row_of_id(str(entry.order_id))
                    _plus(self.why, asset_id, "unknown" if row is None else row.entity, amount)

    def sum_of(self, asset_id: str) -> Decimal:
        """Of all accounts; zero where no side of anything is missing."""
        return reduce(EXACT.add, self.sums[asset_id].values(), ZERO)

    def told(self) -> dict[str, dict[str, dict[str, str]]]:
        """As it is kept."""
        return {"sums": _written(self.sums), "why": _written(self.why)}


def read(until: datetime, told: dict[str, dict[str, dict[str, str]]]) -> Trial:
    """What `told` has written."""
    return Trial(until, _unwritten(told["sums"]), _unwritten(told["why"]))


def _written(sums: dict[str, dict[str, Decimal]]) -> dict[str, dict[str, str]]:
    return {asset_id: {name: plain(amount) for name, amount in of.items()} for asset_id, of in sums.items()}


def _unwritten(told: dict[str, dict[str, str]]) -> dict[str, dict[str, Decimal]]:
    return {asset_id: {name: Decimal(amount) for name, amount in of.items()} for asset_id, of in told.items()}


def _plus(sums: dict[str, dict[str, Decimal]], asset_id: str, name: str, amount: Decimal) -> None:
    of = sums.setdefault(asset_id, {})
    of[name] = EXACT.add(of.get(name, ZERO), amount)


def _entries(reads: Reads, entry: Entry) -> Entries:
    row, at = entry.row, entry.updated_at
    if row is keys.ASSET_TRANSACTION:
        yield from _of_customer(entry)
        yield FEES, USD, entry.fee_amount or ZERO, entry.created_at
    elif row is keys.DESK_TRANSACTION:
        asset_id, amount = entry.PK.partition("#")[2], entry.amount or ZERO
        yield DESK, asset_id, amount, entry.created_at
        if str(entry.order_id)[:1] in (keys.MARKET_MAKING_ORDER.id_prefix, keys.SNAPSHOT.id_prefix):
            yield MARKET_MAKERS, asset_id, -amount, entry.created_at
    elif row is keys.ORDER and entry.status == COMPLETED:
        sign = 1 if entry.order_type == TransactionType.BUY else -1
        gross = EXACT.subtract(sign * (entry.total_amount or ZERO), entry.fee_amount or ZERO)
        yield OWN_BOOK, USD, gross, at
        yield OWN_BOOK, str(entry.asset_id), -sign * (entry.quantity or ZERO), at
    elif row is keys.DEPOSIT and entry.status == COMPLETED:
        yield BANK, USD, -(entry.amount or ZERO), at
    elif row is keys.PAYOUT_ATTEMPT and entry.status == AttemptStatus.COMPLETED:
        paid = entry.amount if entry.paid_amount is None else entry.paid_amount
        yield BANK, USD, paid or ZERO, entry.decided_at or at
    elif _is_paid(entry) and not _by_an_attempt(reads, entry):
        yield BANK, USD, entry.total_amount or ZERO, at
    elif row is keys.PURCHASE and entry.status == COMPLETED:
        yield SHARES, USD, entry.total_amount or ZERO, at
        yield SHARES, str(entry.asset_id), -(entry.executed_quantity or ZERO), at
    elif row is keys.SALE and entry.status == COMPLETED:
        yield SHARES, USD, -(entry.total_amount or ZERO), at
        yield SHARES, str(entry.asset_id), entry.executed_quantity or ZERO, at
    elif row is keys.EXCHANGE_ORDER and entry.status == AtExchange.FINAL and _is_cash_outs(entry):
        yield from _sold(entry)
    elif row is keys.BATCH and entry.status == ALLOCATED:
        yield from (_bought(reads, entry) if entry.side is None else _sold_together(reads, entry))


def _of_customer(line: Entry) -> Entries:
    at, total = line.created_at, line.total_amount or ZERO
    comes_in = line.transaction_type in (TransactionType.SELL, TransactionType.DEPOSIT)
    yield CUSTOMERS, USD, total if comes_in else -total, at
    if line.transaction_type in (TransactionType.BUY, TransactionType.SELL):
        quantity = line.quantity or ZERO
        yield CUSTOMERS, str(line.asset_id), -quantity if comes_in else quantity, at


def _is_paid(entry: Entry) -> bool:
    if entry.row is keys.WITHDRAWAL:
        return entry.status == COMPLETED
    return entry.row is keys.SELL_ORDER and entry.status == CASH_OUT.paid and not entry.returned


def _by_an_attempt(reads: Reads, order: Entry) -> bool:
    """Has the bank paid it, or was it paid by another way?"""
    attempts = reads.beside(order.PK, keys.PAYOUT_ATTEMPT) if order.attempts else ()
    return any(attempt.status == AttemptStatus.COMPLETED for attempt in attempts)


def _is_cash_outs(placed: Entry) -> bool:
    """What a batch has placed is told by the batch."""
    return keys.row_of_id(placed.PK) is keys.SELL_ORDER


def _sold(placed: Entry) -> Entries:
    at = placed.resolved_at or placed.updated_at
    net = EXACT.subtract(placed.gross_amount or ZERO, placed.fee_amount or ZERO)
    yield EXCHANGE, USD, -net, at
    yield EXCHANGE, str(placed.asset_id), placed.executed_quantity or ZERO, at
    for asset_id, fee in fees_of(placed.fees_elsewhere or "").items():
        yield EXCHANGE, asset_id, fee, at


def _bought(reads: Reads, batch: Entry) -> Entries:
    at, asset_id = batch.updated_at, str(batch.asset_id)
    for member in reads.beside(batch.PK, keys.MEMBER):
        purchase = reads.get(keys.PURCHASE(order_id=member.parts["order_id"]))
        if purchase is not None and purchase.status == COMPLETED:
            yield SHARES, USD, -(purchase.total_amount or ZERO), at
            yield SHARES, asset_id, purchase.executed_quantity or ZERO, at
    received = max(ZERO, EXACT.subtract(batch.executed_quantity or ZERO, batch.fee_in_asset or ZERO))
    yield EXCHANGE, USD, EXACT.add(batch.gross_amount or ZERO, batch.fee_amount or ZERO), at
    yield EXCHANGE, asset_id, -received, at
    for other, fee in json.loads(batch.fees_elsewhere or "{}").items():
        yield EXCHANGE, other, Decimal(fee), at


def _sold_together(reads: Reads, batch: Entry) -> Entries:
    """What the desk's own book has bought of the members is in the desk's lines, like all that is left over."""
    at, asset_id = batch.updated_at, str(batch.asset_id)
    for member in reads.beside(batch.PK, keys.SELLER):
        sale = reads.get(keys.SALE(order_id=member.parts["order_id"]))
        if sale is not None and sale.status == COMPLETED:
            yield SHARES, USD, sale.total_amount or ZERO, at
            yield SHARES, asset_id, -(sale.executed_quantity or ZERO), at
    net = EXACT.subtract(batch.gross_amount or ZERO, batch.fee_amount or ZERO)
    yield EXCHANGE, USD, -net, at
    yield EXCHANGE, asset_id, EXACT.add(batch.executed_quantity or ZERO, batch.fee_in_asset or ZERO), at
    for other, fee in json.loads(batch.fees_elsewhere or "{}").items():
        yield EXCHANGE, other, Decimal(fee), at
