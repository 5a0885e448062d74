"""Orders and trades as a market maker meets them, by ccxt's own client: both sides, post-only, its own orders."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.exchange.desk import DESK_AT_BINANCE
from tests.sandbox.exchange import World, exchange, refused

POST_ONLY = {"postOnly": True}


@pytest.fixture
def world() -> Iterator[World]:
    with exchange() as world:
        world.open("maker", USDT="1000000", BTC="100")
        yield world


@pytest.fixture
def maker(world: World) -> Any:
    return world.client("maker")


def quote(client: Any, side: str, price: str, quantity: str = "0.1", **params: Any) -> Any:
    return client.create_order("BTC/USDT", "limit", side, quantity, price, POST_ONLY | params)


def test_a_quote_that_would_take_is_refused_and_nothing_is_open(world: World, maker: Any) -> None:
    world.offer("SELL", "1", "60000")
    with refused("OrderImmediatelyFillable", "Order would immediately match and take"):
        quote(maker, "buy", "60000")
    quote(maker, "buy", "59999.99")
    with refused("OrderImmediatelyFillable", "Order would immediately match and take"):
        quote(maker, "sell", "59999.99")
    assert [order["price"] for order in maker.fetch_open_orders("BTC/USDT")] == ["59999.99000000"]


def test_an_order_that_meets_its_own_accounts_quote_expires_there(world: World, maker: Any) -> None:
    """With what it got before; the quote keeps its place. Another account trades with it."""
    world.offer("BUY", "0.2", "60010")
    own = quote(maker, "buy", "60000")["id"]
    taker = maker.create_order("BTC/USDT", "limit", "sell", "0.5", "59900")
    assert (taker["status"], taker["filled"]) == ("expired", "0.20000000")
    assert maker.fetch_order(own, "BTC/USDT")["status"] == "open"
    desk = world.client_of(DESK_AT_BINANCE.api_key, DESK_AT_BINANCE.secret)
    assert desk.create_order("BTC/USDT", "limit", "sell", "0.1", "59900")["status"] == "closed"
    assert maker.fetch_order(own, "BTC/USDT")["status"] == "closed"


def test_trades_tell_the_side_the_maker_and_the_commission(world: World, maker: Any) -> None:
    bought, sold = quote(maker, "buy", "60000"), quote(maker, "sell", "61000")
    world.offer("SELL", "0.04", "60000")
    world.pass_time(seconds=1)
    world.offer("BUY", "0.1", "61000")
    world.offer("BUY", "0.1", "60500")
    world.pass_time(seconds=1)
    taken = maker.create_order("BTC/USDT", "limit", "sell", "0.1", "60500")
    told = maker.fetch_my_trades("BTC/USDT")
    assert [(t["order"], t["side"], t["takerOrMaker"], t["amount"], t["price"]) for t in told] == [
        (bought["id"], "buy", "maker", "0.04000000", "60000.00000000"),
        (sold["id"], "sell", "maker", "0.10000000", "61000.00000000"),
        (taken["id"], "sell", "taker", "0.10000000", "60500.00000000"),
    ]
    assert [t["fee"] for t in told] == [
        {"cost": "0.00003200", "currency": "BTC"},
        {"cost": "4.88000000", "currency": "USDT"},
        {"cost": "6.05000000", "currency": "USDT"},
    ]


def trades(world: World, client: Any, *times: int) -> list[str]:
    """Ids of trades, one at each of these seconds."""
    began = world.now
    for second in times:
        world.now = began
        world.pass_time(seconds=second)
        quote(client, "buy", "60000", "0.01")
        world.offer("SELL", "0.01", "60000")
    return [trade["id"] for trade in client.fetch_my_trades("BTC/USDT")]


def test_trades_are_read_on_from_an_id_without_a_gap(world: World, maker: Any) -> None:
    """As a cursor reads them: page by page, the id after the last."""
    all_of_them = trades(world, maker, *range(7))
    read: list[str] = []
    while page := maker.fetch_my_trades("BTC/USDT", None, 3, {"fromId": str(int(read[-1]) + 1) if read else "0"}):
        assert len(page) <= 3
        read += [trade["id"] for trade in page]
    assert read == all_of_them
    assert len(set(read)) == 7


def test_trades_are_read_by_time(world: World, maker: Any) -> None:
    """From a time on the first ones; up to a time the last ones; both ends are inside."""
    noon = int(world.now.timestamp() * 1000)
    ids = trades(world, maker, 0, 10, 20, 30)

    def read(**asked: object) -> list[str]:
        return [str(told["id"]) for told in maker.private_get_mytrades({"symbol": "BTCUSDT", **asked})]

    assert read(startTime=noon + 10_000) == ids[1:]
    assert read(startTime=noon + 10_001, limit=1) == ids[2:3]
    assert read(endTime=noon + 20_000) == ids[:3]
    assert read(endTime=noon + 20_000, limit=1) == ids[2:3]
    assert read(startTime=noon + 10_000, endTime=noon + 20_000) == ids[1:3]
    assert [trade["id"] for trade in maker.fetch_my_trades("BTC/USDT", noon + 10_000)] == ids[1:]
    with refused("BadRequest", "-1127"):
        read(startTime=noon, endTime=noon + 24 * 3600 * 1000 + 1)
    with refused("BadRequest", "-1128"):
        read(startTime=noon, fromId=0)


def test_a_quote_is_found_by_its_own_name_and_cancelled_once(world: World, maker: Any) -> None:
    quote(maker, "buy", "60000", clientOrderId="slot1")
    with refused("InvalidOrder", "Duplicate order sent"):
        quote(maker, "buy", "60000", clientOrderId="slot1")
    found = maker.fetch_order(None, "BTC/USDT", {"origClientOrderId": "slot1"})
    assert (found["status"], found["clientOrderId"]) == ("open", "slot1")
    assert maker.cancel_order(found["id"], "BTC/USDT")["status"] == "canceled"
    assert maker.fetch_open_orders("BTC/USDT") == []
    with refused("OrderNotFound", "Unknown order sent"):
        maker.cancel_order(found["id"], "BTC/USDT")
    assert maker.fetch_order(None, "BTC/USDT", {"origClientOrderId": "slot1"})["status"] == "canceled"
