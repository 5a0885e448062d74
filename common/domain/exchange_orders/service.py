"""The life of an order at the exchange: placed once, looked up, polled, cancelled, and looked for again if missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from common.domain.exchange_orders import store
from common.domain.exchange_orders.model import (
    POLL_LIMIT,
    ExchangeOrder,
    ExchangeOrderMoved,
    ExchangeOrderNotFilled,
    ExchangeOrderOverdue,
    ExchangeOrderUnresolved,
    Fill,
    Miss,
    Status,
    believable,
    miss,
)
from common.errors import NotFound
from common.gateways.exchange import (
    NEVER_PLACED_SECONDS,
    Exchange,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    MarketUnknown,
    OrderReport,
    Side,
    Ticket,
    client_order_id,
)
from common.log import count, log
from common.market import MarketRules
from common.money import Price, Quantity
from common.table.table import Table
from common.table.transaction import Write

Commit = Callable[[Sequence[Write]], None]


class ExchangeOrderNotFound(NotFound):
    """An order has no exchange order where it should have one."""


class ParentOrder(Protocol):
    """What an exchange order is placed for: a sell order, a batch. Each method is told the exchange order, the child,
    as it is after a move (`on_final` as it was before it, and the fill) and answers with what that means for the
    parent: the writes land together with the move, and are refused with ExchangeOrderMoved where the parent has moved
    on."""

    def on_accepted(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange has the order."""
        ...

    def on_refused(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange's definite no, which `child.reason` tells."""
        ...

    def on_never(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange does not have the order; a last look follows at `child.look_at`."""
        ...

    def on_final(self, child: ExchangeOrder, fill: Fill, at: datetime, commit: Commit) -> None:
        """The exchange has ended the order. `commit` the writes; a sale whose cost has moved computes and commits
        again."""
        ...

    def on_turned_up(self, child: ExchangeOrder) -> Sequence[Write]:
        """The exchange has an order that it did not have: a person must look."""
        ...

    def on_absent(self, child: ExchangeOrder) -> Sequence[Write]:
        """The last look did not find it."""
        ...


@dataclass(frozen=True)
class ExchangeOrders:
    """`exchange` is made when it is first needed: loading one takes time."""

    table: Table
    exchange: Callable[[], Exchange]
    now: Callable[[], datetime]

    def rules(self, asset_id: str) -> MarketRules:
        """May be minutes old. Raises MarketUnknown, ExchangeUnavailable."""
        return self.exchange().rules(asset_id)

    def draft(self, order_id: str, number: int, side: Side, quantity: Quantity, limit: Price) -> ExchangeOrder:
        """An order to place, sent now. Its id at the exchange follows from `order_id` and `number`."""
        at = self.now()
        return ExchangeOrder(
            order_id=order_id,
            number=number,
            client_order_id=client_order_id(order_id, str(number)),
            exchange=self.exchange().name,
            buys=side is Side.BUY,
            quantity=quantity,
            limit_price=limit,
            sent_at=at,
            updated_at=at,
        )

    def existing(self, order_id: str, number: int) -> ExchangeOrder:
        """Raises ExchangeOrderNotFound."""
        found = store.find(self.table, order_id, number)
        if found is None:
            raise ExchangeOrderNotFound(f"its exchange order {number} is missing", id=order_id)
        return found

    def place(self, order: ExchangeOrder, parent: ParentOrder, intent: Sequence[Write]) -> ExchangeOrder:
        """Write the intent and the order, then ask the exchange, once. The order as it is then: OPEN, REFUSED, or still
        SENT, when the exchange did not answer.

        Raises what `intent` is refused with; ExchangeOrderMoved: another has placed it; Busy.
        """
        self.table.write(*intent, store.insert(order))
        side = Side.BUY if order.buys else Side.SELL
        try:
            told = self.exchange().place(Ticket(side, order.quantity, order.limit_price, order.client_order_id))
        except (ExchangeRefused, MarketUnknown) as no:
            refused = self._given_up(order, Status.REFUSED, no.detail)
            shown = replace(refused, reason=_shown_to_customers(no))
            return self._moved(shown, [*parent.on_refused(shown), store.give_up(refused)])
        except ExchangeUnavailable as silent:
            log.warning("exchange did not answer", extra={"order_id": order.order_id, "why": silent.detail})
            return order
        return self._accepted(order, parent, told)

    def look(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Look once for a SENT order: the order as it is then.

        Raises ExchangeOrderUnknown, ExchangeUnavailable, Busy.
        """
        return self._accepted(order, parent, self._report(order).exchange_order_id)

    def resolve(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Find out whether the exchange has a SENT order. The order was never placed if two look-ups, at least 60 s
        after sending and 10 s apart, do not find it.

        Raises ExchangeOrderUnresolved: too early to tell; ExchangeUnavailable, Busy.
        """
        asked_at = self.now()
        try:
            return self.look(order, parent)
        except ExchangeOrderUnknown:
            missed = miss(order, asked_at, NEVER_PLACED_SECONDS)
        if missed is Miss.SECOND:
            never = self._given_up(order, Status.NEVER, "the exchange never had the order")
            return self._moved(never, [*parent.on_never(never), store.give_up(never)])
        if missed is Miss.FIRST:
            self._moved(order, [store.miss(order, asked_at)])
        raise ExchangeOrderUnresolved("the exchange may still come to know the order", id=order.order_id)

    def poll(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Ask the exchange for the fill of an OPEN order, and write it down when it is final.

        Raises ExchangeOrderNotFilled; ExchangeOrderOverdue: not filled in time; ExchangeUnavailable, Busy.
        """
        seen = self._seen(order)
        if seen.final:
            return self._final(order, parent, seen)
        if self.now() >= order.overdue_at:
            raise ExchangeOrderOverdue(f"not filled within {POLL_LIMIT}", id=order.order_id)
        raise ExchangeOrderNotFilled(f"{seen.executed} of {seen.quantity} executed", id=order.order_id)

    def cancel(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """Cancel what the exchange has not filled of an OPEN order, and write down what it had.

        Raises ExchangeOrderNotFilled: the exchange has not ended it yet; ExchangeUnavailable, Busy.
        """
        seen = self._seen(order)
        if not seen.final:
            self._cancel_at_exchange(order, seen)
            seen = self._seen(order)
        if not seen.final:
            raise ExchangeOrderNotFilled("the exchange has not ended the order yet", id=order.order_id)
        return self._final(order, parent, seen)

    def look_again(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """The last look for a NEVER or LOST order. What turns up is cancelled, and a person's; so is what has TURNED_UP
        already.

        Raises ExchangeUnavailable, Busy.
        """
        try:
            seen = self._report(order)
        except ExchangeOrderUnknown:
            if order.status is Status.TURNED_UP:
                return self._still_turned_up(order, parent)
            absent = replace(order, status=Status.ABSENT, updated_at=self.now())
            return self._moved(absent, [*parent.on_absent(absent), store.follow_up(order, absent)])
        if not seen.final:
            self._cancel_at_exchange(order, seen)
        if order.status is Status.TURNED_UP:
            return self._still_turned_up(order, parent)
        return self._turned_up(order, parent, seen.exchange_order_id)

    def executed(self, order: ExchangeOrder) -> Quantity:
        """What the exchange has executed of an OPEN order so far. Raises ExchangeUnavailable."""
        return self._seen(order).executed

    def is_lost(self, order: ExchangeOrder) -> bool:
        """Has the exchange forgotten an order that it had accepted? Not before it is overdue, and only when it knows
        neither id of it.

        Raises ExchangeUnavailable.
        """
        if not order.may_be_lost(self.now()):
            return False
        try:
            self._report(order)
        except ExchangeOrderUnknown:
            return True
        return False

    def _report(self, order: ExchangeOrder) -> OrderReport:
        """The order as the exchange has it, by either id. Raises ExchangeOrderUnknown: it knows none;
        ExchangeUnavailable, also when this desk trades at another exchange by now: what that says of an order it never
        had means nothing, or when it tells of another order."""
        exchange, asset_id = self.exchange(), order.quantity.asset_id
        if exchange.name != order.exchange:
            raise ExchangeUnavailable(
                f"the order is at {order.exchange}, and this desk trades at {exchange.name}", id=order.order_id
            )
        if order.exchange_order_id is not None:
            try:
                return _of(order, exchange.order(asset_id, order.exchange_order_id))
            except ExchangeOrderUnknown:
                log.info("unknown by the exchange's own id", extra={"order_id": order.order_id})
        return _of(order, exchange.find(asset_id, order.client_order_id))

    def _seen(self, order: ExchangeOrder) -> OrderReport:
        """An OPEN order as it is now. Raises ExchangeUnavailable, also when the exchange does not know the order any
        more (it has told us of it: never take that back on its word) or tells what can not be."""
        try:
            seen = self._report(order)
        except ExchangeOrderUnknown as unknown:
            raise _contradiction(order) from unknown
        if not believable(order, seen.executed, seen.gross):
            raise _not_believed(order, seen)
        return seen

    def _cancel_at_exchange(self, order: ExchangeOrder, seen: OrderReport) -> None:
        """Raises ExchangeUnavailable."""
        try:
            self.exchange().cancel(order.quantity.asset_id, seen.exchange_order_id)
        except ExchangeOrderUnknown as unknown:
            raise _contradiction(order) from unknown

    def _accepted(self, order: ExchangeOrder, parent: ParentOrder, exchange_order_id: str) -> ExchangeOrder:
        opened = replace(order, status=Status.OPEN, exchange_order_id=exchange_order_id, updated_at=self.now())
        now = self._moved(opened, [*parent.on_accepted(opened), store.accept(opened)])
        if now.status in (Status.REFUSED, Status.NEVER, Status.ABSENT):  # its parent was told that it is not there
            now = self._turned_up(now, parent, exchange_order_id)
        elif now.exchange_order_id == exchange_order_id:
            return now
        else:  # somebody has found another one by our id
            _count_turned_up(now, exchange_order_id)
        self._cancel_turned_up(now, exchange_order_id)
        return now

    def _final(self, order: ExchangeOrder, parent: ParentOrder, seen: OrderReport) -> ExchangeOrder:
        fill, at = Fill(seen.state, seen.executed, seen.gross, seen.fee, seen.fees_elsewhere), self.now()
        try:
            parent.on_final(order, fill, at, lambda writes: self.table.write(*writes, store.end(order, fill, at)))
        except ExchangeOrderMoved:
            log.info("ended meanwhile", extra={"order_id": order.order_id})
            return self.existing(order.order_id, order.number)
        return replace(order, status=Status.FINAL, state=fill.state, resolved_at=at, updated_at=at)

    def _given_up(self, order: ExchangeOrder, status: Status, reason: str) -> ExchangeOrder:
        at = self.now()
        return replace(order, status=status, reason=reason, resolved_at=at, updated_at=at)

    def _turned_up(self, order: ExchangeOrder, parent: ParentOrder, exchange_order_id: str) -> ExchangeOrder:
        _count_turned_up(order, exchange_order_id)
        after = replace(order, status=Status.TURNED_UP, exchange_order_id=exchange_order_id, updated_at=self.now())
        return self._moved(after, [*parent.on_turned_up(after), store.follow_up(order, after)])

    def _still_turned_up(self, order: ExchangeOrder, parent: ParentOrder) -> ExchangeOrder:
        """A redrive took it off the operators' list: it goes back there."""
        again = replace(order, updated_at=self.now())
        return self._moved(again, [*parent.on_turned_up(again), store.still_turned_up(again)])

    def _cancel_turned_up(self, order: ExchangeOrder, exchange_order_id: str) -> None:
        """What rests would fill for nobody. Asked once: a person looks at the order anyway."""
        try:
            self.exchange().cancel(order.quantity.asset_id, exchange_order_id)
        except (ExchangeOrderUnknown, ExchangeUnavailable) as silent:
            log.warning("it may rest at the exchange", extra={"order_id": order.order_id, "why": silent.detail})

    def _moved(self, after: ExchangeOrder, writes: Sequence[Write]) -> ExchangeOrder:
        """Write a move to `after`; the order as it is then, whoever has moved it."""
        try:
            self.table.write(*writes)
        except ExchangeOrderMoved:
            log.info("moved meanwhile", extra={"order_id": after.order_id})
            return self.existing(after.order_id, after.number)
        return after


def _shown_to_customers(no: ExchangeRefused | MarketUnknown) -> str:
    """The exchange's own words, unless they are about the desk's account: those are for operators, in the story."""
    if isinstance(no, ExchangeRefused) and no.ours:
        return "the desk could not place the order; nothing was charged"
    return no.detail


def _of(order: ExchangeOrder, told: OrderReport) -> OrderReport:
    """Raises ExchangeUnavailable: it is another order than ours."""
    side = Side.BUY if order.buys else Side.SELL
    if (told.side, told.quantity) != (side, order.quantity):
        raise _not_believed(order, told)
    if order.exchange_order_id not in (None, told.exchange_order_id):
        raise _not_believed(order, told)
    if told.client_order_id not in (None, order.client_order_id):
        raise _not_believed(order, told)
    return told


def _not_believed(order: ExchangeOrder, told: OrderReport) -> ExchangeUnavailable:
    count("FillsNotBelieved")
    log.error("not believed", extra={"order_id": order.order_id, "told": str(told)})
    return ExchangeUnavailable("what the exchange says of the order can not be", id=order.order_id)


def _count_turned_up(order: ExchangeOrder, exchange_order_id: str) -> None:
    count("OrdersTurnedUp")
    log.error("an order turned up", extra={"order_id": order.order_id, "exchange_order_id": exchange_order_id})


def _contradiction(order: ExchangeOrder) -> ExchangeUnavailable:
    return ExchangeUnavailable("the exchange does not know an order that it gave us", id=order.order_id)
