"""Decimal arithmetic of quotes: 28 digits, half to even, as hummingbot's; rounding to a step is a named act."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Clamped, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, Rounded

ZERO = Decimal(0)
ONE = Decimal(1)
TWO = Decimal(2)
LARGEST = Decimal(10) ** 12  # of a price, a size, a balance
SMALLEST_STEP = Decimal(10) ** -12  # of a tick or a lot: a price has at most 24 digits of them
DIGITS_MAX = 28

QUOTING = Context(prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
# What it has to round has more digits, or finer ones: the finest that it knows is 10 ** (Emin - (prec - 1)).
_PLAIN = Context(prec=DIGITS_MAX, Emin=-1, traps=[Rounded, Clamped])


def floored(number: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `number`; both positive."""
    return number // step * step


def ceiled(number: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `number`; both positive."""
    steps = number // step
    below = steps * step
    return below if below == number else below + step


def is_plain(number: object) -> bool:
    """Is it a finite Decimal of at most 28 digits, not above `LARGEST` in size? Whatever the caller's context is."""
    if not isinstance(number, Decimal) or not number.is_finite() or number.copy_abs() > LARGEST:
        return False
    try:  # a context tells in a tenth of the time that `as_tuple` takes
        _PLAIN.plus(number)
    except (Rounded, Clamped):
        return False
    return True
