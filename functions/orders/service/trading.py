"""A trade against the desk's own book: dollars, holding and journal change together with the order."""

from __future__ import annotations

from common.domain.fees import Tier
from common.domain.ledger import store as ledger
from common.domain.ledger.model import AssetTransaction, TransactionType
from common.money import ZERO
from common.table.table import Table
from common.table.transaction import Write
from functions.orders.model import Order, Side


def trade(table: Table, order: Order, first: Write, *also: Write, tier: Tier | None = None) -> None:
    """Write a completed order, its own write first. A market order takes from what is free, a limit order from its
    hold. See `ledger.store` for what a sale reads. Where its fee is that of a tier: raises TierMoved, unless its
    customer is of that one."""
    assert order.total_amount is not None
    owner, quantity, total, at = order.owner, order.quantity, order.total_amount, order.updated_at

    def commit(sale: ledger.Sale) -> None:
        take = ledger.debit_asset if order.order_price is None else ledger.settle_asset
        line = ledger.journal(_line(order, sale))
        table.write(first, take(owner, sale, at), ledger.credit(owner, total, at, tier=tier), line, *also)

    if order.order_type is Side.SELL:
        seconds_max = min(ledger.SALE_SECONDS_MAX, table.patience.budget_seconds)
        return ledger.sell(table, owner, quantity, total, commit, seconds_max=seconds_max)
    if order.order_price is None:
        paid = ledger.debit(owner, total, at, tier=tier)
    else:
        assert order.hold is not None
        paid = ledger.settle_of_order(owner, order.hold, total, at)
    got = ledger.credit_asset(owner, quantity, total, at)
    return table.write(first, paid, got, ledger.journal(_line(order)), *also)


def _line(order: Order, sale: ledger.Sale | None = None) -> AssetTransaction:
    assert order.price_per_unit is not None
    assert order.total_amount is not None
    return AssetTransaction(
        username=order.owner.username,
        sub=order.owner.sub,
        quantity=order.quantity,
        transaction_type=TransactionType(order.order_type),
        price_per_unit=order.price_per_unit,
        total_amount=order.total_amount,
        order_id=order.order_id,
        created_at=order.updated_at,
        fee=order.fee or ZERO,
        cost=ZERO if sale is None else sale.cost,
        realised_gain=ZERO if sale is None else sale.realised_gain,
    )
