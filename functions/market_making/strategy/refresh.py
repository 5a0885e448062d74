"""When live quotes are replaced: for their age, at a refresh unless they are still what would be proposed, and when
they are nearer than the minimum spread."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from functions.market_making.strategy.arithmetic import ZERO
from functions.market_making.strategy.market import BUY, SELL, Side
from functions.market_making.strategy.quirks import Q8_SIZE_TOLERATED
from functions.market_making.strategy.rows import Row, Rows
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import LiveOrder


def is_aged(rules: Rules, orders: Sequence[LiveOrder], now: int) -> bool:
    """Is one of them older than may be? Then all of them are replaced."""
    oldest = now - rules.max_order_age
    return any(order.created_at < oldest for order in orders)


def still_stand(rules: Rules, orders: Sequence[LiveOrder], buys: Sequence[Row], sells: Sequence[Row]) -> bool:
    """Are the live quotes what would be proposed, within the tolerances? As many on each side, pair by pair in the
    order of their prices: the price, and (but for quirk Q8) the size that is still open."""
    return _stands(rules, orders, BUY, buys) and _stands(rules, orders, SELL, sells)


def _stands(rules: Rules, orders: Sequence[LiveOrder], side: Side, rows: Sequence[Row]) -> bool:
    live = [(order.price, order.size - order.filled) for order in orders if order.side is side]
    if len(live) != len(rows):
        return False
    wanted = [(price, size) for _, price, size in rows]
    if len(live) > 1:
        live.sort()
        wanted.sort()
    tolerance = rules.order_refresh_tolerance_pct
    sizes = None if Q8_SIZE_TOLERATED in rules.compat else rules.order_refresh_size_tolerance_pct
    for (price, size), (new_price, new_size) in zip(live, wanted, strict=True):
        if price <= ZERO or abs(new_price - price) / price > tolerance:
            return False
        if sizes is not None and abs(new_size - size) > sizes * size:
            return False
    return True


def too_near(rules: Rules, orders: Sequence[LiveOrder], reference: Decimal) -> list[LiveOrder]:
    """Those whose spread from the reference is less than the minimum. On the other side of it a spread is negative."""
    near = []
    for order in orders:
        away = order.price - reference if order.side is SELL else reference - order.price
        if away / reference < rules.minimum_spread:
            near.append(order)
    return near


def far_enough(rules: Rules, side: Side, rows: Rows, reference: Decimal) -> Rows:
    """What would not be cancelled for its spread (quirk Q9: all; they are, a moment later)."""
    least = rules.minimum_spread
    if side is SELL:
        return [row for row in rows if (row[1] - reference) / reference >= least]
    return [row for row in rows if (reference - row[1]) / reference >= least]
