"""What numbers the strategy reckons with."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from functions.market_making.strategy.arithmetic import DIGITS_MAX, LARGEST, is_plain


def test_a_plain_number_is_told_by_its_digits_and_its_exponent() -> None:
    """Of numbers at either side of each bound, with zeros at their ends and without."""
    chance, found = Random(1), set()
    for _ in range(5_000):
        several, exponent = (
            chance.choice((1, 5, 27, 28, 29, 40)),
            chance.choice((-60, -29, -28, -27, -5, 0, 11, 12, 13)),
        )
        digits = tuple(chance.choice((0, 0, 9, chance.randrange(10))) for _ in range(several))
        number = Decimal((chance.randrange(2), digits, exponent))
        kept = number.as_tuple()
        assert isinstance(kept.exponent, int)
        plain = abs(number) <= LARGEST and len(kept.digits) <= DIGITS_MAX and kept.exponent >= -DIGITS_MAX
        assert is_plain(number) is plain, number
        found.add(plain)
    assert found == {True, False}
    assert not any(map(is_plain, (Decimal("NaN"), Decimal("Infinity"), 1, "1", None)))
