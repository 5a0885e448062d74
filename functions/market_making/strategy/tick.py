"""One tick: what to cancel, what to create."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from functions.market_making.strategy.market import Available, Market, Side
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import State


@dataclass(frozen=True, slots=True)
class Creation:
    """An order to place, post-only (but where the rules take): its key is in `Decision.state` already. `level` counts
    from the nearest, 0. `renews`: the hanging order, of the same price, whose place it takes."""

    key: str
    side: Side
    price: Decimal
    size: Decimal
    level: int
    renews: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a tick. The caller

    1. writes `state` down, before anything else: the creations are live in it, as intents;
    2. cancels `cancels`, and looks what became of each: dead, filled, or not known;
    3. places `renews`, each only when the order that it renews is seen dead without having been filled meanwhile;
    4. places `creations`: at once without `create_after_cancels`; with it only when *every* one of `cancels` is seen
       dead. Otherwise it places none of them, only `renews`;
    5. tells the state of what it did not place (`unplaced`), with the end of what was cancelled (`cancelled`) and with
       trades (`filled`): trades before ends, both before the next tick.

    `cancels` has every order whose end is waited for, also from earlier ticks: a cancel without an answer is asked again.
    `lost` says why nothing was decided but cancels: `no_reference`, or for a kept quirk `thin_book`."""

    state: State
    cancels: tuple[str, ...] = ()
    creations: tuple[Creation, ...] = ()
    renews: tuple[Creation, ...] = ()
    create_after_cancels: bool = False
    reference: Decimal | None = None
    lost: str | None = None


def tick(rules: Rules, state: State, market: Market, available: Available, now: int) -> Decision:
    """Decide. Pure: the same arguments give the same decision.

    `now` is the cycle's own absolute time in whole seconds (not the clock's: a cycle that begins late would come too
    early to the next refresh), and never goes back. `state` knows every trade and end that is known. ValueError where
    `now` is before the last tick."""
    raise NotImplementedError
