"""How an order quotes: the strategy's rules for a market, from what is configured by the names of `Rules`, pinned in
versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from common.gateways.exchange.maker import MarketLimits
from common.money import ROUNDING, plain
from functions.market_making.hummingbot import STOP_AT_VOLUME
from functions.market_making.quotes import Quotes
from functions.market_making.strategy import Override, Rules, Terms
from functions.market_making.strategy import Side as StrategySide
from functions.market_making.strategy.arithmetic import floored

REFRESH_SECONDS = 10
PARTS = Decimal(4)  # of what an order has: so much is in one quote
AWAY = Decimal("0.002")
FEE_MAX = Decimal("0.001")  # what the exchanges that we know ask for at most

_HINTS = {**get_type_hints(Rules), STOP_AT_VOLUME: Decimal}


def terms(limits: MarketLimits) -> Terms:
    return Terms(
        tick=limits.price_step,
        lot=limits.quantity_step,
        min_size=limits.min_quantity,
        min_notional=limits.min_notional,
        maker_fee=FEE_MAX,
        taker_fee=FEE_MAX,
    )


def usual(quotes: Quotes, limits: MarketLimits, price: Decimal) -> Mapping[str, Any]:
    """Of an order whose owner has configured nothing: one level on each side, 0.2 % from the middle, with a quarter of
    what the smaller of its two sides is worth at that price."""
    least = min(quotes.base, ROUNDING.divide(quotes.quote, price))
    amount = floored(ROUNDING.divide(least, PARTS), limits.quantity_step)
    return {
        "bid_spread": AWAY,
        "ask_spread": AWAY,
        "order_amount": max(amount, limits.quantity_step),
        "order_refresh_time": REFRESH_SECONDS,
    }


def written(configured: Mapping[str, Any]) -> str:
    """As it is kept: a JSON object, numbers as texts."""
    return json.dumps({name: _plain(value) for name, value in sorted(configured.items())})


def read(configuration: str) -> dict[str, Any]:
    """As `written` was told it. Raises ValueError, KeyError or TypeError for what it has not written."""
    return {name: _read(_HINTS[name], value) for name, value in json.loads(configuration).items()}


def rules(configuration: str, limits: MarketLimits) -> Rules:
    """Raises InvalidRules, and what `read` raises."""
    told = read(configuration)
    told.pop(STOP_AT_VOLUME, None)
    return Rules(terms=terms(limits), **told)


def stop_at_volume(configuration: str) -> Decimal | None:
    """In quote: once so much has been traded, the order ends by itself."""
    found: Decimal | None = read(configuration).get(STOP_AT_VOLUME)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Override):
        return [value.side, plain(value.spread), plain(value.amount)]
    return list(map(_plain, value)) if isinstance(value, tuple | frozenset) else value


def _read(hint: Any, value: Any) -> Any:
    if isinstance(hint, UnionType):
        return None if value is None else _read(get_args(hint)[0], value)
    if get_origin(hint) in (tuple, frozenset):
        return get_origin(hint)(_read(get_args(hint)[0], member) for member in value)
    if hint is Override:
        side, spread, amount = value
        return Override(StrategySide(side), Decimal(spread), Decimal(amount))
    return hint(value)
