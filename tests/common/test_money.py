"""Money that can not be mixed up, and its only rounding."""

from decimal import Decimal, Inexact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.money import CENT, COST_STEP, EXACT, Money, Price, Quantity, exact, fraction_digits, plain

amounts = st.decimals(
    min_value=Decimal("1e-18"), max_value=Decimal("999999999999999.999999999999999999"), places=18, allow_nan=False
)
prices = amounts.map(Price)
quantities = amounts.map(lambda amount: Quantity(amount, "BTC"))


@pytest.mark.parametrize("bad", [1.5, True, float("nan")])
def test_floats_are_refused(bad: float) -> None:
    with pytest.raises(TypeError):
        exact(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_what_is_not_a_finite_number_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        Money(bad)


@given(prices, quantities)
def test_a_buyer_pays_a_cent_over_at_most_and_a_seller_gets_a_cent_under(p: Price, q: Quantity) -> None:
    worth = EXACT.multiply(p.usd_per_unit, q.amount)
    cost, proceeds = p.cost_of(q).usd, p.proceeds_of(q).usd
    assert 0 <= EXACT.subtract(cost, worth) < CENT
    assert 0 <= EXACT.subtract(worth, proceeds) < CENT


@given(prices, quantities)
def test_buying_and_selling_at_once_never_earns(p: Price, q: Quantity) -> None:
    assert p.proceeds_of(q) <= p.cost_of(q)


@given(prices, st.integers(1, 10**12), st.integers(0, 18))
def test_what_money_buys_never_costs_more_nor_does_a_sale_bring_less(p: Price, cents: int, precision: int) -> None:
    money = Money(CENT * cents)
    bought = p.quantity_for(money, "BTC", precision)
    sold = p.quantity_for(money, "BTC", precision, at_least=True)
    assert p.cost_of(bought) <= money <= p.proceeds_of(sold)
    assert fraction_digits(bought.amount) <= precision


@given(st.lists(amounts, min_size=1, max_size=20))
def test_sums_keep_every_digit(parts: list[Decimal]) -> None:
    coins, dollars = Quantity(0, "BTC"), Money(0)
    for part in parts:
        coins, dollars = coins + Quantity(part, "BTC"), dollars + Money(part)
    scaled = sum(int(EXACT.scaleb(part, 18)) for part in parts)
    assert [int(EXACT.scaleb(total, 18)) for total in (coins.amount, dollars.usd)] == [scaled, scaled]


@given(amounts, amounts)
def test_differences_keep_every_digit(a: Decimal, b: Decimal) -> None:
    scaled = int(EXACT.scaleb(a, 18)) - int(EXACT.scaleb(b, 18))
    coins, dollars = Quantity(a, "BTC") - Quantity(b, "BTC"), Money(a) - Money(b)
    assert [int(EXACT.scaleb(less, 18)) for less in (coins.amount, dollars.usd)] == [scaled, scaled]
    assert int(EXACT.scaleb((-Money(a)).usd, 18)) == -int(EXACT.scaleb(a, 18))


@pytest.mark.parametrize(
    ("price", "worth"),
    [("0.0049", "0.00"), ("0.005", "0.00"), ("0.0051", "0.01"), ("0.0149", "0.01"), ("0.015", "0.02")],
)
def test_a_worth_is_to_the_nearest_cent_half_to_even(price: str, worth: str) -> None:
    assert Price(price).value_of(Quantity(1, "BTC")) == Money(worth)


def test_a_sum_that_would_lose_a_digit_raises() -> None:
    with pytest.raises(Inexact):
        EXACT.add(Decimal(10**79), Decimal("1e-18"))


@given(amounts, amounts, amounts)
def test_a_share_is_on_the_cost_step_and_never_far_from_the_truth(usd: Decimal, a: Decimal, b: Decimal) -> None:
    part, whole = min(a, b), max(a, b)
    share = Money(usd).share(part, whole).usd
    assert share == share.quantize(COST_STEP, context=EXACT)
    assert abs(EXACT.subtract(EXACT.multiply(share, whole), EXACT.multiply(usd, part))) <= COST_STEP * whole


def test_quantities_of_two_assets_do_not_add_up() -> None:
    with pytest.raises(TypeError, match="BTC and ETH"):
        Quantity(1, "BTC") + Quantity(1, "ETH")


@pytest.mark.parametrize(
    ("number", "text"),
    [("1.50", "1.5"), ("1.5E2", "150"), ("100", "100"), ("0E-18", "0"), ("1E-18", "0.000000000000000001"), ("0", "0")],
)
def test_numbers_are_written_as_people_write_them(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@pytest.mark.parametrize(("usd", "text"), [("10", "10.00"), ("0.5", "0.50"), ("33.33333333", "33.33333333")])
def test_dollars_have_two_decimals_and_more_only_where_there_are_more(usd: str, text: str) -> None:
    assert str(Money(usd)) == text
