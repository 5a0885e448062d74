"""What of the rules is the same at each tick, worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from functions.market_making.strategy.quirks import Quirk


@dataclass(frozen=True, slots=True)
class Step:
    """A level before there is a price: its number on its side (0 is the first), what the reference is multiplied with,
    its size in whole lots."""

    number: int
    factor: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of either side, and constants of the pipeline."""

    buys: tuple[Step, ...]
    sells: tuple[Step, ...]
    behind_buys: tuple[Decimal, ...]  # what the first optimised price is multiplied with, for each level
    behind_sells: tuple[Decimal, ...]
    behind_buys_divisor: Decimal | None  # and then divided by
    behind_sells_divisor: Decimal | None
    order_range: Decimal  # base on either side of the target, in which the skew goes from one end to the other
    tightest_buy: Decimal  # the smallest spread of a buy: a skew by spread takes no more of it
    tightest_sell: Decimal
    need: Decimal  # a buy takes so many times its notional out of the budget
    buy_cost: Decimal  # what `add_transaction_costs` multiplies a price with
    sell_cost: Decimal
    has_minimum_spread: bool
    hanging_max: int | None  # None: without bound
    keeps: frozenset[Quirk]
