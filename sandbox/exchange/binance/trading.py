"""An account's orders and trades on Binance's wire."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from itertools import count
from typing import Any

from sandbox.exchange.binance.asked import Asked, Refused, in_binances_words, not_valid
from sandbox.exchange.binance.markets import symbol_of
from sandbox.exchange.binance.rates import Rates
from sandbox.exchange.binance.words import PRICE_MAX, QUANTITY_MAX, cancelled, ms, placed, queried, traded
from sandbox.exchange.venue import (
    BUY,
    SELL,
    Kind,
    Order,
    OrderUnknown,
    Status,
    TimeInForce,
    Trade,
    Venue,
    VenueRefused,
)

DAY_MS = 24 * 60 * 60 * 1000
_COMBINATION = "Combination of optional parameters invalid."


class Told(StrEnum):
    """How much is told of a new order."""

    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class Restriction(StrEnum):
    """Which order a cancellation may end."""

    ONLY_NEW = "ONLY_NEW"
    ONLY_PARTIALLY_FILLED = "ONLY_PARTIALLY_FILLED"


class Trading:
    def __init__(self, venue: Venue, rates: Rates, clock: Callable[[], datetime]) -> None:
        self._venue = venue
        self._rates = rates
        self._clock = clock
        self._names = count(1)

    def place(self, asked: Asked) -> Any:
        new = self._new(asked)
        with self._venue.lock:  # the order and its fills of one moment
            self._rates.refuse_one_too_many(asked.account)
            return new()

    def replace(self, asked: Asked) -> Any:
        """Cancel an order, and place another in its stead. Not here: ALLOW_FAILURE, CANCEL_ONLY."""
        new, symbol = self._new(asked), symbol_of(self._venue, asked)
        if asked.needed("cancelReplaceMode") != "STOP_ON_FAILURE":
            raise not_valid("cancelReplaceMode")
        only = _only(asked)
        old = {"orderId": asked.text("cancelOrderId"), "origClientOrderId": asked.text("cancelOrigClientOrderId")}
        named = {name: value for name, value in old.items() if value is not None}
        if not named:
            raise not_valid("cancelOrderId")
        gone = Asked(asked.account, {"symbol": symbol.name, **named})
        with self._venue.lock:
            self._rates.refuse_one_too_many(asked.account)
            self._venue.refuse_unfit(symbol.name, asked.amount("quantity"), asked.amount("price"))
            try:
                ended = self._cancelled(gone, only)
            except Refused as no:
                self._venue.account(asked.account).unfilled.placed(self._clock())  # counted all the same
                told: dict[str, Any] = {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED"}
                told |= {"cancelResponse": no.said, "newOrderResponse": None}
                raise Refused(-2022, "Order cancel-replace failed.", data=told) from None
            told = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS", "cancelResponse": ended}
            try:
                return told | {"newOrderResponse": new()}
            except VenueRefused as no:
                told |= {"newOrderResult": "FAILURE", "newOrderResponse": in_binances_words(no).said}
                raise Refused(-2021, "Order cancel-replace partially failed.", status=409, data=told) from None

    def _new(self, asked: Asked) -> Callable[[], Any]:
        """What places the order that is asked for, and tells of it. Raises Refused."""
        symbol, side = symbol_of(self._venue, asked), asked.needed("side")
        if side not in (BUY, SELL):
            raise Refused(-1117, "Invalid side.")
        kind = asked.one_of(Kind, "type", Refused(-1116, "Invalid orderType."))
        if kind is Kind.LIMIT:
            asked.needed("timeInForce")
        elif "timeInForce" in asked:
            raise Refused(-1106, "Parameter 'timeInForce' sent when not required.")
        quantity, price = asked.amount("quantity"), asked.amount("price")
        until = asked.one_of(TimeInForce, "timeInForce", Refused(-1115, "Invalid timeInForce."), "GTC")
        usual = Told.ACK if kind is Kind.LIMIT_MAKER else Told.FULL
        told = asked.one_of(Told, "newOrderRespType", not_valid("newOrderRespType"), usual)
        if quantity > QUANTITY_MAX:
            raise Refused(-1013, "Filter failure: LOT_SIZE")
        if price > PRICE_MAX:
            raise Refused(-1013, "Filter failure: PRICE_FILTER")

        def placed_now() -> Any:
            order = self._venue.place(
                asked.account,
                symbol.name,
                side,
                kind,
                quantity=quantity,
                price=price,
                time_in_force=until,
                client_order_id=asked.text("newClientOrderId") or self._name(),
                dedupe=True,
            )
            trades = self._venue.trades(asked.account, symbol.name, order_id=order.order_id)
            return placed(order, trades, told)

        return placed_now

    def _name(self) -> str:
        """22 letters and digits, as Binance names an order that came without a name."""
        drawn = hashlib.sha256(f"{next(self._names)} {self._clock().isoformat()}".encode()).hexdigest()
        return drawn[:22]

    def _found(self, asked: Asked, unknown: Refused) -> Order:
        """Of both ids the exchange's counts, and the other must be its."""
        symbol, name = symbol_of(self._venue, asked), asked.text("origClientOrderId")
        order_id = asked.whole("orderId")
        if order_id is None and name is None:
            raise Refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        try:
            order = self._venue.order(asked.account, symbol.name, order_id=order_id, client_order_id=name)
        except OrderUnknown:
            raise unknown from None
        if name is not None and order.client_order_id != name:
            raise Refused(-2039, "Client order ID is not correct for this order ID.")
        return order

    def order(self, asked: Asked) -> Any:
        return queried(self._found(asked, Refused(-2013, "Order does not exist.")))

    def another(self, asked: Asked) -> Any | None:
        """Another order of the account in that market than it asks for, if there is one."""
        ours = self._found(asked, Refused(-2013, "Order does not exist."))
        others = (one for one in self._venue.history(asked.account, ours.symbol) if one.order_id != ours.order_id)
        return next(map(queried, others), None)

    def cancel(self, asked: Asked) -> Any:
        only = _only(asked)
        return self._cancelled(asked, only)

    def _cancelled(self, asked: Asked, only: Restriction | None) -> Any:
        unknown = Refused(-2011, "Unknown order sent.")
        with self._venue.lock:
            order = self._found(asked, unknown)
            if order.status.over:
                raise unknown
            partly = order.status is Status.PARTIALLY_FILLED
            if only is not None and partly != (only is Restriction.ONLY_PARTIALLY_FILLED):
                raise Refused(-2011, "Order was not canceled due to cancel restrictions.")
            ended = self._venue.cancel(asked.account, order.symbol, order_id=order.order_id)
        return cancelled(ended, asked.text("newClientOrderId") or self._name())

    def open_orders(self, asked: Asked) -> Any:
        symbol = symbol_of(self._venue, asked).name if "symbol" in asked else None
        return [queried(order) for order in self._venue.open_orders(asked.account, symbol)]

    def all_orders(self, asked: Asked) -> Any:
        """From an id or a time on the first ones; otherwise the newest, up to a time."""
        symbol, limit, from_id = symbol_of(self._venue, asked), asked.limit(), asked.whole("orderId")
        start, end = asked.time("startTime"), asked.time("endTime")
        _refuse_long_span(start, end)
        orders = self._venue.history(asked.account, symbol.name)[::-1]
        if from_id is not None:
            orders = [order for order in orders if order.order_id >= from_id]
        if start is not None:
            orders = [order for order in orders if ms(order.at) >= start]
        if end is not None:
            orders = [order for order in orders if ms(order.at) <= end]
        first_ones = from_id is not None or start is not None
        return [queried(order) for order in (orders[:limit] if first_ones else orders[-limit:])]

    def my_trades(self, asked: Asked) -> Any:
        """From an id or a time on the first ones; otherwise the newest, up to a time."""
        symbol, limit, order_id = symbol_of(self._venue, asked), asked.limit(), asked.whole("orderId")
        trades = self._venue.trades(asked.account, symbol.name, order_id=order_id)
        from_id, start, end = asked.whole("fromId"), asked.time("startTime"), asked.time("endTime")
        timed = start is not None or end is not None
        if timed and not (order_id is None and from_id is None):
            raise Refused(-1128, _COMBINATION)
        _refuse_long_span(start, end)
        if from_id is not None:
            trades = trades[bisect_left(trades, from_id, key=lambda trade: trade.trade_id) :]
        if start is not None:
            trades = trades[bisect_left(trades, start, key=_at) :]
        if end is not None:
            trades = trades[: bisect_left(trades, end + 1, key=_at)]
        first_ones = from_id is not None or start is not None
        return [traded(trade) for trade in (trades[:limit] if first_ones else trades[-limit:])]

    def order_counts(self, asked: Asked) -> Any:
        return self._rates.order_counts(asked.account)


def _refuse_long_span(start: int | None, end: int | None) -> None:
    if start is not None and end is not None and not 0 <= end - start <= DAY_MS:
        raise Refused(-1127, "Lookup interval is too big. More than 24 hours between startTime and endTime.")


def _only(asked: Asked) -> Restriction | None:
    if "cancelRestrictions" not in asked:
        return None
    return asked.one_of(Restriction, "cancelRestrictions", Refused(-1145, "Invalid cancelRestrictions"))


def _at(trade: Trade) -> int:
    return ms(trade.at)
