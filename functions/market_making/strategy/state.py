"""What an order carries from one tick to the next: its live orders, timers, counts. Plain values, for a small map."""

from __future__ import annotations

from decimal import Decimal, localcontext
from enum import StrEnum

from common.frozen import dataclass, replace
from functions.market_making.strategy.arithmetic import QUOTING, ZERO
from functions.market_making.strategy.market import BUY, Side
from functions.market_making.strategy.quirks import Q11_HANGING_COUNTS
from functions.market_making.strategy.rules import INVENTORY_COST, Rules


class Standing(StrEnum):
    """A quote is replaced at a refresh. A hanging order stays until it is filled, old, or far. A forgotten one is what
    quirk Q12 makes of a twin."""

    QUOTE = "quote"
    HANGING = "hanging"
    FORGOTTEN = "forgotten"


QUOTE, HANGING, FORGOTTEN = Standing


@dataclass(frozen=True)
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
    standing: Standing = QUOTE
    cancelled_at: int | None = None  # since then its end is waited for
    renews: str | None = None  # the key of the hanging order that it takes the place of
    renewing: bool = False  # its cancel is for its age: another one takes its place

    @property
    def is_quoted(self) -> bool:
        """Is it a quote that nobody cancels?"""
        return self.standing is QUOTE and self.cancelled_at is None


@dataclass(frozen=True, slots=True)
class Pair:
    """A buy and a sell that were created together: where one is filled, the other is left hanging at the next
    refresh."""

    buy: str | None
    sell: str | None
    buy_filled: bool = False
    sell_filled: bool = False

    def with_filled(self, key: str, side: Side) -> Pair:
        if key not in (self.buy, self.sell):
            return self
        return replace(self, buy_filled=True) if side is BUY else replace(self, sell_filled=True)


@dataclass(frozen=True, slots=True)
class Owed:
    """A hanging order that is gone for its age, and whose successor is not placed yet."""

    side: Side
    price: Decimal
    size: Decimal  # as placed
    filled: Decimal
    key: str  # of the one that is gone


@dataclass(frozen=True, slots=True)
class Band:
    """A moving band as it was set."""

    set_at: int
    floor: Decimal
    ceiling: Decimal


@dataclass(frozen=True)
class State:
    """Begins as `State()`. The caller keeps it (all values are None, bool, int, str, Decimal, or tuples of such
    dataclasses), writes `Decision.state` down before it carries the decision out, and tells it what became of orders
    before the next tick: `filled`, `cancelled`, `unplaced`."""

    orders: tuple[LiveOrder, ...] = ()  # in order of creation
    create_at: int = 0
    cancel_at: int = 0
    delayed_until: int = 0  # the delay of the last filled order
    ticked_at: int = 0
    numbered: int = 0  # the last number of a key
    filled_buys: tuple[int, ...] = ()  # levels whose buys were filled, for ping-pong
    filled_sells: tuple[int, ...] = ()
    own_price: Decimal | None = None  # of the last quote that was filled
    band: Band | None = None
    pairs: tuple[Pair, ...] = ()
    owed: tuple[Owed, ...] = ()
    cost_base: Decimal = ZERO  # inventory_cost: what was bought and not sold, and what it has cost
    cost_quote: Decimal = ZERO
    cost_told: Decimal | None = None  # the `inventory_price` that both began with

    def costed(self, rules: Rules, base: Decimal) -> State:
        """For `inventory_cost`: a price that is told, or told anew, is what the base that is there now has cost."""
        price = rules.inventory_price
        if rules.price_type is not INVENTORY_COST or price is None or price == self.cost_told:
            return self
        return replace(self, cost_base=base, cost_quote=QUOTING.multiply(base, price), cost_told=price)

    def live(self, key: str) -> LiveOrder | None:
        return next((order for order in self.orders if order.key == key), None)

    def filled(
        self,
        rules: Rules,
        key: str,
        size: Decimal,
        *,
        at: int | None = None,
        base_fee: Decimal = ZERO,
        quote_fee: Decimal = ZERO,
    ) -> State:
        """A trade of `size` (base, above 0) of the live order `key`; fees in base and quote count for the inventory's
        cost. With it complete the order is over, and the delay for filled orders runs from `at` in seconds (hummingbot,
        and the default: from the last tick); a tick lets it last no longer than from then. Each trade is told once: who
        tells knows its id. Of an order that is not live nothing changes: the ledger has it all the same. ValueError for
        a size that is not above 0."""
        if size <= 0:
            raise ValueError(f"a trade of {size}; its size is above 0")
        order = self.live(key)
        if order is None:
            return self
        with localcontext(QUOTING):
            state = self._costed(order, size, base_fee, quote_fee)
            done = order.filled + size
            if done < order.size:
                return state._changed(replace(order, filled=done))
            return state._completed(rules, order, self.ticked_at if at is None else at)

    def cancelled(self, key: str) -> State:
        """The live order `key` is seen to be over, with what was filled told before. Of one that is not live nothing
        changes. A hanging order that was cancelled for its age is owed its successor, unless that is placed already."""
        order = self.live(key)
        if order is None:
            return self
        state = self._without(key)
        succeeded = any(other.renews == key for other in state.orders)
        return state._owing(order) if order.renewing and not succeeded else state

    def unplaced(self, *keys: str) -> State:
        """These creations of the last decision were not placed, for good: refused, or left out because a cancel was
        not seen dead. What is not known is *not* unplaced. If no quote is left, the next tick creates."""
        state = self
        for key in keys:
            order = state.live(key)
            if order is None:
                continue
            state = state._without(key)
            if order.renews is not None and state.live(order.renews) is None:
                state = state._owing(order)
            if order.renews is None and not any(other.is_quoted for other in state.orders):
                at = max(order.created_at, state.delayed_until)
                state = replace(state, create_at=at, cancel_at=at)
        return state

    def _costed(self, order: LiveOrder, size: Decimal, base_fee: Decimal, quote_fee: Decimal) -> State:
        """Volume-weighted: a buy adds what it has cost, a sell takes out at the cost of one unit, which stays."""
        if order.side is BUY:
            return replace(
                self,
                cost_base=self.cost_base + size - base_fee,
                cost_quote=self.cost_quote + size * order.price + quote_fee,
            )
        sold = size + base_fee
        if sold >= self.cost_base:
            return replace(self, cost_base=ZERO, cost_quote=ZERO)
        return replace(
            self,
            cost_base=self.cost_base - sold,
            cost_quote=self.cost_quote - self.cost_quote / self.cost_base * sold,
        )

    def _completed(self, rules: Rules, order: LiveOrder, at: int) -> State:
        # Nothing is left of it to take the place of: its successor, if there is one, is a hanging order like others.
        others = [replace(o, renews=None) if o.renews == order.key else o for o in self.orders if o.key != order.key]
        state = replace(self, orders=tuple(others))
        if order.standing is not HANGING:
            pairs = tuple([pair.with_filled(order.key, order.side) for pair in state.pairs])
            state = replace(state, pairs=pairs) if pairs else state
        elif Q11_HANGING_COUNTS not in rules.compat:
            return state
        create_at = at + rules.filled_order_delay
        state = replace(
            state,
            create_at=create_at,
            cancel_at=min(state.cancel_at, create_at),
            delayed_until=create_at,
            own_price=order.price,
        )
        if not rules.ping_pong_enabled:  # only that counts them, and takes them back
            return state
        if order.side is BUY:
            return replace(state, filled_buys=(*state.filled_buys, order.level))
        return replace(state, filled_sells=(*state.filled_sells, order.level))

    def _owing(self, order: LiveOrder) -> State:
        owed = Owed(order.side, order.price, order.size, order.filled, order.renews or order.key)
        return replace(self, owed=(*self.owed, owed))

    def _without(self, key: str) -> State:
        return replace(self, orders=tuple([order for order in self.orders if order.key != key]))

    def _changed(self, order: LiveOrder) -> State:
        return replace(self, orders=tuple([order if other.key == order.key else other for other in self.orders]))
