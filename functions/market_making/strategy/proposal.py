"""A proposal: the quotes that one would have now."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from functions.market_making.strategy.market import Available, Market, Side
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import State


@dataclass(frozen=True, slots=True)
class Quote:
    """`level` counts from the nearest of its side, 0."""

    side: Side
    price: Decimal
    size: Decimal
    level: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """Quotes of either side, nearest first. `lost` says why there are none: `no_reference`, `thin_book`."""

    buys: tuple[Quote, ...] = ()
    sells: tuple[Quote, ...] = ()
    reference: Decimal | None = None
    lost: str | None = None


def propose(rules: Rules, state: State, market: Market, available: Available, now: int) -> Proposal:
    """The quotes of this moment, whatever the timers say."""
    raise NotImplementedError
