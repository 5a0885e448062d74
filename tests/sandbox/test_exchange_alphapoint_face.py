"""AlphaPoint's wire in front of the venue: asked by ccxt's own client of it, by our adapter, and by hand."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

import pytest

from common.gateways.exchange import ExchangeOrderUnknown, Side, State, Ticket, client_order_id
from common.gateways.exchange.alphapoint import AlphaPointExchange
from common.money import Money, Price, Quantity
from sandbox.exchange.alphapoint import TRADES_MAX, AlphaPointFace, Credential
from sandbox.exchange.faults import Faults
from sandbox.exchange.venue import BUY, Fees, Kind, Symbol, Venue
from sandbox.serving import serve
from tests.gateways.wire import row
from tests.sandbox.faces import Said, call

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS = 1767225600000
DESK = Credential("desk", "key", "secret", account_id=449, user_id=446)
OTHER = Credential("other", "their-key", "their-secret", account_id=450, user_id=447)
BTC = Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.0001"), Decimal(0), 8)
ETH = Symbol("ETHUSDT", "ETH", "USDT", Decimal("0.01"), Decimal("0.0001"), Decimal("0.001"), Decimal(5), 9)
ORDER = {
    **row("InstrumentId OMSId AccountId ClientOrderId", 8, 1, 449, 7),
    **row("Side Quantity OrderType LimitPrice TimeInForce", 1, 0.5, 2, 60000, 1),
}


@dataclass(frozen=True)
class World:
    venue: Venue
    faults: Faults
    url: str

    def call(
        self,
        function: str,
        asked: dict[str, Any] | None = None,
        *,
        post: bool = False,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Said:
        asked = {"OMSId": 1, "AccountId": DESK.account_id} | (asked or {})
        signed = signature(DESK) if headers is None else headers
        if post or raw is not None:
            return call(f"{self.url}/{function}", "POST", asked if raw is None else raw, headers=signed)
        return call(f"{self.url}/{function}?{urlencode(asked)}", headers=signed)

    def ask(self, function: str, asked: dict[str, Any] | None = None, **options: Any) -> Any:
        """The answer, with Decimals for numbers."""
        said = self.call(function, asked, **options)
        assert said.status == 200
        return json.loads(said.text, parse_float=Decimal)

    def send(self, **terms: Any) -> int:
        answer = self.ask("SendOrder", ORDER | terms, post=True)
        assert answer["status"] == "Accepted"
        return int(answer["OrderId"])

    def adapter(self) -> AlphaPointExchange:
        return AlphaPointExchange(self.url, oms_id=1, account_id=449, user_id=446, api_key="key", secret="secret")


def signature(caller: Credential) -> dict[str, str]:
    signed = f"{NOW_MS}{caller.user_id}{caller.api_key}".encode()
    right = hmac.new(caller.secret.encode(), signed, hashlib.sha256).hexdigest()
    return {"Nonce": str(NOW_MS), "APIKey": caller.api_key, "UserId": str(caller.user_id), "Signature": right}


@contextmanager
def running(**options: Any) -> Iterator[World]:
    venue = Venue(lambda: NOW, seed=7, magic=True)
    for symbol in (BTC, ETH):
        venue.list_symbol(symbol)
    for name in ("desk", "other"):
        venue.open_account(name, {"BTC": Decimal(10), "ETH": Decimal(100), "USDT": Decimal(1_000_000)})
    faults = Faults()
    face = AlphaPointFace(venue, [DESK, OTHER], faults, **options)
    with serve(face.decide, name="sandbox-exchange") as server:
        yield World(venue, faults, f"{server.url}/AP")


@pytest.fixture
def world() -> Iterator[World]:
    with running() as world:
        yield world


def meet(world: World, quantity: str, price: str = "60000", side: str = BUY) -> None:
    """Somebody else trades with what rests."""
    world.venue.place("other", "BTCUSDT", side, Kind.LIMIT, quantity=Decimal(quantity), price=Decimal(price))


# By ccxt's client of NDAX, which speaks to the same software


def exact(number: float | str) -> Decimal:
    """ccxt's numbers are floats: the shortest that is one is what was told."""
    return Decimal(str(number))


@pytest.fixture
def ndax(world: World) -> Any:
    ndax = import_module("ccxt").ndax  # which has no types, and takes a second
    keys = {"apiKey": "key", "secret": "secret", "uid": "446", "login": "desk", "password": "x"}
    client = ndax(keys | {"enableRateLimit": False})
    client.urls["api"] = {"public": world.url, "private": world.url}
    return client


def test_ccxt_reads_our_markets(ndax: Any) -> None:
    market = ndax.load_markets()["BTC/USDT"]
    assert (market["id"], market["active"], market["spot"]) == ("8", True, True)
    assert exact(market["precision"]["amount"]) == Decimal("0.00001")
    assert exact(market["precision"]["price"]) == Decimal("0.01")
    assert exact(market["limits"]["amount"]["min"]) == Decimal("0.0001")
    assert ndax.currencies.keys() == {"BTC", "ETH", "USDT"}


def test_ccxt_places_follows_and_cancels_an_order(world: World, ndax: Any) -> None:
    number = 2**53 - 1  # ccxt's own limit: it takes larger ones through a float
    placed = ndax.create_order("BTC/USDT", "limit", "sell", 0.5, 60000.01, {"clientOrderId": number})
    meet(world, "0.2", "60000.01")
    seen = ndax.fetch_order(placed["id"])
    assert (seen["id"], seen["clientOrderId"], seen["symbol"]) == (placed["id"], str(number), "BTC/USDT")
    assert (seen["side"], seen["type"], seen["status"], seen["timestamp"]) == ("sell", "limit", "open", NOW_MS)
    amounts = [exact(seen[name]) for name in ("amount", "filled", "remaining", "price", "average", "cost")]
    assert amounts == [exact(n) for n in ("0.5", "0.2", "0.3", "60000.01", "60000.01", "12000.002")]
    assert [order["id"] for order in ndax.fetch_open_orders("BTC/USDT")] == [placed["id"]]
    ndax.cancel_order(placed["id"])
    assert ndax.fetch_order(placed["id"])["status"] == "canceled"
    assert ndax.fetch_open_orders("BTC/USDT") == []
    assert [(order["id"], order["status"]) for order in ndax.fetch_orders("BTC/USDT")] == [(placed["id"], "canceled")]
    assert ndax.fetch_orders("ETH/USDT") == []


# By hand: who may ask


@pytest.mark.parametrize(
    "wrong",
    [
        *({"Signature": signature} for signature in ("0" * 64, "", "é")),
        *({"Nonce": nonce} for nonce in (str(NOW_MS + 1), "now")),
        *({"APIKey": key} for key in ("another", OTHER.api_key)),
        *({"UserId": "447"}, signature(replace(DESK, user_id=447))),  # the second is signed well
        *({name: None} for name in ("Nonce", "APIKey", "Signature", "UserId")),
    ],
)
@pytest.mark.parametrize("function", ["SendOrder", "GetOpenOrders"])
def test_without_the_right_signature_nothing_is_told_or_done(
    world: World, function: str, wrong: dict[str, str | None]
) -> None:
    headers = {name: value for name, value in (signature(DESK) | wrong).items() if value is not None}
    asked = ORDER if function == "SendOrder" else {}
    answer = world.ask(function, asked, post=function == "SendOrder", headers=headers)
    assert answer == {"result": False, "errormsg": "Not Authorized", "errorcode": 20, "detail": None}
    assert world.venue.history("desk") == []


@pytest.mark.parametrize("foreign", [{"AccountId": 450}, {"OMSId": 2}, {"AccountId": "x"}])
def test_a_key_is_for_its_own_account(world: World, foreign: dict[str, Any]) -> None:
    assert world.ask("GetOpenOrders", foreign)["errorcode"] == 20
    assert world.ask("SendOrder", ORDER | foreign, post=True)["errorcode"] == 20


def test_markets_are_public(world: World) -> None:
    assert {entry["Symbol"] for entry in world.ask("GetInstruments", headers={})} == {"BTCUSDT", "ETHUSDT"}


# By hand: what is asked


@pytest.mark.parametrize(("function", "post"), [("Nonsense", False), ("SendOrder", False), ("GetOpenOrders", True)])
def test_a_function_that_is_not_there_is_404(world: World, function: str, post: bool) -> None:
    said = world.call(function, ORDER, post=post)
    assert (said.status, said.json["errorcode"]) == (404, 104)
    assert world.venue.history("desk") == []
    assert call(f"{world.url}/a/b").status == call(world.url.removesuffix("/AP") + "/other").status == 404


NONSENSE: dict[str, tuple[object, ...]] = {
    "InstrumentId": (10000, None),
    "Side": (2, "1", True),
    "Quantity": ("0.5", 0, -0.5, None, True),
    "LimitPrice": ("60000", None),
    "ClientOrderId": (2**63, -1, "abc"),
}


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        *(({name: value}, 100) for name, values in NONSENSE.items() for value in values),
        *(({"OrderType": kind}, 106) for kind in (1, 4)),
        ({"TimeInForce": 6}, 106),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_as_a_call(world: World, terms: dict[str, Any], code: int) -> None:
    answer = world.ask("SendOrder", ORDER | terms, post=True)
    assert (answer["result"], answer["errorcode"]) == (False, code)
    assert world.venue.history("desk") == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        *((raw, 20) for raw in (b"{}", b'{"Quantity":NaN}')),  # nobody's
        *((raw, 100) for raw in (b"", b"{", b"[]", b"5", b"\xff")),
        *((json.dumps(ORDER).replace("0.5", n).encode(), 100) for n in ("NaN", "Infinity", "1e999999999", "1e30")),
    ],
)
def test_a_body_that_is_no_order_is_refused(world: World, raw: bytes, code: int) -> None:
    assert world.ask("SendOrder", raw=raw)["errorcode"] == code
    assert world.venue.history("desk") == []


@pytest.mark.parametrize(
    ("terms", "message", "code"),
    [
        ({"Quantity": 10.5}, "Not_Enough_Funds", 101),
        ({"Quantity": 0.000001}, "Invalid_Quantity", 100),
        ({"LimitPrice": 60000.001}, "Invalid_Price", 100),
        ({"InstrumentId": 9, "Quantity": 0.001, "LimitPrice": 10}, "Order_Value_Too_Small", 101),
        ({}, "Instrument_Not_Trading", 101),  # under maintenance
    ],
)
def test_what_the_venue_does_not_take_is_rejected(world: World, terms: dict[str, Any], message: str, code: int) -> None:
    world.venue.maintenance = not terms
    answer = world.ask("SendOrder", ORDER | terms, post=True)
    assert answer == {"status": "Rejected", "errormsg": message, "errorcode": code}
    assert world.venue.history("desk") == []


@pytest.mark.parametrize(
    ("kind", "status", "code"), [("refuse", 200, 101), ("429", 429, 101), ("500", 500, 102), ("maintenance", 503, 102)]
)
def test_a_fault_that_is_an_answer_is_told_and_nothing_is_done(world: World, kind: str, status: int, code: int) -> None:
    for post in (True, False):
        world.faults.fail_next(kind)
        told = world.call("SendOrder" if post else "GetOpenOrders", ORDER if post else None, post=post)
        assert (told.status, told.json["errorcode"]) == (status, code)
    assert world.venue.history("desk") == []


def test_names_may_be_written_in_any_case(world: World) -> None:
    small = {name.lower(): value for name, value in ORDER.items()}
    answer = world.ask("SendOrder", raw=json.dumps(small).encode())
    assert answer["status"] == "Accepted"
    assert world.ask("GetOrderStatus", {"orderid": answer["OrderId"]})["OrderId"] == answer["OrderId"]


# By hand: what is told


def test_an_order_is_told_with_what_is_left_and_28_decimals(world: World) -> None:
    order_id = world.send()
    meet(world, "0.2")
    said = world.call("GetOrderStatus", {"OrderId": order_id})
    amounts = {"Quantity": "0.3", "OrigQuantity": "0.5", "QuantityExecuted": "0.2", "GrossValueExecuted": "12000."}
    for name, amount in (amounts | {"ExecutableValue": "0."}).items():
        digits = 28 - len(amount.partition(".")[2])
        assert f'"{name}":{amount}{"0" * digits},' in said.text, "no exponents"
    told = said.json
    expected = {
        **row("Side OrderId Instrument Account OMSId", "Sell", order_id, 8, 449, 1),
        **row("OrderType ClientOrderId OrderState", "Limit", 7, "Working"),
        **row("ReceiveTime ReceiveTimeTicks", NOW_MS, 639028224000000000),
    }
    assert told | expected == told


def test_an_order_is_cancelled_by_its_client_order_id_and_once(world: World) -> None:
    order_id = world.send()
    answer = world.ask("CancelOrder", {"ClOrderId": 7}, post=True)
    assert answer == {"result": True, "errormsg": None, "errorcode": 0, "detail": None}
    assert world.ask("CancelOrder", {"OrderId": order_id}, post=True)["errorcode"] == 104, "it is over"
    assert world.ask("GetOrderStatus", {"OrderId": order_id})["OrderState"] == "Canceled"


def test_the_history_is_told_newest_first_by_parts_and_by_filters(world: World) -> None:
    """One client order id may be of many orders."""
    first, second, third = world.send(), world.send(ClientOrderId=8), world.send(InstrumentId=9, LimitPrice=6000)
    world.ask("CancelOrder", {"OrderId": first}, post=True)

    def ids(**asked: int) -> list[int]:
        return [entry["OrderId"] for entry in world.ask("GetOrdersHistory", asked)]

    assert ids() == [third, second, first]
    assert ids(Depth=1) == [third]
    assert ids(Depth=1, StartIndex=1) == [second]
    assert ids(Depth=9, StartIndex=3) == []
    assert ids(ClientOrderId=7) == [third, first]
    assert ids(ClientOrderId=7, StartIndex=1) == [first]
    assert ids(InstrumentId=9) == [third]
    assert ids(ClientOrderId=9) == []


def test_trades_are_told_newest_first_and_at_most_200_at_once(world: World) -> None:
    order_id = world.send()
    for _ in range(TRADES_MAX + 5):
        meet(world, "0.001")
    page = world.ask("GetAccountTrades", {"Count": 1000})
    rest = world.ask("GetAccountTrades", {"StartIndex": TRADES_MAX, "Count": 200})
    ids = [entry["TradeId"] for entry in page + rest]
    assert (len(page), len(rest)) == (TRADES_MAX, 5)
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == TRADES_MAX + 5
    expected = {"OrderId": order_id, "ClientOrderId": 7, "Side": "Sell", "MakerTaker": "Maker", "InstrumentId": 8}
    assert {name: page[0][name] for name in expected} == expected
    assert (page[0]["Quantity"], page[0]["Price"], page[0]["Value"]) == (Decimal("0.001"), 60000, 60)
    (usdt,) = (p["ProductId"] for p in world.ask("GetProducts", headers={}) if p["Product"] == "USDT")
    assert (page[0]["Fee"], page[0]["FeeProductId"]) == (Decimal("0.048"), usdt)


# By our adapter

SALE = Ticket(Side.SELL, Quantity("0.5", "BTC"), Price("60000"), client_order_id("o-1", "1"))


def sale(quantity: str) -> Ticket:
    return Ticket(Side.SELL, Quantity(quantity, "BTC"), Price("60000"), SALE.client_order_id)


def test_an_array_of_one_is_the_order_too() -> None:
    with running(one_in_array=True) as world:
        exchange_order_id = world.adapter().place(sale("0.00777"))
        assert isinstance(world.ask("GetOrderStatus", {"OrderId": exchange_order_id}), list)
        seen = world.adapter().order("BTC", exchange_order_id)
    assert (seen.state, seen.gross) == (State.FULLY_EXECUTED, Money("466.2"))


def test_an_accepted_order_is_unknown_until_it_is_booked() -> None:
    with running(looks_unbooked=3) as world:
        exchange = world.adapter()
        exchange_order_id = exchange.place(SALE)
        assert world.ask("GetOpenOrders") == []
        world.send(Quantity=0.00777)
        assert world.ask("GetAccountTrades") == []
        with pytest.raises(ExchangeOrderUnknown):
            exchange.order("BTC", exchange_order_id)
        assert exchange.order("BTC", exchange_order_id).state is State.WORKING
        assert exchange.find("BTC", SALE.client_order_id).exchange_order_id == exchange_order_id


def test_a_fee_in_the_exchanges_own_coin_is_told_by_its_name(world: World) -> None:
    world.venue.deposit("desk", "ZMT", Decimal(100))
    world.venue.set_fees(Fees(asset="ZMT", asset_price=Decimal(3)))
    seen = world.adapter().order("BTC", world.adapter().place(sale("0.00777")))
    assert (seen.fee, seen.fees_elsewhere) == (Money(0), {"ZMT": Decimal("0.1554")})
