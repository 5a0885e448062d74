"""The desk's reward for a deal, to the kopeck."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.roubles import KOPECKS_MAX
from functions.billing.commission import commission_kopecks


@pytest.mark.parametrize(
    ("price", "percent", "commission"),
    [
        (100_000_000, "2.5", 2_500_000),  # a car for a million roubles
        (123_456_789, "3", 3_703_704),  # 3,703,703.67
        (50, "1", 1),  # half a kopeck goes up
        (49, "1", 0),
        (150, "1", 2),  # half a kopeck goes up from one as well: not to even
        (1, "100", 1),
        (KOPECKS_MAX, "100", KOPECKS_MAX),
        (KOPECKS_MAX, "0.0001", 1_000_000),
    ],
)
def test_a_commission_is_the_percentage_to_the_nearest_kopeck(price: int, percent: str, commission: int) -> None:
    assert commission_kopecks(price, Decimal(percent)) == commission


@given(st.integers(1, KOPECKS_MAX), st.integers(1, 1_000_000))
def test_a_commission_is_never_half_a_kopeck_off_or_above_the_price(price: int, units: int) -> None:
    exact = Fraction(price * units, 1_000_000)
    found = commission_kopecks(price, Decimal(units).scaleb(-4))
    assert Fraction(-1, 2) < found - exact <= Fraction(1, 2)
    assert found <= price


@pytest.mark.parametrize("percent", ["0", "-1", "100.0001", "1e9", "NaN", "Infinity", "0.00001", "2.50001"])
def test_a_percentage_that_is_none_is_refused(percent: str) -> None:
    with pytest.raises(ValueError, match="percent"):
        commission_kopecks(100, Decimal(percent))


@pytest.mark.parametrize("price", [0, -1])
def test_a_price_that_is_none_is_refused(price: int) -> None:
    with pytest.raises(ValueError, match="price_kopecks"):
        commission_kopecks(price, Decimal(1))
