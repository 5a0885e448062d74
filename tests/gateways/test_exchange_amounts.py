"""Which amounts of an exchange can be written down."""

from decimal import Decimal

import pytest

from common.gateways.exchange import can_be_told


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("0", True),
        ("0.000000000000000001", True),
        ("0.0000000000000000001", False),
        ("1.0000000000000000001", False),
        ("1.0000000000000000010", True),
        ("999999999999999.999999999999999999", True),
        ("1000000000000000", False),
        ("Infinity", False),
    ],
)
def test_an_amount_has_fifteen_digits_and_eighteen_behind_the_point(amount: str, told: bool, sign: str) -> None:
    assert can_be_told(Decimal(sign + amount)) is told
