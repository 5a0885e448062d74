"""The exchange over HTTP: Binance's wire to the letter, ccxt's own client at its end, controls that say what to do."""

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3

from common import clock
from common.gateways.exchange import ExchangeOrderUnknown, Side, State, Ticket, client_order_id
from common.gateways.exchange.ccxt import CcxtExchange
from common.gateways.exchange.ccxt_wire import ccxt_binance
from common.market import MarketRules
from common.money import Money, Price, Quantity, fraction_digits
from local.seed import CATALOGUE, PRICES_BESIDES
from sandbox.exchange.__main__ import References
from sandbox.exchange.binance import BinanceFace, Credential
from sandbox.exchange.controls import Controls
from sandbox.exchange.desk import BALANCES, DESK, DESK_AT_BINANCE, LISTINGS, SYMBOLS
from sandbox.exchange.faults import RETRY_AFTER_SECONDS, Faults
from sandbox.exchange.flow import Flow
from sandbox.exchange.venue import BUY, SELL, Fees, Kind, Symbol, Venue
from sandbox.prices.__main__ import MARKET
from sandbox.prices.face import serve as serve_prices
from sandbox.prices.oracle import Oracle
from sandbox.serving import Answer, serve, switch
from tests.gateways.wire import row
from tests.sandbox import faces
from tests.sandbox.faces import Process, Said

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS = 1767225600000
KEYS = Credential(DESK, api_key="key", secret="secret")
SELL_1 = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "100"}
REFUSED = {"code": -2010, "msg": "Account has insufficient balance for requested action."}


def call(url: str, method: str = "GET", body: object = None, *, key: str | None = None, seconds: float = 5) -> Said:
    return faces.call(url, method, body, headers={} if key is None else {"X-MBX-APIKEY": key}, seconds=seconds)


def sign(payload: str, keys: Credential = KEYS) -> str:
    return hmac.new(keys.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()


@dataclass
class World:
    venue: Venue
    faults: Faults
    slept: list[tuple[float, int]]  # how long, and how many orders were open meanwhile
    now: datetime = NOW
    url: str = ""

    def clock(self) -> datetime:
        return self.now

    def get(self, path: str, **asked: object) -> Said:
        return call(f"{self.url}/api/v3/{path}" + (f"?{urlencode(asked)}" if asked else ""))

    def ask(self, method: str, path: str, **asked: object) -> Said:
        return self.ask_within(5, method, path, asked)

    def ask_within(self, seconds: float, method: str, path: str, asked: Mapping[str, object]) -> Said:
        """Signed, now."""
        payload = urlencode({**asked, "timestamp": int(self.now.timestamp() * 1000)})
        url = f"{self.url}/api/v3/{path}?{payload}&signature={sign(payload)}"
        return call(url, method, seconds=seconds, key=KEYS.api_key)

    def place(self, **asked: object) -> Said:
        """SELL_1, but for what is asked; None is left out."""
        return self.ask("POST", "order", **{n: v for n, v in (SELL_1 | asked).items() if v is not None})

    def offer(self, side: str, quantity: str, price: str) -> None:
        self.venue.place("maker", "BTCUSDT", side, Kind.LIMIT, quantity=Decimal(quantity), price=Decimal(price))


@pytest.fixture
def world() -> Iterator[World]:
    slept: list[tuple[float, int]] = []
    venue = Venue(lambda: here.now)
    here = World(venue, Faults(sleep=lambda seconds: slept.append((seconds, len(venue.open_orders(DESK))))), slept)
    step = Decimal("0.00001")
    here.venue.list_symbol(Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), step, step, Decimal(5), 1))
    here.venue.list_symbol(Symbol("LTCBTC", "LTC", "BTC", Decimal("0.1"), Decimal(1), Decimal(1), Decimal("0.1"), 2))
    for account in (DESK, "maker"):
        here.venue.open_account(account, {"USDT": Decimal(100_000), "BTC": Decimal(100), "LTC": Decimal(100)})
    face = BinanceFace(here.venue, [KEYS], here.faults, here.clock)
    controls = Controls(here.venue, here.faults, [DESK], here.clock)
    with serve(switch({"api": face.decide, "sapi": face.decide, "sandbox": controls.decide}), name="x") as running:
        here.url = running.url
        yield here


# Who asks, and when


def test_binances_own_example_of_a_signature_is_accepted(world: World) -> None:
    """rest-api.md, "SIGNED Endpoint Examples for POST /api/v3/order"."""
    example = Credential(
        DESK,
        "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
        "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
    )
    asked = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    )
    signature = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    then = datetime(2017, 7, 12, 2, 41, 59, 600_000, tzinfo=UTC)
    with serve(BinanceFace(world.venue, [example], world.faults, lambda: then).decide, name="x") as face:

        def code(query: str, body: str = "") -> int | None:
            said = call(f"{face.url}/api/v3/order?{query}", "POST", body.encode(), key=example.api_key)
            return None if said.status == 200 else said.code

        whole, (query, body) = f"{asked}&signature={signature}", asked.split("&", 1)
        assert [code(whole), code("", whole), code(f"signature={signature}&{asked}")] == [None] * 3
        assert code(f"{asked}&signature={signature.upper()}") is None
        assert code(query, f"{body}&signature={signature}") == -1022, "they are signed without an ampersand between"
        assert code(whole.replace("quantity=1", "quantity=2")) == -1022


def test_query_and_body_may_be_mixed_and_the_query_counts(world: World) -> None:
    query, body = "symbol=BTCUSDT&quantity=1", urlencode(SELL_1 | {"quantity": "2", "timestamp": NOW_MS})
    url = f"{world.url}/api/v3/order?{query}"
    said = call(url, "POST", f"{body}&signature={sign(query + body)}".encode(), key="key")
    assert (said.status, said.json["origQty"]) == (200, "1.00000000")


@pytest.mark.parametrize(
    ("key", "status", "code", "message"),
    [
        (None, 401, -2014, "API-key format invalid."),
        ("", 401, -2014, "API-key format invalid."),
        ("other", 401, -2015, "Invalid API-key, IP, or permissions for action."),
    ],
)
def test_without_a_key_of_ours_nothing_is_answered(
    world: World, key: str | None, status: int, code: int, message: str
) -> None:
    """Nor does it use up a fault."""
    world.faults.fail_next("500")
    asked = urlencode({"timestamp": NOW_MS})
    said = call(f"{world.url}/api/v3/account?{asked}&signature={sign(asked)}", key=key)
    assert (said.status, said.json) == (status, {"code": code, "msg": message})
    assert len(world.faults.waiting()) == 1


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"timestamp": NOW_MS}, None),
        ({"timestamp": NOW_MS - 5000}, None),
        ({"timestamp": NOW_MS - 5001}, -1021),
        ({"timestamp": NOW_MS - 60_000, "recvWindow": 60_000}, None),
        ({"timestamp": NOW_MS - 1001, "recvWindow": "1000.5"}, -1021),
        ({"timestamp": NOW_MS, "recvWindow": 60_001}, -1131),
        ({"timestamp": NOW_MS + 999}, None),
        ({"timestamp": NOW_MS + 1000}, -1021),
        ({"timestamp": NOW_MS * 1000}, None),
        ({"timestamp": (NOW_MS - 5001) * 1000}, -1021),
        ({"timestamp": "today"}, -1100),
        ({"timestamp": ""}, -1105),
        ({}, -1102),
    ],
)
def test_a_request_is_good_for_as_long_as_it_says(world: World, asked: dict[str, object], code: int | None) -> None:
    payload = urlencode(asked)
    url = f"{world.url}/api/v3/account?{payload}&signature={sign(payload)}"
    said = call(url, key="key")
    assert (said.json.get("code"), said.status) == (code, 200 if code is None else 400)


def test_an_unsigned_question_about_an_account_is_not_answered(world: World) -> None:
    said = call(f"{world.url}/api/v3/account?timestamp={NOW_MS}", key="key")
    assert (said.code, "'signature'" in said.json["msg"]) == (-1102, True)


# Markets


def test_ping_and_time(world: World) -> None:
    assert (world.get("ping").text.strip(), world.get("time").json) == ("{}", {"serverTime": NOW_MS})


def test_a_market_is_told_with_its_filters_and_all_markets_with_theirs(world: World) -> None:
    told = world.get("exchangeInfo", symbol="BTCUSDT").json
    (symbol,) = told["symbols"]
    expected = row("symbol status baseAsset quoteAsset baseAssetPrecision", "BTCUSDT", "TRADING", "BTC", "USDT", 8)
    assert symbol | expected == symbol
    filters = {one.pop("filterType"): one for one in symbol["filters"]}
    expected = row("minPrice maxPrice tickSize", "0.01000000", "100000000.00000000", "0.01000000")
    assert filters["PRICE_FILTER"] == expected
    assert filters["LOT_SIZE"]["stepSize"] == filters["LOT_SIZE"]["minQty"] == "0.00001000"
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    world.venue.maintenance = True
    told = world.get("exchangeInfo").json["symbols"]
    assert [(symbol["symbol"], symbol["status"]) for symbol in told] == [("BTCUSDT", "BREAK"), ("LTCBTC", "BREAK")]


def test_the_book_is_told_best_first(world: World) -> None:
    for side, price in ((BUY, "99.5"), (BUY, "99.75"), (SELL, "100.25"), (SELL, "100.5")):
        world.offer(side, "0.5", price)
    told = world.get("depth", symbol="BTCUSDT", limit=5).json
    assert told["bids"] == [["99.75000000", "0.50000000"], ["99.50000000", "0.50000000"]]
    assert told["asks"] == [["100.25000000", "0.50000000"], ["100.50000000", "0.50000000"]]
    assert isinstance(told["lastUpdateId"], int)
    assert len(world.get("depth", symbol="BTCUSDT", limit=1).json["bids"]) == 1
    assert world.get("ticker/bookTicker", symbol="BTCUSDT").json == row(
        "symbol bidPrice bidQty askPrice askQty", "BTCUSDT", "99.75000000", "0.50000000", "100.25000000", "0.50000000"
    )


def test_a_ticker_is_refused_of_a_market_in_another_status(world: World) -> None:
    asked = {"symbol": "BTCUSDT", "symbolStatus": "TRADING"}
    assert world.get("ticker/bookTicker", **asked).status == 200
    world.venue.maintenance = True
    assert world.get("ticker/bookTicker", **asked).json["code"] == -1220
    assert world.get("ticker/bookTicker", **asked | {"symbolStatus": "BREAK"}).status == 200


# Orders


def test_an_order_is_answered_as_fully_as_one_asks(world: World) -> None:
    world.offer(BUY, "0.25", "101")
    ack = world.place(newOrderRespType="ACK", newClientOrderId="a", price="200").json
    assert ack == {"symbol": "BTCUSDT", "orderId": ack["orderId"], "orderListId": -1, "clientOrderId": "a"} | {
        "transactTime": NOW_MS
    }
    full = world.place(newClientOrderId="b").json
    (fill,) = full.pop("fills")
    names = "price qty commission commissionAsset tradeId"
    assert fill == row(names, "101.00000000", "0.25000000", "0.02525000", "USDT", fill["tradeId"])
    assert full == {
        **row("symbol orderId orderListId clientOrderId", "BTCUSDT", full["orderId"], -1, "b"),
        **row("price origQty executedQty", "100.00000000", "1.00000000", "0.25000000"),
        **row("origQuoteOrderQty cummulativeQuoteQty", "0.00000000", "25.25000000"),
        **row("status timeInForce type side", "PARTIALLY_FILLED", "GTC", "LIMIT", "SELL"),
        **row("transactTime workingTime selfTradePreventionMode", NOW_MS, NOW_MS, "EXPIRE_TAKER"),
    }
    assert "fills" not in world.place(newOrderRespType="RESULT", price="300").json
    assert world.place(type="LIMIT_MAKER", timeInForce=None, price="300").json.keys() == ack.keys()


def test_an_order_is_queried_by_either_id_open_or_over(world: World) -> None:
    order_id = world.place(newClientOrderId="mine").json["orderId"]
    by_theirs = world.ask("GET", "order", symbol="BTCUSDT", orderId=order_id).json
    by_ours = world.ask("GET", "order", symbol="BTCUSDT", origClientOrderId="mine").json
    assert by_theirs == by_ours
    names = "orderId clientOrderId status executedQty time isWorking"
    assert by_ours | row(names, order_id, "mine", "NEW", "0.00000000", NOW_MS, True) == by_ours
    world.now += timedelta(seconds=1)
    ended = world.ask("DELETE", "order", symbol="BTCUSDT", orderId=order_id).json
    assert (ended["origClientOrderId"], ended["status"], ended["transactTime"]) == ("mine", "CANCELED", NOW_MS + 1000)
    assert len(ended["clientOrderId"]) == 22, "of the cancellation"
    over = world.ask("GET", "order", symbol="BTCUSDT", origClientOrderId="mine").json
    assert (over["status"], over["clientOrderId"], over["updateTime"]) == ("CANCELED", "mine", NOW_MS + 1000)
    unknown = {"code": -2011, "msg": "Unknown order sent."}
    assert world.ask("DELETE", "order", symbol="BTCUSDT", orderId=order_id).json == unknown, "it is over"
    both = {"symbol": "BTCUSDT", "orderId": order_id}
    assert world.ask("GET", "order", **both, origClientOrderId="mine").json == over
    assert world.ask("GET", "order", **both, origClientOrderId="other").code == -2039


def test_an_order_without_a_name_is_given_one(world: World) -> None:
    names = {world.place(price=price).json["clientOrderId"] for price in ("200", "201", "202")}
    assert len(names) == 3
    assert all(re.fullmatch("[0-9a-f]{22}", name) for name in names)


def test_open_orders_are_listed_of_one_market_or_of_all(world: World) -> None:
    ids = [world.place(price=price).json["orderId"] for price in ("201", "202", "203")]
    world.ask("DELETE", "order", symbol="BTCUSDT", orderId=ids[1])

    def listed(**asked: object) -> list[int]:
        return [told["orderId"] for told in world.ask("GET", "openOrders", **asked).json]

    assert listed(symbol="BTCUSDT") == listed() == [ids[0], ids[2]]
    assert listed(symbol="LTCBTC") == []


def test_trades_are_told_with_their_fees_and_in_pages(world: World) -> None:
    world.offer(BUY, "0.25", "102")
    world.offer(BUY, "0.25", "101")
    first = world.place(price="101", quantity="0.5").json["orderId"]
    world.venue.set_fees(Fees(asset="LTC", asset_price=Decimal(10)))
    world.offer(BUY, "1", "100")
    world.place(price="100")

    def trades(**asked: object) -> list[Any]:
        told: list[Any] = world.ask("GET", "myTrades", symbol="BTCUSDT", **asked).json
        return told

    one, two, three = trades()
    assert one == {
        **row("symbol id orderId orderListId time", "BTCUSDT", one["id"], first, -1, NOW_MS),
        **row("price qty quoteQty", "102.00000000", "0.25000000", "25.50000000"),
        **row("commission commissionAsset", "0.02550000", "USDT"),
        **row("isBuyer isMaker isBestMatch", False, False, True),
    }
    assert (three["commission"], three["commissionAsset"]) == ("0.01000000", "LTC")
    assert trades(orderId=first) == [one, two]
    assert trades(limit=2) == [two, three]
    assert trades(fromId=0, limit=2) == [one, two]
    assert trades(orderId=first, fromId=one["id"] + 1) == [two]
    assert trades(orderId=first, fromId=0, limit=1) == [one]
    assert trades(fromId=three["id"] + 1) == []
    assert trades(orderId=4711) == []


def test_balances_are_free_or_locked(world: World) -> None:
    order_id = world.place(quantity="0.5", price="200").json["orderId"]
    balances = {told.pop("asset"): told for told in world.ask("GET", "account").json["balances"]}
    assert balances["BTC"] == {"free": "99.50000000", "locked": "0.50000000"}
    world.ask("DELETE", "order", symbol="BTCUSDT", orderId=order_id)
    world.offer(BUY, "100", "100")
    world.place(quantity="100")
    balances = {told.pop("asset"): told for told in world.ask("GET", "account").json["balances"]}
    assert (balances["BTC"]["free"], balances["USDT"]["free"]) == ("0.00000000", "109990.00000000")
    some = {told["asset"] for told in world.ask("GET", "account", omitZeroBalances="true").json["balances"]}
    assert some == {"USDT", "LTC"}


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ({"symbol": ""}, -1105, "Parameter 'symbol' was empty."),
        ({"symbol": "XYZUSDT"}, -1121, "Invalid symbol."),
        ({"symbol": "btcusdt"}, -1100, "Illegal characters found in parameter 'symbol'"),
        ({"side": "SHORT"}, -1117, "Invalid side."),
        *(({"type": kind}, -1116, "Invalid orderType.") for kind in ("MARKET", "STOP_LOSS")),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"quantity": "0.123456789"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"quantity": "1e2"}, -1100, "Illegal characters found in parameter 'quantity'"),
        ({"quantity": "-1"}, -1100, "Illegal characters found in parameter 'quantity'"),
        ({"quantity": "0.123456"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "9000000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"price": "100.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "0"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "100000000.01"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.04999"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "100.00001"}, *REFUSED.values()),
        ({"newClientOrderId": "a b"}, -1100, "legal range is '^[.A-Z\\:/a-z0-9_-]{1,36}$'."),
        ({"newClientOrderId": "a" * 37}, -1100, "Illegal characters found in parameter 'newClientOrderId'"),
        ({"newClientOrderId": "taken"}, -2010, "Duplicate order sent."),
        ({"newOrderRespType": "ALL"}, -1130, "Data sent for parameter 'newOrderRespType' is not valid."),
        ({"type": "LIMIT_MAKER"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({"type": "LIMIT_MAKER", "timeInForce": None, "price": "50"}, -2010, "would immediately match and take."),
        ({"stopPrice": "100"}, -1104, "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."),
        *(({name: None}, -1102, f"Mandatory parameter '{name}' was not sent, was empty/null") for name in SELL_1),
    ],
)
def test_an_order_that_can_not_be_is_refused_in_binances_words(
    world: World, asked: dict[str, object], code: int, message: str
) -> None:
    world.place(newClientOrderId="taken", price="200", quantity="0.1")
    world.venue.deposit(DESK, "BTC", Decimal("0.1"))
    world.offer(BUY, "1", "50")
    said = world.place(**asked)
    assert (said.status, said.code) == (400, code)
    assert message in said.json["msg"]
    assert len(world.venue.history(DESK)) == 1


@pytest.mark.parametrize(
    ("method", "path", "asked", "code"),
    [
        ("GET", "order", {"symbol": "BTCUSDT", "orderId": 4711}, -2013),
        ("GET", "order", {"symbol": "BTCUSDT", "origClientOrderId": "nobodys"}, -2013),
        ("GET", "order", {"symbol": "BTCUSDT"}, -1102),
        ("GET", "order", {"orderId": 4711}, -1102),
        ("GET", "order", {"symbol": "BTCUSDT", "orderId": "x"}, -1100),
        ("DELETE", "order", {"symbol": "BTCUSDT", "orderId": 4711}, -2011),
        ("DELETE", "order", {"symbol": "BTCUSDT"}, -1102),
        ("GET", "openOrders", {"symbol": "XYZ"}, -1121),
        ("GET", "myTrades", {}, -1102),
        ("GET", "myTrades", {"symbol": "BTCUSDT", "limit": 1001}, -1130),
        ("GET", "myTrades", {"symbol": "BTCUSDT", "limit": 0}, -1130),
        ("GET", "myTrades", {"symbol": "XYZ"}, -1121),
        ("GET", "account", {"symbol": "BTCUSDT"}, -1104),
    ],
)
def test_a_bad_question_is_refused_in_binances_words(
    world: World, method: str, path: str, asked: dict[str, object], code: int
) -> None:
    said = world.ask(method, path, **asked)
    assert (said.status, said.code) == (400, code)


@pytest.mark.parametrize(
    ("path", "asked", "code"),
    [
        ("exchangeInfo", "symbol=XYZ", -1121),
        *(("depth", asked, code) for asked, code in (("", -1102), ("symbol=BTCUSDT&levels=5", -1104))),
        ("depth", "symbol=BTCUSDT&symbol=LTCBTC", -1101),
    ],
)
def test_a_bad_question_about_markets_is_refused(world: World, path: str, asked: str, code: int) -> None:
    said = call(f"{world.url}/api/v3/{path}?{asked}")
    assert (said.status, said.code) == (400, code)


def test_a_path_that_is_not_there_is_said_to_be_so(world: World) -> None:
    said = world.get("klines", symbol="BTCUSDT")
    assert (said.status, said.json) == (404, {"code": -5000, "msg": "Path /api/v3/klines, Method GET is invalid"})
    assert call(f"{world.url}/api/v3/time", "POST").status == 404
    for path in ("/fapi/v1/time", "/"):
        said = call(world.url + path)
        assert (said.status, "/api/…, /sapi/…, /sandbox/…" in said.error) == (404, True)


# Faults


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("refuse", 400, -2010), ("429", 429, -1003), ("500", 500, -1000), ("maintenance", 503, -1016)],
)
def test_a_fault_that_is_an_answer_is_binances_and_nothing_is_done(
    world: World, kind: str, status: int, code: int
) -> None:
    assert call(f"{world.url}/sandbox/faults", "POST", {"kind": kind, "on": "place"}).status == 200
    said = world.place()
    assert (said.status, said.code) == (status, code)
    assert said.headers.get("Retry-After") == (str(RETRY_AFTER_SECONDS) if kind == "429" else None)
    assert world.venue.history(DESK) == []
    assert world.place().status == 200


@pytest.mark.parametrize(("kind", "done"), [("timeout_before", 0), ("timeout_after", 1)])
def test_a_time_out_leaves_the_caller_without_an_answer(world: World, kind: str, done: int) -> None:
    world.faults.fail_next(kind, "place")
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        world.ask_within(0.1, "POST", "order", SELL_1)
    until = time.monotonic() + 10
    while len(world.venue.history(DESK)) < done and time.monotonic() < until:
        time.sleep(0.001)  # the caller gives up sooner than a busy machine gets to it
    assert len(world.venue.history(DESK)) == done


@pytest.mark.parametrize(("on", "met"), [("place", "POST"), ("order", "GET"), ("cancel", "DELETE"), ("any", "time")])
def test_a_fault_waits_for_what_it_was_ordered_for(world: World, on: str, met: str) -> None:
    order_id = world.place(price="200").json["orderId"]
    world.faults.fail_next("500", on)
    one = {"symbol": "BTCUSDT", "orderId": order_id}
    asks: dict[str, Callable[[], Said]] = {
        "time": lambda: world.get("time"),
        "GET": lambda: world.ask("GET", "order", **one),
        "POST": lambda: world.place(price="300"),
        "DELETE": lambda: world.ask("DELETE", "order", **one),
    }
    for what, ask in asks.items():
        assert ask().status == (500 if what == met else 200), what


@pytest.mark.parametrize(
    ("method", "path", "code"), [("GET", "order", -2013), ("DELETE", "order", -2011), ("GET", "account", -1020)]
)
def test_a_refusal_is_one_of_what_was_asked(world: World, method: str, path: str, code: int) -> None:
    world.faults.fail_next("refuse")
    asked = {"symbol": "BTCUSDT", "orderId": 1} if path == "order" else {}
    assert world.ask(method, path, **asked).code == code


def test_each_order_is_late_and_nothing_else_is(world: World) -> None:
    """It is there while its answer is late."""
    assert call(f"{world.url}/sandbox/latency", "PUT", {"seconds": 5}).json == {"seconds": 5, "on": "place"}
    world.place(price="200")
    world.ask("GET", "openOrders")
    world.get("time")
    call(f"{world.url}/sandbox/latency", "PUT", {"seconds": 0})
    world.place(price="200")
    assert world.slept == [(5, 1)]


def test_whatever_is_asked_may_be_late(world: World) -> None:
    assert call(f"{world.url}/sandbox/latency", "PUT", {"seconds": 0.06, "on": "any"}).json["on"] == "any"
    world.get("time")
    world.ask("GET", "openOrders")
    world.place(price="200")
    assert world.slept == [(0.06, 0), (0.06, 0), (0.06, 1)]


# ccxt's own client


@pytest.fixture
def theirs(world: World) -> Any:
    """ccxt's binance as everybody uses it, but for its URLs: with floats, and all that it asks by itself."""
    client = ccxt_binance()({"apiKey": KEYS.api_key, "secret": KEYS.secret, "enableRateLimit": False})
    client.options |= {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}
    client.urls["api"] = {name: re.sub(r"^https://[^/]+", world.url, url) for name, url in client.urls["api"].items()}
    world.now = clock.now()
    return client


def test_ccxt_places_finds_and_cancels_orders(world: World, theirs: Any) -> None:
    world.offer(BUY, "0.5", "99.5")
    book = theirs.fetch_order_book("BTC/USDT", 5)
    assert book["bids"] == [[99.5, 0.5]]
    sold = theirs.create_order("BTC/USDT", "limit", "sell", 0.75, 99.5)
    assert (sold["status"], sold["filled"], sold["cost"]) == ("open", 0.5, 49.75)
    assert sold["clientOrderId"].startswith("x-"), "its own name, when it is given none"
    found = theirs.fetch_order(sold["id"], "BTC/USDT")
    assert (found["status"], found["remaining"], found["average"]) == ("open", 0.25, 99.5)
    assert theirs.fetch_balance()["BTC"]["total"] == 99.5
    theirs.create_order("BTC/USDT", "limit", "buy", 1, 50, {"postOnly": True})
    assert len(theirs.fetch_open_orders("BTC/USDT")) == 2
    assert [trade["fee"] for trade in theirs.fetch_my_trades("BTC/USDT")] == [{"cost": 0.04975, "currency": "USDT"}]
    assert theirs.cancel_order(sold["id"], "BTC/USDT")["status"] == "canceled"
    with pytest.raises(Exception, match="Unknown order sent") as unknown:
        theirs.cancel_order(sold["id"], "BTC/USDT")
    assert type(unknown.value).__name__ == "OrderNotFound"


# Controls


def test_everything_is_seen(world: World) -> None:
    world.offer(BUY, "1", "99")
    world.place(newClientOrderId="mine", price="200", quantity="0.5")
    world.faults.fail_next("429", times=2)
    seen = call(f"{world.url}/sandbox/state").json
    assert seen["now"] == "2026-01-01T00:00:00.000000Z"
    assert seen["symbols"]["BTCUSDT"] == {
        **row("base quote price_step quantity_step", "BTC", "USDT", "0.01", "0.00001"),
        **row("min_quantity min_notional last_price bid ask", "0.00001", "5", None, "99", "200"),
    }
    assert seen["balances"][DESK]["BTC"] == {"free": "99.5", "locked": "0.5"}
    (order,) = seen["open_orders"][DESK]
    assert order | row("client_order_id price quantity status", "mine", "200", "0.5", "NEW") == order
    assert seen["faults"] == [{"kind": "429", "on": "any"}] * 2
    assert seen["latency"] == {"seconds": 0, "on": "place"}
    assert seen["fees"] == {"taker_bps": "10", "maker_bps": "8", "asset": None, "asset_price": "1"}


def test_fees_are_set(world: World) -> None:
    fees = {"taker_bps": "20", "maker_bps": "0", "asset": "LTC", "asset_price": "10"}
    assert call(f"{world.url}/sandbox/fees", "PUT", fees).json == fees
    world.offer(BUY, "1", "100")
    (fill,) = world.place().json["fills"]
    assert (fill["commission"], fill["commissionAsset"]) == ("0.02000000", "LTC")
    assert call(f"{world.url}/sandbox/fees", "PUT", {"taker_bps": "0", "maker_bps": "0"}).json["asset"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "faults", {}, 400, "kind is missing: text, one of refuse, 429, 500"),
        ("POST", "faults", {"kind": "earthquake"}, 400, "timeout_before, timeout_after, drop_after"),
        ("POST", "faults", {"kind": 429}, 400, "kind is 429; it must be text"),
        (
            "POST",
            "faults",
            {"kind": "429", "on": "other"},
            400,
            "there are place, order, cancel, withdraw, wallet, any",
        ),
        ("POST", "faults", {"kind": "429", "times": 0}, 400, "from 1 to 1000"),
        ("POST", "faults", {"kind": "429", "times": 1001}, 400, "from 1 to 1000"),
        ("POST", "faults", {"kind": "429", "times": True}, 400, "times is true; it must be a whole number"),
        ("PUT", "latency", {"seconds": -1}, 400, "from 0 to 60"),
        ("PUT", "latency", {"seconds": 61}, 400, "from 0 to 60"),
        ("PUT", "latency", {"seconds": "5"}, 400, 'seconds is "5"; it must be a number'),
        ("PUT", "latency", {"seconds": 1, "on": "tea"}, 400, "on is 'tea'; there are place, order"),
        ("PUT", "latency", b'{"seconds": NaN}', 400, "from 0 to 60"),
        ("PUT", "fees", {"taker_bps": "10"}, 400, 'maker_bps is missing: text such as "8"'),
        ("PUT", "fees", {"taker_bps": 10, "maker_bps": "8"}, 400, 'it must be text such as "10"'),
        ("PUT", "fees", {"taker_bps": "lots", "maker_bps": "8"}, 400, "taker_bps is 'lots'; it must be a decimal"),
        ("PUT", "fees", {"taker_bps": "-1", "maker_bps": "8"}, 400, "from 0 to under 10,000 bps"),
        ("PUT", "fees", {"taker_bps": "1", "maker_bps": "8", "bnb": "1"}, 400, "there are taker_bps, maker_bps, asset"),
        ("PUT", "state", {}, 404, "GET /sandbox/state"),
        ("GET", "", None, 404, "GET /sandbox/state"),
    ],
)
def test_a_bad_order_is_refused_with_what_to_do(
    world: World, method: str, path: str, body: object, status: int, error: str
) -> None:
    before = call(f"{world.url}/sandbox/state").json
    said = call(f"{world.url}/sandbox/{path}", method, body)
    assert said.status == status
    assert error in said.error
    assert call(f"{world.url}/sandbox/state").json == before


# What it begins with


def test_the_markets_fit_the_desks_catalogue_and_the_price_source() -> None:
    priced = {**MARKET, **PRICES_BESIDES}
    for symbol in SYMBOLS:
        listed = CATALOGUE[symbol.base]
        assert fraction_digits(symbol.quantity_step) <= listed["precision"], symbol
        assert LISTINGS[symbol.name] == listed["price_source_id"]
        assert LISTINGS[symbol.name] in priced
        assert BALANCES[symbol.base] >= 1000 * symbol.min_quantity
    assert {symbol.base for symbol in SYMBOLS} == {asset for asset, listed in CATALOGUE.items() if listed["active"]}
    assert len({symbol.symbol_id for symbol in SYMBOLS}) == len(SYMBOLS)


def test_the_market_follows_the_price_source_and_stays_without_it() -> None:
    """It stays where it was."""
    oracle = Oracle(lambda: NOW, seed=7)
    oracle.set_price("bitcoin", "67187.30")
    oracle.set_price("ethereum", None)
    oracle.set_price("solana", "-1")
    with serve_prices(oracle) as face:
        references = References(face.url)
        assert references.price("BTCUSDT") is None
        references.poll()
        known = {name: price for name in LISTINGS if (price := references.price(name))}
        assert known == {"BTCUSDT": Decimal("67187.30")}
        oracle.move("bitcoin", "2")
        references.poll()
        assert references.price("BTCUSDT") == Decimal("134374.60")
    references.poll()
    assert references.price("BTCUSDT") == Decimal("134374.60")


@pytest.mark.parametrize(
    "answer",
    ["", "[]", '{"prices": []}', '{"prices": {"bitcoin": {}}}', '{"prices": {"bitcoin": {"quoted_usd": "x"}}}'],
)
def test_a_price_source_that_talks_nonsense_changes_nothing(answer: str) -> None:
    with serve(lambda _: Answer(200, answer), name="x") as face:
        references = References(face.url)
        references.poll()
    assert references.price("BTCUSDT") is None


@pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda symbol: symbol.name)
def test_every_market_of_the_desk_trades_at_the_price_sources_price(symbol: Symbol) -> None:
    venue = Venue(clock.now)
    for one in SYMBOLS:
        venue.list_symbol(one)
    venue.open_account(DESK, BALANCES)
    priced: dict[str, Any] = {**MARKET, **{listing: {"usd": usd} for listing, usd in PRICES_BESIDES.items()}}
    Flow(venue, lambda name: Decimal(priced[LISTINGS[name]]["usd"])).step()
    price = Decimal(priced[LISTINGS[symbol.name]]["usd"])
    quantity = -(-Decimal(50) / price // symbol.quantity_step) * symbol.quantity_step
    limit = (price * Decimal("0.99") // symbol.price_step) * symbol.price_step
    with serve(BinanceFace(venue, [KEYS], Faults()).decide, name="x") as face:
        exchange = CcxtExchange(face.url, api_key="key", secret="secret")
        assert exchange.rules(symbol.base) == MarketRules(
            symbol.quantity_step, symbol.price_step, symbol.min_quantity, Money(symbol.min_notional)
        )
        ticket = Ticket(Side.SELL, Quantity(quantity, symbol.base), Price(limit), client_order_id(symbol.name))
        order = exchange.order(symbol.base, exchange.place(ticket))
    assert order.state is State.FULLY_EXECUTED
    assert abs(order.gross.usd / (price * quantity) - 1) < Decimal("0.005")


# The process


def exchange_at(url: str) -> CcxtExchange:
    return CcxtExchange(url, api_key=DESK_AT_BINANCE.api_key, secret=DESK_AT_BINANCE.secret)


def test_what_was_done_outlives_a_restart_and_a_sigterm_is_a_clean_stop(tmp_path: Path) -> None:
    kept = tmp_path / "exchange.json"
    oracle = Oracle(clock.now, seed=7)
    oracle.set_price("bitcoin", "67187.30")
    working = client_order_id("working")
    with serve_prices(oracle) as prices:
        first = Process("exchange", "--state", str(kept), "--prices-url", prices.url)
        exchange = exchange_at(first.url)
        assert call(f"{first.url}/sandbox/fees", "PUT", {"taker_bps": "1", "maker_bps": "1"}).status == 200
        assert call(f"{first.url}/sandbox/accounts", "POST", {"account": "maker"}).status == 200
        keys = call(f"{first.url}/sandbox/accounts/maker/keys", "POST", {"rights": ["read"]}).json
        sold = exchange.place(Ticket(Side.SELL, Quantity("0.5", "BTC"), Price("66000"), client_order_id("sold")))
        exchange.place(Ticket(Side.SELL, Quantity("0.5", "BTC"), Price("99000"), working))
        before = exchange.order("BTC", sold)
        magic = Ticket(Side.SELL, Quantity("0.00777", "BTC"), Price("99000"), client_order_id("magic"))
        assert before.state is State.FULLY_EXECUTED, "there is a market from the beginning"
        assert call(f"{first.url}/AP/GetInstruments?OMSId=1").json[0]["Symbol"] == "BTCUSDT"
        assert exchange.order("BTC", exchange.place(magic)).state is State.FULLY_EXECUTED
        assert first.stop() == (0, ""), "and no access log"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["exchange.json", "exchange.trades.jsonl"]

    second = Process("exchange", "--state", str(kept), "--prices-url", "http://127.0.0.1:1", "--access-log")
    exchange = exchange_at(second.url)
    assert exchange.order("BTC", sold) == before
    assert exchange.find("BTC", working).state is State.WORKING
    maker = CcxtExchange(second.url, api_key=keys["api_key"], secret=keys["secret"])
    with pytest.raises(ExchangeOrderUnknown):
        maker.find("BTC", working)
    state = call(f"{second.url}/sandbox/state").json
    code, access_log = second.stop()
    assert state["fees"]["taker_bps"] == "1"
    assert state["balances"][DESK]["BTC"] == {"free": "998.99223", "locked": "0.5"}
    assert state["symbols"]["BTCUSDT"]["bid"] is None, "without prices nobody quotes"
    assert code == 0
    assert "/api/v3/order" in access_log
