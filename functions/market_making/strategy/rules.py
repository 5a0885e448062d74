"""What an owner configures, by the names of hummingbot's `pure_market_making`, and the market's terms: validated and
bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from enum import StrEnum

from functions.market_making.strategy.arithmetic import LARGEST, ONE, QUOTING, TWO, ZERO, is_plain
from functions.market_making.strategy.market import Side, Terms
from functions.market_making.strategy.plan import Plan, Step
from functions.market_making.strategy.quirks import Quirk

LEVELS_MAX = 50  # of a side
SECONDS_MAX = 366 * 24 * 3600
MULTIPLIER_MAX = Decimal(10_000)
LEAST = Decimal("1e-18")  # what "above 0" means
Wanted = tuple[Decimal, Decimal]  # spread, amount


class InvalidRules(ValueError):
    """A parameter can not be; it is named, with what it may be."""


class PriceSource(StrEnum):
    CURRENT_MARKET = "current_market"
    EXTERNAL_MARKET = "external_market"
    CUSTOM_API = "custom_api"


class PriceType(StrEnum):
    MID_PRICE = "mid_price"
    LAST_PRICE = "last_price"
    LAST_OWN_TRADE_PRICE = "last_own_trade_price"
    BEST_BID = "best_bid"
    BEST_ASK = "best_ask"
    INVENTORY_COST = "inventory_cost"


CURRENT_MARKET, EXTERNAL_MARKET, CUSTOM_API = PriceSource
MID_PRICE, LAST_PRICE, LAST_OWN_TRADE_PRICE, BEST_BID, BEST_ASK, INVENTORY_COST = PriceType


@dataclass(frozen=True, slots=True)
class Override:
    """One order of `order_override`: `spread` a fraction of the reference, `amount` in base."""

    side: Side
    spread: Decimal
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The configuration of an order. Every `…_spread`, `…_pct` and fee is a fraction (hummingbot's YAML has percents:
    divide by 100), amounts and depths are in base, times in whole seconds; None is "off" (there: -1).

    Two of them a host has to look at itself:

    * `take_if_crossed`: quotes may take. A desk that promises never to take refuses such rules.
    * `should_wait_order_cancel_confirmation = False`: creations do not wait for cancels, and twice the exposure may be
      open for a while. A desk that promises one live order a slot refuses it too.

    Ours, and no parameter of hummingbot's: `order_refresh_size_tolerance_pct`, `inventory_spread_skew`,
    `hanging_orders_max`, `compat`. InvalidRules."""

    terms: Terms
    bid_spread: Decimal
    ask_spread: Decimal
    order_amount: Decimal
    order_refresh_time: int
    order_levels: int = 1  # of each side; 0: no orders
    order_level_spread: Decimal = Decimal("0.01")  # added for each level
    order_level_amount: Decimal = ZERO  # added for each level; may be negative
    max_order_age: int = 1800
    order_refresh_tolerance_pct: Decimal = ZERO  # below 0: every refresh cancels; 0: equal prices stay
    order_refresh_size_tolerance_pct: Decimal = Decimal("0.1")  # of a size, within which a live order stays
    filled_order_delay: int = 60
    minimum_spread: Decimal = -ONE  # from the reference; -1: off
    price_ceiling: Decimal | None = None  # no buys while the reference is at or above it
    price_floor: Decimal | None = None  # no sells while it is at or below
    moving_price_band_enabled: bool = False
    price_ceiling_pct: Decimal = Decimal("0.01")  # of the reference, when the band is set
    price_floor_pct: Decimal = Decimal("-0.01")
    price_band_refresh_time: int = 86_400
    ping_pong_enabled: bool = False
    inventory_skew_enabled: bool = False
    inventory_target_base_pct: Decimal = Decimal("0.5")  # base's part of the order's value
    inventory_range_multiplier: Decimal = ONE
    inventory_spread_skew: Decimal = ZERO  # shifts quotes by so much of the reference for a whole inventory off target
    inventory_price: Decimal | None = None  # what the base that was there at first has cost; for inventory_cost
    hanging_orders_enabled: bool = False
    hanging_orders_cancel_pct: Decimal = Decimal("0.1")  # from the reference
    hanging_orders_max: int | None = None  # at most so many hang; None: as many as one proposal has orders
    order_optimization_enabled: bool = False
    bid_order_optimization_depth: Decimal = ZERO
    ask_order_optimization_depth: Decimal = ZERO
    add_transaction_costs: bool = False
    price_source: PriceSource = PriceSource.CURRENT_MARKET
    price_type: PriceType = PriceType.MID_PRICE  # an API has one price: there it counts for own trades and cost only
    take_if_crossed: bool = False
    order_override: tuple[Override, ...] = ()  # replaces the levels
    split_order_levels_enabled: bool = False  # the four lists replace the levels, and the override
    bid_order_level_spreads: tuple[Decimal, ...] = ()
    bid_order_level_amounts: tuple[Decimal, ...] = ()
    ask_order_level_spreads: tuple[Decimal, ...] = ()
    ask_order_level_amounts: tuple[Decimal, ...] = ()
    should_wait_order_cancel_confirmation: bool = True
    compat: frozenset[Quirk] = frozenset()
    plan: Plan = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        with localcontext(QUOTING):
            self._check()
            object.__setattr__(self, "plan", self._planned())

    def keeps(self, quirk: Quirk) -> bool:
        return quirk in self.compat

    def _check(self) -> None:
        for names, least, most, unset in BOUNDS:
            for name in names:
                value = getattr(self, name)
                if value is None and unset:
                    continue
                if not is_plain(value) or not least <= value <= most:
                    raise InvalidRules(f"{name} is {value!r}; it is a number from {least} to {most}")
        for names, first, last in COUNTS:
            for name in names:
                count = getattr(self, name)
                if name == "hanging_orders_max" and count is None:
                    continue
                if not isinstance(count, int) or isinstance(count, bool) or not first <= count <= last:
                    raise InvalidRules(f"{name} is {count!r}; it is a whole number from {first} to {last}")
        self._check_lists()
        if self.price_ceiling is not None and self.price_floor is not None and self.price_ceiling < self.price_floor:
            raise InvalidRules(f"price_ceiling {self.price_ceiling} is below price_floor {self.price_floor}")
        if self.price_ceiling_pct < self.price_floor_pct:
            raise InvalidRules(f"price_ceiling_pct {self.price_ceiling_pct} is below price_floor_pct")
        if self.inventory_skew_enabled and self.inventory_range_multiplier == 0:
            raise InvalidRules("inventory_range_multiplier is 0; with a skew it is above 0")
        if self.price_type is PriceType.INVENTORY_COST and self.inventory_price is None:
            raise InvalidRules("inventory_price is not set; price_type inventory_cost begins with it")

    def _check_lists(self) -> None:
        spreads = (*self.bid_order_level_spreads, *self.ask_order_level_spreads)
        amounts = (*self.bid_order_level_amounts, *self.ask_order_level_amounts)
        spreads += tuple(order.spread for order in self.order_override)
        amounts += tuple(order.amount for order in self.order_override)
        for spread in spreads:
            if not is_plain(spread) or not 0 <= spread < 1:
                raise InvalidRules(f"a level's spread is {spread!r}; it is a fraction from 0, below 1")
        for amount in amounts:
            if not is_plain(amount) or not 0 < amount <= LARGEST:
                raise InvalidRules(f"a level's amount is {amount!r}; it is a number above 0, to {LARGEST}")
        for side in ("bid", "ask"):
            given = [len(getattr(self, f"{side}_order_level_{what}")) for what in ("spreads", "amounts")]
            if given[0] != given[1]:
                raise InvalidRules(f"{side}_order_level_spreads and …_amounts have {given[0]} and {given[1]} levels")
            if given[0] > LEVELS_MAX:
                raise InvalidRules(f"{side}_order_level_spreads has {given[0]} levels; at most {LEVELS_MAX}")
        if len(self.order_override) > 2 * LEVELS_MAX:
            raise InvalidRules(f"order_override has {len(self.order_override)} orders; at most {2 * LEVELS_MAX}")

    def _wanted(self) -> tuple[list[Wanted], list[Wanted]]:
        """Spread and amount of each buy and sell: of the split levels, of the override, or of the levels."""
        if self.split_order_levels_enabled:
            return (
                list(zip(self.bid_order_level_spreads, self.bid_order_level_amounts, strict=True)),
                list(zip(self.ask_order_level_spreads, self.ask_order_level_amounts, strict=True)),
            )
        if self.order_override:
            sides: dict[Side, list[Wanted]] = {Side.BUY: [], Side.SELL: []}
            for order in self.order_override:
                sides[order.side].append((order.spread, order.amount))
            return sides[Side.BUY], sides[Side.SELL]
        amounts = [self.order_amount + self.order_level_amount * level for level in range(self.order_levels)]
        away = [self.order_level_spread * level for level in range(self.order_levels)]
        return (
            [(self.bid_spread + more, amount) for more, amount in zip(away, amounts, strict=True)],
            [(self.ask_spread + more, amount) for more, amount in zip(away, amounts, strict=True)],
        )

    def _planned(self) -> Plan:
        buys, sells = self._wanted()
        behind = [self.order_level_spread * level for level in range(max(len(buys), len(sells), 1))]
        split = self.split_order_levels_enabled
        fee = self.terms.maker_fee if self.terms.post_only else self.terms.taker_fee
        if self.keeps(Quirk.Q6_RANGE_OF_PLAIN_LEVELS):
            n = self.order_levels
            total = TWO * (n * self.order_amount + n * (n - ONE) / TWO * self.order_level_amount)
        else:
            total = sum((amount for _, amount in (*buys, *sells) if amount > 0), ZERO)
        bounded = None if self.keeps(Quirk.Q16_HANGING_UNBOUND) else self.hanging_orders_max
        if bounded is None and not self.keeps(Quirk.Q16_HANGING_UNBOUND):
            bounded = len(buys) + len(sells)
        return Plan(
            buys=self._steps(buys, -ONE),
            sells=self._steps(sells, ONE),
            behind_buys=tuple(ONE - away for away in ([spread for spread, _ in buys] if split else behind)),
            behind_sells=tuple(ONE + away for away in ([spread for spread, _ in sells] if split else behind)),
            behind_buys_divisor=ONE - buys[0][0] if split and buys else None,
            behind_sells_divisor=ONE + sells[0][0] if split and sells else None,
            order_range=total * self.inventory_range_multiplier,
            tightest_buy=min((spread for spread, _ in buys), default=ZERO),
            tightest_sell=min((spread for spread, _ in sells), default=ZERO),
            need=ONE + self.terms.taker_fee,
            buy_cost=ONE - fee,
            sell_cost=ONE + fee,
            has_minimum_spread=self.minimum_spread > -ONE,
            hanging_max=bounded,
            keeps=self.compat,
        )

    def _steps(self, wanted: Sequence[Wanted], sign: Decimal) -> tuple[Step, ...]:
        lot = self.terms.lot
        sized = [(ONE + sign * spread, amount // lot * lot) for spread, amount in wanted]
        kept = [(factor, size) for factor, size in sized if size > 0]
        return tuple(Step(number, factor, size) for number, (factor, size) in enumerate(kept))


BOUNDS: tuple[tuple[tuple[str, ...], Decimal, Decimal, bool], ...] = (  # names, from, to, may be None
    (("bid_spread", "ask_spread"), LEAST, ONE - LEAST, False),
    (("order_amount",), LEAST, LARGEST, False),
    (("order_level_spread", "inventory_target_base_pct"), ZERO, ONE, False),
    (("order_level_amount",), -LARGEST, LARGEST, False),
    (("order_refresh_tolerance_pct", "minimum_spread"), -ONE, ONE, False),
    (("order_refresh_size_tolerance_pct",), ZERO, ONE, False),
    (("price_ceiling", "price_floor", "inventory_price"), LEAST, LARGEST, True),
    (("price_ceiling_pct", "price_floor_pct"), -ONE, Decimal(10), False),
    (("inventory_range_multiplier",), ZERO, MULTIPLIER_MAX, False),
    (("inventory_spread_skew",), ZERO, ONE, False),
    (("hanging_orders_cancel_pct",), LEAST, ONE, False),
    (("bid_order_optimization_depth", "ask_order_optimization_depth"), ZERO, LARGEST, False),
)
COUNTS: tuple[tuple[tuple[str, ...], int, int], ...] = (
    (("order_refresh_time", "max_order_age", "price_band_refresh_time"), 1, SECONDS_MAX),
    (("filled_order_delay",), 0, SECONDS_MAX),
    (("order_levels",), 0, LEVELS_MAX),
    (("hanging_orders_max",), 0, 2 * LEVELS_MAX),
)
