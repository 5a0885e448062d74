"""What an owner configures, by the names of hummingbot's `pure_market_making`, and the market's terms. Validated and
bounded; what it means for every tick is worked out once (`Rules.plan`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from functions.market_making.strategy.arithmetic import ONE, ZERO
from functions.market_making.strategy.market import Side, Terms
from functions.market_making.strategy.quirks import Quirk

LEVELS_MAX = 50  # of a side
SECONDS_MAX = 366 * 24 * 3600
TIMES_MAX = Decimal(10_000)  # the largest multiplier, and the largest spread of an override


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


@dataclass(frozen=True, slots=True)
class Override:
    """One order of `order_override`: `spread` a fraction of the reference, `amount` in base."""

    side: Side
    spread: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Step:
    """A level before there is a price: its number on its side (0 is the first), what the reference is multiplied with,
    its size in whole lots."""

    number: int
    factor: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """What of the rules is the same at each tick. The quirks that a pipeline asks for are looked up once."""

    buys: tuple[Step, ...]
    sells: tuple[Step, ...]
    behind_buys: tuple[Decimal, ...]  # an optimised level's price in parts of the first one's
    behind_sells: tuple[Decimal, ...]
    order_range: Decimal  # base on either side of the target, over which the skew goes from one end to the other
    buy_tightest: Decimal  # the smallest spread of a buy, up to which a skew by spread may lower it
    sell_tightest: Decimal
    need_factor: Decimal  # a buy takes this many times its notional out of the budget
    cost_fee: Decimal  # what `add_transaction_costs` adds
    hanging_max: int | None
    keeps: frozenset[Quirk]


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
    price_type: PriceType = PriceType.MID_PRICE  # of the source's book; of an API it is its answer, whatever this says
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
