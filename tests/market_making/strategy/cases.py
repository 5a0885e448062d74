"""The vectors as rules, markets and events of ours."""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from functions.market_making.strategy import (
    COMPAT,
    Available,
    Book,
    Decision,
    Market,
    Override,
    PriceSource,
    PriceType,
    Quirk,
    Rules,
    Side,
    State,
    Terms,
    tick,
)

VECTORS = Path(__file__).parent / "vectors"
DECIMALS = (
    "bid_spread",
    "ask_spread",
    "order_amount",
    "order_level_spread",
    "order_level_amount",
    "order_refresh_tolerance_pct",
    "minimum_spread",
    "inventory_target_base_pct",
    "inventory_range_multiplier",
    "hanging_orders_cancel_pct",
    "bid_order_optimization_depth",
    "ask_order_optimization_depth",
)
AS_THEY_ARE = (
    "order_levels",
    "order_refresh_time",
    "max_order_age",
    "filled_order_delay",
    "price_band_refresh_time",
    "moving_price_band_enabled",
    "ping_pong_enabled",
    "inventory_skew_enabled",
    "hanging_orders_enabled",
    "order_optimization_enabled",
    "add_transaction_costs",
    "take_if_crossed",
    "should_wait_order_cancel_confirmation",
)
Case = Mapping[str, Any]


@cache
def cases(name: str) -> Mapping[str, Case]:
    """`single` or `trace`, by id."""
    with lzma.open(VECTORS / f"{name}.jsonl.xz", "rt") as lines:
        return {case["id"]: case for case in map(json.loads, lines)}


@cache
def unit_cases() -> Mapping[str, Case]:
    return {case["name"]: case for case in json.loads((VECTORS / "unit_cases.json").read_text())["cases"]}


def rules(case: Case, compat: frozenset[Quirk] = COMPAT) -> Rules:
    told: Case = case["params"]
    given: dict[str, Any] = {name: Decimal(told[name]) for name in DECIMALS}
    given |= {name: told[name] for name in AS_THEY_ARE}
    given |= {name: Decimal(told[name]) for name in ("price_ceiling", "price_floor") if told[name] != "-1"}
    given |= {name: Decimal(told[name]) / 100 for name in ("price_ceiling_pct", "price_floor_pct")}
    if told["price_type"] == "custom":
        given["price_source"] = PriceSource.CUSTOM_API
    else:
        given["price_type"] = PriceType(told["price_type"])
    if "external_book" in case:
        given["price_source"] = PriceSource.EXTERNAL_MARKET
    if "inventory_cost" in case:
        given["inventory_price"] = Decimal(case["inventory_cost"])
    given["order_override"] = tuple(
        Override(Side(side), Decimal(str(spread)) / 100, Decimal(str(amount)))
        for side, spread, amount in told.get("order_override_percent", ())
    )
    if "split_levels_percent" in told:
        given["split_order_levels_enabled"] = True
        for ours, theirs in (("bid", "bids"), ("ask", "asks")):
            levels = told["split_levels_percent"][theirs]
            given[f"{ours}_order_level_spreads"] = tuple(Decimal(str(spread)) / 100 for spread, _ in levels)
            given[f"{ours}_order_level_amounts"] = tuple(Decimal(str(amount)) for _, amount in levels)
    return Rules(terms=terms(case["rules"]), compat=compat, **given)


def terms(told: Case) -> Terms:
    given: dict[str, Any] = {name: value if name == "post_only" else Decimal(value) for name, value in told.items()}
    return Terms(**given)


def book(told: Mapping[str, Sequence[Sequence[str]]]) -> Book:
    bids, asks = (tuple((Decimal(price), Decimal(size)) for price, size in told[side]) for side in ("bids", "asks"))
    return Book(bids, asks)


def market(case: Case) -> Market:
    last, custom = case.get("last_trade_price"), case.get("custom_price")
    return Market(
        book(case["book"]),
        last_trade_price=None if last is None else Decimal(last),
        external=book(case["external_book"]) if "external_book" in case else None,
        custom_price=None if custom is None else Decimal(custom),
    )


def available(told: Mapping[str, str]) -> Available:
    return Available(Decimal(told["base"]), Decimal(told["quote"]))


def told(by: Rules, state: State, events: Sequence[Case]) -> State:
    """The state, once it knows what happened."""
    for event in events:
        if event["type"] == "fill":
            state = state.filled(by, event["id"], Decimal(event["size"]))
        else:
            state = state.cancelled(event["id"])
    return state


def played(case: Case, by: Rules) -> list[tuple[Case, State, Decision]]:
    """Each second up to where hummingbot does not agree with itself: what was told, the state before, our decision.

    What is asked to be created or cancelled there and not by us is taken for done all the same: events of orders that
    we do not have are passed over."""
    state, there, seconds = State(), case["book"], []
    for step in case["steps"]:
        if step["t"] >= int(case.get("nondeterministic_from", step["t"] + 1)):
            break
        there = step.get("book", there)
        before = told(by, state, step["events"])
        decision = tick(by, before, Market(book(there)), available(step["available"]), step["t"])
        seconds.append((step, before, decision))
        state = decision.state
    return seconds
