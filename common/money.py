"""Money, quantities and prices: Decimals that can not be mixed up, and the only place that rounds them.

All arithmetic happens in `EXACT`, a context of 80 digits in which a sum or product that would lose a digit
raises `decimal.Inexact`: Python's own default of 28 digits rounds silently. Rounding is always a named act:

    price.cost_of(quantity)         what a buyer pays, rounded up to the cent
    price.proceeds_of(quantity)     what a seller gets, rounded down to the cent
    price.value_of(quantity)        what a holding is worth, to the nearest cent, half to even
    price.quantity_for(money, …)    what an amount of money buys, rounded down to the asset's precision
    price.half_above(spread), half_below(spread)    the two sides of a spread, rounded against the customer
    money.fee(bps)                  what a fee takes of an amount, rounded up to the cent
    money.before_fee_on_top(bps), before_fee_off(bps)    of what amount this is what is left, or paid, with its fee
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)

INTEGER_DIGITS_MAX = 15  # 12,000,000,000 of a coin may be worth $5,400
PRICE_DIGITS_MAX = 10  # before the point, of a price: the book's order is over so many
FRACTION_DIGITS_MAX = 18  # one amount; DynamoDB holds 38 digits, so a sum has room for 10^5 of the largest
CENT = Decimal("0.01")
BPS = Decimal(10_000)
_PRICE_STEP = Decimal(1).scaleb(-FRACTION_DIGITS_MAX)
COST_STEP = Decimal("0.00000001")  # cost taken out of a holding by a sale, in USD

EXACT = Context(prec=80, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
ROUNDING = Context(prec=80, traps=[InvalidOperation, DivisionByZero, Overflow])

_WRITTEN = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")


def exact(value: Decimal | str | int) -> Decimal:
    """A finite Decimal, or TypeError for a float and ValueError for NaN and infinities."""
    if isinstance(value, (float, bool)):
        raise TypeError(f"refusing {value!r}: money is Decimal, str or int")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"refusing {value!r}: not a finite number")
    return number


def told_number(told: object) -> Decimal | None:
    """A number of others, however they write it: `"99.90"`, `"99.9000"`, and of JSON 99.9 read as Decimal, are equal.

    None for what is not 0 or more in ASCII digits, as a JSON number has them; and for a float, which has lost digits.
    """
    if isinstance(told, bool) or not isinstance(told, str | int | Decimal):
        return None
    written = str(told) if not isinstance(told, int) or told.bit_length() < 200 else ""
    return Decimal(written) if _WRITTEN.fullmatch(written) else None


def plain(number: Decimal) -> str:
    """The number as people write it: no exponent, no trailing zeros. `plain(Decimal("1.50E2")) == "150"`."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def fraction_digits(number: Decimal) -> int:
    """Digits after the point that matter: 2 for 1.50 is 1, for 100 it is 0."""
    _, _, fraction = plain(number).partition(".")
    return len(fraction)


@dataclass(frozen=True, order=True)
class Money:
    """US dollars. Balances and totals are whole cents; a cost basis may be finer (`COST_STEP`)."""

    usd: Decimal

    def __init__(self, usd: Decimal | str | int) -> None:
        object.__setattr__(self, "usd", exact(usd))

    def __add__(self, other: Money) -> Money:
        return Money(EXACT.add(self.usd, other.usd))

    def __sub__(self, other: Money) -> Money:
        return Money(EXACT.subtract(self.usd, other.usd))

    def __neg__(self) -> Money:
        return Money(EXACT.minus(self.usd))

    def share(self, part: Decimal, whole: Decimal) -> Money:
        """`self × part / whole`, to the nearest `COST_STEP`, half to even."""
        exact_share = ROUNDING.divide(EXACT.multiply(self.usd, part), whole)
        return Money(exact_share.quantize(COST_STEP, ROUND_HALF_EVEN, ROUNDING))

    def per_unit_of(self, quantity: Quantity) -> Price:
        """The average price of what cost or brought this much: to 18 decimals, half to even."""
        step = Decimal(1).scaleb(-FRACTION_DIGITS_MAX)
        return Price(ROUNDING.divide(self.usd, quantity.amount).quantize(step, ROUND_HALF_EVEN, ROUNDING))

    def fee(self, bps: int) -> Money:
        """What a fee of so many basis points takes of this: rounded up to the cent, and never more than there is."""
        return min(self, self._cents(EXACT.divide(EXACT.multiply(self.usd, Decimal(bps)), BPS), ROUND_CEILING))

    def before_fee_on_top(self, bps: int) -> Money:
        """The largest amount, in cents, that with its fee is no more than this: what may be bought for it."""
        return self._cents(ROUNDING.divide(EXACT.multiply(self.usd, BPS), BPS + bps), ROUND_FLOOR)

    def before_fee_off(self, bps: int) -> Money:
        """The smallest amount, in cents, of which its fee leaves this or more: what has to be sold for it."""
        return self._cents(ROUNDING.divide(EXACT.multiply(self.usd, BPS), BPS - bps), ROUND_CEILING)

    @staticmethod
    def _cents(usd: Decimal, rounding: str) -> Money:
        return Money(usd.quantize(CENT, rounding, ROUNDING))

    def __str__(self) -> str:
        """At least two decimals, more only where there are more: `10.00`, `33.33333333`."""
        whole, _, fraction = plain(self.usd).partition(".")
        return f"{whole}.{fraction.ljust(2, '0')}"


ZERO = Money(0)


@dataclass(frozen=True)
class Quantity:
    """An amount of one asset, in its own units."""

    amount: Decimal
    asset_id: str

    def __init__(self, amount: Decimal | str | int, asset_id: str) -> None:
        object.__setattr__(self, "amount", exact(amount))
        object.__setattr__(self, "asset_id", asset_id)

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(EXACT.add(self.amount, self._same(other)), self.asset_id)

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(EXACT.subtract(self.amount, self._same(other)), self.asset_id)

    def _same(self, other: Quantity) -> Decimal:
        if other.asset_id != self.asset_id:
            raise TypeError(f"{self.asset_id} and {other.asset_id} do not add up")
        return other.amount

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.asset_id}"


@dataclass(frozen=True, order=True)
class Price:
    """US dollars for one unit of an asset."""

    usd_per_unit: Decimal

    def __init__(self, usd_per_unit: Decimal | str | int) -> None:
        object.__setattr__(self, "usd_per_unit", exact(usd_per_unit))

    def cost_of(self, quantity: Quantity) -> Money:
        """What a buyer pays: rounded up to the cent."""
        return self._cents(quantity, ROUND_CEILING)

    def proceeds_of(self, quantity: Quantity) -> Money:
        """What a seller gets: rounded down to the cent."""
        return self._cents(quantity, ROUND_FLOOR)

    def value_of(self, quantity: Quantity) -> Money:
        """What a holding is worth: to the nearest cent, half to even."""
        return self._cents(quantity, ROUND_HALF_EVEN)

    def _cents(self, quantity: Quantity, rounding: str) -> Money:
        return Money(EXACT.multiply(self.usd_per_unit, quantity.amount).quantize(CENT, rounding, ROUNDING))

    def quantity_for(self, money: Money, asset_id: str, precision: int, *, at_least: bool = False) -> Quantity:
        """What `money` buys, rounded down to `precision` decimals; with `at_least`, what must be sold to get it."""
        step = Decimal(1).scaleb(-precision)
        rounding = ROUND_CEILING if at_least else ROUND_FLOOR
        return Quantity(ROUNDING.divide(money.usd, self.usd_per_unit).quantize(step, rounding, ROUNDING), asset_id)

    def half_above(self, spread_bps: int) -> Price:
        """With half of a spread on it, in basis points: what a buyer pays, rounded up to 18 decimals."""
        return self._beside(spread_bps, ROUND_CEILING)

    def half_below(self, spread_bps: int) -> Price:
        """Without half of a spread, in basis points: what a seller gets, rounded down to 18 decimals; never nothing."""
        return max(self._beside(-spread_bps, ROUND_FLOOR), Price(_PRICE_STEP))

    def _beside(self, spread_bps: int, rounding: str) -> Price:
        exact_price = EXACT.multiply(self.usd_per_unit, EXACT.divide(Decimal(20_000 + spread_bps), Decimal(20_000)))
        return Price(exact_price.quantize(_PRICE_STEP, rounding, ROUNDING))

    def differs_bps(self, other: Price) -> Decimal:
        """How far this is from `other`, in basis points of `other` (1 = 0.01 %), without a sign."""
        apart = EXACT.abs(EXACT.subtract(self.usd_per_unit, other.usd_per_unit))
        return ROUNDING.divide(EXACT.multiply(apart, Decimal(10_000)), other.usd_per_unit)

    def __str__(self) -> str:
        return plain(self.usd_per_unit)
