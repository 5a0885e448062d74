"""The budget: quotes never need more than the order has. The nearest come first; the one that exceeds what is left is
cut down to it, and those behind it are not placed."""

from __future__ import annotations

from decimal import Decimal

from functions.market_making.strategy.arithmetic import ZERO
from functions.market_making.strategy.hanging import left_behind
from functions.market_making.strategy.market import BUY, Available
from functions.market_making.strategy.quirks import Q7_NO_MINIMUM, Q18_FILLED_TWICE
from functions.market_making.strategy.rows import Row, Rows
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import HANGING, State


def free(rules: Rules, state: State, available: Available) -> tuple[Decimal, Decimal]:
    """Base and quote for quotes: what is available, and what the live quotes lock, which make room for them. Hanging
    orders keep theirs, and so do those that are about to be left hanging."""
    base, quote = available.base, available.quote
    if not state.orders:
        return base, quote
    whole = Q18_FILLED_TWICE in rules.compat
    halved = any(pair.buy_filled is not pair.sell_filled for pair in state.pairs)
    staying = {order.key for order in left_behind(state)} if halved else ()
    for order in state.orders:
        if order.standing is HANGING or order.key in staying:
            continue
        size = order.size if whole else order.size - order.filled
        if order.side is BUY:
            quote += size * order.price
        else:
            base += size
    return base, quote


def afforded_buys(rules: Rules, rows: Rows, quote: Decimal) -> Rows:
    """Each needs its notional and the taker's fee of it: what a connector is told to expect of a limit order."""
    need, lot = rules.plan.need, rules.terms.lot
    kept: Rows = []
    for row in rows:
        number, price, size = row
        wanted = size * price * need
        if quote >= wanted:
            if quote and size > 0:
                kept.append(row)
            quote -= wanted
            continue
        kept += _large_enough_still(rules, (number, price, quote / (price * need) // lot * lot))
        quote = ZERO
    return kept


def afforded_sells(rules: Rules, rows: Rows, base: Decimal) -> Rows:
    lot = rules.terms.lot
    kept: Rows = []
    for row in rows:
        number, price, size = row
        if base >= size:
            if size > 0:
                kept.append(row)
            base -= size
            continue
        kept += _large_enough_still(rules, (number, price, base // lot * lot))
        base = ZERO
    return kept


def _large_enough_still(rules: Rules, row: Row) -> Rows:
    """One that is cut down, if the market takes it so."""
    if Q7_NO_MINIMUM in rules.compat:
        return [row] if row[2] > 0 else []
    return large_enough(rules, [row])


def large_enough(rules: Rules, rows: Rows) -> Rows:
    """Those that the market takes (quirk Q7: all; they are refused there, at each refresh)."""
    least, notional = rules.terms.min_size, rules.terms.min_notional
    return [row for row in rows if row[1] > 0 and row[2] > 0 and row[2] >= least and row[1] * row[2] >= notional]
