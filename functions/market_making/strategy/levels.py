"""The levels, at their distances from the reference. Buys are rounded down to the tick and sells up: never nearer than
was asked for (quirk Q4: sells down as well). Sizes are whole lots."""

from __future__ import annotations

from decimal import Decimal

from functions.market_making.strategy.arithmetic import ceiled
from functions.market_making.strategy.plan import Step
from functions.market_making.strategy.quirks import Q4_SELLS_FLOORED
from functions.market_making.strategy.rows import Rows
from functions.market_making.strategy.rules import Rules


def buys(rules: Rules, price: Decimal, shift: Decimal | None, ratio: Decimal | None) -> Rows:
    """`shift`: what a skew by spread takes away from every factor. `ratio`: what one by size multiplies sizes with.
    None where they are off."""
    tick, lot, rows = rules.terms.tick, rules.terms.lot, Rows()
    for step in rules.plan.buys:
        wanted, size = _skewed(step, price, shift, ratio, lot)
        rows.append((step.number, wanted // tick * tick, size))
    return rows


def sells(rules: Rules, price: Decimal, shift: Decimal | None, ratio: Decimal | None) -> Rows:
    tick, lot, rows = rules.terms.tick, rules.terms.lot, Rows()
    floors = Q4_SELLS_FLOORED in rules.compat
    for step in rules.plan.sells:
        wanted, size = _skewed(step, price, shift, ratio, lot)
        rows.append((step.number, wanted // tick * tick if floors else ceiled(wanted, tick), size))
    return rows


def _skewed(
    step: Step, price: Decimal, shift: Decimal | None, ratio: Decimal | None, lot: Decimal
) -> tuple[Decimal, Decimal]:
    """Price, not yet of whole ticks, and size."""
    factor = step.factor if shift is None else step.factor - shift
    return price * factor, step.size if ratio is None else step.size * ratio // lot * lot
