"""What a market asks of an order, in the words of Binance's filters, and what the order may cost."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from common.money import EXACT, ROUNDING, plain
from sandbox.exchange.book import Book, Plan
from sandbox.exchange.orders import SELL, Reason, Symbol, VenueRefused

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

    def quote(self, ticks_by_lots: int) -> Decimal:
        return EXACT.multiply(ticks_by_lots, EXACT.multiply(self.symbol.price_step, self.symbol.quantity_step))


class Terms(NamedTuple):
    """An order in the whole steps of its market: with lots or, in their place, a budget in ticks × lots."""

    lots: int | None
    budget: int | None
    tick: int | None  # None for any price


def terms_of(
    market: Market,
    side: str,
    quantity: Decimal | None,
    quote_quantity: Decimal | None,
    price: Decimal | None,
    *,
    however_small: bool,
) -> Terms:
    """An order at any price is worth what its first trade would make of it, or else what the market's last one did.

    Raises VenueRefused for the first of LOT_SIZE, PRICE_FILTER, MIN_NOTIONAL.
    """
    lots = None if quantity is None else _lots_of(market.symbol, quantity)
    tick = None if price is None else _tick_of(market.symbol, price)
    budget = None if quote_quantity is None else _budget_of(market, quote_quantity)
    notional = quote_quantity
    if quantity is not None:
        if price is None:
            best = market.book.best(bids=side == SELL)
            price = market.last_price if best is None else market.price(best)
        # Without a price nobody can tell, and there is nobody to trade with.
        notional = None if price is None else EXACT.multiply(price, quantity)
    if notional is not None and notional < market.symbol.min_notional and not however_small:
        said = f"{plain(notional)} {market.symbol.quote}; it must be at least {market.symbol.min_notional}"
        raise VenueRefused(Reason.MIN_NOTIONAL, said)
    return Terms(lots, budget, tick)


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


def _budget_of(market: Market, quote_quantity: Decimal) -> int:
    """Rounded down. Raises VenueRefused(MIN_NOTIONAL) for less than one."""
    budget = int(ROUNDING.divide_int(quote_quantity, market.quote(1))) if _sensible(quote_quantity) else 0
    if not budget:
        raise VenueRefused(Reason.MIN_NOTIONAL, f"an amount of {quote_quantity} {market.symbol.quote}")
    return budget


def needs_of(
    market: Market,
    side: str,
    quantity: Decimal,
    quote_quantity: Decimal | None,
    price: Decimal | None,
    plan: Plan,
) -> Decimal:
    """What the order may cost at most, in what it pays with. One by quote quantity sells what the plan says."""
    if side == SELL:
        return quantity
    if quote_quantity is not None:
        return quote_quantity
    if price is not None:
        return EXACT.multiply(price, quantity)
    return market.quote(sum(maker.tick * lots for maker, lots in plan.fills))


def steps_in(value: Decimal, step: Decimal) -> int | None:
    """How many steps it is; None when that is no whole number, or no sensible one above 0."""
    if not _sensible(value):
        return None
    count, rest = ROUNDING.divmod(value, step)
    return None if rest else int(count)


def _sensible(value: Decimal) -> bool:
    return value.is_finite() and value > 0 and value.adjusted() < _DIGITS_MAX
