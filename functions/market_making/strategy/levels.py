"""The levels, at their distances from the reference. Buys are rounded down to the tick and sells up: never nearer than
was asked for (quirk Q4: sells down as well)."""

from __future__ import annotations

from decimal import Decimal

from functions.market_making.strategy.arithmetic import ceiled
from functions.market_making.strategy.quirks import Q4_SELLS_FLOORED
from functions.market_making.strategy.rows import Rows
from functions.market_making.strategy.rules import Rules


def buys(rules: Rules, price: Decimal, shift: Decimal | None) -> Rows:
    """`shift`: what a skew by spread takes away from every factor."""
    tick = rules.terms.tick
    if shift is not None:
        return [(step.number, price * (step.factor - shift) // tick * tick, step.size) for step in rules.plan.buys]
    return [(step.number, price * step.factor // tick * tick, step.size) for step in rules.plan.buys]


def sells(rules: Rules, price: Decimal, shift: Decimal | None) -> Rows:
    tick = rules.terms.tick
    if shift is not None:
        wanted = [(step.number, price * (step.factor - shift), step.size) for step in rules.plan.sells]
    else:
        wanted = [(step.number, price * step.factor, step.size) for step in rules.plan.sells]
    if Q4_SELLS_FLOORED in rules.compat:
        return [(number, price // tick * tick, size) for number, price, size in wanted]
    return [(number, ceiled(price, tick), size) for number, price, size in wanted]
