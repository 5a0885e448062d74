"""Sums in roubles: two decimals on the wire, whole kopecks inside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.roubles import KOPECKS_MAX, kopecks, roubles


@given(st.integers(0, KOPECKS_MAX))
def test_every_sum_is_read_as_it_was_written(sum_kopecks: int) -> None:
    assert kopecks(roubles(sum_kopecks)) == sum_kopecks


@pytest.mark.parametrize(
    ("inside", "written"),
    [(0, "0.00"), (1, "0.01"), (99, "0.99"), (100, "1.00"), (123_456, "1234.56"), (-1, "-0.01"), (-105, "-1.05")],
)
def test_a_sum_is_written_with_two_decimals(inside: int, written: str) -> None:
    assert roubles(inside) == written


def test_the_largest_sum_has_ten_digits_before_the_point() -> None:
    assert roubles(KOPECKS_MAX) == "9999999999.99"


@pytest.mark.parametrize(
    "written",
    [
        *("", "1", "1.0", "1.000", "1,00", "01.00", "-1.00", "+1.00", " 1.00", "1.00\n", "1e2", "NaN", ".50"),
        *("10000000000.00", "١.٠٠", "1.00 ₽", "1_0.00"),
    ],
)
def test_what_is_not_written_so_is_no_sum(written: str) -> None:
    with pytest.raises(ValueError, match="is no sum"):
        kopecks(written)
