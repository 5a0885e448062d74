"""What the exchange says of an order of ours, and whether it is believed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from common.domain.exchange_orders.model import ExchangeOrder, Fill, doubt
from common.gateways.exchange import Exchange, ExchangeOrderUnknown, ExchangeUnavailable, OrderReport, Side
from common.log import count, log
from common.money import Quantity

_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")  # of an order, as exchanges make them


class NotBelieved(Exception):
    """What the exchange tells of an order of ours can not be."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NotWritten(Exception):
    """What has become of an order of ours can not be written down, and that would fail again for ever: its hold is not
    there, its account is another's, an amount has no room. `fill` is what the exchange tells, if it was filled."""

    def __init__(self, why: str, fill: Fill | None = None) -> None:
        super().__init__(why)
        self.why, self.fill = f"what has become of it can not be written down: {why}", fill


@dataclass(frozen=True)
class Answers:
    """What the exchange answers when it is asked about an order."""

    exchange: Callable[[], Exchange]

    def report(self, order: ExchangeOrder) -> OrderReport:
        """The order as the exchange has it, by either id. Raises ExchangeOrderUnknown: it knows none; NotBelieved;
        ExchangeUnavailable, also when this desk trades at another exchange by now: what that says of an order it never
        had means nothing."""
        try:
            return _believed(order, self._told(order))
        except ExchangeUnavailable as trouble:
            if trouble.facts.get("what") != "not_believed":
                raise
            raise NotBelieved(trouble.detail) from trouble  # the adapter has seen it, and it is counted

    def _told(self, order: ExchangeOrder) -> OrderReport:
        """Whatever the exchange tells, by either id."""
        exchange, asset_id = self.exchange(), order.quantity.asset_id
        if exchange.name != order.exchange:
            raise ExchangeUnavailable(
                f"the order is at {order.exchange}, and this desk trades at {exchange.name}", id=order.order_id
            )
        if order.exchange_order_id is not None:
            try:
                return exchange.order(asset_id, order.exchange_order_id)
            except ExchangeOrderUnknown:
                log.info("unknown by the exchange's own id", extra={"order_id": order.order_id})
        return exchange.find(asset_id, order.client_order_id)

    def cancel(self, order: ExchangeOrder, seen: OrderReport) -> None:
        """Raises ExchangeUnavailable."""
        try:
            self.exchange().cancel(order.quantity.asset_id, seen.exchange_order_id)
        except ExchangeOrderUnknown as unknown:
            raise contradiction(order) from unknown

    def cancel_rest(self, order: ExchangeOrder, exchange_order_id: str | None) -> None:
        """What rests of an order that has ended for us would fill for nobody. Asked once, where the order is."""
        if exchange_order_id is None or self.exchange().name != order.exchange:
            return
        try:
            self.exchange().cancel(order.quantity.asset_id, exchange_order_id)
        except (ExchangeOrderUnknown, ExchangeUnavailable) as silent:
            log.warning("it may rest at the exchange", extra={"order_id": order.order_id, "why": silent.detail})

    def executed(self, order: ExchangeOrder) -> Quantity:
        """What the exchange has executed of an OPEN order so far. Raises ExchangeUnavailable, also when what it says is
        not believed."""
        try:
            return self.report(order).executed
        except ExchangeOrderUnknown as unknown:
            raise contradiction(order) from unknown
        except NotBelieved as lie:
            raise _unbelievable(order, lie) from lie

    def is_lost(self, order: ExchangeOrder, now: datetime) -> bool:
        """Has the exchange forgotten an order that it had accepted? Not before it is overdue, and only when it knows
        neither id of it.

        Raises ExchangeUnavailable.
        """
        if not order.may_be_lost(now):
            return False
        try:
            self.report(order)
        except ExchangeOrderUnknown:
            return True
        except NotBelieved as lie:
            raise _unbelievable(order, lie) from lie
        return False


def _believed(order: ExchangeOrder, told: OrderReport) -> OrderReport:
    """Raises NotBelieved: it is another order than ours, or can not be filled so."""
    exchange_order_id = id_told(order, told.exchange_order_id)
    side = Side.BUY if order.buys else Side.SELL
    if (told.side, told.quantity) != (side, order.quantity):
        raise not_believed(order, f"it tells of another order, to {told.side} {told.quantity}", told)
    if order.exchange_order_id not in (None, exchange_order_id):
        raise not_believed(order, f"it tells of its order {exchange_order_id}", told)
    if told.client_order_id not in (None, order.client_order_id):
        raise not_believed(order, f"it tells of client order id {told.client_order_id}", told)
    why = doubt(order, fill(told))
    if why is not None:
        raise not_believed(order, why, told)
    return told


def id_told(order: ExchangeOrder, told: str) -> str:
    """Raises NotBelieved: it is none."""
    if not _ID.fullmatch(told):
        raise not_believed(order, f"{told[:80]!r} is no id")
    return told


def fill(told: OrderReport) -> Fill:
    return Fill(told.state, told.executed, told.gross, told.fee, told.fees_elsewhere)


def not_believed(order: ExchangeOrder, why: str, told: OrderReport | None = None) -> NotBelieved:
    count("FillsNotBelieved")
    log.error("not believed", extra={"order_id": order.order_id, "why": why, "told": str(told)})
    return NotBelieved(f"what {order.exchange} says of client order id {order.client_order_id} is not believed: {why}")


def _unbelievable(order: ExchangeOrder, lie: NotBelieved) -> ExchangeUnavailable:
    return ExchangeUnavailable(lie.why, id=order.order_id)


def contradiction(order: ExchangeOrder) -> ExchangeUnavailable:
    return ExchangeUnavailable("the exchange does not know an order that it gave us", id=order.order_id)
