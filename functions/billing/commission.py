"""The desk's reward for a deal: a percentage of what the car was sold for."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from common.money import EXACT, ROUNDING

PERCENT_DECIMALS_MAX = 4


def commission_kopecks(price_kopecks: int, percent: Decimal) -> int:
    """`percent` of the price, to the nearest kopeck, half a kopeck up; 0 where that is less than half a kopeck.

    percent: above 0, at most 100, of at most PERCENT_DECIMALS_MAX decimals: 2.5 is 2.5 %.

    Raises ValueError for a price or percentage that can not be one.
    """
    if price_kopecks <= 0:
        raise ValueError(f"price_kopecks is {price_kopecks}; it must be above 0")
    if not (percent.is_finite() and 0 < percent <= 100 and percent == round(percent, PERCENT_DECIMALS_MAX)):
        raise ValueError(f"percent is {percent}; it must be above 0, at most 100, of {PERCENT_DECIMALS_MAX} decimals")
    share = EXACT.divide(EXACT.multiply(percent, Decimal(price_kopecks)), Decimal(100))
    return int(share.quantize(Decimal(1), ROUND_HALF_UP, ROUNDING))
