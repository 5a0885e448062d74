"""What there was of an order after each of its trades, against keeping what it began with. Pure.

Nobody keeps it: it is reckoned back from what the order has now, a trade at a time, and told at the trade's own price,
since no other price of that moment is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from common.frozen import dataclass
from common.gateways.exchange.maker import OwnTrade
from common.money import EXACT
from functions.market_making.quotes import brought
from functions.market_making.tally import worth_at


@dataclass(frozen=True)
class Point:
    """After a trade and at its price, in quote: what was there, and what keeping would be worth."""

    trade: OwnTrade
    worth: Decimal
    held: Decimal

    @property
    def against_holding(self) -> Decimal:
        return EXACT.subtract(self.worth, self.held)


@dataclass(frozen=True)
class History:
    """`points`: the oldest first. `complete`: the first of them is the order's first trade."""

    points: list[Point]
    complete: bool


def points(
    has: tuple[Decimal, Decimal],
    began: tuple[Decimal, Decimal],
    decided: tuple[Decimal, Decimal],
    newest_first: Iterable[OwnTrade],
    coins: tuple[str, str],
) -> list[Point]:
    """The oldest first. `has` is what is there after all of them, and after what operators have decided: that ends an
    order, so no trade follows it, and it counts at the last."""
    found: list[Point] = []
    for trade in newest_first:
        found.append(Point(trade, worth_at(has, trade.price), worth_at(began, trade.price)))
        if len(found) == 1:
            has = _less(has, decided)
        has = _less(has, brought(trade, coins))
    return found[::-1]


def _less(has: tuple[Decimal, Decimal], change: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    return EXACT.subtract(has[0], change[0]), EXACT.subtract(has[1], change[1])
