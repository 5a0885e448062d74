"""One order at the exchange: how long it is waited for, when it does not exist, and what it has come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from common.money import CENT, EXACT, ROUNDING, Money, Price, Quantity

SECOND_LOOK_SECONDS = 10  # between the two looks after which the exchange does not have an order
LATE_LOOK_SECONDS = 600  # and then once more, for one that turns up after all
POLL_INTERVAL_SECONDS = 5
POLL_BACK_OFF_RATE = 1.5
POLL_DELAY_SECONDS_MAX = 60
POLLS_MAX = 60
POLL_LIMIT = timedelta(minutes=30)  # then what is not filled is cancelled


@dataclass(frozen=True)
class Placement:
    """One order at the exchange. `order_state` is its word for how the order stands, None until it was seen."""

    order_id: str
    number: int
    client_order_id: str
    exchange: str
    sent_at: datetime
    exchange_order_id: str | None = None
    order_state: str | None = None
    missed_at: datetime | None = None  # when the exchange, asked late enough, first did not have it

    @property
    def overdue_at(self) -> datetime:
        return self.sent_at + POLL_LIMIT


class Missing(StrEnum):
    """What it means that the exchange does not know an order."""

    TOO_EARLY = "TOO_EARLY"  # it may still come to know it
    ONCE = "ONCE"  # late enough, for the first time: to be written down
    FOR_EVER = "FOR_EVER"  # twice: the order never came to be


@dataclass(frozen=True)
class Lot:
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


@dataclass(frozen=True)
class Fill:
    """What the exchange has finally executed of an order, and its fees."""

    state: str
    executed: Quantity
    gross: Money
    fee: Money
    fees_elsewhere: Mapping[str, Decimal] = field(default_factory=dict)


def believable(buys: bool, asked: Quantity, limit: Price, executed: Quantity, gross: Money) -> bool:
    """Can an order of ours have been filled so? Not for more than was asked, nor beyond its limit."""
    at_limit = EXACT.multiply(limit.usd_per_unit, executed.amount)
    within = gross.usd <= at_limit + CENT if buys else gross.usd >= at_limit - CENT
    return executed.amount <= asked.amount and within
