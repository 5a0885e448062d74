"""What an order carries from one tick to the next: its live orders, timers, counts. Plain values, for a small map."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from functions.market_making.strategy.arithmetic import ZERO
from functions.market_making.strategy.market import Side
from functions.market_making.strategy.rules import Rules


class Standing(StrEnum):
    """A quote is replaced at a refresh. A hanging order stays until it is filled, old, or far. A forgotten one is what
    quirk Q12 makes of a twin."""

    QUOTE = "quote"
    HANGING = "hanging"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """An order that was placed, or is about to be, and is not known to be over. `key` is unique in its market-making
    order for good: `b` or `s` and a number. `level` counts from the nearest, 0. Times in seconds."""

    key: str
    side: Side
    price: Decimal
    size: Decimal  # as placed
    created_at: int
    level: int = 0
    filled: Decimal = ZERO
    standing: Standing = Standing.QUOTE
    cancelled_at: int | None = None  # since then its end is waited for
    renews: str | None = None  # the key of the hanging order that it takes the place of
    renewing: bool = False  # its cancel is for its age: another one takes its place


@dataclass(frozen=True, slots=True)
class Pair:
    """A buy and a sell that were created together: where one is filled, the other is left hanging at the next refresh."""

    buy: str | None
    sell: str | None
    buy_filled: bool = False
    sell_filled: bool = False


@dataclass(frozen=True, slots=True)
class Owed:
    """A hanging order that is gone for its age, and whose successor is not placed yet."""

    side: Side
    price: Decimal
    size: Decimal
    key: str  # of the one that is gone


@dataclass(frozen=True, slots=True)
class State:
    """Begins as `State()`. The caller keeps it (all values are None, bool, int, str, Decimal, or tuples of such
    dataclasses), writes `Decision.state` down before it carries the decision out, and tells it what became of orders
    before the next tick: `filled`, `cancelled`, `unplaced`."""

    orders: tuple[LiveOrder, ...] = ()  # in order of creation
    create_at: int = 0
    cancel_at: int = 0
    ticked_at: int = 0
    numbered: int = 0  # the last number of a key
    filled_buys: tuple[int, ...] = ()  # levels whose buys were filled, for ping-pong
    filled_sells: tuple[int, ...] = ()
    own_price: Decimal | None = None  # of the last quote that was filled
    band_set_at: int | None = None
    band_floor: Decimal = ZERO
    band_ceiling: Decimal = ZERO
    pairs: tuple[Pair, ...] = ()
    owed: tuple[Owed, ...] = ()
    cost_base: Decimal = ZERO  # inventory_cost: what was bought and not sold, and what it has cost
    cost_quote: Decimal = ZERO

    def filled(
        self, rules: Rules, key: str, size: Decimal, *, at: int | None = None, base_fee: Decimal = ZERO,
        quote_fee: Decimal = ZERO,
    ) -> State:  # fmt: skip
        """A trade of `size` (base, above 0) of the live order `key`. With it complete the order is over: the delay for
        filled orders runs from `at` (hummingbot, and the default: from the last tick). Each trade is told once: by its
        id. Of an order that is not live, or more than is open: ValueError; the caller's ledger takes it all the same."""
        raise NotImplementedError

    def cancelled(self, key: str) -> State:
        """The live order `key` is seen to be over, unfilled or partly filled (told before). Of one that is not live:
        nothing changes."""
        raise NotImplementedError

    def unplaced(self, *keys: str) -> State:
        """These creations of the last decision were not placed, for good: refused, or left out because a cancel was
        not seen dead. What is not known is *not* unplaced. If nothing of that round lives, the next tick creates."""
        raise NotImplementedError

    def live(self, key: str) -> LiveOrder | None:
        return next((order for order in self.orders if order.key == key), None)
