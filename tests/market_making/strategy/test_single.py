"""400 proposals of hummingbot, to the digit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from functions.market_making.strategy import Rules, State, propose
from functions.market_making.strategy.rows import Row
from tests.market_making.strategy.cases import available, cases, market, rules


def _orders(by: Rules, side: str, rows: tuple[Row, ...]) -> list[dict[str, object]]:
    orders = []
    for _, price, size in rows:
        sent = by.terms.sent(price, size)
        submitted = {"price": sent[0], "size": sent[1], "reject": by.terms.refusal(*sent)}
        orders.append({"side": side, "price": price, "size": size, "submitted": submitted})
    return orders


@pytest.mark.parametrize("name", cases("single"))
def test_a_proposal_is_hummingbots_to_the_digit(name: str) -> None:
    """Prices, sizes, their order; what the connector makes of them and refuses; where it crashes we say why."""
    case = cases("single")[name]
    by, expected = rules(case), case["expected"]
    got = propose(by, State(), market(case), available(case["balances"]), now=1)
    assert got.reference == Decimal(expected["ref_price"])
    assert got.lost == ("thin_book" if "error" in expected else None)
    assert _orders(by, "buy", got.buys) + _orders(by, "sell", got.sells) == [
        {
            "side": order["side"],
            "price": Decimal(order["price"]),
            "size": Decimal(order["size"]),
            "submitted": {
                "price": Decimal(order["submitted"]["price"]),
                "size": Decimal(order["submitted"]["size"]),
                "reject": order["submitted"]["reject"],
            },
        }
        for order in expected["orders"]
    ]


def test_there_are_as_many_vectors_as_were_made() -> None:
    assert len(cases("single")) == 400
    assert sum(len(case["expected"]["orders"]) for case in cases("single").values()) == 1_226
    assert sum("error" in case["expected"] for case in cases("single").values()) == 5
