"""The budget: quotes never need more than the order has. The nearest come first; the one that exceeds what is left is
cut down to it, and those behind it are not placed."""

from __future__ import annotations

from decimal import Decimal

from functions.market_making.strategy.arithmetic import ZERO
from functions.market_making.strategy.hanging import left_behind
from functions.market_making.strategy.market import Available, Side
from functions.market_making.strategy.quirks import Quirk
from functions.market_making.strategy.rows import Rows
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import Standing, State


def free(rules: Rules, state: State, available: Available) -> tuple[Decimal, Decimal]:
    """Base and quote for quotes: what is available, and what the live quotes lock, which make room for them. Hanging
    orders keep theirs, and so do those that are about to be left hanging."""
    base, quote = available.base, available.quote
    if not state.orders:
        return base, quote
    whole = Quirk.Q18_FILLED_TWICE in rules.compat
    halved = any(pair.buy_filled is not pair.sell_filled for pair in state.pairs)
    staying = {order.key for order in left_behind(state)} if halved else ()
    for order in state.orders:
        if order.standing is Standing.HANGING or order.key in staying:
            continue
        size = order.size if whole else order.size - order.filled
        if order.side is Side.BUY:
            quote += size * order.price
        else:
            base += size
    return base, quote


def afforded_buys(rules: Rules, rows: Rows, quote: Decimal) -> Rows:
    """Each needs its notional and the taker's fee of it: what a connector is told to expect of a limit order."""
    need, lot, kept = rules.plan.need, rules.terms.lot, []
    for number, price, size in rows:
        wanted = size * price * need
        if quote < wanted:
            size = quote / (price * need) // lot * lot
            quote = ZERO
        elif quote == 0:
            size = ZERO
        else:
            quote -= wanted
        if size > 0:
            kept.append((number, price, size))
    return kept


def afforded_sells(rules: Rules, rows: Rows, base: Decimal) -> Rows:
    lot, kept = rules.terms.lot, []
    for number, price, size in rows:
        if base < size:
            size = base // lot * lot
            base = ZERO
        elif base == 0:
            size = ZERO
        else:
            base -= size
        if size > 0:
            kept.append((number, price, size))
    return kept


def large_enough(rules: Rules, rows: Rows) -> Rows:
    """Those that the market takes (quirk Q7: all; they are refused there, at each refresh)."""
    least, notional = rules.terms.min_size, rules.terms.min_notional
    return [row for row in rows if row[1] > 0 and row[2] > 0 and row[2] >= least and row[1] * row[2] >= notional]
