"""What a market asks of an order, in the words of Binance's filters."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from common.money import EXACT, ROUNDING, plain
from sandbox.exchange.book import Book
from sandbox.exchange.orders import Reason, Symbol, VenueRefused

Level = tuple[Decimal, Decimal]  # a price of the book, and how much there is at it
_DIGITS_MAX = 20  # before the point: more than any amount has


class Market:
    """A symbol, its book, and the last price at which anything traded there."""

    def __init__(self, symbol: Symbol) -> None:
        self.symbol = symbol
        self.book = Book()
        self.last_price: Decimal | None = None

    def price(self, tick: int) -> Decimal:
        return EXACT.multiply(tick, self.symbol.price_step)

    def quantity(self, lots: int) -> Decimal:
        return EXACT.multiply(lots, self.symbol.quantity_step)

    def levels(self, *, bids: bool, limit: int) -> list[Level]:
        """Of one side of the book, the best first."""
        return [(self.price(tick), self.quantity(lots)) for tick, lots in self.book.levels(bids=bids, limit=limit)]


class Terms(NamedTuple):
    """An order in the whole steps of its market."""

    lots: int
    tick: int


def terms_of(market: Market, quantity: Decimal, price: Decimal, *, however_small: bool) -> Terms:
    """Raises VenueRefused for the first of LOT_SIZE, PRICE_FILTER, MIN_NOTIONAL."""
    terms = Terms(_lots_of(market.symbol, quantity), _tick_of(market.symbol, price))
    notional = EXACT.multiply(price, quantity)
    if notional < market.symbol.min_notional and not however_small:
        said = f"{plain(notional)} {market.symbol.quote}; it must be at least {market.symbol.min_notional}"
        raise VenueRefused(Reason.MIN_NOTIONAL, said)
    return terms


def _lots_of(symbol: Symbol, quantity: Decimal) -> int:
    """Raises VenueRefused(LOT_SIZE)."""
    lots = steps_in(quantity, symbol.quantity_step)
    if lots is None or quantity < symbol.min_quantity:
        wanted = f"a multiple of {symbol.quantity_step}, at least {symbol.min_quantity}"
        raise VenueRefused(Reason.LOT_SIZE, f"a quantity of {quantity}; it must be {wanted}")
    return lots


def _tick_of(symbol: Symbol, price: Decimal) -> int:
    """Raises VenueRefused(PRICE_FILTER)."""
    tick = steps_in(price, symbol.price_step)
    if tick is None:
        raise VenueRefused(Reason.PRICE_FILTER, f"a price of {price}; it must be a multiple of {symbol.price_step}")
    return tick


def steps_in(value: Decimal, step: Decimal) -> int | None:
    """How many steps it is; None when that is no whole number, or no sensible one above 0."""
    if not _sensible(value):
        return None
    count, rest = ROUNDING.divmod(value, step)
    return None if rest else int(count)


def _sensible(value: Decimal) -> bool:
    return value.is_finite() and value > 0 and value.adjusted() < _DIGITS_MAX
