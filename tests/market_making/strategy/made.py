"""Rules, a market and money that one can work out in one's head: the mid is 100, a tick 0.01, a lot 0.001, no fees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from functions.market_making.strategy import (
    Available,
    Book,
    Decision,
    Market,
    Quirk,
    Rules,
    Side,
    State,
    Terms,
    tick,
)
from functions.market_making.strategy.rows import Row

TERMS = Terms(Decimal("0.01"), Decimal("0.001"))
RICH = Available(Decimal(1_000), Decimal(100_000))


def number(value: object) -> Decimal:
    return Decimal(str(value))


def rules(*keep: Quirk, **changes: Any) -> Rules:
    """One level of 1, a percent away, refreshed every 10 s, on every refresh. Numbers may be told as strings."""
    given: dict[str, Any] = {
        "bid_spread": "0.01",
        "ask_spread": "0.01",
        "order_amount": "1",
        "order_refresh_time": 10,
        "order_refresh_tolerance_pct": "-1",
        "filled_order_delay": 30,
    } | changes
    told: dict[str, Any] = {name: Decimal(value) if type(value) is str else value for name, value in given.items()}
    terms = told.pop("terms", TERMS)
    return Rules(terms=terms, compat=frozenset(keep), **told)


def book(mid: object = 100, *, half: object = "0.5", size: object = 50, levels: int = 5) -> Book:
    """Levels of 50, half a unit apart, from half a unit away."""
    mid, half, size = number(mid), number(half), number(size)
    away = [half + n * Decimal("0.5") for n in range(levels)]
    return Book([(mid - far, size) for far in away], [(mid + far, size) for far in away])


def market(mid: object = 100, **changes: Any) -> Market:
    return Market(book(mid), **changes)


EMPTY = Market(Book((), ()))


def priced(rows: Iterable[Row]) -> list[str]:
    return [f"{price.normalize():f}" for _, price, _ in rows]


def sized(rows: Iterable[Row]) -> list[str]:
    return [f"{size.normalize():f}" for _, _, size in rows]


def quoted(by: Rules, at: int = 100, available: Available = RICH, there: Market | None = None) -> State:
    """The state after the first creation, at `at`."""
    decision = tick(by, State(), there or market(), available, at)
    assert decision.creations
    return decision.state


def left(available: Available, state: State) -> Available:
    """What is available besides the live orders of the state: the ledger has had no trade."""
    base, quote = available.base, available.quote
    for order in state.orders:
        if order.side is Side.SELL:
            base -= order.size - order.filled
        else:
            quote -= (order.size - order.filled) * order.price
    return replace(available, base=base, quote=quote)


def ended(decision: Decision) -> State:
    """The state once every cancel is seen dead."""
    state = decision.state
    for key in decision.cancels:
        state = state.cancelled(key)
    return state


def keys(state: State) -> list[str]:
    return [order.key for order in state.orders]
