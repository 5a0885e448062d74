"""Price bands: at or above the ceiling nothing is bought, at or below the floor nothing is sold. It is the reference
that is compared, never an order's price."""

from __future__ import annotations

from decimal import Decimal

from functions.market_making.strategy.arithmetic import ONE
from functions.market_making.strategy.rules import Rules
from functions.market_making.strategy.state import Band, State


def moved(rules: Rules, state: State, price: Decimal, now: int) -> Band | None:
    """The moving band of now: set anew around the reference when its time is over. None where it is off."""
    if not rules.moving_price_band_enabled:
        return None
    band = state.band
    if band is None or now >= band.set_at + rules.price_band_refresh_time:
        return Band(now, (ONE + rules.price_floor_pct) * price, (ONE + rules.price_ceiling_pct) * price)
    return band


def allows_buys(rules: Rules, band: Band | None, price: Decimal) -> bool:
    if rules.price_ceiling is not None and price >= rules.price_ceiling:
        return False
    return band is None or price < band.ceiling


def allows_sells(rules: Rules, band: Band | None, price: Decimal) -> bool:
    if rules.price_floor is not None and price <= rules.price_floor:
        return False
    return band is None or price > band.floor
