"""The budget: quotes never need more than the order has. The nearest come first; the one that exceeds what is left is
cut down to it, and those behind it are not placed. What is no quote takes nothing of it: what would meet the book
(quirk Q5: that does), and what the market refuses for its size (quirk Q7: so does that; it is refused at each
refresh)."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from functions.market_making.strategy.arithmetic import ZERO
from functions.market_making.strategy.hanging import left_behind
from functions.market_making.strategy.market import BUY, Available, Book, Terms
from functions.market_making.strategy.quirks import Q5_TAKERS_LAST, Q7_NO_MINIMUM, Q18_FILLED_TWICE
from functions.market_making.strategy.rows import Rows
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import HANGING, State
from functions.market_making.strategy.takers import buys_take_from, sells_take_to


class Holdings(NamedTuple):
    """Of an order: what is available, and what its live orders lock. `free_…` of it are for quotes: the live ones make
    room for them; hanging orders keep theirs, and so do those that are about to be left hanging."""

    base: Decimal
    quote: Decimal
    free_base: Decimal
    free_quote: Decimal


def holdings(rules: Rules, state: State, available: Available) -> Holdings:
    """Quirk Q18: orders lock what they were placed for, filled or not."""
    base = free_base = available.base
    quote = free_quote = available.quote
    whole = Q18_FILLED_TWICE in rules.compat
    staying = {order.key for order in left_behind(state)} if state.pairs else ()
    for order in state.orders:
        size = order.size if whole else order.size - order.filled
        stays = order.standing is HANGING or order.key in staying
        if order.side is BUY:
            locked = size * order.price
            quote += locked
            if not stays:
                free_quote += locked
        else:
            base += size
            if not stays:
                free_base += size
    return Holdings(base, quote, free_base, free_quote)


def afforded_buys(rules: Rules, book: Book, rows: Rows, quote: Decimal) -> Rows:
    """Each needs its notional and the taker's fee of it: what a connector is told to expect of a limit order."""
    terms, need, best = rules.terms, rules.plan.need, buys_take_from(rules, book)
    takers_last, any_size = Q5_TAKERS_LAST in rules.compat, Q7_NO_MINIMUM in rules.compat
    kept = Rows()
    for row in rows:
        number, price, size = row
        takes = best is not None and price >= best
        if (takes and not takers_last) or not (any_size or is_large_enough(terms, price, size)):
            continue
        wanted = size * price * need
        if quote < wanted:
            size = quote / (price * need) // terms.lot * terms.lot
            if not takes and (size > ZERO if any_size else is_large_enough(terms, price, size)):
                kept.append((number, price, size))
            break
        if quote and size > ZERO and not takes:
            kept.append(row)
        quote -= wanted
    return kept


def afforded_sells(rules: Rules, book: Book, rows: Rows, base: Decimal) -> Rows:
    terms, best = rules.terms, sells_take_to(rules, book)
    takers_last, any_size = Q5_TAKERS_LAST in rules.compat, Q7_NO_MINIMUM in rules.compat
    kept = Rows()
    for row in rows:
        number, price, size = row
        takes = best is not None and price <= best
        if (takes and not takers_last) or not (any_size or is_large_enough(terms, price, size)):
            continue
        if base < size:
            size = base // terms.lot * terms.lot
            if not takes and (size > ZERO if any_size else is_large_enough(terms, price, size)):
                kept.append((number, price, size))
            break
        if size > ZERO and not takes:
            kept.append(row)
        base -= size
    return kept


def is_large_enough(terms: Terms, price: Decimal, size: Decimal) -> bool:
    """Does the market take such an order?"""
    return size >= terms.min_size and price * size >= terms.min_notional and size > ZERO and price > ZERO
