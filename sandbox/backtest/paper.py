"""An account of an exchange that lives off a tape: the port `Maker`, without a venue.

How quotes are filled, in a market that takes no notice of them:

* a print meets what we have at better prices than its own, the best first, for no more than its quantity;
* at its own price, only once it has used up what was in the book there before us;
* where the others' best ask comes down to our bid, or their bid up to our ask, all of ours that it reaches is filled.

A request takes its time: what happens meanwhile still meets the old orders. Some answers can be lost: the exchange has
done it, and nobody is told.
"""

from __future__ import annotations

import random
from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter

from common.gateways.exchange import (
    BUY,
    SELL,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    ExchangeWouldTake,
    MarketUnknown,
    Side,
    State,
)
from common.gateways.exchange.maker import (
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
from functions.market_making.strategy import Book as StrategyBook
from sandbox.backtest.tape import Best, Print, Tape

_NOTHING = Decimal(0)


@dataclass(slots=True)
class _Order:
    number: int
    quote: Quote
    price: Decimal
    ahead: Decimal  # what was in the book at its price before it
    executed: Decimal = _NOTHING
    state: State = State.WORKING
    told: MakerOrder | None = None

    @property
    def left(self) -> Decimal:
        return self.quote.quantity - self.executed

    def tell(self) -> MakerOrder:
        if self.told is None:
            quote = self.quote
            name, state = quote.client_order_id, self.state
            self.told = MakerOrder(
                str(self.number), name, quote.side, quote.price, quote.quantity, self.executed, state
            )  # fmt: skip
        return self.told


@dataclass(frozen=True, slots=True)
class Traded:
    """A trade of the account, and the middle of the others' book just before it."""

    trade: OwnTrade
    middle: Decimal


class Paper:
    """Begins with the tape; `pass_to` lets time go by. Not for several threads.

    fee: a fraction of what is received, and in that asset. latency: of a request that changes something, in
    milliseconds. lost: the chance that its answer does not come, in half of the cases because it was never done.
    calls: by what was asked for. two_sided: for how many milliseconds orders of ours were open on both sides.
    """

    def __init__(
        self,
        tape: Tape,
        market: Market,
        base: Decimal,
        quote: Decimal,
        *,
        fee: Decimal = _NOTHING,
        latency: int = 60,
        lost: float = 0.0,
        seed: int = 1,
        min_notional: Decimal = _NOTHING,
    ) -> None:
        self.base, self.quote = base, quote
        self.traded: list[Traded] = []
        self.calls: Counter[str] = Counter()
        self.two_sided = 0
        self.at = tape.began
        self._now = _moment(self.at)
        self.bid, self.ask = _NOTHING, _NOTHING
        self._middle: Decimal | None = None  # once it is asked for; as long as the best are what they are
        self._open_orders: Sequence[MakerOrder] | None = None  # as they were told; as long as nothing happens to them
        self._tape, self._market, self._fee, self._latency, self._lost = tape, market, fee, latency, lost
        self._min_notional = min_notional
        self._chance = random.Random(seed)
        self._next = 0
        self._orders: dict[str, _Order] = {}
        self._bids: list[_Order] = []  # the best first
        self._asks: list[_Order] = []
        self._others: set[str] = set()
        self._trades: list[OwnTrade] = []
        self.pass_to(tape.began)

    name = "paper"
    trades_page = TRADES_PAGE

    def now(self) -> datetime:
        return self._now

    @property
    def middle(self) -> Decimal:
        if self._middle is None:
            self._middle = (self.bid + self.ask) / 2
        return self._middle

    @property
    def others_book(self) -> StrategyBook:
        """Without our own orders."""
        return self._tape.book(self.bid, self.ask)

    @property
    def best(self) -> tuple[Decimal | None, Decimal | None]:
        """Bid and ask of what is open at the account."""
        return (
            self._bids[0].price if self._bids else None,
            self._asks[0].price if self._asks else None,
        )

    # Time

    def pass_to(self, at: int) -> None:
        """What the tape tells until then, its moment included. Most of the time it tells of nothing that meets us."""
        ends, best, meets_bids_from, meets_asks_to = self._tape.span(self._next, at)
        meets_bids = self._bids and meets_bids_from is not None and self._bids[0].price >= meets_bids_from
        meets_asks = self._asks and meets_asks_to is not None and self._asks[0].price <= meets_asks_to
        if meets_bids or meets_asks:
            for event in self._tape.events[self._next : ends]:
                self._happen(event)
        elif best is not None:
            _, self.bid, self.ask = best
            self._middle = None
        self._next = ends
        self._count_to(at)

    def _happen(self, event: Print | Best) -> None:
        if isinstance(event, Best):
            _, self.bid, self.ask = event
            self._middle = None
            if self._bids and self._bids[0].price >= event.ask:
                self._met(self._bids, event.at)
            if self._asks and self._asks[0].price <= event.bid:
                self._met(self._asks, event.at)
        elif event.side is SELL:
            if self._bids and self._bids[0].price >= event.price:
                self._hit(self._bids, event.price, event.quantity, event.at)
        elif self._asks and self._asks[0].price <= event.price:
            self._hit(self._asks, event.price, event.quantity, event.at)

    def _count_to(self, at: int) -> None:
        if at > self.at:
            if self._bids and self._asks:
                self.two_sided += at - self.at
            self.at, self._now = at, _moment(at)

    def _hit(self, side: list[_Order], price: Decimal, quantity: Decimal, at: int) -> None:
        for order in list(side):
            ours = order.quote.price
            if (ours < price) if order.quote.side is BUY else (ours > price):
                return
            if ours == price:
                waited = min(order.ahead, quantity)
                order.ahead -= waited
                quantity -= waited
            taken = min(order.left, quantity)
            if taken <= 0:
                return
            quantity -= taken
            self._fill(order, taken, at)

    def _met(self, side: list[_Order], at: int) -> None:
        for order in list(side):
            buys = order.quote.side is BUY
            if (order.quote.price >= self.ask) if buys else (order.quote.price <= self.bid):
                self._fill(order, order.left, at)

    def _fill(self, order: _Order, quantity: Decimal, at: int) -> None:
        self._count_to(at)
        order.executed, order.told, self._open_orders = order.executed + quantity, None, None
        if order.quote.client_order_id not in self._others:
            self._book(order, quantity, at)
        if not order.left:
            self._end(order, State.FULLY_EXECUTED)

    def _book(self, order: _Order, quantity: Decimal, at: int) -> None:
        side, price = order.quote.side, order.quote.price
        notional = quantity * price
        fee = (quantity if side is BUY else notional) * self._fee
        if side is BUY:
            self.base, self.quote = self.base + quantity - fee, self.quote - notional
        else:
            self.base, self.quote = self.base - quantity, self.quote + notional - fee
        asset = self._market.base if side is BUY else self._market.quote
        trade = OwnTrade(
            len(self._trades) + 1, str(order.number), side, price, quantity, notional, fee, asset, True, _moment(at)
        )  # fmt: skip
        self._trades.append(trade)
        self.traded.append(Traded(trade, self.middle))

    def _end(self, order: _Order, state: State) -> None:
        order.state, order.told, self._open_orders = state, None, None
        (self._bids if order.quote.side is BUY else self._asks).remove(order)

    # Of who else has orders at this account

    def place_for_others(self, quote: Quote) -> None:
        self._others.add(quote.client_order_id)
        self._open(quote)

    @property
    def open_count(self) -> int:
        """Of our own."""
        return len(self._bids) + len(self._asks) - (self.others_open if self._others else 0)

    @property
    def others_open(self) -> int:
        return sum(order.quote.client_order_id in self._others for order in (*self._bids, *self._asks))

    @property
    def own(self) -> list[MakerOrder]:
        """Our open orders, as the exchange knows them, without asking it."""
        open_ = (*self._bids, *self._asks)
        return [order.tell() for order in open_ if order.quote.client_order_id not in self._others]

    # The port

    def limits(self, market: Market) -> MarketLimits:
        """See `Maker.limits`; of those of requests it has none."""
        self._read("limits", market)
        steps = self._tape.steps
        return MarketLimits(
            steps.price, steps.quantity, steps.quantity, self._min_notional, 200, 10**6, 10**9, 10**9
        )  # fmt: skip

    def book(self, market: Market, levels: int) -> Book:
        """See `Maker.book`. Without our own orders."""
        self._read("book", market)
        book = self._tape.book(self.bid, self.ask)
        return Book([Level(*one) for one in book.bids[:levels]], [Level(*one) for one in book.asks[:levels]])

    def open_orders(self, market: Market) -> Sequence[MakerOrder]:
        """See `Maker.open_orders`."""
        self._read("open_orders", market)
        if self._open_orders is None:
            several = sorted((*self._bids, *self._asks), key=attrgetter("number"))
            self._open_orders = [order.tell() for order in several]
        return self._open_orders

    def find(self, market: Market, client_order_id: str) -> MakerOrder:
        """See `Maker.find`."""
        self._read("find", market)
        return self._known(client_order_id).tell()

    def trades_after(self, market: Market, trade_id: int) -> Sequence[OwnTrade]:
        """See `Maker.trades_after`."""
        self._read("trades_after", market)
        return self._trades[trade_id : trade_id + self.trades_page]

    def trades_of(self, market: Market, exchange_order_id: str, trade_id: int) -> Sequence[OwnTrade]:
        """See `Maker.trades_of`."""
        self._read("trades_of", market)
        own = [trade for trade in self._trades[trade_id:] if trade.exchange_order_id == exchange_order_id]
        return own[: self.trades_page]

    def place(self, market: Market, quote: Quote) -> str:
        """See `Maker.place`."""
        self._changing("place", market)
        self._refuse(quote)
        order = self._open(quote)
        self._answer()
        return str(order.number)

    def replace(self, market: Market, client_order_id: str, quote: Quote) -> str:
        """See `Maker.replace`."""
        self._changing("replace", market)
        old = self._orders.get(client_order_id)
        if old is None or old.state is not State.WORKING or old.executed:
            raise ExchangeNotReplaced("the old order is over, unknown, or filled in part")
        self._end(old, State.CANCELED)
        self._refuse(quote)
        order = self._open(quote)
        self._answer()
        return str(order.number)

    def cancel(self, market: Market, client_order_id: str) -> MakerOrder:
        """See `Maker.cancel`."""
        self._changing("cancel", market)
        order = self._known(client_order_id)
        if order.state is State.WORKING:
            self._end(order, State.CANCELED)
        self._answer()
        return order.tell()

    def balances(self) -> Mapping[str, Balance]:
        """See `Maker.balances`. Of our own orders alone."""
        selling, buying = self._locked(SELL), self._locked(BUY)
        return {
            self._market.base: Balance(self.base - selling, selling),
            self._market.quote: Balance(self.quote - buying, buying),
        }

    def _read(self, what: str, market: Market) -> None:
        self.calls[what] += 1
        if market is not self._market and market != self._market:
            raise MarketUnknown(f"there is no market {market}")
        self._answer()

    def _changing(self, what: str, market: Market) -> None:
        """Some requests never arrive."""
        if self._latency:
            self.pass_to(self.at + self._latency)
        self._read(what, market)

    def _answer(self) -> None:
        if self._lost and self._chance.random() < self._lost / 2:
            raise ExchangeUnavailable("no answer", what="timeout")

    def _known(self, client_order_id: str) -> _Order:
        if client_order_id not in self._orders:
            raise ExchangeOrderUnknown(client_order_id)
        return self._orders[client_order_id]

    def _refuse(self, quote: Quote) -> None:
        buys = quote.side is BUY
        if quote.client_order_id in self._orders:
            raise ExchangeRefused("the client order id is taken")
        if quote.price >= self.ask if buys else quote.price <= self.bid:
            raise ExchangeWouldTake("it would take")
        if quote.price * quote.quantity < self._min_notional:
            raise ExchangeRefused("it is too small", ours=False)
        needs = quote.price * quote.quantity if buys else quote.quantity
        if self._locked(quote.side) + needs > (self.quote if buys else self.base):
            raise ExchangeRefused("there is not enough for it")

    def _locked(self, side: Side) -> Decimal:
        """By our own orders."""
        orders = self._bids if side is BUY else self._asks
        own = [order for order in orders if order.quote.client_order_id not in self._others]
        return sum((o.left * o.quote.price if side is BUY else o.left for o in own), _NOTHING)

    def _open(self, quote: Quote) -> _Order:
        buys = quote.side is BUY
        book = self._tape.book(self.bid, self.ask)
        levels = book.bids if buys else book.asks
        ahead = next((there for price, there in levels if price == quote.price), _NOTHING)
        order = _Order(len(self._orders) + 1, quote, quote.price, ahead)
        self._orders[quote.client_order_id] = order
        self._open_orders = None
        # Of the same price the older one stays before it.
        if buys:
            insort(self._bids, order, key=lambda one: -one.price)
        else:
            insort(self._asks, order, key=attrgetter("price"))
        return order


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
