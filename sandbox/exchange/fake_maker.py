"""The fake of the port `Maker`: a venue in the same process, for the tests of what stands on the port."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from common.errors import Refusal
from common.gateways.exchange import (
    ExchangeFull,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    ExchangeWouldTake,
    MarketUnknown,
    Side,
    State,
    not_believed,
)
from common.gateways.exchange.maker import (
    BOOK_LEVELS_MAX,
    TRADES_PAGE,
    Balance,
    Book,
    ExchangeNotReplaced,
    Level,
    MakerOrder,
    Market,
    MarketLimits,
    OwnTrade,
    Quote,
)
from sandbox.exchange.faults import RETRY_AFTER_SECONDS, Fault, Faults, Operation
from sandbox.exchange.orders import Kind, Order, OrderUnknown, Reason, Status, Symbol, VenueRefused
from sandbox.exchange.venue import Venue
from sandbox.serving import Drop, Hang

_T = TypeVar("_T")
_STATES = {
    Status.NEW: State.WORKING,
    Status.PARTIALLY_FILLED: State.WORKING,
    Status.FILLED: State.FULLY_EXECUTED,
    Status.CANCELED: State.CANCELED,
    Status.REJECTED: State.REJECTED,
    Status.EXPIRED: State.EXPIRED,
}


class FakeMaker:
    """An account of a venue behind the port. Safe to use from several threads. A symbol is base + quote.

    faults: what goes wrong, ordered as at the exchange's process; REFUSE of a placement is for lack of funds.
    calls: how often each method was asked for, those that met a fault included.
    down: while it is true, every call raises ExchangeUnavailable and nothing is done.
    """

    def __init__(
        self,
        venue: Venue,
        account: str,
        faults: Faults | None = None,
        name: str = "fake",
        trades_page: int = TRADES_PAGE,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self.down = False
        self._venue = venue
        self._account = account
        self._faults = faults or Faults()
        self._name = name
        self.trades_page = trades_page

    @property
    def name(self) -> str:
        return self._name

    def limits(self, market: Market) -> MarketLimits:
        """See `Maker.limits`."""

        def told() -> MarketLimits:
            symbol, own, common = self._symbol(market), self._venue.limits_of(self._account), self._venue.limits_of()
            return MarketLimits(
                price_step=symbol.price_step,
                quantity_step=symbol.quantity_step,
                min_quantity=symbol.min_quantity,
                min_notional=symbol.min_notional,
                open_orders_max=common.open_orders_per_symbol,
                orders_per_10_seconds=own.orders_per_10_seconds,
                orders_per_day=own.orders_per_day,
                weight_per_minute=common.weight_per_minute,
            )

        return self._call("limits", Operation.OTHER, told)

    def book(self, market: Market, levels: int) -> Book:
        """See `Maker.book`."""
        if not 1 <= levels <= BOOK_LEVELS_MAX:
            raise ValueError(f"{levels} levels of a book; there are from 1 to {BOOK_LEVELS_MAX}")

        def told() -> Book:
            bids, asks = self._venue.depth(self._symbol(market).name, levels)
            return Book([Level(*level) for level in bids], [Level(*level) for level in asks])

        return self._call("book", Operation.OTHER, told)

    def open_orders(self, market: Market) -> Sequence[MakerOrder]:
        """See `Maker.open_orders`."""
        return self._call(
            "open_orders",
            Operation.ORDER,
            lambda: [_told(order) for order in self._venue.open_orders(self._account, self._symbol(market).name)],
        )

    def find(self, market: Market, client_order_id: str) -> MakerOrder:
        """See `Maker.find`."""
        return self._call("find", Operation.ORDER, lambda: _told(self._found(market, client_order_id)))

    def trades_after(self, market: Market, trade_id: int) -> Sequence[OwnTrade]:
        """See `Maker.trades_after`."""
        return self._trades("trades_after", market, trade_id)

    def trades_of(self, market: Market, exchange_order_id: str, trade_id: int) -> Sequence[OwnTrade]:
        """See `Maker.trades_of`."""
        return self._trades("trades_of", market, trade_id, int(exchange_order_id))

    def _trades(self, method: str, market: Market, trade_id: int, order_id: int | None = None) -> Sequence[OwnTrade]:
        def told() -> list[OwnTrade]:
            trades = self._venue.trades(self._account, self._symbol(market).name, order_id=order_id)
            return [
                OwnTrade(
                    trade_id=trade.trade_id,
                    exchange_order_id=str(trade.order_id),
                    side=Side(trade.side),
                    price=trade.price,
                    quantity=trade.quantity,
                    quote_quantity=trade.quote_quantity,
                    fee=trade.fee,
                    fee_asset=trade.fee_asset,
                    maker=trade.maker,
                    at=trade.at,
                )
                for trade in trades
                if trade.trade_id > trade_id
            ][: self.trades_page]

        return self._call(method, Operation.ORDER, told)

    def place(self, market: Market, quote: Quote) -> str:
        """See `Maker.place`. With the client order id of an open order it is ExchangeUnavailable: that one exists."""

        def placed() -> str:
            symbol = self._symbol(market)
            self._refuse_one_too_many()
            return self._placed(symbol, quote)

        return self._call("place", Operation.PLACE, placed)

    def replace(self, market: Market, client_order_id: str, quote: Quote) -> str:
        """See `Maker.replace`."""

        def replaced() -> str:
            symbol = self._symbol(market)
            self._refuse_one_too_many()
            try:
                self._venue.refuse_unfit(symbol.name, quote.quantity, quote.price)
            except VenueRefused as unfit:
                if unfit.reason is Reason.MARKET_CLOSED:
                    raise MarketUnknown(unfit.detail) from unfit
                raise ExchangeNotReplaced(unfit.detail, ours=False) from unfit
            try:
                old = self._found(market, client_order_id)
            except ExchangeOrderUnknown as unknown:
                self._count_one()
                raise ExchangeNotReplaced(unknown.detail, ours=False) from unknown
            if old.status is not Status.NEW:
                self._count_one()
                raise ExchangeNotReplaced(f"order {client_order_id} is {old.status}", ours=False)
            self._venue.cancel(self._account, symbol.name, order_id=old.order_id)
            return self._placed(symbol, quote)

        return self._call("replace", Operation.PLACE, replaced)

    def cancel(self, market: Market, client_order_id: str) -> MakerOrder:
        """See `Maker.cancel`."""

        def cancelled() -> MakerOrder:
            order = self._found(market, client_order_id)
            return _told(self._venue.cancel(self._account, order.symbol, order_id=order.order_id))

        return self._call("cancel", Operation.CANCEL, cancelled)

    def balances(self) -> Mapping[str, Balance]:
        """See `Maker.balances`."""

        def told() -> dict[str, Balance]:
            held = self._venue.balances(self._account)
            return {asset: Balance(free, locked) for asset, (free, locked) in held.items() if free or locked}

        return self._call("balances", Operation.OTHER, told)

    # Inside

    def _call(self, method: str, operation: Operation, act: Callable[[], _T]) -> _T:
        def carry_out() -> _T | Refusal:
            with self._venue.lock:
                try:
                    return act()
                except Refusal as no:  # told, not raised: the answer may be lost
                    return no

        self.calls[method] += 1
        if self.down:
            raise ExchangeUnavailable(f"{self._name} is down", what="connection")
        try:
            answer = self._faults.around(operation, carry_out, lambda fault: self._failed(fault, operation))
        except (Hang, Drop):
            raise ExchangeUnavailable(f"the answer of {self._name} was lost", what="timeout") from None
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def _failed(self, fault: Fault, operation: Operation) -> Refusal:
        match fault, operation:
            case Fault.RATE_LIMIT, _:
                said = f"{self._name} says that we ask too often"
                return ExchangeUnavailable(said, what="rate_limit", retry_after_seconds=RETRY_AFTER_SECONDS)
            case Fault.REFUSE, Operation.PLACE:
                return ExchangeRefused(f"{self._name} refuses the order: the account has no funds")
            case Fault.REFUSE, Operation.ORDER | Operation.CANCEL:
                return ExchangeOrderUnknown(f"{self._name} does not know the order")
            case Fault.ANOTHER, Operation.ORDER:
                return not_believed("another order than was asked for")
            case _:
                return ExchangeUnavailable(f"{self._name} could not do it", what="exchange_error")

    def _symbol(self, market: Market) -> Symbol:
        symbol = self._venue.symbols.get(f"{market.base}{market.quote}")
        if symbol is None or (symbol.base, symbol.quote) != (market.base, market.quote):
            raise MarketUnknown(f"{self._name} has no market {market}")
        return symbol

    def _found(self, market: Market, client_order_id: str) -> Order:
        try:
            symbol = self._symbol(market)
        except MarketUnknown as gone:  # its orders may exist all the same
            raise ExchangeUnavailable(gone.detail, what="no_market") from gone
        try:
            return self._venue.order(self._account, symbol.name, client_order_id=client_order_id)
        except OrderUnknown as unknown:
            raise ExchangeOrderUnknown(f"{self._name} does not know the order: {unknown}") from unknown

    def _placed(self, symbol: Symbol, quote: Quote) -> str:
        try:
            order = self._venue.place(
                self._account,
                symbol.name,
                quote.side,
                Kind.LIMIT_MAKER,
                quantity=quote.quantity,
                price=quote.price,
                client_order_id=quote.client_order_id,
                dedupe=True,
            )
        except VenueRefused as refused:
            match refused.reason:
                case Reason.UNKNOWN_SYMBOL | Reason.MARKET_CLOSED:
                    raise MarketUnknown(refused.detail) from refused
                case Reason.DUPLICATE_ORDER:
                    raise ExchangeUnavailable(refused.detail, what="duplicate") from refused
                case Reason.WOULD_TAKE:
                    raise ExchangeWouldTake(refused.detail) from refused
                case Reason.MAX_NUM_ORDERS as full:
                    raise ExchangeFull(refused.detail, reason=str(full)) from refused
                case reason:
                    ours = reason is Reason.INSUFFICIENT_BALANCE
                    raise ExchangeRefused(refused.detail, ours=ours, reason=str(reason)) from refused
        return str(order.order_id)

    def _count_one(self) -> None:
        """An order that was not attempted, which is counted all the same."""
        self._venue.account(self._account).unfilled.placed(self._venue.now())

    def _refuse_one_too_many(self) -> None:
        now, limits = self._venue.now(), self._venue.limits_of(self._account)
        unfilled = self._venue.account(self._account).unfilled
        for window, limit in (
            (unfilled.of_10_seconds, limits.orders_per_10_seconds),
            (unfilled.of_the_day, limits.orders_per_day),
        ):
            if window.count(now) >= limit:
                said = f"{self._name} says that we place too many orders; {limit} are the limit"
                raise ExchangeUnavailable(said, what="rate_limit", retry_after_seconds=window.seconds_left(now))


def _told(order: Order) -> MakerOrder:
    return MakerOrder(
        exchange_order_id=str(order.order_id),
        client_order_id=order.client_order_id,
        side=Side(order.side),
        price=order.price,
        quantity=order.quantity,
        executed=order.executed,
        state=_STATES[order.status],
    )
