"""Where a resting order stands in the book."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from common import keys
from common.clock import text
from common.keys import PrimaryKey
from common.money import EXACT, FRACTION_DIGITS_MAX, PRICE_DIGITS_MAX, Price

BIDS, ASKS = "BIDS", "ASKS"  # the halves of the book


def rank(price: Price, *, buys: bool) -> str:
    """The price as text whose order is the order in which resting orders are filled, the best price first: 10 digits, a
    point, 18 digits. A buyer's is what his price lacks to 10^10, since the highest is the best."""
    usd = price.usd_per_unit
    number = EXACT.subtract(Decimal(10) ** PRICE_DIGITS_MAX, usd) if buys else usd
    return f"{number:0{PRICE_DIGITS_MAX + 1 + FRACTION_DIGITS_MAX}.{FRACTION_DIGITS_MAX}f}"


def key(asset_id: str, price: Price, created_at: datetime, order_id: str, *, buys: bool) -> PrimaryKey:
    """Of a resting order's entry."""
    return keys.BOOK_ENTRY(
        asset_id=asset_id,
        half=BIDS if buys else ASKS,
        rank=rank(price, buys=buys),
        created_at=text(created_at),
        order_id=order_id,
    )
