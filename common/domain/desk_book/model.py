"""What the exchange takes no lot of, and what the desk's own book gives for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from common.errors import Refusal
from common.money import COST_STEP, EXACT, FRACTION_DIGITS_MAX, ROUNDING, Money, Price, Quantity


class DeskLimitReached(Refusal):
    """The desk's own book may buy no more of the asset that day."""


@dataclass(frozen=True)
class Rest:
    """What is to be sold above whole lots, and what the desk's own book may buy of the asset a day."""

    quantity: Quantity
    desk_buys_max: Money


@dataclass(frozen=True)
class DeskBuys:
    """What of it the desk's own book buys, and at which price."""

    quantity: Quantity
    price: Price

    @property
    def amount(self) -> Money:
        """Down to `COST_STEP`: with the rest of what a sale has brought it is cut into cents."""
        exact = EXACT.multiply(self.price.usd_per_unit, self.quantity.amount)
        return Money(exact.quantize(COST_STEP, ROUND_FLOOR, ROUNDING))


def price_of_rest(net: Money, executed: Quantity, told: Price) -> Price:
    """What a unit of the lots has brought, down to 18 decimals, and not above the price that they were asked at: a fill
    above that may be the seller's own."""
    step = Decimal(1).scaleb(-FRACTION_DIGITS_MAX)
    return min(told, Price(ROUNDING.divide(net.usd, executed.amount).quantize(step, ROUND_FLOOR, ROUNDING)))
