"""A configuration by the names and in the units of hummingbot's v1 `pure_market_making`: spreads and parts in percent,
times in seconds, -1 where a price bound is off. Pure.

Numbers come as texts or whole numbers. A text may be what YAML makes of true, false and nothing. What is asked for and
not done here is refused, never left out: it would be another strategy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import Any

from common.errors import Rejected
from common.money import EXACT, plain
from functions.market_making.strategy import InvalidRules, Override, PriceSource, PriceType, Rules, Side, Terms
from functions.market_making.strategy.rules import BOUNDS, COUNTS, LEAST

Told = Mapping[str, Any]

STRATEGY = "pure_market_making"
DIGITS_MAX = 40
PERCENT = Decimal(100)
STOP_AT_VOLUME = "stop_at_volume"  # ours: the order ends once it has traded so much, in quote
VOLUME_MAX = Decimal("1e18")

_PERCENTS = frozenset(
    {
        "bid_spread",
        "ask_spread",
        "order_level_spread",
        "order_refresh_tolerance_pct",
        "order_refresh_size_tolerance_pct",
        "minimum_spread",
        "price_ceiling_pct",
        "price_floor_pct",
        "inventory_target_base_pct",
        "inventory_spread_skew",
        "hanging_orders_cancel_pct",
    }
)
_OFF_BELOW_ZERO = frozenset({"price_ceiling", "price_floor"})
_LISTS = tuple(f"{side}_order_level_{what}" for side in ("bid", "ask") for what in ("spreads", "amounts"))
_NUMBERS = {name: (least, most) for names, least, most, _ in BOUNDS for name in names}
_WHOLE = {name: bounds for names, *bounds in COUNTS for name in names}
_FLAGS = frozenset(one.name for one in fields(Rules) if one.type == "bool")
_REQUIRED = ("bid_spread", "ask_spread", "order_amount", "order_refresh_time")
_SOURCES = {"price_source": PriceSource, "price_type": PriceType}
_ABOUT = frozenset({"strategy", "template_version", "exchange", "market"})
_NOT_HERE = {
    "price_source_exchange": "the price is that of the order's own market",
    "price_source_market": "the price is that of the order's own market",
    "price_source_custom_api": "the price is that of the order's own market",
    "custom_api_update_interval": "the price is that of the order's own market",
}
_ONLY = {  # what may be asked for in vain, as long as it is so
    "take_if_crossed": (False, "an order here never takes"),
    "should_wait_order_cancel_confirmation": (True, "an order here never has its successor beside it"),
    "price_source": (PriceSource.CURRENT_MARKET, "the price is that of the order's own market"),
}
NAMES = frozenset({*_NUMBERS, *_WHOLE, *_FLAGS, *_SOURCES, *_LISTS, "order_override", STOP_AT_VOLUME, *_ABOUT})


class InvalidConfiguration(Rejected):
    """A parameter is not known, is not done here, or can not be so. `errors` says where, and what it may be."""


class _Wrong(Exception):
    """Says what a parameter may be."""


def read(told: Told, exchange: str, symbol: str, before: Told | None = None) -> dict[str, Any]:
    """By the names of `Rules`, in their units: what is told, over `before`, which is so already. What is told as
    nothing is as if it was never told. Raises InvalidConfiguration."""
    found, wrong = dict(before or {}), list[tuple[str, str]]()
    for name, value in told.items():
        try:
            _known(name, value, exchange, symbol)
            if _is_nothing(value) or name in _ABOUT or name in _NOT_HERE:
                found.pop(name, None)
            else:
                found[name] = _read(name, value)
                _only(name, found[name])
        except _Wrong as no:
            wrong.append((name, str(no)))
    wrong += [(name, "is needed") for name in _REQUIRED if name not in found and name not in dict(wrong)]
    if not wrong:
        wrong = _unfit(found)
    if wrong:
        errors = [{"where": name[:80], "what": what} for name, what in wrong[:20]]
        first = errors[0]
        raise InvalidConfiguration(f"{first['where']} {first['what']}", errors=errors)
    return found


def _known(name: str, value: Any, exchange: str, symbol: str) -> None:
    if name in _NOT_HERE and not _is_nothing(value):
        raise _Wrong(f"is not done here: {_NOT_HERE[name]}")
    if name not in NAMES and name not in _NOT_HERE:
        raise _Wrong(f"is no parameter of {STRATEGY}")
    here = {"strategy": STRATEGY, "exchange": exchange, "market": symbol}
    if name in here and not _is_nothing(value) and value != here[name]:
        raise _Wrong(f"is not that of the order: {here[name]}")


def _unfit(found: Told) -> list[tuple[str, str]]:
    """What does not fit together."""
    settings = {name: value for name, value in found.items() if name != STOP_AT_VOLUME}
    any_market = Terms(tick=Decimal("1e-8"), lot=Decimal("1e-8"))
    try:
        Rules(terms=any_market, **settings)
    except InvalidRules as no:
        name, _, what = str(no).partition(" ")
        return [(name, what)]
    return []


def told(settings: Told) -> dict[str, Any]:
    """As an owner reads it: by hummingbot's names, in its units; texts, true and false."""
    return {name: _told(name, value) for name, value in sorted(settings.items()) if value is not None}


def _told(name: str, value: Any) -> Any:
    if name == "order_override":
        return {
            f"order_{number}": [one.side.value.lower(), _percent(one.spread), plain(one.amount)]
            for number, one in enumerate(value)
        }
    if name in _LISTS:
        return ",".join(_percent(one) if name.endswith("spreads") else plain(one) for one in value)
    if isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return _percent(value) if name in _PERCENTS else plain(value)
    return str(value)


def _percent(part: Decimal) -> str:
    return plain(EXACT.multiply(part, PERCENT))


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in ("", "null", "none", "~"))


def _only(name: str, value: Any) -> None:
    if name in _ONLY:
        allowed, why = _ONLY[name]
        if value != allowed:
            raise _Wrong(f"can only be {str(allowed).lower()}: {why}")
    if name == "price_type" and value is PriceType.LAST_PRICE:
        raise _Wrong("can not be last_price: the trades of others are not looked at here")


def _read(name: str, value: Any) -> Any:
    if name in _FLAGS:
        return _flag(value)
    if name in _SOURCES:
        known = _SOURCES[name]
        if value not in list(known):
            raise _Wrong(f"is one of {', '.join(known)}")
        return known(value)
    if name in _WHOLE:
        return _whole(name, value)
    if name in _LISTS:
        return _list(value, percents=name.endswith("spreads"))
    if name == "order_override":
        return _override(value)
    if name == STOP_AT_VOLUME:
        return _within(_number(value), LEAST, VOLUME_MAX, "")
    number = _number(value)
    if name in _OFF_BELOW_ZERO and number < 0:
        return None
    if name in _PERCENTS:
        least, most = _NUMBERS[name]
        return _within(_part(number), least, most, " percent")
    least, most = _NUMBERS[name]
    return _within(number, least, most, "")


def _number(value: Any) -> Decimal:
    """The text that it is, or a whole number: never a binary fraction."""
    if isinstance(value, str | int) and not isinstance(value, bool) and len(str(value)) <= DIGITS_MAX:
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and -30 <= number.adjusted() <= 30:
            return number
    raise _Wrong("is a number, written as a text")


def _part(percent: Decimal) -> Decimal:
    return percent.scaleb(-2, EXACT)


def _within(number: Decimal, least: Decimal, most: Decimal, unit: str) -> Decimal:
    if least <= number <= most:
        return number
    scale = PERCENT if unit else Decimal(1)
    low = "more than 0" if least == LEAST else f"at least {plain(least * scale)}"
    high = f"below {plain(scale)}" if most == 1 - LEAST else f"at most {plain(most * scale)}"
    raise _Wrong(f"is {low} and {high}{unit}")


def _whole(name: str, value: Any) -> int:
    number = _number(value)
    least, most = _WHOLE[name]
    if number != number.to_integral_value() or not least <= number <= most:
        raise _Wrong(f"is a whole number from {least} to {most}")
    return int(number)


def _flag(value: Any) -> bool:
    known = {"true": True, "yes": True, "false": False, "no": False}
    told = str(value).strip().lower()
    if told not in known:
        raise _Wrong("is true or false")
    return known[told]


def _list(value: Any, *, percents: bool) -> tuple[Decimal, ...]:
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    numbers = [_number(part.strip() if isinstance(part, str) else part) for part in parts]
    return tuple(map(_part, numbers)) if percents else tuple(numbers)


def _override(value: Any) -> tuple[Override, ...]:
    rows = list(value.values()) if isinstance(value, dict) else []
    if not rows or any(not isinstance(row, list) or len(row) != 3 for row in rows):
        raise _Wrong("is an object: of each order its name, and [buy or sell, spread in percent, amount]")
    return tuple(Override(_side(side), _part(_number(spread)), _number(amount)) for side, spread, amount in rows)


def _side(told: Any) -> Side:
    for side in Side:
        if str(told).strip().lower() == side.value.lower():
            return side
    raise _Wrong("has an order that is neither buy nor sell")
