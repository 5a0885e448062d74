"""An owner's trades, as his API tells them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest

from tests import openapi
from tests.desk import Desk
from tests.doors import Doors, opened
from tests.market_making.written import have_traded

TERMS = {"pair": "BTC-USDT", "base_quantity": "0.1", "quote_quantity": "5000"}
ROOM = "/market-making/orders"


@pytest.fixture
def doors() -> Iterator[Doors]:
    desk = Desk()
    desk.market.list_pair(capacity=10)
    with opened(desk, openapi.check) as doors:
        yield doors


def order_of(doors: Doors, trades: int) -> str:
    order_id: str = doors.customer().post(ROOM, TERMS).json["order_id"]
    have_traded(doors.desk.market, order_id, trades)
    return order_id


def test_fills_are_told_newest_first_with_their_fees(doors: Doors) -> None:
    order_id = order_of(doors, 3)
    told = doors.customer().every(f"{ROOM}/{order_id}/fills", limit=2)
    assert [fill["trade_id"] for fill in told] == ["3", "2", "1"]
    assert told[0] == {
        "trade_id": "3",
        "at": "2026-11-21T12:00:03.000000Z",
        "side": "BUY",
        "price": "60000",
        "quantity": "0.00003",
        "quote_quantity": "1.8",
        "fee": "0.0018",
        "fee_asset": "USDT",
        "maker": True,
        "exchange_order_id": "7",
    }
    assert doors.operator().every(f"/operations{ROOM.removesuffix('/orders')}/{order_id}/fills", limit=2) == told


def test_fills_as_csv_go_on_after_the_last_trade(doors: Doors) -> None:
    order_id = order_of(doors, 3)
    answer = doors.customer().get(f"{ROOM}/{order_id}/fills.csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(line["trade_id"], line["fee"], line["fee_asset"]) for line in lines] == [
        (str(n), f"0.{6 * n:04}", "USDT") for n in (1, 2, 3)
    ]
    later = doors.customer().get(f"{ROOM}/{order_id}/fills.csv", after_trade="2").text
    assert [line["trade_id"] for line in csv.DictReader(io.StringIO(later))] == ["3"]
    assert doors.customer().get(f"{ROOM}/{order_id}/fills.csv", after_trade="-1").status == 422


def test_an_order_that_has_not_begun_has_no_fills(doors: Doors) -> None:
    order_id = doors.customer().post(ROOM, TERMS).json["order_id"]
    assert doors.customer().get(f"{ROOM}/{order_id}/fills").json == {"items": [], "cursor": None}
