"""The exchange for who makes a market there: the book, orders that may only rest, and what an account has traded.

A port beside that of orders (`Exchange`), which sells and buys for customers at a price: here prices are in the quote
asset of a market, which need not be dollars, and an account has many orders at once, all of which are asked for
together. Of one account. Amounts are exact: what an exchange tells is taken digit by digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple, Protocol

from common.frozen import dataclass
from common.gateways.exchange import ExchangeRefused, ExchangeUnavailable, Side, State, can_be_told, not_believed

BOOK_LEVELS_MAX = 100
TRADES_PAGE = 1000


@dataclass(frozen=True)
class Market:
    """Where `base` is traded against `quote`; assets have the exchange's names."""

    base: str
    quote: str

    def __str__(self) -> str:
        return f"{self.base}-{self.quote}"


class Level(NamedTuple):
    price: Decimal
    quantity: Decimal


def _unreadable(why: str) -> ExchangeUnavailable:
    return ExchangeUnavailable(f"the exchange's book can not be read: {why}", what="garbage")


@dataclass(frozen=True)
class Book:
    """What is bid and asked, the best first. Raises ExchangeUnavailable when made of what no market can have: levels
    that are out of order or empty, bids that meet asks."""

    bids: Sequence[Level]
    asks: Sequence[Level]

    def __post_init__(self) -> None:
        if any(min(level) <= 0 for side in (self.bids, self.asks) for level in side):
            raise _unreadable("a level of it is empty, or has no price")
        bids, asks = [level.price for level in self.bids], [level.price for level in self.asks]
        rising = [*reversed(bids), *asks]
        if any(lower >= higher for lower, higher in pairwise(rising)):
            raise _unreadable("its levels are out of order, or bids meet asks")

    @property
    def middle(self) -> Decimal | None:
        """Between the best bid and the best ask; None where a side is empty."""
        return (self.bids[0].price + self.asks[0].price) / 2 if self.bids and self.asks else None


@dataclass(frozen=True)
class Quote:
    """An order to place that may only rest. `client_order_id` is ours, 18 characters of a-z and 2-7
    (`client_order_id()` makes them), and what the order is found and cancelled by."""

    side: Side
    price: Decimal
    quantity: Decimal
    client_order_id: str


@dataclass(frozen=True)
class MakerOrder:
    """An order as the exchange has it now; `client_order_id` is what the exchange tells, of a stranger's order too.

    Raises ExchangeUnavailable when made of amounts that can not be.
    """

    exchange_order_id: str
    client_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    executed: Decimal
    state: State

    def __post_init__(self) -> None:
        amounts = (self.price, self.quantity, self.executed)
        if min(amounts) < 0 or not all(map(can_be_told, amounts)) or self.executed > self.quantity:
            raise not_believed(f"order {self.exchange_order_id} has amounts that no order has")
        if (self.state is State.FULLY_EXECUTED) and self.executed != self.quantity:
            raise not_believed(f"order {self.exchange_order_id} is filled, and executed {self.executed} of its whole")

    @property
    def over(self) -> bool:
        return self.state is not State.WORKING


@dataclass(frozen=True)
class OwnTrade:
    """The account's side of a trade. An exchange does not tell the client order id here: resolve the orders whose
    placement nobody has answered before trades are attributed. `fee` is in `fee_asset`; a negative one is a rebate."""

    trade_id: int
    exchange_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    at: datetime

    def __post_init__(self) -> None:
        amounts = (self.price, self.quantity, self.quote_quantity)
        if min(amounts) <= 0 or not all(map(can_be_told, (*amounts, self.fee))):
            raise not_believed(f"trade {self.trade_id} has amounts that no trade has")


@dataclass(frozen=True)
class Balance:
    """What an account has of an asset: free, and in its open orders."""

    free: Decimal
    locked: Decimal


@dataclass(frozen=True)
class MarketLimits:
    """What a market asks of an order, and the exchange of an account there. `min_notional` is in quote.

    weight_per_minute: what all requests of a minute may weigh together; at Binance, from one address.
    """

    price_step: Decimal
    quantity_step: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    open_orders_max: int
    orders_per_10_seconds: int
    orders_per_day: int
    weight_per_minute: int


class ExchangeNotReplaced(ExchangeRefused):
    """The exchange's definite no to a replacement: the old order is as it was, which may be over, and the new one does
    not exist and never will."""


class Books(Protocol):
    """Markets, for who only looks. Raises ExchangeUnavailable, MarketUnknown."""

    def book(self, market: Market, levels: int) -> Book:
        """See `Maker.book`."""
        ...

    def limits(self, market: Market) -> MarketLimits:
        """See `Maker.limits`: it weighs more than a book."""
        ...


class Maker(Protocol):
    """Every method may raise ExchangeUnavailable; all but `place` and `replace` are then safe to call again. Those that
    are not about one order raise MarketUnknown where there is no such market. Orders in a market that is gone may exist
    all the same: about them, that is ExchangeUnavailable."""

    @property
    def name(self) -> str:
        """Of the exchange, as people know it: `binance`."""
        ...

    @property
    def trades_page(self) -> int:
        """How many trades `trades_after` and `trades_of` tell at most."""
        ...

    def limits(self, market: Market) -> MarketLimits:
        """As the exchange announces them now."""
        ...

    def book(self, market: Market, levels: int) -> Book:
        """At most so many levels of each side, BOOK_LEVELS_MAX at most. A side that nobody is on is empty."""
        ...

    def open_orders(self, market: Market) -> Sequence[MakerOrder]:
        """All of the account, whoever placed them, the oldest first."""
        ...

    def find(self, market: Market, client_order_id: str) -> MakerOrder:
        """Look among open orders and those that are over. Raises ExchangeOrderUnknown."""
        ...

    def trades_after(self, market: Market, trade_id: int) -> Sequence[OwnTrade]:
        """The account's next trades after that one, in the order of their ids: `trades_page` of them at most, and fewer
        only where there are no more now. `trade_id` is 0 for the first ones."""
        ...

    def trades_of(self, market: Market, exchange_order_id: str, trade_id: int) -> Sequence[OwnTrade]:
        """As `trades_after`, those of one order of the account alone. None, where it has no such order."""
        ...

    def place(self, market: Market, quote: Quote) -> str:
        """Place an order that rests, and return the exchange's id of it.

        Call it once for each client order id. Raises MarketUnknown; ExchangeWouldTake, ExchangeRefused: the order does
        not exist and never will; ExchangeUnavailable: it may exist or not, `find` it.
        """
        ...

    def replace(self, market: Market, client_order_id: str, quote: Quote) -> str:
        """End an order with which nobody has traded, and place another once it is ended; return the exchange's id of
        that one. One request for two, at half of their weight.

        Raises ExchangeNotReplaced: nothing was done, also where the old order is over, unknown, or filled in part;
        ExchangeWouldTake, ExchangeRefused: the old order has ended, and nobody had traded with it, and the new one does
        not exist and never will; ExchangeUnavailable: each of the two may exist or not, `find` both.
        """
        ...

    def cancel(self, market: Market, client_order_id: str) -> MakerOrder:
        """End an order, and tell it as it ended: nothing more is executed then. One that was over stays as it is.

        Raises ExchangeOrderUnknown: the exchange does not know it; just after `place` that may be too early to tell.
        """
        ...

    def balances(self) -> Mapping[str, Balance]:
        """By asset; those of which there is something."""
        ...
