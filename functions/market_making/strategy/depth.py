"""Order optimisation: no better a price than needs be. Behind the first price of the book that has so much before it,
plus one tick, an order is as near as it needs to be; the levels behind it keep their distances from it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from operator import itemgetter

from functions.market_making.strategy.arithmetic import ZERO, ceiled
from functions.market_making.strategy.market import Book, Level, Side
from functions.market_making.strategy.quirks import Q3_UNEVEN_LEVELS, Q4_SELLS_FLOORED, Q17_OWN_IN_BOOK
from functions.market_making.strategy.rows import Rows
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import State


def price_at(levels: Sequence[Level], depth: Decimal) -> Decimal | None:
    """The price of the first level at which the book is at least so deep; None where it is thinner."""
    so_far = ZERO
    for price, size in levels:
        so_far += size
        if so_far >= depth:
            return price
    return None


def optimised_buys(rules: Rules, state: State, book: Book, rows: Rows) -> Rows | None:
    """None where the book is too thin to tell."""
    depth = rules.bid_order_optimization_depth + _own_size(rules, state, Side.BUY)
    top = price_at(book.bids, depth)
    if top is None:
        return None
    tick, plan = rules.terms.tick, rules.plan
    rows = sorted(rows, key=itemgetter(1), reverse=True)
    first = min(rows[0][1], ceiled(top, tick) + tick) // tick * tick
    prices = [first * behind for behind in plan.behind_buys[: len(rows)]]
    if plan.behind_buys_divisor is not None:
        prices = [price / plan.behind_buys_divisor for price in prices]
    if Q3_UNEVEN_LEVELS not in rules.compat:
        prices = [price // tick * tick for price in prices]
    return [(number, price, size) for (number, _, size), price in zip(rows, prices, strict=True)]


def optimised_sells(rules: Rules, state: State, book: Book, rows: Rows) -> Rows | None:
    depth = rules.ask_order_optimization_depth + _own_size(rules, state, Side.SELL)
    top = price_at(book.asks, depth)
    if top is None:
        return None
    tick, plan = rules.terms.tick, rules.plan
    rows = sorted(rows, key=itemgetter(1))
    first = max(rows[0][1], top // tick * tick - tick)
    first = first // tick * tick if Q4_SELLS_FLOORED in rules.compat else ceiled(first, tick)
    prices = [first * behind for behind in plan.behind_sells[: len(rows)]]
    if plan.behind_sells_divisor is not None:
        prices = [price / plan.behind_sells_divisor for price in prices]
    if Q3_UNEVEN_LEVELS not in rules.compat:
        prices = [ceiled(price, tick) for price in prices]
    return [(number, price, size) for (number, _, size), price in zip(rows, prices, strict=True)]


def _own_size(rules: Rules, state: State, side: Side) -> Decimal:
    """Where own orders are in the book, the size of the last one of the side: so much of the depth is ours."""
    if Q17_OWN_IN_BOOK not in rules.compat:
        return ZERO
    return next((order.size for order in reversed(state.orders) if order.side is side), ZERO)
