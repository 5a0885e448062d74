"""A small customer's day on the real local stack: what he bought for four dollars he can be rid of to the last unit."""

from __future__ import annotations

from decimal import Decimal

from local import demo_customer
from tests.depth import PROVED
from tests.journeys.conftest import Stack


@PROVED
def test_four_dollars_go_in_and_come_out_again_and_a_page_tells_it(stack: Stack) -> None:
    username, told = "day", list[str]()
    stack.desk.tend_market()
    made = demo_customer.play(stack.desk, username, told.append)
    assert list(made) == [step.__name__ for step in demo_customer.STEPS]
    bought, out = made["bought_together"], made["sold_together_and_withdrawn"]
    assert (bought["strategy"], out["sale"]["strategy"], out["sale"]["all"]) == ("POOLED", "POOLED", True)
    assert out["sale"]["executed_quantity"] == bought["executed_quantity"]
    assert Decimal("3.90") < Decimal(out["withdrawal"]["amount"]) <= Decimal("4.00")
    emptied = made["cashed_out"]
    assert emptied["executed_quantity"] == emptied["quantity"] == made["bought_at_a_quote"]["quantity"]
    with stack.desk.http(username) as http:
        assert [asset["quantity"] for asset in http.get("/balances").json()["items"]] == ["0", "0"]
        assert [balance["holds"] for balance in http.get("/balance/holds").json()["balances"]] == [[]]
