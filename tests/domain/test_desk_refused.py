"""What the exchange has against the desk itself: operators are told, and customers only that it is not their doing."""

from __future__ import annotations

from collections import Counter

import pytest

from functions.offramp.model import SaleRefused
from tests.desk import Desk

EXCHANGES_OWN = "fake account has insufficient balance"
CUSTOMERS = "the desk could not place the order; nothing was charged"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.list_exchange_asset()
    return desk


def told_operators(desk: Desk, thing_id: str) -> list[str | None]:
    """What the story says of the outside calls."""
    return [call.says for call in desk.operations.story(thing_id).calls]


def test_a_sale_that_is_refused_to_the_desk_is_not_told_why(desk: Desk, counted: Counter[str]) -> None:
    ann = desk.customer(usd="2000.00")
    desk.clients(ann)
    desk.buy(ann, "10")
    desk.world.fake.refuse_next(ours=True)
    with pytest.raises(SaleRefused) as refusal:
        desk.cash_out(ann, "1", key="k")
    assert refusal.value.detail == f"nothing was sold, and the coins are free again: {CUSTOMERS}"
    assert counted["DeskRefused"] == 1
    (order_id,) = {item["PK"]["S"] for item in desk.dynamo.items() if item["entity_type"]["S"] == "sell_order"}
    assert told_operators(desk, order_id) == [EXCHANGES_OWN]
    assert desk.cash_out(ann, "1", key="k").status == "BASE_TXN_PENDING", "the same request may be sent again"


def test_a_purchase_that_is_refused_to_the_desk_is_not_told_why(desk: Desk, counted: Counter[str]) -> None:
    ann = desk.customer()
    desk.world.fake.refuse_next(ours=True)
    asked = desk.purchase(ann, "50.00")
    desk.run()
    found = desk.purchases.purchase(ann, asked.order_id)
    assert (found.status, found.reason) == ("FAILED", f"not bought: {CUSTOMERS}")
    assert counted["DeskRefused"] == 1
    assert told_operators(desk, found.batch_id) == [EXCHANGES_OWN]


def test_a_refusal_of_the_order_is_told_and_wakes_nobody(desk: Desk, counted: Counter[str]) -> None:
    ann = desk.customer()
    desk.world.fake.refuse_next()
    asked = desk.purchase(ann, "50.00")
    desk.run()
    assert desk.purchases.purchase(ann, asked.order_id).reason == "not bought: fake was told to refuse this order"
    assert counted["DeskRefused"] == 0
