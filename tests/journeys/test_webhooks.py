"""Webhooks on the real local stack: the table's stream, the functions, HTTP to a program on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.demo_purchases import bought, over
from local.telling import ok
from local.webhooks import DELIVER, heard, hears
from sandbox.receiver import Receiver
from tests.depth import PROVED
from tests.journeys.conftest import Stack, eventually


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def ordered(http: httpx.Client, key: str) -> str:
    asked = {"asset_id": "BTC", "order_type": "BUY", "quote_amount": "10.00"}
    order: dict[str, str] = ok(http.post("/orders", json=asked, headers={"Idempotency-Key": key})).json()
    assert order["status"] == "COMPLETED"
    return order["order_id"]


@PROVED
def test_what_becomes_of_an_order_a_purchase_and_a_sale_is_told(stack: Stack, receiver: Receiver) -> None:
    """The one of the order by the clock's own round."""
    username = stack.funded("hears", "200.00")
    stack.desk.tend_market()
    with stack.desk.http(username) as http:
        hears(receiver, http)
        order_id = ordered(http, "order")
        eventually(lambda: bool(receiver.received()))
        (event,) = receiver.received()
        assert (event.type, event.data) == ("order.completed", {"id": order_id, "status": "COMPLETED"})
        purchase = over(stack.desk, username, bought(http, "SOL", "50.00", "purchase"))
        heard(stack.desk, receiver, "purchase.completed", purchase["order_id"])
        asked = {"asset_id": "SOL", "quantity": "all"}
        sale: dict[str, Any] = ok(http.post("/sales", json=asked, headers={"Idempotency-Key": "sale"})).json()
        heard(stack.desk, receiver, "sale.completed", sale["order_id"])
    assert receiver.refused == 0


@PROVED
def test_a_program_that_was_down_is_told_later_and_again_by_hand(stack: Stack, receiver: Receiver) -> None:
    """The desk starts anew meanwhile: what its table's stream has told nobody is told then."""
    username = stack.funded("down", "100.00")
    stack.desk.tend_market()
    with stack.desk.http(username) as http:
        endpoint_id = hears(receiver, http, "order.completed")
        receiver.goes_down()
        first = ordered(http, "first")

        def listed() -> list[dict[str, Any]]:
            deliveries = ok(http.get(f"/webhooks/endpoints/{endpoint_id}/deliveries")).json()["items"]
            return [each for each in deliveries if each["thing_id"] == first]

        def was_tried() -> bool:
            stack.desk.invoke(DELIVER)
            return any(each["attempts"] for each in listed())

        eventually(was_tried, every=1.0)
        (tried,) = listed()
        assert (tried["status"], tried["answer"]) == ("PENDING", "no answer: connection")
        assert receiver.received() == []
        second = ordered(http, "second")
    stack.restart()
    receiver.comes_back()
    with stack.desk.http(username) as http:
        third = ordered(http, "third")
        for order_id in (second, third, first):
            heard(stack.desk, receiver, "order.completed", order_id)
        (delivery,) = listed()
        assert delivery["status"] == "DELIVERED"
        receiver.forget()
        ok(http.post(f"/webhooks/deliveries/{delivery['id']}/replay"))
        assert heard(stack.desk, receiver, "order.completed", first).webhook_id == delivery["id"]
    assert receiver.refused == 0
