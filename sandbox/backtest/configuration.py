"""A `pure_market_making` configuration of hummingbot's (version 1), by its own names, as rules of ours.

There percents are numbers (0.1 is a thousandth), -1 is "off" where a price is meant, lists are texts with commas. What
a desk can not do is refused, and not left out silently.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from functions.market_making.strategy import InvalidRules, Override, PriceSource, PriceType, Rules, Side, Terms

HUNDRED = Decimal(100)
OF_THE_MARKET = ("exchange", "market")
PERCENTS = (
    "bid_spread", "ask_spread", "order_level_spread", "order_refresh_tolerance_pct", "minimum_spread",
    "price_ceiling_pct", "price_floor_pct", "inventory_target_base_pct", "hanging_orders_cancel_pct",
)  # fmt: skip
NUMBERS = (
    "order_amount", "order_level_amount", "inventory_range_multiplier",
    "bid_order_optimization_depth", "ask_order_optimization_depth",
)  # fmt: skip
PRICES = ("price_ceiling", "price_floor")  # -1: off
SECONDS = ("order_refresh_time", "max_order_age", "filled_order_delay", "price_band_refresh_time")
COUNTS = ("order_levels",)
SWITCHES = (
    "moving_price_band_enabled", "ping_pong_enabled", "inventory_skew_enabled", "hanging_orders_enabled",
    "order_optimization_enabled", "add_transaction_costs", "take_if_crossed", "split_order_levels_enabled",
    "should_wait_order_cancel_confirmation",
)  # fmt: skip
PERCENT_LISTS = ("bid_order_level_spreads", "ask_order_level_spreads")
NUMBER_LISTS = ("bid_order_level_amounts", "ask_order_level_amounts")
FOR_OTHERS = ("strategy", "template_version", "custom_api_update_interval")  # they mean nothing here


class BadConfiguration(Exception):
    """Names the parameter, and says what it may be."""


def read(path: Path) -> dict[str, Any]:
    """Of a YAML or JSON file; numbers are texts, digit by digit. Raises BadConfiguration, OSError."""
    try:
        text = path.read_text()
        told = json.loads(text, parse_float=str, parse_int=str) if path.suffix == ".json" else _yaml(text)
    except (ValueError, RecursionError, yaml.YAMLError) as no:
        raise BadConfiguration(f"{path} can not be read: {' '.join(str(no).split())}") from None
    if not isinstance(told, dict):
        raise BadConfiguration(f"{path} has no parameters; it is a mapping of hummingbot's names")
    return {str(name): value for name, value in told.items()}


def market(told: Mapping[str, Any]) -> str | None:
    """Such as BTC-USDT, where it is said."""
    return str(told["market"]) if told.get("market") else None


def rules(told: Mapping[str, Any], terms: Terms) -> Rules:
    """Raises BadConfiguration."""
    if unknown := sorted(set(told) - set(_READERS) - set(OF_THE_MARKET) - set(FOR_OTHERS) - set(_ELSEWHERE)):
        raise BadConfiguration(f"{', '.join(unknown)}: no parameter of pure_market_making")
    if str(told.get("strategy") or "pure_market_making") != "pure_market_making":
        raise BadConfiguration(f"strategy is {told['strategy']}; it is pure_market_making")
    if str(told.get("price_source") or PriceSource.CURRENT_MARKET) != PriceSource.CURRENT_MARKET:
        raise BadConfiguration(f"price_source is {told['price_source']}; a tape has only current_market")
    given: dict[str, Any] = {}
    for name, value in told.items():
        if name in _READERS and not _is_unset(value):
            try:
                given[name] = _READERS[name](value)
            except (ValueError, InvalidOperation, TypeError, KeyError, AttributeError, OverflowError):
                raise BadConfiguration(f"{name} is {value!r}, which can not be") from None
    if missing := [name for name in _REQUIRED if name not in given]:
        raise BadConfiguration(f"{', '.join(missing)}: missing")
    try:
        return Rules(terms=terms, **given)
    except InvalidRules as no:
        raise BadConfiguration(f"as fractions: {no}") from None


def _yaml(text: str) -> Any:
    return yaml.load(text, Loader=yaml.BaseLoader)  # of texts, lists and mappings alone: no number loses a digit


def _is_unset(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in ("", "null", "none", "~"))


def _number(value: Any) -> Decimal:
    number = Decimal(str(value).strip())
    if not number.is_finite():
        raise ValueError
    return number


def _percent(value: Any) -> Decimal:
    return _number(value) / HUNDRED


def _price(value: Any) -> Decimal | None:
    number = _number(value)
    return None if number == -1 else number


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _switch(value: Any) -> bool:
    return {"true": True, "false": False, "yes": True, "no": False}[str(value).strip().lower()]


def _list(of: Callable[[Any], Decimal]) -> Callable[[Any], tuple[Decimal, ...]]:
    def read_list(value: Any) -> tuple[Decimal, ...]:
        members = value if isinstance(value, list) else str(value).split(",")
        return tuple(of(member) for member in members)

    return read_list


def _override(value: Any) -> tuple[Override, ...]:
    return tuple(Override(Side(side), _percent(spread), _number(amount)) for side, spread, amount in value.values())


_READERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(PERCENTS, _percent),
    **dict.fromkeys(NUMBERS, _number),
    **dict.fromkeys(PRICES, _price),
    "inventory_price": _number,
    **dict.fromkeys(SECONDS, _whole),
    **dict.fromkeys(COUNTS, _whole),
    **dict.fromkeys(SWITCHES, _switch),
    **dict.fromkeys(PERCENT_LISTS, _list(_percent)),
    **dict.fromkeys(NUMBER_LISTS, _list(_number)),
    "order_override": _override,
    "price_type": PriceType,
}
_REQUIRED = ("bid_spread", "ask_spread", "order_amount", "order_refresh_time")
_ELSEWHERE = ("price_source", "price_source_exchange", "price_source_market", "price_source_custom_api")
