"""How many orders a user may have open: counted on the balance that they hold something on, exactly, at no cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from common.domain.ledger import store as ledger
from common.domain.ledger.model import InsufficientFunds, TooManyOpenOrders
from common.owner import Owner
from functions.offramp.model import SaleRefused
from functions.purchases.model import Purchase
from tests.desk import Desk
from tests.seen import status


@pytest.fixture(autouse=True)
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "OPEN_ORDERS_MAX", 3)


@pytest.fixture
def ann(desk: Desk) -> Owner:
    desk.list_exchange_asset()
    ann = desk.customer(usd="2000.00")
    desk.clients(ann)
    desk.buy(ann, "10")
    return ann


def bids(desk: Desk, ann: Owner) -> list[str]:
    return [desk.buy(ann, "0.1", order_price="90").order_id for _ in range(3)]


def asks(desk: Desk, ann: Owner) -> list[str]:
    return [desk.sell(ann, "0.1", order_price="110").order_id for _ in range(3)]


def test_no_more_orders_than_may_be_open_hold_dollars(desk: Desk, ann: Owner) -> None:
    """Limit orders and purchases alike."""
    bids(desk, ann)
    with pytest.raises(TooManyOpenOrders) as refused:
        desk.buy(ann, "0.1", order_price="90")
    assert refused.value.facts["open_orders_max"] == 3
    with pytest.raises(TooManyOpenOrders):
        desk.purchase(ann, "5.00")
    with pytest.raises(TooManyOpenOrders):
        desk.purchase(ann, "50.00")
    with pytest.raises(InsufficientFunds):
        desk.buy(ann, "100", order_price="90")
    desk.buy(ann, "0.1")
    desk.sell(ann, "0.1", order_price="110")
    desk.check()


def test_no_more_orders_than_may_be_open_hold_one_asset(desk: Desk, ann: Owner) -> None:
    """Limit orders and cash-outs alike."""
    asks(desk, ann)
    with pytest.raises(TooManyOpenOrders):
        desk.sell(ann, "0.1", order_price="110")
    with pytest.raises(TooManyOpenOrders):
        desk.cash_out(ann, "0.1")
    assert desk.world.fake.calls["place"] == 0
    desk.sell(ann, "0.1")
    desk.buy(ann, "0.1", order_price="90")
    desk.check()


def cancelled(desk: Desk, ann: Owner, order_id: str) -> None:
    for _ in range(2):
        desk.orders.cancel(ann, order_id)


def failed(desk: Desk, ann: Owner, order_id: str) -> None:
    for _ in range(2):
        desk.orders.fail(order_id, "by hand", "olga", dry_run=False)


def expired(desk: Desk, _: Owner, __: str) -> None:
    desk.clock.forward(days=31)
    desk.expire()
    desk.expire()


def filled(desk: Desk, _: Owner, __: str) -> None:
    for price in ("80", "120"):
        desk.mark("BTC", price)
        desk.match()
        desk.match()


@pytest.mark.parametrize("end", [cancelled, failed, expired, filled])
@pytest.mark.parametrize("opened", [bids, asks])
def test_an_order_that_has_ended_makes_room_for_one(
    desk: Desk, ann: Owner, opened: Callable[[Desk, Owner], list[str]], end: Callable[[Desk, Owner, str], None]
) -> None:
    """And for no second one, however often it is ended."""
    first, *_ = opened(desk, ann)
    end(desk, ann, first)
    desk.check()
    desk.mark("BTC", "100")
    room = 1 if end in (cancelled, failed) else 3
    for _ in range(room):
        desk.place(ann, "BUY" if opened is bids else "SELL", "0.1", order_price="90" if opened is bids else "110")
    with pytest.raises(TooManyOpenOrders):
        desk.place(ann, "BUY" if opened is bids else "SELL", "0.1", order_price="90" if opened is bids else "110")
    desk.check()


def left(desk: Desk, ann: Owner, asked: Purchase) -> None:
    for _ in range(2):
        desk.purchases.cancel(ann, asked.order_id)


def pool_expired(desk: Desk, _: Owner, __: Purchase) -> None:
    desk.clock.forward(days=2)
    desk.close_pools()
    desk.run()


def pool_filled(desk: Desk, _: Owner, __: Purchase) -> None:
    desk.purchase(desk.customer("bob"), "9.00")
    desk.run()


@pytest.mark.parametrize("end", [left, pool_expired, pool_filled])
def test_a_purchase_that_is_over_makes_room_for_one(
    desk: Desk, ann: Owner, end: Callable[[Desk, Owner, Purchase], None]
) -> None:
    asked = desk.purchase(ann, "2.00")
    for _ in range(2):
        desk.buy(ann, "0.1", order_price="90")
    with pytest.raises(TooManyOpenOrders):
        desk.buy(ann, "0.1", order_price="90")
    end(desk, ann, asked)
    desk.check()
    desk.buy(ann, "0.1", order_price="90")
    with pytest.raises(TooManyOpenOrders):
        desk.buy(ann, "0.1", order_price="90")
    desk.check()


@pytest.mark.parametrize("becomes", ["sold", "unsold", "refused"])
def test_a_cash_out_makes_room_when_its_sale_is_over(desk: Desk, ann: Owner, becomes: str) -> None:
    for _ in range(2):
        desk.sell(ann, "0.1", order_price="110")
    if becomes == "unsold":
        desk.world.nobody_buys()
    if becomes == "refused":
        desk.world.fake.refuse_next()
        with pytest.raises(SaleRefused):
            desk.cash_out(ann, "0.1")
    else:
        order = desk.cash_out(ann, "0.1")
        with pytest.raises(TooManyOpenOrders):
            desk.sell(ann, "0.1", order_price="110")
        desk.run()
        assert status(desk, order.order_id) == ("FILLED" if becomes == "sold" else "BASE_TXN_FAILED")
    desk.check()
    desk.sell(ann, "0.1", order_price="110")
    with pytest.raises(TooManyOpenOrders):
        desk.sell(ann, "0.1", order_price="110")
    desk.check()
