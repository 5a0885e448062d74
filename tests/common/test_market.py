"""What an exchange's market asks of an order: steps, and which way a price or a quantity is brought to them."""

from decimal import Decimal

import pytest

from common.market import MarketRules
from common.money import Money, Price, Quantity

RULES = MarketRules(Decimal("0.01"), Decimal("0.05"), Decimal("0.02"), Money(10))


@pytest.mark.parametrize(
    ("price", "sold_at", "bought_at"),
    [("100", "100", "100"), ("100.01", "100.05", "100"), ("100.0499", "100.05", "100"), ("100.05", "100.05", "100.05")],
)
def test_a_sellers_limit_is_never_lowered_nor_a_buyers_raised(price: str, sold_at: str, bought_at: str) -> None:
    assert RULES.price_at_least(Price(price)) == Price(sold_at)
    assert RULES.price_at_most(Price(price)) == Price(bought_at)


@pytest.mark.parametrize(("wanted", "bought"), [("1", "1"), ("1.009", "1"), ("1.0199", "1.01"), ("0.009", "0")])
def test_no_more_is_asked_for_than_is_wanted(wanted: str, bought: str) -> None:
    assert RULES.quantity_at_most(Quantity(wanted, "SOL")).amount == Decimal(bought)


@pytest.mark.parametrize(
    ("quantity", "price", "trades"),
    [
        ("0.1", "100", True),
        ("0.1", "99.95", False),  # worth less than the smallest order
        ("0.105", "1000", False),  # no multiple of the step
        ("0.01", "10000", False),  # less than the smallest quantity
        ("0.02", "10000", True),
    ],
)
def test_an_order_fits_steps_and_smallest_sums(quantity: str, price: str, trades: bool) -> None:
    assert RULES.trades(Quantity(quantity, "SOL"), Price(price)) is trades
