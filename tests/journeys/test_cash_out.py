"""Cash-outs and withdrawals on the real local stack: ccxt, the bank's wire, signed webhooks, real state machines."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx
import pytest

from local.demo_cash_out import play, states
from tests.depth import PROVED
from tests.journeys.conftest import Stack, eventually, hurried

SWEEP = "cryptodesk-operations-sweep"


@pytest.fixture(scope="module")
def seller(stack: Stack) -> str:
    """A customer with clients and coins."""
    username = stack.funded("seller", "20000.00")
    with stack.desk.http(username) as http:
        bought = {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.2"}
        http.post("/orders", json=bought, headers={"Idempotency-Key": "coins"}).raise_for_status()
    stack.desk.clients(username)
    return username


def reconciled(stack: Stack, username: str) -> None:
    with stack.operator() as operator:
        books = operator.post("/operations/reconcile", json={"username": username}).json()
    assert books["differences"] == []


def bank(stack: Stack) -> httpx.Client:
    return httpx.Client(base_url=stack.desk.environment.bank_url, timeout=15)


def credits(stack: Stack) -> Counter[str]:
    """How often the bank has credited each order."""
    with bank(stack) as http:
        booked = http.get("/sandbox/state").json()["adjustments"]
    return Counter(a["reference_id"].partition("-")[0] for a in booked if a["status"] == "COMPLETED")


@PROVED
def test_a_cash_out_is_paid_by_the_third_attempt(stack: Stack, seller: str) -> None:
    told: list[str] = []
    made = play(stack.desk, seller, "0.005", 2, "third", told.append)
    assert made.order["status"] == "FILLED"
    assert made.order["payout_attempts"] == 3
    assert made.statuses[-1] == "FILLED"
    assert made.states[:3] == ["PollSellOrder", "Sold", "CreatePayout"]
    assert made.states.count("CreatePayout") == 3
    assert made.states.count("BackOff") <= 2, "a pause that is over when a busy machine looks is not waited for"
    assert made.states[-1] == "Paid"
    assert credits(stack)[made.order["order_id"]] == 1
    reconciled(stack, seller)


@PROVED
def test_a_withdrawal_leaves_by_the_payout_machine(stack: Stack, seller: str) -> None:
    with stack.desk.http(seller) as http:
        asked = {"amount": "25.00", "banking_client_id": f"{seller}-bank"}
        made = http.post("/balance/withdrawals", json=asked, headers={"Idempotency-Key": "w"}).json()
        path = f"/balance/withdrawals/{made['transfer_id']}"
        eventually(lambda: http.get(path).json()["status"] == "COMPLETED")
    assert states(stack.desk.environment, made["transfer_id"], "payout") == ["CreatePayout", "AwaitPayout", "Paid"]
    assert credits(stack)[made["transfer_id"]] == 1
    reconciled(stack, seller)


@PROVED
def test_a_payout_that_fails_five_times_is_found_explained_and_finished(stack: Stack, seller: str) -> None:
    made = play(stack.desk, seller, "0.005", 5, "fifth", lambda _: None)
    order_id = made.order["order_id"]
    assert made.order["status"] == "SELL_PAYOUT_FAILED"
    assert made.states[-1] == "PayoutFailed"
    with stack.operator() as operator:
        waiting = operator.get("/operations/work", params={"context": "offramp"}).json()["items"]
        assert [(w["id"], w["overdue"]) for w in waiting] == [(order_id, True)]
        story = operator.get(f"/operations/work/{order_id}").json()
        assert [call["state"] for call in story["calls"]] == ["FULLY_EXECUTED", *["REJECTED"] * 5]
        assert story["execution"]["status"] == "FAILED"
        by_hand = {"reference": "wire 4711", "reason": "wire 4711 by hand"}
        path = f"/operations/sell-orders/{order_id}/mark-filled"
        would = operator.post(path, json={**by_hand, "dry_run": True}).json()
        assert (would["done"], would["before"], would["after"]) == (False, None, "PROPOSED")
        proposed = operator.post(path, json=by_hand).json()["id"]
        with stack.desk.http("otto") as otto:
            confirmed = otto.post(f"/operations/proposals/{proposed}/confirm", json={"reason": "wire 4711 says so"})
            assert confirmed.json()["after"] == "CONFIRMED"
        assert operator.get("/operations/work", params={"context": "offramp"}).json()["items"] == []
    assert credits(stack)[order_id] == 0
    reconciled(stack, seller)


@PROVED
def test_twenty_orders_at_every_stage_survive_a_restart_of_aws(stack: Stack, seller: str) -> None:
    """Some have only just begun, some are unknown at the exchange, some wait for the bank, some for another attempt."""
    exchange, account = stack.desk.environment.exchange_url, f"acc-{seller}"
    orders: list[str] = []
    with bank(stack) as http:
        http.put("/sandbox/settle", json={"seconds": 20}).raise_for_status()
        http.put("/sandbox/outcome", json={"outcome": "complete"}).raise_for_status()  # whatever the cents
        http.put("/sandbox/outcome", json={"outcome": "refuse", "account_id": account, "times": 4}).raise_for_status()
    with stack.desk.http(seller) as http:
        for number in range(20):
            if number >= 17:  # done there, and neither answered nor found at first
                for fault in ({"kind": "drop_after", "on": "place"}, {"kind": "500", "on": "order"}):
                    httpx.post(f"{exchange}/sandbox/faults", json=fault).raise_for_status()
            orders.append(cash_out(http, seller, f"restart-{number}"))
    stack.restart()
    with bank(stack) as http:
        http.put("/sandbox/settle", json={"seconds": 1}).raise_for_status()
    with stack.desk.http(seller) as http, hurried(stack):

        def all_filled() -> bool:
            stack.desk.invoke(SWEEP)  # as the clock does every minute
            return all(http.get(f"/crypto/order/sell/{order}").json().get("status") == "FILLED" for order in orders)

        eventually(all_filled, every=0.5)
    with bank(stack) as http:
        http.delete("/sandbox/outcome").raise_for_status()
    assert {order: credits(stack)[order] for order in orders} == dict.fromkeys(orders, 1)
    reconciled(stack, seller)


def cash_out(http: httpx.Client, seller: str, key: str) -> str:
    """The id of a cash-out, also of one that is not answered yet."""
    price = float(http.get("/assets/BTC").json()["price"])
    asked = {
        "asset_id": "BTC",
        "quantity": "0.002",
        "estimated_amount": f"{price * 0.002:.2f}",
        "crypto_client_id": f"{seller}-crypto",
        "banking_client_id": f"{seller}-bank",
    }
    answer = http.post("/crypto/order/sell", json=asked, headers={"Idempotency-Key": key})
    told: dict[str, Any] = answer.json()
    assert answer.status_code in (200, 503), told
    order_id: str = told["order_id"] if answer.is_success else told["id"]
    return order_id
