"""`BinanceMaker` on the wire: what it sends, and what it does not believe. What the port promises is asked of it in
test_exchange_maker_contract, and how it fails in test_outside_fails."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from common.errors import Refusal
from common.gateways.exchange import (
    NEVER_PLACED_SECONDS,
    ExchangeFull,
    ExchangeRefused,
    ExchangeUnavailable,
    ExchangeWouldTake,
    State,
)
from common.gateways.exchange.binance_maker import OPERATION_SECONDS_MAX, RECEIVE_WINDOW_MS, BinanceMaker, way_to
from common.gateways.exchange.binance_weight import UsedWeight
from common.gateways.exchange.maker import ExchangeNotReplaced, Market
from tests.gateways.binance import (
    ACCEPTED,
    ANNOUNCED,
    BOOK,
    BTC_USDT,
    NEXT,
    OPEN,
    ORDER_LIMITS,
    OURS,
    QUOTE,
    SUCCESSOR,
    ended,
    order,
    replaced,
    trade,
)
from tests.gateways.wire import Wire, http

AT = datetime(2026, 1, 1, tzinfo=UTC)
KEEP = "Connection: keep-alive"
NEW = json.dumps(json.loads(ACCEPTED) | {"clientOrderId": NEXT})


def maker(url: str) -> BinanceMaker:
    return BinanceMaker(way_to(url), api_key="the-key", secret="hush", clock=lambda: AT)


def told(ask: Callable[[BinanceMaker], Any], *answers: object, status: str = "200 OK") -> Any:
    with Wire(*(http(answer, status) for answer in answers)) as wire:
        return ask(maker(wire.url))


def refused(kind: type[Refusal], ask: Callable[[BinanceMaker], Any], *answers: object, status: str = "200 OK") -> Any:
    """Its facts."""
    with pytest.raises(kind) as refusal:
        told(ask, *answers, status=status)
    assert type(refusal.value) is kind
    return refusal.value.facts


def _place(maker: BinanceMaker) -> object:
    return maker.place(BTC_USDT, QUOTE)


def _replace(maker: BinanceMaker) -> object:
    return maker.replace(BTC_USDT, OURS, SUCCESSOR)


def _cancel(maker: BinanceMaker) -> object:
    return maker.cancel(BTC_USDT, OURS)


def _find(maker: BinanceMaker) -> object:
    return maker.find(BTC_USDT, OURS)


def _open(maker: BinanceMaker) -> object:
    return maker.open_orders(BTC_USDT)


def _trades(maker: BinanceMaker) -> object:
    return maker.trades_after(BTC_USDT, 6)


def _trades_of(maker: BinanceMaker) -> object:
    return maker.trades_of(BTC_USDT, "28", 6)


def _book(maker: BinanceMaker) -> object:
    return maker.book(BTC_USDT, 5)


def _limits(maker: BinanceMaker) -> object:
    return maker.limits(BTC_USDT)


# What is sent


def test_a_quote_is_sent_signed_and_can_only_rest() -> None:
    with Wire(http(ACCEPTED)) as wire:
        assert _place(maker(wire.url)) == "28"
    head, body = wire.heads[0], wire.bodies[0]
    method, target, _ = head.split("\r\n")[0].split()
    path, query = urlsplit(target).path, urlsplit(target).query
    assert (method, path, body) == ("POST", "/api/v3/order", b"")
    assert "X-MBX-APIKEY: the-key" in head
    asked, _, signature = query.partition("&signature=")
    assert signature == hmac.new(b"hush", asked.encode(), hashlib.sha256).hexdigest()
    assert dict(parse_qsl(asked)) == {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT_MAKER",
        "quantity": "0.345",
        "price": "19010.5",
        "newClientOrderId": OURS,
        "newOrderRespType": "ACK",
        "recvWindow": "5000",
        "timestamp": "1767225600000",
    }


def test_a_replacement_ends_only_what_nobody_has_traded_with() -> None:
    with Wire(http(replaced(ended(), NEW))) as wire:
        assert _replace(maker(wire.url)) == "28"
    asked = dict(parse_qsl(urlsplit(wire.heads[0].split()[1]).query))
    assert {name: asked[name] for name in asked if name.startswith("cancel")} == {
        "cancelReplaceMode": "STOP_ON_FAILURE",
        "cancelRestrictions": "ONLY_NEW",
        "cancelOrigClientOrderId": OURS,
    }


def test_what_anybody_may_ask_is_asked_without_the_key() -> None:
    with Wire(http(BOOK)) as wire:
        _book(maker(wire.url))
    assert "the-key" not in wire.heads[0]
    assert "signature" not in wire.heads[0]


def test_all_requests_of_all_accounts_share_a_connection() -> None:
    answers = [ACCEPTED, OPEN, ended(), BOOK]
    with Wire(*(http(answer, "200 OK", KEEP) for answer in answers)) as wire:
        way = way_to(wire.url)
        for ask, key in ((_place, "a"), (_open, "b"), (_cancel, "b"), (_book, "a")):
            ask(BinanceMaker(way, api_key=key, secret="hush"))
        del way
    assert wire.connections == [1, 1, 1, 1]


def test_an_order_that_is_never_found_was_never_placed() -> None:
    assert OPERATION_SECONDS_MAX + RECEIVE_WINDOW_MS / 1000 < NEVER_PLACED_SECONDS


def test_the_time_outs_end_within_the_operation() -> None:
    with pytest.raises(ValueError, match="within 12 s"):
        way_to("https://x.example", connect_seconds=6, read_seconds=7)


@pytest.mark.parametrize("secret", ["", "-----BEGIN PRIVATE KEY-----"])
def test_a_secret_of_another_kind_is_refused_at_once(secret: str) -> None:
    with pytest.raises(ValueError, match="HMAC"):
        BinanceMaker(way_to("https://x.example"), api_key="k", secret=secret)


# What becomes of an order


@pytest.mark.parametrize("status", ["418", "429"])
def test_a_ban_is_told_with_its_seconds(status: str) -> None:
    for ask in (_place, _replace, _cancel, _open):
        with Wire(http({"code": -1003, "msg": "Way too much"}, f"{status} X", "Retry-After: 120")) as wire:
            with pytest.raises(ExchangeUnavailable) as banned:
                ask(maker(wire.url))
            assert banned.value.facts == {"what": "rate_limit", "code": -1003, "retry_after_seconds": 120}


def _no(code: int, message: str) -> str:
    return json.dumps({"code": code, "msg": message})


WOULD_TAKE = _no(-2010, "Order would immediately match and take.")
NO_FUNDS = _no(-2010, "Account has insufficient balance for requested action.")
UNHEARD_OF = _no(-2010, "Something that nobody has met.")


@pytest.mark.parametrize(
    ("said", "kind"),
    [(WOULD_TAKE, ExchangeWouldTake), (NO_FUNDS, ExchangeRefused), (UNHEARD_OF, ExchangeUnavailable)],
)
def test_a_refusal_is_the_same_alone_and_in_a_replacement(said: str, kind: type[Refusal]) -> None:
    refused(kind, _place, said, status="400 Bad Request")
    half = json.loads(_no(-2021, "…")) | {"data": replaced(ended(), said, "FAILURE")}
    refused(kind, _replace, half, status="409 Conflict")


@pytest.mark.parametrize(("code", "message"), [(-1013, "Filter failure: LOT_SIZE"), (-2022, "…"), (-2015, "…")])
def test_a_replacement_that_was_not_begun_has_done_nothing(code: int, message: str) -> None:
    refused(ExchangeNotReplaced, _replace, _no(code, message), status="400 Bad Request")


def test_half_a_replacement_is_believed_only_of_the_order_that_was_meant() -> None:
    for old in (ended("another"), ended(executedQty="0.1"), ended(status="NEW")):
        half = json.loads(_no(-2021, "…")) | {"data": replaced(old, WOULD_TAKE, "FAILURE")}
        facts = refused(ExchangeUnavailable, _replace, half, status="409 Conflict")
        assert facts["what"] == "not_believed"


@pytest.mark.parametrize("status", ["500 X", "503 X"])
def test_a_fault_of_theirs_leaves_it_open_whatever_it_says(status: str) -> None:
    for ask in (_place, _replace):
        refused(ExchangeUnavailable, ask, WOULD_TAKE, status=status)


def test_an_unknown_order_is_looked_at_before_it_counts_as_over() -> None:
    unknown = http(_no(-2011, "Unknown order sent."), "400 Bad Request")
    with Wire(unknown, http(order("FILLED", "0.34500000"))) as wire:
        assert maker(wire.url).cancel(BTC_USDT, OURS).state is State.FULLY_EXECUTED
    with Wire(unknown, http(order())) as wire, pytest.raises(ExchangeUnavailable):
        _cancel(maker(wire.url))


# What is not believed, and what can not be read

OTHER = order(symbol="ETHUSDT")
LIES: dict[str, tuple[Callable[[BinanceMaker], Any], object]] = {
    "a placement under another name": (_place, NEW),
    "a placement elsewhere": (_place, json.loads(ACCEPTED) | {"symbol": "ETHUSDT"}),
    "another order": (_find, order(clientOrderId=NEXT)),
    "an order elsewhere": (_find, OTHER),
    "an open order elsewhere": (_open, f"[{OTHER}]"),
    "an open order that is over": (_open, f"[{order('CANCELED')}]"),
    "more executed than ordered": (_find, order("PARTIALLY_FILLED", "0.34600000")),
    "filled and not executed": (_find, order("FILLED", "0.34400000")),
    "a quantity with an exponent": (_find, order(origQty="3E-1")),
    "a price below zero": (_find, order(price="-1.0")),
    "a price of too many digits": (_find, order(price="1" * 16)),
    "a cancellation of another": (_cancel, ended(NEXT)),
    "a cancellation after which it is open": (_cancel, ended(status="NEW")),
    "a replacement of another": (_replace, replaced(ended(NEXT), NEW)),
    "a replacement of what was traded with": (_replace, replaced(ended(executedQty="0.1"), NEW)),
    "a replacement by another": (_replace, replaced(ended(), ACCEPTED)),
    "a trade elsewhere": (_trades, [trade(7, "0.345", "6558.6225", symbol="ETHUSDT")]),
    "a trade that is worth more": (_trades, [trade(7, "0.345", "6558.6226")]),
    "a trade of another order": (_trades_of, [trade(7, "0.345", "6558.6225", orderId=29)]),
    "a trade of nothing": (_trades, [trade(7, "0.000", "0.000")]),
}
GARBAGE: dict[str, tuple[Callable[[BinanceMaker], Any], object]] = {
    "a book that is out of order": (_book, BOOK.replace("99.8", "99.95")),
    "bids that meet asks": (_book, BOOK.replace("99.9", "100.1")),
    "an empty level": (_book, BOOK.replace('"1.5"', '"0.0"')),
    "levels of one part": (_book, BOOK.replace(', "1.5"', "")),
    "levels of numbers": (_book, BOOK.replace('"1.5"', "1.5")),
    "a book of one side": (_book, {"bids": []}),
    "an order of no side": (_find, order(side="HOLD")),
    "an order in a state unheard of": (_find, order("ASLEEP")),
    "an id that is no number": (_find, order(orderId="28")),
    "an id that is true": (_find, order(orderId=True)),
    "orders that are no list": (_open, {"orders": []}),
    "a list of no orders": (_open, [1]),
    "a trade that was not asked for": (_trades, [trade(6, "0.345", "6558.6225")]),
    "a trade told twice": (_trades, [trade(7, "0.345", "6558.6225")] * 2),
    "a trade of neither side": (_trades, [trade(7, "0.345", "6558.6225", isBuyer="yes")]),
    "a trade at no time": (_trades, [trade(7, "0.345", "6558.6225", time=9**18)]),
    "rules of another market": (_limits, ANNOUNCED.replace('"BTC"', '"BTCU"')),
    "a step below 0": (_limits, ANNOUNCED.replace('"tickSize": "0.01000000"', '"tickSize": "-0.1"')),
    "no limit of requests": (_limits, ANNOUNCED.replace("REQUEST_WEIGHT", "RAW_REQUESTS")),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_can_not_be_is_not_believed(lie: str) -> None:
    ask, said = LIES[lie]
    assert refused(ExchangeUnavailable, ask, said)["what"] == "not_believed"


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_is_not_in_the_exchanges_form_is_not_read(garbage: str) -> None:
    ask, said = GARBAGE[garbage]
    assert refused(ExchangeUnavailable, ask, said, ORDER_LIMITS)["what"] == "garbage"


def test_what_is_true_is_believed() -> None:
    """Otherwise the tests above would prove nothing."""
    assert len(told(_trades, [trade(7, "0.345", "6558.62250000"), trade(9, "0.3", "5703.15")])) == 2
    assert len(told(_trades_of, [trade(7, "0.345", "6558.62250000")])) == 1
    assert told(_book, BOOK).bids[1].price == 2 * told(_book, BOOK.replace("99.8", "49.9")).bids[1].price
    assert told(_limits, ANNOUNCED, ORDER_LIMITS).open_orders_max == 200
    assert told(_cancel, ended()).state is State.CANCELED
    assert told(_replace, replaced(ended(), NEW)) == "28"


@pytest.mark.parametrize(
    "nothing",
    [{"commissionAsset": None}, {"commissionAsset": ""}, {"commission": None, "commissionAsset": None}],
    ids=str,
)
def test_a_trade_may_cost_nothing_and_name_no_coin_for_it(nothing: dict[str, Any]) -> None:
    (cheap,) = told(_trades, [trade(7, "0.345", "6558.62250000", **nothing)])
    assert (cheap.fee, cheap.fee_asset) == (0, "USDT")
    for coin in (None, ""):
        dear = [trade(7, "0.345", "6558.62250000", fee="1.5", commissionAsset=coin)]
        assert refused(ExchangeUnavailable, _trades, dear)["what"] == "garbage"


@pytest.mark.parametrize(("rule", "off"), [("tickSize", "price_step"), ("stepSize", "quantity_step")])
def test_a_step_of_0_is_a_rule_that_is_off(rule: str, off: str) -> None:
    announced = json.loads(ANNOUNCED)
    for one in announced["symbols"][0]["filters"]:
        if rule in one and one["filterType"] in ("PRICE_FILTER", "LOT_SIZE"):
            one[rule] = "0.00000000"
    assert getattr(told(_limits, json.dumps(announced), ORDER_LIMITS), off) == Decimal("0.00000001")
    del announced["symbols"][0]["quotePrecision"], announced["symbols"][0]["baseAssetPrecision"]
    assert refused(ExchangeUnavailable, _limits, json.dumps(announced), ORDER_LIMITS)["what"] == "garbage"


def test_a_market_is_written_as_its_pair() -> None:
    assert str(Market("BTC", "USDT")) == "BTC-USDT"


# What requests may weigh


def weighed(answer: str, used: str) -> bytes:
    return http(answer, "200 OK", f"X-MBX-USED-WEIGHT-1M: {used}")


def test_the_last_fifth_of_a_minutes_weight_is_kept_for_ending_orders() -> None:
    at = [AT]
    heard = UsedWeight(lambda: at[0])
    answers = [weighed(BOOK, "4799"), weighed(BOOK, "4800"), weighed(ended(), "4801"), weighed(BOOK, "40")]
    with Wire(*answers) as wire:
        first, second = (
            BinanceMaker(way_to(wire.url), api_key=key, secret="hush", clock=lambda: AT, weight=heard)
            for key in ("the-key", "another")
        )
        _book(first)
        _book(second)  # of 6,000 that a minute has
        for ask in (_book, _open, _trades, _trades_of, _place, _replace, _limits):
            with pytest.raises(ExchangeUnavailable) as told:
                ask(first)
            assert told.value.facts == {"what": "not_asked"}  # without a time: nobody bans who ends orders
        _cancel(second)
        at[0] += timedelta(minutes=1)
        _book(first)
    assert len(wire.heads) == 4


def test_the_weight_of_a_minute_is_as_the_exchange_announces_it() -> None:
    with Wire(weighed(ANNOUNCED, "20"), weighed(ORDER_LIMITS, "60"), weighed(BOOK, "4800"), weighed(BOOK, "x")) as wire:
        heard = UsedWeight(lambda: AT)
        made = BinanceMaker(way_to(wire.url), api_key="the-key", secret="hush", clock=lambda: AT, weight=heard)
        heard.per_minute = 1
        _limits(made)
        assert heard.per_minute == 6000
        _book(made)
        with pytest.raises(ExchangeUnavailable):
            _book(made)


@pytest.mark.parametrize("per_minute", [0, 599, 60_001, 10**9])
def test_a_limit_that_can_not_be_is_not_obeyed(per_minute: int) -> None:
    weight = UsedWeight(lambda: AT)
    with pytest.raises(ExchangeUnavailable):
        weight.obey(per_minute)
    assert weight.per_minute == 6_000


def test_that_as_many_are_open_as_may_be_is_told_apart() -> None:
    full = json.dumps({"code": -2010, "msg": "Filter failure: MAX_NUM_ORDERS"})
    assert refused(ExchangeFull, _place, full, status="400 Bad Request")["code"] == -2010
