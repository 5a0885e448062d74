"""The reference price: what quotes are so and so far from."""

from __future__ import annotations

from decimal import Decimal

from functions.market_making.strategy.arithmetic import TWO, ZERO
from functions.market_making.strategy.market import Available, Book, Market
from functions.market_making.strategy.quirks import Q2_EMPTY_BOOK, Q14_BINARY_LAST_PRICE
from functions.market_making.strategy.rules import (
    BEST_ASK,
    BEST_BID,
    CUSTOM_API,
    EXTERNAL_MARKET,
    INVENTORY_COST,
    LAST_OWN_TRADE_PRICE,
    LAST_PRICE,
    Rules,
)
from functions.market_making.strategy.state import State


def reference(rules: Rules, state: State, market: Market) -> Decimal | None:
    """The price by the rules' source and type, or None where it is not known. Without a last price it is the mid."""
    wanted = rules.price_type
    if rules.price_source is CUSTOM_API:
        own = state.own_price if wanted is LAST_OWN_TRADE_PRICE else None
        return _usable(rules, market.custom_price if own is None else own)
    book = market.external if rules.price_source is EXTERNAL_MARKET else market.book
    tick = rules.terms.tick
    price: Decimal | None = None
    if wanted is BEST_BID:
        price = _best(book.bids[0][0] if book and book.bids else None, tick)
    elif wanted is BEST_ASK:
        price = _best(book.asks[0][0] if book and book.asks else None, tick)
    elif wanted is LAST_PRICE:
        price = market.last_trade_price
        if price is not None and Q14_BINARY_LAST_PRICE in rules.compat:
            price = Decimal(float(price))
    elif wanted is LAST_OWN_TRADE_PRICE:
        price = state.own_price
    return _usable(rules, _mid(book, tick) if price is None and book is not None else price)


def of_sells(rules: Rules, state: State, available: Available, price: Decimal) -> Decimal:
    """What sells are so far from: with `inventory_cost` never less than what the inventory has cost."""
    if rules.price_type is not INVENTORY_COST:
        return price
    if state.cost_base > ZERO:
        return max(state.cost_quote / state.cost_base, price)
    unknown = available.base > 0 and rules.inventory_price is not None
    return max(rules.inventory_price, price) if unknown and rules.inventory_price is not None else price


def _best(price: Decimal | None, tick: Decimal) -> Decimal | None:
    return None if price is None else price // tick * tick


def _mid(book: Book, tick: Decimal) -> Decimal | None:
    if not book.bids or not book.asks:
        return None
    return (book.asks[0][0] // tick * tick + book.bids[0][0] // tick * tick) / TWO


def _usable(rules: Rules, price: Decimal | None) -> Decimal | None:
    """There a price of 0 is one; here it is not known."""
    if price is None or price > ZERO or Q2_EMPTY_BOOK in rules.compat:
        return price
    return None
