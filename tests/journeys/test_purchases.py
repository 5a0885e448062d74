"""Purchases on the real local stack: ccxt, the real state machine, the clock's round."""

from __future__ import annotations

from decimal import Decimal

import httpx

from local import demo_purchases
from tests.depth import PROVED
from tests.journeys.conftest import InVain, Stack


@PROVED
def test_small_purchases_are_bought_together_and_what_nobody_joins_is_refunded(stack: Stack, in_vain: InVain) -> None:
    username, told = in_vain.username, list[str]()
    stack.desk.tend_market()
    made = demo_purchases.play(stack.desk, username, in_vain.purchase, told.append)
    assert [p["status"] for p in made.pooled] == ["COMPLETED"] * 3
    assert len({p["batch_id"] for p in made.pooled}) == 1
    (call,) = made.batch["calls"]
    assert (call["of"], call["state"]) == ("binance", "FULLY_EXECUTED")
    shares = [Decimal(p["executed_quantity"]) for p in made.pooled]
    assert shares[0] / shares[2] - Decimal("0.8") < Decimal("0.0001")
    assert (made.direct["strategy"], made.direct["status"]) == ("DIRECT", "COMPLETED")
    assert (made.refunded["status"], made.refunded["refunded_amount"]) == ("FAILED", "4.00")
    with stack.desk.http(username) as http:
        assert http.get("/balance").json()["held_balance"] == "0.00"


@PROVED
def test_the_exchange_may_take_its_five_seconds(stack: Stack) -> None:
    """The seed's `buy_from_exchange` sleeps for five seconds: here the simulated exchange answers so late."""
    username = stack.funded("late", "100.00")
    latency = f"{stack.desk.environment.exchange_url}/sandbox/latency"
    stack.desk.tend_market()
    with stack.desk.http(username) as http:
        httpx.put(latency, json={"seconds": 5}).raise_for_status()
        try:
            purchase = demo_purchases.bought(http, "SOL", "20.00", "late")
            assert purchase["status"] == "PENDING"
            assert demo_purchases.over(stack.desk, username, purchase)["status"] == "COMPLETED"
        finally:
            httpx.put(latency, json={"seconds": 0}).raise_for_status()
