"""A sell order as the parent of its exchange order: what each move there means for the customer's coins and dollars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common.domain import limits
from common.domain.desk_book import store as desk_book
from common.domain.desk_book.model import DeskLimitReached
from common.domain.exchange_orders.model import ExchangeOrder, Fill
from common.domain.exchange_orders.service import Commit
from common.domain.ledger import store as ledger
from common.domain.ledger.model import AssetTransaction, TransactionType
from common.domain.limits import Limited
from common.domain.timeline import EXCHANGE, MACHINE
from common.log import log
from common.money import ZERO, Money
from common.table.table import Table
from common.table.transaction import Write
from functions.offramp import model, store
from functions.offramp.model import SellOrder, Status


@dataclass(frozen=True)
class Selling:
    """What each move of its exchange order, its `child`, means for a sell order. `order` is as it was read; each write
    stands under the condition that it still is. `also` is written with what ends the child, and asked for just before:
    by then the exchange may have taken its time."""

    table: Table
    order: SellOrder
    also: Callable[[], Sequence[Write]] = lambda: ()

    def on_accepted(self, child: ExchangeOrder) -> list[Write]:
        at, after = child.updated_at, accepted(self.order, child)
        reason = f"{child.exchange} has it as {child.name}, client order id {child.client_order_id}"
        return [store.accept(self.order, at), store.event(after, self.order.status, reason, EXCHANGE, at)]

    def on_refused(self, child: ExchangeOrder) -> list[Write]:
        assert child.reason is not None
        return [store.refuse(self.order, child.reason, child.updated_at), *self._give_back(child)]

    def on_never(self, child: ExchangeOrder) -> list[Write]:
        return [store.wait_to_look_again(self.order, child), *self._give_back(child)]

    def _give_back(self, child: ExchangeOrder) -> list[Write]:
        at, by = child.updated_at, EXCHANGE if child.evidence is None else child.evidence.operators
        return [
            *self._released(at),
            store.event(
                self.order, self.order.status, f"not sold: {child.evidence or child.reason}", by, at, fails=True
            ),
        ]

    def on_lost(self, child: ExchangeOrder, why: str, by: str) -> list[Write]:
        assert child.reason is not None
        at = child.updated_at
        after = model.unsold(self.order, child.reason, at)
        return [
            store.fail(self.order, after, look_at=child.look_at),
            *self._released(at),
            store.event(after, self.order.status, why, by, at),
            *self.also(),
        ]

    def on_final(self, _: ExchangeOrder, fill: Fill, at: datetime, commit: Commit) -> None:
        order, after = self.order, model.sold(self.order, fill, at)
        if after.status is Status.BASE_TXN_FAILED:
            event = store.event(after, order.status, _told(fill), fill.by or EXCHANGE, at)
            return commit([store.fail(order, after), event, *self._released(at), *self.also()])
        if order.rest is None or after.desk_buys is None:
            return self._book(after, fill, [], commit)
        try:
            return self._book(after, fill, [desk_book.buy(after.desk_buys, order.rest.desk_buys_max, at)], commit)
        except DeskLimitReached as reached:
            log.info("not for the desk", extra={"order_id": order.order_id, "why": reached.detail})
            return self._book(model.sold(order, fill, at, desk_may_buy=False), fill, [], commit)

    def _book(self, after: SellOrder, fill: Fill, also: Sequence[Write], commit: Commit) -> None:
        """The coins go out of the holding with their cost; the dollars come in and are held for the payout."""
        owner, at, sold = after.owner, after.updated_at, model.SaleResult(fill, after.desk_buys)
        desk = after.desk_buys
        told = _told(fill) if desk is None else f"{_told(fill)}; the desk buys {desk.quantity} at ${desk.price}"
        writes = [
            store.sell(self.order, after),
            store.event(after, self.order.status, told, fill.by or EXCHANGE, at),
            *self.also(),
            *also,
            *(ledger.desk_line(left, "its part of a sale", after.order_id, at) for left in sold.left_to_the_desk),
        ]
        if sold.proceeds != self.order.estimated_amount:
            writes.append(self._uncounted(self.order.estimated_amount - sold.proceeds, at))
        if sold.proceeds != ZERO:
            writes.append(ledger.credit_held(owner, sold.proceeds, at))

        def book(sale: ledger.Sale) -> None:
            settled = ledger.settle_asset(owner, sale, at, hold=after.quantity)
            commit([*writes, settled, ledger.journal(_line(after, sale))])

        ledger.sell(self.table, owner, sold.executed, sold.proceeds, book)

    def _released(self, at: datetime) -> list[Write]:
        """Nothing was sold: the coins are free again, and the day's limit goes back."""
        order = self.order
        return [
            ledger.release_asset(order.owner, order.quantity, at),
            self._uncounted(order.estimated_amount, at),
        ]

    def _uncounted(self, amount: Money, at: datetime) -> Write:
        return limits.give_back(self.order.owner, Limited.PAYOUT, amount, self.order.created_at, at)

    def on_turned_up(self, child: ExchangeOrder) -> list[Write]:
        return [store.turned_up(self.order, child.name, child.updated_at)]

    def on_absent(self, child: ExchangeOrder) -> Sequence[Write]:
        return [store.looked(self.order, child.updated_at)]

    def on_stopped(self, child: ExchangeOrder, why: str) -> list[Write]:
        order, at = self.order, child.updated_at
        told = [] if order.needs_person else [store.event(order, order.status, f"stopped: {why}", MACHINE, at)]
        return [store.stop(order, why, at), *told]


def accepted(order: SellOrder, exchange_order: ExchangeOrder) -> SellOrder:
    """The order once the exchange has it."""
    return replace(order, status=Status.BASE_TXN_PENDING, updated_at=exchange_order.updated_at)


def _told(fill: Fill) -> str:
    return f"{fill.state}: {fill.executed} for ${fill.gross}, fee ${fill.fee}"


def _line(order: SellOrder, sale: ledger.Sale) -> AssetTransaction:
    """The journal's line of a sale. Its price is the average before fees."""
    assert order.executed is not None
    assert order.gross is not None
    assert order.total_amount is not None
    return AssetTransaction(
        username=order.owner.username,
        sub=order.owner.sub,
        quantity=order.executed,
        transaction_type=TransactionType.SELL,
        price_per_unit=order.gross.per_unit_of(order.executed),
        total_amount=order.total_amount,
        order_id=order.order_id,
        created_at=order.updated_at,
        cost=sale.cost,
        realised_gain=sale.realised_gain,
    )
