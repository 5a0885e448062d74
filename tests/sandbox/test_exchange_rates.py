"""How much Binance's wire lets an account ask: announced, counted in headers, and enforced. ccxt's client asks."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.exchange.desk import DESK_AT_BINANCE
from tests.sandbox.exchange import World, exchange, refused

PATIENT = {"weight_per_minute": 1_000_000}


@pytest.fixture
def world() -> Iterator[World]:
    with exchange() as world:
        world.open("maker", USDT="100000", BTC="10")
        yield world


@pytest.fixture
def maker(world: World) -> Any:
    client = world.client("maker")
    client.load_markets()
    world.pass_time(minutes=1)
    return client


def limit(world: World, **limits: int) -> None:
    world.control("PUT", "accounts/maker/limits", PATIENT | limits)


def place(client: Any, price: str = "50000") -> str:
    placed: str = client.create_order("BTC/USDT", "limit", "buy", "0.01", price, {"postOnly": True})["id"]
    return placed


def counted(client: Any) -> tuple[str, str]:
    """In the headers of the last answer: of ten seconds, and of the day."""
    headers = client.last_response_headers
    return headers["X-Mbx-Order-Count-10s"], headers["X-Mbx-Order-Count-1d"]


def retry_after(client: Any) -> int:
    return int(client.last_response_headers["Retry-After"])


def test_the_limits_of_everybody_are_announced(world: World, maker: Any) -> None:
    world.control(
        "PUT", "limits", {"orders_per_10_seconds": 50, "orders_per_day": 160_000, "open_orders_per_symbol": 7}
    )
    told = maker.public_get_exchangeinfo({"symbol": "BTCUSDT"})
    assert [(rate["interval"], rate["intervalNum"], rate["limit"]) for rate in told["rateLimits"]] == [
        ("MINUTE", 1, 6000),
        ("SECOND", 10, 50),
        ("DAY", 1, 160_000),
    ]
    filters = told["symbols"][0]["filters"]
    assert {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 7} in filters


def test_an_accounts_own_limits_are_told_with_what_is_used(world: World, maker: Any) -> None:
    limit(world, orders_per_10_seconds=50)
    place(maker)
    told = maker.private_get_ratelimit_order()
    assert [(rate["interval"], rate["limit"], rate["count"]) for rate in told] == [
        ("SECOND", 50, 1),
        ("DAY", 200_000, 1),
    ]
    desk = world.client_of(DESK_AT_BINANCE.api_key, DESK_AT_BINANCE.secret)
    assert [rate["limit"] for rate in desk.private_get_ratelimit_order()] == [100, 200_000]


def test_more_orders_than_ten_seconds_have_are_refused_until_they_are_over(world: World, maker: Any) -> None:
    limit(world, orders_per_10_seconds=2)
    place(maker)
    assert counted(maker) == ("1", "1")
    place(maker)
    with refused("DDoSProtection", "429.*-1015.*current limit is 2 orders per 10 SECOND"):
        place(maker)
    assert retry_after(maker) == 9, "the ten seconds began at 12:01:00, and it is 12:01:01"
    assert len(maker.fetch_open_orders("BTC/USDT")) == 2
    world.pass_time(seconds=9)
    place(maker)
    assert counted(maker) == ("1", "3")


def test_more_orders_than_a_day_has_are_refused(world: World, maker: Any) -> None:
    limit(world, orders_per_day=1)
    place(maker)
    with refused("DDoSProtection", "-1015.*current limit is 1 orders per 1 DAY"):
        place(maker)
    assert retry_after(maker) == 11 * 3600 + 58 * 60 + 59
    world.pass_time(seconds=retry_after(maker))
    place(maker)


def test_an_order_that_is_traded_with_gives_its_place_back(world: World, maker: Any) -> None:
    limit(world, orders_per_10_seconds=1)
    place(maker)
    with refused("DDoSProtection", "-1015"):
        place(maker)
    world.offer("SELL", "0.001", "50000")
    place(maker)


def test_the_limits_of_one_account_are_not_anothers(world: World, maker: Any) -> None:
    limit(world, orders_per_10_seconds=0)
    with refused("DDoSProtection", "-1015"):
        place(maker)
    place(world.client_of(DESK_AT_BINANCE.api_key, DESK_AT_BINANCE.secret))
    world.control("DELETE", "accounts/maker/limits")
    place(maker)


def test_more_open_orders_than_a_market_may_have_are_refused(world: World, maker: Any) -> None:
    limit(world, open_orders_per_symbol=2)
    first = place(maker)
    place(maker)
    with refused("InvalidOrder", "-2010.*Filter failure: MAX_NUM_ORDERS"):
        place(maker)
    maker.cancel_order(first, "BTC/USDT")
    place(maker)


def test_weight_is_counted_by_what_is_asked_and_by_the_minute(world: World, maker: Any) -> None:
    """Of an account by its keys, of others together."""

    def used(*asked: Any) -> int:
        method, parameters = asked
        before = int(maker.last_response_headers["X-Mbx-Used-Weight-1m"])
        method(parameters)
        return int(maker.last_response_headers["X-Mbx-Used-Weight-1m"]) - before

    symbol = {"symbol": "BTCUSDT"}
    maker.private_get_account()
    assert used(maker.private_get_openorders, symbol) == 6
    assert used(maker.private_get_openorders, {}) == 80
    assert used(maker.private_get_mytrades, symbol) == 20
    assert used(maker.private_get_mytrades, symbol | {"orderId": 1}) == 5
    assert used(maker.private_get_account, {}) == 20
    maker.public_get_ping()
    assert used(maker.public_get_depth, symbol) == 5
    assert used(maker.public_get_depth, symbol | {"limit": 5000}) == 250
    world.pass_time(minutes=1)
    maker.private_get_account()
    assert maker.last_response_headers["X-Mbx-Used-Weight-1m"] == "20"


def test_more_weight_than_a_minute_has_is_refused_until_it_is_over(world: World, maker: Any) -> None:
    """Whatever is asked, orders too; and what was refused has no weight. Others have their own."""
    world.control("PUT", "limits", {"weight_per_minute": 41})
    maker.private_get_account()
    maker.private_get_account()
    with refused("DDoSProtection", "429.*-1003.*current limit is 41 request weight per 1 MINUTE"):
        maker.fetch_open_orders("BTC/USDT")
    assert (retry_after(maker), maker.last_response_headers["X-Mbx-Used-Weight-1m"]) == (59, "40")
    place(maker)
    with refused("DDoSProtection", "-1003"):
        place(maker)
    maker.public_get_ping()
    place(world.client_of(DESK_AT_BINANCE.api_key, DESK_AT_BINANCE.secret))
    world.pass_time(seconds=59)
    assert len(maker.fetch_open_orders("BTC/USDT")) == 1
