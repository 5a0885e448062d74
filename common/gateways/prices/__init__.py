"""Prices: what one unit of an asset costs in US dollars, as an outside source says it, and since when.

A source is not trusted. What it says becomes a `Quotation` or it becomes nothing:

| the source says                                   | the caller gets                                       |
|---------------------------------------------------|-------------------------------------------------------|
| nothing about an asset, or no price, or no time   | the asset is missing from the answer                  |
| a price that is not above 0, or over 10 integer   | the asset is missing: one broken listing must not     |
| digits (more than one amount of ours can hold)    | take the other assets' prices away                    |
| more than 18 fraction digits                      | the price rounded to 18, half to even                 |
| something that can not be read as an answer at    | `PriceSourceUnavailable`: nothing in it can be        |
| all: not JSON, NaN, text where a number should be | believed                                              |

How old a price may be, and how far it may be from another one, is the caller's to decide: hence `as_of`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Protocol

from common.errors import Unavailable
from common.money import FRACTION_DIGITS_MAX, PRICE_DIGITS_MAX, ROUNDING, Price

_FINEST = Decimal(1).scaleb(-FRACTION_DIGITS_MAX)
_TOO_MUCH = Decimal(1).scaleb(PRICE_DIGITS_MAX)


class PriceSourceUnavailable(Unavailable):
    """The source gave no answer that can be used. Nothing has changed anywhere: calling again is safe.

    Facts:
        what                  "timeout"       no answer, or not all of it, in time
                              "connection"    not reached, or the connection broke
                              "rate_limit"    we ask too often
                              "source_error"  the source says that it has a fault
                              "refused"       an answer that is neither prices nor a fault: our key or address is wrong
                              "garbage"       an answer that can not be read
        retry_after_seconds   when the source said how long to wait: a whole number, otherwise absent
    """


@dataclass(frozen=True)
class Quotation:
    """A price and its origin. Raises ValueError when made of a price that `usable_price` would not give, or of
    a time that is not aware UTC: no adapter can hand out such a thing."""

    asset_id: str
    price: Price
    as_of: datetime  # aware UTC, the source's own time of this price; its clock may be a little ahead of ours
    source: str  # who said it, for the record

    def __post_init__(self) -> None:
        if usable_price(self.price.usd_per_unit) != self.price:
            raise ValueError(f"{self.price} is not a price that we can use")
        if self.as_of.utcoffset() != timedelta(0):
            raise ValueError(f"{self.as_of!r} is not an aware time in UTC")


class Prices(Protocol):
    """A source of prices. Reading it changes nothing, so every call is safe to make again."""

    def latest(self, asset_ids: Collection[str]) -> dict[str, Quotation]:
        """The newest price of each asset, by asset id. Assets without a usable price are missing.

        Asking for nothing asks nobody. The answer is whole or an error, never a part of it.
        Raises PriceSourceUnavailable.
        """
        ...


def usable_price(usd_per_unit: Decimal) -> Price | None:
    """The number as a Price with at most 18 fraction digits (half to even), or None.

    None for NaN and infinities, for what is not above 0 (before or after rounding), and for what has more than
    10 integer digits.
    """
    if not usd_per_unit.is_finite() or not 0 < usd_per_unit < _TOO_MUCH:
        return None
    exponent = usd_per_unit.as_tuple().exponent
    fine = isinstance(exponent, int) and exponent < -FRACTION_DIGITS_MAX
    usd = usd_per_unit.quantize(_FINEST, ROUND_HALF_EVEN, ROUNDING) if fine else usd_per_unit
    return Price(usd) if 0 < usd < _TOO_MUCH else None
