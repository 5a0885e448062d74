"""Several accounts at one exchange: each with its own money, keys and rights, asked by ccxt's own client."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.exchange.desk import DESK, DESK_AT_BINANCE
from sandbox.exchange.simulated import SimulatedExchange
from tests.sandbox.exchange import World, exchange, refused


@pytest.fixture
def world() -> Iterator[World]:
    with exchange() as world:
        world.open("maker", USDT="100000", BTC="10")
        yield world


def test_an_account_is_opened_with_what_it_is_given_and_no_magic(world: World) -> None:
    seen = world.client("maker").fetch_balance()
    assert (seen["BTC"]["free"], seen["USDT"]["free"], seen["total"].keys()) == (
        "10.00000000",
        "100000.00000000",
        {"BTC", "USDT"},
    )
    order = world.client("maker").create_order("BTC/USDT", "limit", "buy", "0.00222", "60000")
    assert world.client("maker").fetch_order(order["id"], "BTC/USDT")["status"] == "open"


def test_the_desks_own_account_has_magic_until_it_is_switched_off(world: World) -> None:
    desk = world.client_of(DESK_AT_BINANCE.api_key, DESK_AT_BINANCE.secret)
    assert desk.create_order("BTC/USDT", "limit", "buy", "0.00666", "60000")["status"] == "canceled"
    assert world.control("PUT", f"accounts/{DESK}/magic", {"on": False})["magic"] is False
    assert desk.create_order("BTC/USDT", "limit", "buy", "0.00666", "60000")["status"] == "open"


def test_an_account_sees_its_own_orders_and_no_others(world: World) -> None:
    desk, maker = world.client_of(DESK_AT_BINANCE.api_key, DESK_AT_BINANCE.secret), world.client("maker")
    mine = maker.create_order("BTC/USDT", "limit", "buy", "0.1", "60000", {"postOnly": True})
    assert [order["id"] for order in maker.fetch_open_orders("BTC/USDT")] == [mine["id"]]
    assert desk.fetch_open_orders("BTC/USDT") == []
    with refused("OrderNotFound", "Unknown order"):
        desk.cancel_order(mine["id"], "BTC/USDT")
    maker.cancel_order(mine["id"], "BTC/USDT")
    assert maker.fetch_open_orders("BTC/USDT") == []


READ: Any = lambda client: client.fetch_open_orders("BTC/USDT")  # noqa: E731
TRADE: Any = lambda client: client.create_order("BTC/USDT", "limit", "buy", "0.1", "60000")  # noqa: E731
CANCEL: Any = lambda client: client.cancel_order("1", "BTC/USDT")  # noqa: E731
WITHDRAW: Any = lambda client: client.withdraw("BTC", "1", "bc1q" + "q" * 38)  # noqa: E731
LISTED = {"read": [READ], "trade": [TRADE, CANCEL], "withdraw": [WITHDRAW]}


@pytest.mark.parametrize("right", LISTED)
def test_a_key_without_the_right_is_not_let_in(world: World, right: str) -> None:
    """-2015, of every call that needs the right; nothing is done."""
    client = world.client("maker", "read", "trade", "withdraw")
    client.load_markets()
    limited = world.client("maker", *(LISTED.keys() - {right}))
    limited.set_markets(client.markets, client.currencies)
    for act in LISTED[right]:
        with refused("AuthenticationError", "-2015"):
            act(limited)
    assert client.fetch_open_orders("BTC/USDT") == []
    assert world.has("maker", "BTC") == "10"


def test_a_key_tells_what_it_is_good_for(world: World) -> None:
    told = world.client("maker", "read", "withdraw").sapi_get_account_apirestrictions()
    assert (told["enableReading"], told["enableSpotAndMarginTrading"], told["enableWithdrawals"]) == (True, False, True)


def test_a_revoked_key_is_good_for_nothing(world: World) -> None:
    client = world.client("maker")
    assert client.fetch_open_orders("BTC/USDT") == []
    assert world.said("DELETE", f"accounts/{DESK}/keys/{client.apiKey}").status == 404, "it is another's"
    assert world.control("DELETE", f"accounts/maker/keys/{client.apiKey}")["keys"] == []
    with refused("DDoSProtection", "-2015"):  # what ccxt makes of it, of a key that was good before
        client.fetch_open_orders("BTC/USDT")


def test_a_key_may_be_chosen_and_the_same_again_does_nothing(world: World) -> None:
    chosen = {"rights": ["trade", "read"], "api_key": "maker-key", "secret": "maker-secret"}
    first = world.control("POST", "accounts/maker/keys", chosen)
    assert world.control("POST", "accounts/maker/keys", chosen) == first
    assert world.control("GET", "accounts")["maker"]["keys"] == [first]
    more = chosen | {"rights": ["read", "trade", "withdraw"]}
    assert "is issued already" in world.said("POST", "accounts/maker/keys", more).error
    desks = world.said("POST", f"accounts/{DESK}/keys", chosen)
    assert "is issued already" in desks.error


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "accounts", {"account": "maker"}, 400, "the account maker exists"),
        ("POST", "accounts", {"account": "a/b"}, 400, "a name without a slash"),
        ("POST", "accounts", {"account": "new", "balances": {"BTC": 1}}, 400, "balances has BTC: 1"),
        ("POST", "accounts", {"account": "new", "balances": {"BTC": "-1"}}, 400, "a deposit of -1 BTC"),
        ("POST", "accounts", {"account": "new", "magic": 1}, 400, "magic is 1; it must be true or false"),
        ("POST", "accounts/nobody/keys", {"rights": ["read"]}, 404, "nobody has no account"),
        ("POST", "accounts/maker/keys", {"rights": []}, 400, "some of read, trade, withdraw"),
        ("POST", "accounts/maker/keys", {"rights": ["fly"]}, 400, "some of read, trade, withdraw"),
        ("PUT", "accounts/maker/limits", {"orders_per_day": -1}, 400, "a limit is 0 or more"),
        ("PUT", "accounts/maker/limits", {"orders": 1}, 400, "there are orders_per_10_seconds"),
        ("PUT", "accounts/nobody/magic", {"on": True}, 404, "nobody has no account"),
        ("GET", "accounts/maker", None, 404, "/sandbox/accounts"),
        ("PUT", "house", {"profile": "wild"}, 400, "there are deep, thin"),
        ("PUT", "house", {"profile": "thin", "symbol": "EURUSD"}, 400, "there are BTCUSDT"),
    ],
)
def test_a_bad_control_is_refused_with_what_to_do(
    world: World, method: str, path: str, body: object, status: int, error: str
) -> None:
    before = world.control("GET", "state"), world.control("GET", "accounts")
    said = world.said(method, path, body)
    assert (said.status, error in said.error) == (status, True), said.text
    assert (world.control("GET", "state"), world.control("GET", "accounts")) == before


def test_settings_outlive_a_restart(world: World) -> None:
    world.control("PUT", "limits", {"orders_per_day": 9})
    world.control("PUT", "house", {"profile": "thin", "symbol": "BTCUSDT"})
    settings = json.loads(json.dumps(world.exchange.controls().settings()))
    again = SimulatedExchange(lambda: world.now)
    again.controls().restore(settings)
    assert again.venue.limits_of().orders_per_day == 9
    assert again.profiles.chosen() == {"BTCUSDT": "thin"}
    again.controls().restore({name: settings[name] for name in ("latency", "fees")})  # as they were kept before
