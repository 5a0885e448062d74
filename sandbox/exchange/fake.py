"""The fake of the port `Exchange`: a venue in the same process, for the tests of what stands on the port."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Literal, TypeVar

from common.gateways.exchange import (
    ExchangeFull,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    MarketUnknown,
    OrderReport,
    Reports,
    Side,
    State,
    Ticker,
    Ticket,
    not_believed,
)
from common.market import MarketRules
from common.money import EXACT, Money, Price, Quantity
from sandbox.exchange.accounts import NOTHING
from sandbox.exchange.orders import Kind, Order, OrderUnknown, Reason, Status, Symbol, VenueRefused
from sandbox.exchange.venue import Venue
from sandbox.trouble import Trouble, due

Operation = Literal["ticker", "rules", "place", "order", "find", "cancel", "orders"]
_T = TypeVar("_T")
PAGE = 50  # of a day's orders

_STATES = {
    Status.NEW: State.WORKING,
    Status.PARTIALLY_FILLED: State.WORKING,
    Status.FILLED: State.FULLY_EXECUTED,
    Status.CANCELED: State.CANCELED,
    Status.REJECTED: State.REJECTED,
    Status.EXPIRED: State.EXPIRED,
}


class FakeExchange(Trouble[Operation]):
    """An account of a venue behind the port. Safe to use from several threads.

    A symbol is asset_id + quote. Orders are LIMIT, good till cancelled.

    What goes wrong with its calls is ordered as of `sandbox.trouble`.
    """

    def __init__(self, venue: Venue, account: str, quote: str = "USDT", name: str = "fake") -> None:
        super().__init__(name, ExchangeUnavailable, venue.now)
        self._venue = venue
        self._account = account
        self._quote = quote
        self._refusals: list[bool] = []  # whose fault each is
        self._mix_ups: Counter[str] = Counter()

    # Controls

    def refuse_next(self, times: int = 1, *, ours: bool = False) -> None:
        """The next `times` orders are refused; ours: since the account has no funds."""
        with self._lock:
            self._refusals += [ours] * times

    def mix_up_next(self, operation: Operation, times: int = 1) -> None:
        """The next `times` calls find another of the account's orders in that market, which is no answer."""
        with self._lock:
            self._mix_ups[operation] += times

    # The port

    @property
    def name(self) -> str:
        return self._name

    def ticker(self, asset_id: str) -> Ticker:
        """See `common.gateways.exchange.Tickers.ticker`."""
        return self.around("ticker", lambda: self._ticker(asset_id))

    def rules(self, asset_id: str) -> MarketRules:
        """See `common.gateways.exchange.Exchange.rules`."""
        return self.around("rules", lambda: self._rules(asset_id))

    def place(self, ticket: Ticket) -> str:
        """See `common.gateways.exchange.Exchange.place`.

        A client order id of an open order is answered with ExchangeUnavailable: an order of that id exists, so it
        would be wrong to say that it never will.
        """
        return self.around("place", lambda: self._place(ticket))

    def order(self, asset_id: str, exchange_order_id: str) -> OrderReport:
        """See `common.gateways.exchange.Exchange.order`."""
        order_id = _id(exchange_order_id)
        return self.around("order", lambda: self._exchange_order(asset_id, "order", order_id=order_id))

    def find(self, asset_id: str, client_order_id: str) -> OrderReport:
        """See `common.gateways.exchange.Exchange.find`."""
        return self.around("find", lambda: self._exchange_order(asset_id, "find", client_order_id=client_order_id))

    def cancel(self, asset_id: str, exchange_order_id: str) -> None:
        """See `common.gateways.exchange.Exchange.cancel`."""
        return self.around("cancel", lambda: self._cancel(asset_id, exchange_order_id))

    def orders(self, asset_id: str, day: date, after: str | None = None) -> Reports:
        """See `common.gateways.exchange.Exchange.orders`."""
        return self.around("orders", lambda: self._orders(asset_id, day, 0 if after is None else int(after)))

    # Inside

    def _symbol(self, asset_id: str) -> Symbol:
        """Raises MarketUnknown, also while the venue is closed."""
        symbol = self._venue.symbols.get(asset_id + self._quote)
        if symbol is None or self._venue.maintenance:
            raise MarketUnknown(f"{self._name} has no open market for {asset_id} in {self._quote}", asset_id=asset_id)
        return symbol

    def _ticker(self, asset_id: str) -> Ticker:
        bids, asks = self._venue.depth(self._symbol(asset_id).name, 1)
        if not bids or not asks:
            raise MarketUnknown(f"nobody buys, or nobody sells, {asset_id} at {self._name} now", asset_id=asset_id)
        return Ticker(bid=Price(bids[0][0]), ask=Price(asks[0][0]))

    def _rules(self, asset_id: str) -> MarketRules:
        symbol = self._symbol(asset_id)
        return MarketRules(symbol.quantity_step, symbol.price_step, symbol.min_quantity, Money(symbol.min_notional))

    def _place(self, ticket: Ticket) -> str:
        asset_id = ticket.quantity.asset_id
        symbol = self._symbol(asset_id)
        if self._refusals:
            ours = self._refusals.pop(0)
            why = "account has insufficient balance" if ours else "was told to refuse this order"
            raise ExchangeRefused(f"{self._name} {why}", ours=ours, reason="REFUSED")
        try:
            order = self._venue.place(
                self._account,
                symbol.name,
                ticket.side,
                Kind.LIMIT,
                quantity=ticket.quantity.amount,
                price=ticket.limit_price.usd_per_unit,
                client_order_id=ticket.client_order_id,
            )
        except VenueRefused as refused:
            match refused.reason:
                case Reason.UNKNOWN_SYMBOL | Reason.MARKET_CLOSED:
                    raise MarketUnknown(refused.detail, asset_id=asset_id) from refused
                case Reason.DUPLICATE_ORDER:
                    raise ExchangeUnavailable(refused.detail, what="duplicate") from refused
                case Reason.MAX_NUM_ORDERS as full:
                    raise ExchangeFull(refused.detail, reason=str(full)) from refused
                case _:
                    ours = refused.reason is Reason.INSUFFICIENT_BALANCE
                    raise ExchangeRefused(refused.detail, ours=ours, reason=str(refused.reason)) from refused
        return str(order.order_id)

    def _exchange_order(
        self, asset_id: str, operation: Operation, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> OrderReport:
        with self._venue.lock:  # an order and its trades of one moment
            order = self._found(asset_id, order_id, client_order_id)
            if due(self._mix_ups, operation):
                mine = self._venue.history(self._account, order.symbol)
                order = next((other for other in mine if other.order_id != order.order_id), order)
            if order_id not in (None, order.order_id) or client_order_id not in (None, order.client_order_id):
                raise not_believed(f"order {order.order_id} was not asked for")
            return self._report(asset_id, order)

    def _orders(self, asset_id: str, day: date, behind: int) -> Reports:
        symbol = asset_id + self._quote
        with self._venue.lock:
            if symbol not in self._venue.symbols:
                raise MarketUnknown(f"{self._name} has no market for {asset_id} in {self._quote}", asset_id=asset_id)
            made = [one for one in reversed(self._venue.history(self._account, symbol)) if one.at.date() == day]
            told = [one for one in made if one.order_id > behind]
            items = [self._report(asset_id, one) for one in told[:PAGE]]
        return Reports(items, items[-1].exchange_order_id if len(told) > PAGE else None)

    def _report(self, asset_id: str, order: Order) -> OrderReport:
        fees: dict[str, Decimal] = {}
        for trade in self._venue.trades(self._account, order.symbol, order_id=order.order_id):
            if trade.fee:
                fees[trade.fee_asset] = EXACT.add(fees.get(trade.fee_asset, NOTHING), trade.fee)
        return OrderReport(
            exchange_order_id=str(order.order_id),
            client_order_id=order.client_order_id,
            side=Side(order.side),
            quantity=Quantity(order.quantity, asset_id),
            state=_STATES[order.status],
            executed=Quantity(order.executed, asset_id),
            gross=Money(order.gross),
            fee=Money(fees.pop(self._quote, NOTHING)),
            fees_elsewhere=fees,
        )

    def _found(self, asset_id: str, order_id: int | None, client_order_id: str | None) -> Order:
        try:
            return self._venue.order(
                self._account, asset_id + self._quote, order_id=order_id, client_order_id=client_order_id
            )
        except (OrderUnknown, VenueRefused) as unknown:  # a market that it does not have has no orders
            raise ExchangeOrderUnknown(f"{self._name} does not know the order: {unknown}") from unknown

    def _cancel(self, asset_id: str, exchange_order_id: str) -> None:
        try:
            self._venue.cancel(self._account, asset_id + self._quote, order_id=_id(exchange_order_id))
        except (OrderUnknown, VenueRefused) as unknown:
            raise ExchangeOrderUnknown(f"{self._name} does not know the order: {unknown}") from unknown


def _id(exchange_order_id: str) -> int:
    """Raises ExchangeOrderUnknown for what is not one of the venue's."""
    if not (exchange_order_id.isascii() and exchange_order_id.isdigit() and len(exchange_order_id) < 20):
        raise ExchangeOrderUnknown(f"{exchange_order_id!r} is no order id of this exchange")
    return int(exchange_order_id)
