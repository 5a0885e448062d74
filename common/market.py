"""What an exchange's market asks of an order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from common.money import EXACT, ROUNDING, Money, Price, Quantity


@dataclass(frozen=True)
class MarketRules:
    """What the exchange can trade: multiples of `quantity_step` at multiples of `price_step`, and nothing smaller than
    its smallest order."""

    quantity_step: Decimal
    price_step: Decimal
    min_quantity: Decimal
    min_notional: Money

    def trades(self, quantity: Quantity, limit_price: Price) -> bool:
        notional = Money(EXACT.multiply(limit_price.usd_per_unit, quantity.amount))
        fits = not ROUNDING.remainder(quantity.amount, self.quantity_step)
        smallest = max(self.min_quantity, self.quantity_step)
        return fits and quantity.amount >= smallest and notional >= self.min_notional

    def quantity_at_most(self, quantity: Quantity) -> Quantity:
        return Quantity(_steps(quantity.amount, self.quantity_step, ROUND_FLOOR), quantity.asset_id)

    def price_at_least(self, price: Price) -> Price:
        """A seller's limit is never lowered."""
        return Price(_steps(price.usd_per_unit, self.price_step, ROUND_CEILING))

    def price_at_most(self, price: Price) -> Price:
        """A buyer's limit is never raised."""
        return Price(_steps(price.usd_per_unit, self.price_step, ROUND_FLOOR))


def _steps(amount: Decimal, step: Decimal, rounding: str) -> Decimal:
    return EXACT.multiply(ROUNDING.divide(amount, step).to_integral_value(rounding), step)
