"""What the strategy of market making takes: a proposal of three levels on each side, and a whole tick that replaces
them, plain and with everything on, without exchange and table."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bench.report import Say, Section, table
from functions.market_making.strategy import Available, Book, Market, Rules, State, Terms, propose, tick

LEVELS = 3
SAMPLES, CALLS = 40, 50  # the best of so many samples: what else the machine does makes none quicker
REFRESH = 10

PLAIN: dict[str, Any] = {
    "terms": Terms(
        Decimal("0.01"), Decimal("0.00001"), Decimal("0.0001"), Decimal(10), Decimal("0.001"), Decimal("0.001")
    ),
    "bid_spread": Decimal("0.001"),
    "ask_spread": Decimal("0.001"),
    "order_amount": Decimal("0.01"),
    "order_levels": LEVELS,
    "order_level_spread": Decimal("0.001"),
    "order_level_amount": Decimal("0.005"),
    "order_refresh_time": REFRESH,
    "order_refresh_tolerance_pct": Decimal("0.002"),
}
EVERYTHING: dict[str, Any] = {
    "price_ceiling": Decimal(90_000),
    "price_floor": Decimal(10_000),
    "moving_price_band_enabled": True,
    "price_ceiling_pct": Decimal("0.2"),
    "price_floor_pct": Decimal("-0.2"),
    "ping_pong_enabled": True,
    "order_optimization_enabled": True,
    "bid_order_optimization_depth": Decimal("0.5"),
    "ask_order_optimization_depth": Decimal("0.5"),
    "add_transaction_costs": True,
    "inventory_skew_enabled": True,
    "inventory_spread_skew": Decimal("0.001"),
    "hanging_orders_enabled": True,
    "minimum_spread": Decimal("0.0001"),
}


def book(mid: Decimal) -> Book:
    """Twenty levels of each side, half a dollar apart."""
    away = [Decimal(n + 1) / 2 for n in range(20)]
    return Book([(mid - far, Decimal("0.3")) for far in away], [(mid + far, Decimal("0.3")) for far in away])


def acts(rules: Rules) -> Mapping[str, Callable[[], object]]:
    """What is measured: a proposal with nothing live, one with its quotes live, and a tick after a move of the price in
    which all of them are cancelled and replaced."""
    money, there, moved = Available(Decimal(1), Decimal(60_000)), Market(book(Decimal(60_000))), Decimal(60_600)
    quoted = tick(rules, State(), there, money, 1).state
    left = replace(money, base=Decimal("0.9"), quote=Decimal(54_000))
    later = Market(book(moved))
    return {
        "a proposal": lambda: propose(rules, State(), there, money, 1),
        "a proposal, with its quotes live": lambda: propose(rules, quoted, there, left, 1),
        "a tick that replaces them": lambda: tick(rules, quoted, later, left, 1 + REFRESH),
        "a tick that waits": lambda: tick(rules, quoted, there, left, 2),
    }


def microseconds(act: Callable[[], object]) -> float:
    """CPU of one call."""
    best = float("inf")
    for _ in range(SAMPLES):
        began = time.process_time_ns()
        for _ in range(CALLS):
            act()
        best = min(best, (time.process_time_ns() - began) / CALLS / 1_000)
    return best


def measured(say: Say) -> Mapping[str, Mapping[str, float]]:
    say("quotes")
    plain, everything = Rules(**PLAIN), Rules(**PLAIN, **EVERYTHING)
    one, other = Decimal("60000.5"), Decimal("0.999")
    found = {
        name: {"plain": microseconds(act), "everything on": microseconds(full)}
        for (name, act), full in zip(acts(plain).items(), acts(everything).values(), strict=True)
    }
    product = microseconds(lambda: one * other)
    return found | {"for comparison, a product of two Decimals": {"plain": product, "everything on": product}}


def told(found: Mapping[str, Mapping[str, float]]) -> str:
    says = (
        "CPU of the strategy of market making, in microseconds, the best of many: three levels on each side, a book of "
        "twenty. Promised: a proposal in 60, a whole tick without exchange and table in 1,000."
    )
    rows = [(what, f"{took['plain']:.1f}", f"{took['everything on']:.1f}") for what, took in found.items()]
    return f"{says}\n\n{table(('of', 'plain', 'everything on'), rows)}"


SECTION = Section("Quotes", measured, told)
