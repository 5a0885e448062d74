"""What is a price at all, and what no adapter can hand out."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.gateways.prices import Quotation, usable_price
from common.money import Price

AT = datetime(2026, 11, 21, tzinfo=UTC)
FINEST = Decimal("1e-18")
ours = st.integers(1, 10**28 - 1).map(lambda n: Decimal(n).scaleb(-18))  # 10 integer digits, 18 fraction digits
any_number = st.decimals(allow_nan=True, allow_infinity=True)


@given(ours)
def test_a_price_of_ten_and_eighteen_digits_is_kept_as_it_is(usd: Decimal) -> None:
    assert usable_price(usd) == Price(usd)


@given(any_number)
def test_a_usable_price_is_near_what_was_said_and_within_our_digits(usd: Decimal) -> None:
    price = usable_price(usd)
    if price is None:
        assert not usd.is_finite() or usd <= FINEST / 2 or usd >= 10**10 - FINEST / 2
    else:
        with localcontext(prec=200):
            assert abs(price.usd_per_unit - usd) <= FINEST / 2
        assert 0 < price.usd_per_unit < 10**10
        assert usable_price(price.usd_per_unit) == price


@pytest.mark.parametrize("said", ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-0", "-1", "1e10", "1e-19", "5e-19"])
def test_nonsense_is_no_price(said: str) -> None:
    assert usable_price(Decimal(said)) is None


@pytest.mark.parametrize("exponent", [999_999_999_999, -999_999_999_999])
def test_an_absurd_exponent_is_no_price_and_costs_nothing(exponent: int) -> None:
    assert usable_price(Decimal(f"1e{exponent}")) is None


def test_a_price_does_not_depend_on_the_precision_somebody_set() -> None:
    usd = Decimal("9999999999.1234567890123456785")
    with localcontext(prec=5):
        assert usable_price(usd) == Price("9999999999.123456789012345678")


@pytest.mark.parametrize("usd", ["0", "-1", "10000000000", "0.0000000000000000015"])
def test_a_quotation_of_an_unusable_price_can_not_be_made(usd: str) -> None:
    with pytest.raises(ValueError, match="not a price"):
        Quotation("BTC", Price(usd), AT, source="somebody")


@pytest.mark.parametrize("as_of", [AT.replace(tzinfo=None), AT.astimezone(timezone(timedelta(hours=7)))])
def test_a_quotation_without_an_aware_time_in_utc_can_not_be_made(as_of: datetime) -> None:
    with pytest.raises(ValueError, match="not an aware time"):
        Quotation("BTC", Price("1"), as_of, source="somebody")
