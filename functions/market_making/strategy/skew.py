"""Inventory skew. By size: the side that brings the inventory back to its target is quoted larger, the other one
smaller, up to twice and nothing. By spread: both sides are shifted towards it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from functions.market_making.strategy.arithmetic import TWO, ZERO
from functions.market_making.strategy.quirks import Q15_BINARY_SKEW
from functions.market_making.strategy.rules import Rules

N = TypeVar("N", float, Decimal)
_CORNERS: Mapping[type, tuple[Any, Any, Any, Any]] = {
    kind: (kind(0), kind("0.5"), kind(1), kind(2)) for kind in (float, Decimal)
}


def ratios(rules: Rules, base: Decimal, quote: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
    """What sizes of buys and of sells are multiplied with, 0 to 2 (quirk Q15: in binary fractions)."""
    target, order_range = rules.inventory_target_base_pct, rules.plan.order_range
    if Q15_BINARY_SKEW in rules.compat:
        bid = bid_ratio(float(base), float(quote), float(price), float(target), float(order_range))
        return (ZERO, ZERO) if bid is None else (Decimal(bid), Decimal(2.0 - bid))
    exact = bid_ratio(base, quote, price, target, order_range)
    return (ZERO, ZERO) if exact is None else (exact, TWO - exact)


def bid_ratio(base: N, quote: N, price: N, target: N, order_range: N) -> N | None:
    """From 2 at the lower end of the range, over 1 at the target, to 0 at its upper end; None without inventory, or
    without a range.

    In steps as there (a part of a half, and of that the ratio): a binary fraction depends on them."""
    corners: tuple[N, N, N, N] = _CORNERS[type(base)]
    zero, half, one, two = corners
    held = base * price
    value = held + quote
    if value <= zero or order_range <= zero:
        return None
    reach = min(order_range * price, value * half)
    aim = value * target
    if held < aim:
        part = between(held, max(aim - reach, zero), aim, zero, half)
        return between(part, zero, half, two, one)
    part = between(held, aim, aim + reach, half, one)
    return between(part, half, one, one, zero)


def between(x: N, x0: N, x1: N, y0: N, y1: N) -> N:
    """On the line from (x0, y0) to (x1, y1), and its ends beyond them: `numpy.interp` of two points."""
    if x >= x1:
        return y1
    if x <= x0:
        return y0
    return (y1 - y0) / (x1 - x0) * (x - x0) + y0


def shift(rules: Rules, base: Decimal, quote: Decimal, price: Decimal) -> Decimal | None:
    """What the factors of both sides go down by, as a fraction of the reference: above 0 with more base than wanted. No
    quote gets to the other side of the reference. None without inventory."""
    held = base * price
    value = held + quote
    if value <= ZERO:
        return None
    wanted = rules.inventory_spread_skew * (held / value - rules.inventory_target_base_pct)
    return min(max(wanted, -rules.plan.tightest_buy), rules.plan.tightest_sell)
