"""Asking the exchange about an order that was placed there, and believing what can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.domain.exchange_orders.model import SECOND_LOOK_SECONDS, Lot, Missing, Placement, believable
from common.gateways.exchange import (
    NEVER_PLACED_SECONDS,
    Exchange,
    ExchangeOrder,
    ExchangeOrderUnknown,
    ExchangeUnavailable,
    Side,
)
from common.log import count, log
from common.money import Price, Quantity


@dataclass(frozen=True)
class Venue:
    """`exchange` is made when it is first needed: loading one takes time."""

    exchange: Callable[[], Exchange]

    def lot(self, asset_id: str) -> Lot:
        """May be minutes old. Raises MarketUnknown, ExchangeUnavailable."""
        rules = self.exchange().rules(asset_id)
        return Lot(rules.quantity_step, rules.price_step, rules.min_quantity, rules.min_notional)

    def at(self, placement: Placement) -> Exchange:
        """The exchange that a placement was sent to. Raises ExchangeUnavailable when we are with another one by now:
        what that says of an order it never had means nothing."""
        exchange = self.exchange()
        if exchange.name != placement.exchange:
            raise ExchangeUnavailable(
                f"the order is at {placement.exchange}, and this desk trades at {exchange.name}", id=placement.order_id
            )
        return exchange

    def find(self, placement: Placement, asset_id: str) -> ExchangeOrder:
        """By our id. Raises ExchangeOrderUnknown, ExchangeUnavailable."""
        return self.at(placement).find(asset_id, placement.client_order_id)

    def seen(self, placement: Placement, side: Side, quantity: Quantity, limit: Price) -> ExchangeOrder:
        """An order that the exchange has accepted, as it is now. Raises ExchangeUnavailable, also when it does not
        know the order any more (it has told us of it: never take that back on its word) or tells what can not be."""
        assert placement.exchange_order_id is not None
        try:
            seen = self.at(placement).order(quantity.asset_id, placement.exchange_order_id)
        except ExchangeOrderUnknown as unknown:
            raise _contradiction(placement) from unknown
        if seen.quantity != quantity or not believable(side is Side.BUY, quantity, limit, seen.executed, seen.gross):
            count("FillsNotBelieved")
            log.error("fill not believed", extra={"order_id": placement.order_id, "told": str(seen)})
            raise ExchangeUnavailable("what the exchange says of the order can not be", id=placement.order_id)
        return seen

    def cancel(self, placement: Placement, seen: ExchangeOrder) -> None:
        """Raises ExchangeUnavailable."""
        try:
            self.at(placement).cancel(seen.quantity.asset_id, seen.exchange_order_id)
        except ExchangeOrderUnknown as unknown:
            raise _contradiction(placement) from unknown

    def forgotten(self, placement: Placement, asset_id: str) -> bool:
        """Does the exchange know an order that it had accepted by none of its ids? Raises ExchangeUnavailable."""
        exchange = self.at(placement)
        try:
            exchange.order(asset_id, placement.exchange_order_id or "")
            return False
        except ExchangeOrderUnknown:
            pass
        try:
            exchange.find(asset_id, placement.client_order_id)
            return False
        except ExchangeOrderUnknown:
            return True


def missing(placement: Placement, asked_at: datetime) -> Missing:
    """What it means that the exchange, asked at `asked_at`, did not know the order."""
    if asked_at < placement.sent_at + timedelta(seconds=NEVER_PLACED_SECONDS):
        return Missing.TOO_EARLY
    if placement.missed_at is None:
        return Missing.ONCE
    if asked_at < placement.missed_at + timedelta(seconds=SECOND_LOOK_SECONDS):
        return Missing.TOO_EARLY
    return Missing.FOR_EVER


def _contradiction(placement: Placement) -> ExchangeUnavailable:
    return ExchangeUnavailable("the exchange does not know an order that it gave us", id=placement.order_id)
