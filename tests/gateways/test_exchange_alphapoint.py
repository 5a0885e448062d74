"""The AlphaPoint adapter: what it sends, what it makes of each answer, and that it takes no answer for another."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.gateways.exchange import (
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    MarketUnknown,
    OrderReport,
    Side,
    State,
    Ticket,
    client_order_id,
)
from common.gateways.exchange.alphapoint import (
    PAGES_MAX,
    AlphaPointExchange,
    client_order_number,
)
from common.money import ZERO, Money, Price, Quantity
from sandbox.serving import Answer, Request, serve
from tests.gateways.alphapoint import (
    ACCEPTED,
    BTC,
    ETH,
    INSTRUMENTS,
    NOT_FOUND,
    NOTHING,
    NUMBER,
    OURS,
    SELL,
    UNTOUCHED,
    YES,
    array,
    instrument,
    no,
    order,
    trade,
)
from tests.gateways.wire import row

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS = 1767225600000

Scripted = str | Answer | type[Exception]
Answers = Mapping[str, Scripted | list[Scripted]]


class Asked:
    """One request as it came."""

    def __init__(self, request: Request) -> None:
        self.method = request.method
        self.function = request.path[-1]
        self.path = request.path
        self.headers = request.headers
        self.query = dict(parse_qsl(request.query))
        self.body = request.body.decode()


class Script:
    """An exchange that answers each function by a script: always the same, or one after another."""

    def __init__(self, answers: Answers) -> None:
        self.asked: list[Asked] = []
        self._answers = {"GetInstruments": INSTRUMENTS, **answers}

    def decide(self, request: Request) -> Answer:
        asked = Asked(request)
        self.asked.append(asked)
        scripted = self._answers.get(asked.function, Answer(500, "not in the script"))
        answer = scripted.pop(0) if isinstance(scripted, list) else scripted
        if isinstance(answer, type):
            raise answer
        return Answer(200, answer) if isinstance(answer, str) else answer

    @property
    def functions(self) -> list[str]:
        """What was asked for, but GetInstruments."""
        return [asked.function for asked in self.asked if asked.function != "GetInstruments"]

    def only(self, function: str) -> Asked:
        (asked,) = (asked for asked in self.asked if asked.function == function)
        return asked


def exchange_at(url: str, **options: Any) -> AlphaPointExchange:
    given = {"oms_id": 1, "account_id": 449, "user_id": 446, "api_key": "key", "secret": "secret"}
    return AlphaPointExchange(url, **{**given, "clock": lambda: NOW, **options})


@contextmanager
def scripted(answers: Answers | None = None, **options: Any) -> Iterator[tuple[AlphaPointExchange, Script]]:
    script = Script(answers or {})
    with serve(script.decide, name="scripted") as running:
        yield exchange_at(f"{running.url}/AP", **options), script


def looked_up(exchange: AlphaPointExchange) -> OrderReport:
    return exchange.order("BTC", "2543565231")


def found(exchange: AlphaPointExchange) -> OrderReport:
    return exchange.find("BTC", OURS)


def cancelled(exchange: AlphaPointExchange) -> None:
    exchange.cancel("BTC", "2543565231")


def placed(exchange: AlphaPointExchange) -> str:
    return exchange.place(SELL)


def unavailable(ask: Callable[[AlphaPointExchange], object], answers: Answers) -> tuple[Mapping[str, Any], Script]:
    """The facts of the error, and what was asked."""
    with scripted(answers) as (exchange, script), pytest.raises(ExchangeUnavailable) as refusal:
        ask(exchange)
    assert refusal.value.detail
    return refusal.value.facts, script


def told(**fields: object) -> OrderReport:
    with scripted({"GetOrderStatus": order(**fields), "GetAccountTrades": array(trade(1))}) as (exchange, _):
        return exchange.order("BTC", "2543565231")


# What is asked


def test_an_order_is_sent_as_documented() -> None:
    with scripted({"SendOrder": ACCEPTED}) as (exchange, script):
        assert exchange.place(SELL) == "2543565231"
    asked = script.only("SendOrder")
    assert (asked.method, asked.path, asked.query) == ("POST", ["AP", "SendOrder"], {})
    assert asked.headers["Content-Type"] == "application/json"
    assert json.loads(asked.body, parse_float=str) == {
        **row("InstrumentId OMSId AccountId ClientOrderId", 8, 1, 449, NUMBER),
        **row("TimeInForce OrderIdOCO UseDisplayQuantity", 1, 0, False),
        **row("Side Quantity OrderType LimitPrice", 1, "0.345", 2, "19010.5"),
    }


@pytest.mark.parametrize(("side", "number"), [(Side.BUY, 0), (Side.SELL, 1)])
def test_the_side_is_sent_as_its_number(side: Side, number: int) -> None:
    with scripted({"SendOrder": ACCEPTED}) as (exchange, script):
        exchange.place(Ticket(side, SELL.quantity, SELL.limit_price, OURS))
    assert json.loads(script.only("SendOrder").body)["Side"] == number


@pytest.mark.parametrize(
    ("amount", "price"),
    [("1234567890.123456789012345678", "9876543210.987654321098765432"), ("1E-18", "1E+9"), ("150", "1.50")],
)
def test_amounts_are_sent_as_numbers_with_every_digit(amount: str, price: str) -> None:
    fine = json.dumps([{**BTC, "QuantityIncrement": 1e-18, "PriceIncrement": 1e-18}])
    with scripted({"GetInstruments": fine, "SendOrder": ACCEPTED}) as (exchange, script):
        exchange.place(Ticket(Side.BUY, Quantity(amount, "BTC"), Price(price), OURS))
    sent = json.loads(script.only("SendOrder").body, parse_float=Decimal, parse_int=Decimal)
    assert (sent["Quantity"], sent["LimitPrice"]) == (Decimal(amount), Decimal(price))
    assert "E" not in script.only("SendOrder").body.split('"Quantity"')[1].partition(",")[0]


def test_reading_is_asked_in_the_query() -> None:
    answers = {"GetOrderStatus": order(), "GetAccountTrades": array(trade(1)), "GetOpenOrders": array(order())}
    with scripted(answers) as (exchange, script):
        exchange.order("BTC", "2543565231")
        exchange.find("BTC", OURS)
    ours = {"OMSId": "1", "AccountId": "449"}
    assert [(asked.method, asked.function, asked.query) for asked in script.asked] == [
        ("GET", "GetOrderStatus", ours | {"OrderId": "2543565231"}),
        ("GET", "GetInstruments", {"OMSId": "1"}),
        ("GET", "GetAccountTrades", ours | {"StartIndex": "0", "Count": "200"}),
        ("GET", "GetOpenOrders", ours),
        ("GET", "GetAccountTrades", ours | {"StartIndex": "0", "Count": "200"}),
    ]


def test_a_request_is_signed_with_its_nonce_our_number_and_our_key() -> None:
    with scripted({"SendOrder": ACCEPTED}) as (exchange, script):
        exchange.place(SELL)
    headers = script.only("SendOrder").headers
    assert (headers["Nonce"], headers["APIKey"], headers["UserId"]) == (str(NOW_MS), "key", "446")
    # printf 1767225600000446key | openssl dgst -sha256 -hmac secret
    assert headers["Signature"] == "7705a35faadbd163b7e0cd19b1a4571ec418a0350cbc558ad59aee357c2f3c66"


def test_what_is_public_is_asked_without_our_key() -> None:
    with scripted() as (exchange, script):
        exchange.rules("BTC")
    assert not {"Nonce", "APIKey", "Signature", "UserId"} & set(script.only("GetInstruments").headers.keys())


def test_nonces_ascend_within_a_millisecond_and_when_the_clock_goes_back() -> None:
    times = iter([NOW, NOW, NOW + timedelta(microseconds=999), NOW - timedelta(hours=1), NOW + timedelta(seconds=1)])
    with scripted({"GetOrderStatus": Answer(500, "")}, clock=lambda: next(times)) as (exchange, script):
        for _ in range(5):
            with pytest.raises(ExchangeUnavailable):
                exchange.order("BTC", "1")
    nonces = [int(asked.headers["Nonce"]) - NOW_MS for asked in script.asked]
    assert nonces == [0, 1, 2, 3, 1000]


def test_threads_share_no_nonce() -> None:
    def ask(_: int) -> None:
        with pytest.raises(ExchangeUnavailable):
            exchange.order("BTC", "1")

    with scripted({"GetOrderStatus": Answer(500, "")}) as (exchange, script), ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(40)))
    assert {int(asked.headers["Nonce"]) - NOW_MS for asked in script.asked} == set(range(40))


# ClientOrderId


def test_the_number_of_an_order_is_for_ever() -> None:
    assert (
        client_order_number(OURS) == 1317273055615916757
    )  # the first 63 bits of `printf … | sha256sum`, 248fc9bad05c35ab >> 1
    assert client_order_number(client_order_id("o-1", "sell")) == 8696264129346127216


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=18, max_size=18))
def test_every_client_order_id_has_a_positive_number_of_63_bits(ours: str) -> None:
    assert 0 < client_order_number(ours) < 2**63
    assert client_order_number(ours) == client_order_number(ours)


def test_numbers_of_different_orders_differ_and_use_all_their_bits() -> None:
    numbers = {client_order_number(client_order_id(str(n))) for n in range(2000)}
    assert len(numbers) == 2000
    assert max(numbers) > 2**63 - 2**54
    assert any(number % 2 for number in numbers)


# What is made of SendOrder's answer


@pytest.mark.parametrize(
    "answer",
    [
        '{"status":"Rejected","errormsg":"Not_Enough_Funds","errorcode":101}',
        '{"status":"Rejected","errormsg":"Not_Enough_Funds","errorcode":101,"OrderId":0}',
        '{"status":"Rejected","errormsg":"Not_Enough_Funds","errorcode":101,"OrderId":null}',
        '{"Status":"Rejected","ErrorMsg":"Not_Enough_Funds","ErrorCode":101}',
        '{"status":"Rejected","errormsg":"Not Authorized","errorcode":20}',
        '{"status":"Rejected","errormsg":"Invalid Request","errorcode":100}',
        '{"status":"Rejected","errormsg":"Invalid_Quantity","errorcode":100}',
        '{"status":"Rejected","errormsg":"Resource Not Found","errorcode":104}',
        '{"status":"Rejected","errormsg":"Operation Not Supported","errorcode":106}',
        '{"status":"Rejected","errormsg":null,"errorcode":101}',
        no(100, "Invalid Request"),
        no(100, "Invalid InstrumentId: 10000"),
        no(106, "Operation Not Supported"),
    ],
)
def test_a_definite_no_is_a_refusal(answer: str) -> None:
    with scripted({"SendOrder": answer}) as (exchange, script), pytest.raises(ExchangeRefused):
        exchange.place(SELL)
    assert script.functions == ["SendOrder"]


@pytest.mark.parametrize(
    ("message", "code", "ours"),
    [
        *(("Not_Enough_Funds", 101, True), ("Insufficient funds", 101, True), ("Exceeds_Daily_Limit", 101, True)),
        *(("Not Authorized", 20, True), ("Operation Failed", 101, False), ("Invalid_Quantity", 100, False)),
    ],
)
def test_a_refusal_of_the_desks_account_is_told_from_one_of_the_order(message: str, code: int, ours: bool) -> None:
    rejected = json.dumps({"status": "Rejected", "errormsg": message, "errorcode": code})
    with scripted({"SendOrder": rejected}) as (exchange, _), pytest.raises(ExchangeRefused) as refusal:
        exchange.place(SELL)
    assert refusal.value.ours is ours


@pytest.mark.parametrize("again", [INSTRUMENTS, Answer(500, ""), "", json.dumps([BTC | {"QuantityIncrement": None}])])
def test_a_refusal_stays_one_whatever_the_markets_are_then(again: Scripted) -> None:
    listings: list[Scripted] = [INSTRUMENTS, again]
    answers: Answers = {"GetInstruments": listings, "SendOrder": no(106, "Operation Not Supported")}
    with scripted(answers) as (exchange, _), pytest.raises(ExchangeRefused):
        exchange.place(SELL)


def test_a_refusal_in_a_market_that_has_closed_meanwhile_is_told_as_such() -> None:
    listings: list[Scripted] = [INSTRUMENTS, json.dumps([BTC | {"SessionStatus": "Paused"}])]
    answers: Answers = {"GetInstruments": listings, "SendOrder": no(106, "Operation Not Supported")}
    with scripted(answers) as (exchange, _), pytest.raises(MarketUnknown):
        exchange.place(SELL)


def test_a_refusal_says_why() -> None:
    rejected = '{"status":"Rejected","errormsg":"Not_Enough_Funds","errorcode":101}'
    with scripted({"SendOrder": rejected}) as (exchange, _), pytest.raises(ExchangeRefused) as refusal:
        exchange.place(SELL)
    assert "Not_Enough_Funds (101)" in refusal.value.detail
    assert refusal.value.facts == {"reason": "Not_Enough_Funds"}


REJECTED: dict[str, str] = {  # by `status`, and yet not definite
    "102": '"errormsg":"Server Error","errorcode":102',
    "no code": '"errormsg":"Not_Enough_Funds"',
    "code 0": '"errormsg":"x","errorcode":0',
    "code 107": '"errormsg":"x","errorcode":107',
    "code in text": '"errormsg":"x","errorcode":"101"',
    "code 101.5": '"errormsg":"x","errorcode":101.5',
    "code 1e9…": '"errormsg":"x","errorcode":1e999999999',
    "invalid response": '"errormsg":"Invalid Response","errorcode":100',
    "with an order": '"errormsg":"x","errorcode":101,"OrderId":7',
}
ORDER_IDS = ("0", "-1", "1.5", '"7"', "null", "9223372036854775808", "1e999999999", "NaN")
AMBIGUOUS: list[tuple[Scripted, str]] = [
    *((f'{{"status":"Rejected",{said}}}', "exchange_error") for said in REJECTED.values()),
    # the call was refused, which says nothing of an order
    (no(20, "Not Authorized"), "refused"),
    *((no(100, said), "exchange_error") for said in ("Invalid Response", "Something", None)),
    *((no(101, said), "exchange_error") for said in ("Operation Failed", "Not_Enough_Funds")),
    *((answer, "exchange_error") for answer in (no(102, "Server Error"), NOT_FOUND, no(None))),
    ('{"result":false,"errorcode":106,"OrderId":7}', "exchange_error"),
    ('{"result":false,"status":"Accepted","errorcode":106}', "exchange_error"),
    # accepted, perhaps
    *((f'{{"status":"Accepted","errormsg":"","OrderId":{order_id}}}', "garbage") for order_id in ORDER_IDS),
    ('{"status":"Accepted","errormsg":""}', "garbage"),
    ('{"status":"accepted","errormsg":"","OrderId":7}', "garbage"),
    ('{"status":"Pending","OrderId":7}', "garbage"),
    *((answer, "garbage") for answer in ('{"OrderId":7}', array(ACCEPTED), YES, "{}", "true", ACCEPTED[:-1])),
    # another HTTP status, however good it looks
    (Answer(201, ACCEPTED), "exchange_error"),
    (Answer(500, '{"status":"Rejected","errormsg":"Not_Enough_Funds","errorcode":101}'), "exchange_error"),
]


@pytest.mark.parametrize(("answer", "what"), AMBIGUOUS)
def test_all_else_leaves_open_whether_there_is_an_order_and_is_asked_once(answer: Scripted, what: str) -> None:
    facts, script = unavailable(placed, {"SendOrder": answer})
    assert facts == {"what": what}
    assert script.functions == ["SendOrder"]


def test_what_the_exchange_says_is_shown_in_one_short_line() -> None:
    rejected = json.dumps({"status": "Rejected", "errormsg": "a\nb\x1b[31m" + "x" * 1000, "errorcode": 101})
    with scripted({"SendOrder": rejected}) as (exchange, _), pytest.raises(ExchangeRefused) as refusal:
        exchange.place(SELL)
    assert refusal.value.detail.isprintable()
    assert len(refusal.value.detail) < 300


@pytest.mark.parametrize(
    ("quantity", "price"),
    [("0.345001", "19010.5"), ("0.345", "19010.501"), ("0", "19010.5"), ("-0.345", "19010.5"), ("0.345", "0")],
)
def test_what_is_no_multiple_of_its_step_is_refused_and_not_sent(quantity: str, price: str) -> None:
    with scripted() as (exchange, script), pytest.raises(ExchangeRefused):
        exchange.place(Ticket(Side.SELL, Quantity(quantity, "BTC"), Price(price), OURS))
    assert script.functions == []


# Markets


def test_an_older_exchange_tells_no_minimum() -> None:
    old = json.dumps([{name: value for name, value in BTC.items() if name != "MinimumQuantity"}])
    with scripted({"GetInstruments": old}) as (exchange, _):
        assert exchange.rules("BTC").min_quantity == 0


@pytest.mark.parametrize(
    "listed",
    [
        *([], [ETH], [instrument(8, "BTC", "THB")], [instrument(8, "USDT", "BTC")]),
        *([instrument(8, "BTC", SessionStatus="Paused")], [instrument(8, "BTC", SessionStatus=1)]),
        *([instrument(8, "BTC", IsDisable=True)], [instrument(8, "btc")]),
        [instrument(8, "BTC", Product2Symbol=None), {}],
    ],
)
def test_what_is_not_traded_for_dollars_now_is_no_market(listed: list[dict[str, object]]) -> None:
    """And nothing is sent."""
    with scripted({"GetInstruments": json.dumps(listed)}) as (exchange, script):
        with pytest.raises(MarketUnknown):
            exchange.rules("BTC")
        with pytest.raises(MarketUnknown):
            exchange.place(SELL)
    assert script.functions == []


def test_of_two_instruments_of_a_pair_the_one_that_trades_is_meant() -> None:
    both = json.dumps([instrument(7, "BTC", IsDisable=True), BTC])
    with scripted({"GetInstruments": both, "SendOrder": ACCEPTED}) as (exchange, script):
        exchange.place(SELL)
    assert json.loads(script.only("SendOrder").body)["InstrumentId"] == 8


def test_dollars_are_the_quote_that_is_configured() -> None:
    with scripted({"GetInstruments": json.dumps([BTC, instrument(3, "BTC", "USD"), ETH])}, quote="USD") as (
        exchange,
        _,
    ):
        assert exchange.rules("BTC").quantity_step == Decimal("0.00001")
        with pytest.raises(MarketUnknown):
            exchange.rules("ETH")


def test_instruments_are_asked_for_again_after_ten_minutes() -> None:
    at = NOW
    with scripted(clock=lambda: at) as (exchange, script):
        for minutes, times in ((0, 1), (5, 1), (10, 1), (11, 2)):
            at = NOW + timedelta(minutes=minutes)
            exchange.rules("BTC")
            assert len(script.asked) == times


@pytest.mark.parametrize(
    "answer",
    [
        *("{}", "[5]", no(102, "Server Error"), json.dumps([BTC | {"InstrumentId": None}])),
        *(json.dumps([BTC | {"Product2": "5"}]), json.dumps([BTC | {"PriceIncrement": 0}])),
        json.dumps([BTC | {"QuantityIncrement": None}]),
        json.dumps([BTC | {"QuantityIncrement": -0.1}]),
        Answer(500, ""),
    ],
)
def test_without_the_instruments_nothing_is_sent(answer: Scripted) -> None:
    _, script = unavailable(placed, {"GetInstruments": answer})
    assert script.functions == []


# What an order is


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_order_is_told_alone_or_in_an_array_of_one(wrapped: bool) -> None:
    answer = array(order()) if wrapped else order()
    with scripted({"GetOrderStatus": answer, "GetAccountTrades": array(trade(1))}) as (exchange, _):
        assert exchange.order("BTC", "2543565231") == OrderReport(
            exchange_order_id="2543565231",
            client_order_id=None,
            side=Side.SELL,
            quantity=Quantity("0.345", "BTC"),
            state=State.WORKING,
            executed=Quantity("0.123", "BTC"),
            gross=Money("2345.52513"),
            fee=Money("1.172762565"),
        )


@pytest.mark.parametrize(
    ("state", "ours"),
    [
        ("Unknown", State.WORKING),
        ("Accepted", State.WORKING),
        ("Working", State.WORKING),
        ("Rejected", State.REJECTED),
        ("Canceled", State.CANCELED),
        ("Expired", State.EXPIRED),
    ],
)
def test_each_state_has_its_word(state: str, ours: State) -> None:
    assert told(OrderState=f'"{state}"', **UNTOUCHED).state is ours
    assert told(OrderState=f'"{state}"').executed == Quantity("0.123", "BTC"), "whatever ended it, this stays"


def test_names_come_in_any_case() -> None:
    assert json.loads(order().lower())["orderid"] == 2543565231
    small = order().replace('"Sell"', "%S").replace('"Working"', "%W").lower().replace("%s", '"Sell"')
    trades = array(trade(1)).lower()
    with scripted({"GetOrderStatus": small.replace("%w", '"Working"'), "GetAccountTrades": trades}) as (exchange, _):
        assert exchange.order("BTC", "2543565231") == told()


@pytest.mark.parametrize("change", [{"SessionStatus": "Stopped"}, {"IsDisable": True}])
def test_an_order_in_a_market_that_has_closed_is_still_told(change: dict[str, object]) -> None:
    answers = {"GetOrderStatus": order(), "GetAccountTrades": array(trade(1))}
    with scripted(answers | {"GetInstruments": json.dumps([BTC | change])}) as (exchange, _):
        assert exchange.order("BTC", "2543565231") == told()


def test_an_order_in_a_market_that_has_gone_is_not_called_unknown() -> None:
    answers = {"GetInstruments": json.dumps([ETH]), "GetOrderStatus": order(), "GetOpenOrders": array(order())}
    with scripted(answers) as (exchange, _):
        with pytest.raises(ExchangeUnavailable):
            exchange.order("BTC", "2543565231")
        with pytest.raises(ExchangeUnavailable):
            exchange.find("BTC", OURS)


UNREADABLE: dict[str, tuple[object, ...]] = {  # None: left out
    "OrderId": ('"2543565231"',),
    "Account": (None,),
    "Side": ('"Short"', 0, "[]"),
    "OrderState": ('"Sleeping"', 1, "{}", None),
    "Instrument": (10, None),
    "QuantityExecuted": (None, '"0.123"', "true", "1e9999999999999999999999"),
    "OrigQuantity": (None,),
    "GrossValueExecuted": (None,),
}
NOT_BELIEVED: dict[str, tuple[object, ...]] = {
    "OrderId": (2543565232,),
    "Account": (450,),
    "OrderState": ('"FullyExecuted"',),
    "QuantityExecuted": ("NaN", "Infinity", "-0.123", "0.346", 0, "1e999999999", "1e-19", "1e-999999999"),
    "OrigQuantity": ("0.122", "1" + "0" * 15, "1" * 39),
    "GrossValueExecuted": (0, -1, "2345." + "0" * 18 + "1", "1" + "0" * 15),
}
BAD_FEES = ("NaN", "1e-19", "1e15", "-1e15", "1e999999999")


@pytest.mark.parametrize(
    "answer",
    [
        *("{}", "[]", "5", "[5]", array(order(), order()), YES),
        *(no(code, "Something") for code in (20, 100, 101, 102, 106)),
        '{"status":"Rejected","errormsg":"x","errorcode":101}',
        '{"errormsg":"Resource Not Found","errorcode":104}',
        *(order(**{name: value}) for name, values in UNREADABLE.items() for value in values),
    ],
)
def test_an_order_that_can_not_be_read_is_not_unknown(answer: Scripted) -> None:
    """Nor anything else."""
    unavailable(looked_up, {"GetOrderStatus": answer, "GetAccountTrades": array(trade(1))})


@pytest.mark.parametrize(
    "answers",
    [
        *({"GetOrderStatus": order(**{name: value})} for name, values in NOT_BELIEVED.items() for value in values),
        *({"GetAccountTrades": array(trade(1, Fee=fee))} for fee in BAD_FEES),
        *({"GetAccountTrades": array(trade(1, Quantity=quantity))} for quantity in ("-0.123", "1e-19", "NaN")),
    ],
)
def test_what_can_not_be_is_not_believed(answers: Answers) -> None:
    said = {"GetOrderStatus": order(), "GetAccountTrades": array(trade(1)), **answers}
    assert unavailable(looked_up, said)[0] == {"what": "not_believed"}


# Fees


def fees_of(*trades: str, **answers: str) -> tuple[Money, Mapping[str, Decimal]]:
    with scripted({"GetOrderStatus": order(), "GetAccountTrades": array(*trades), **answers}) as (exchange, _):
        seen = exchange.order("BTC", "2543565231")
        return seen.fee, seen.fees_elsewhere


def test_a_fee_in_a_product_traded_nowhere_is_named_by_the_products() -> None:
    products = '[{"ProductId":1,"Product":"BTC"},{"ProductId":77,"Product":"ZMT"}]'
    assert fees_of(trade(1, Fee="3", FeeProductId=77), GetProducts=products) == (ZERO, {"ZMT": Decimal(3)})
    assert fees_of(trade(1, Fee="3", FeeProductId=78), GetProducts=products) == (ZERO, {"78": Decimal(3)})


def test_quantities_and_fees_of_all_trades_are_added_exactly() -> None:
    first = trade(1, Quantity="0.000000000000000001", Fee="0.000000000000000001")
    second = trade(2, Quantity="9999999999", Fee="9999999999")
    third = trade(3, Quantity="0.003", Fee="0.5", FeeProductId=1)
    executed = "9999999999.003000000000000001"
    whole = order(OrigQuantity="9" * 10 + ".5", QuantityExecuted=executed)
    assert fees_of(first, second, third, GetOrderStatus=whole) == (
        Money("9999999999.000000000000000001"),
        {"BTC": Decimal("0.5")},
    )


def test_a_trade_without_a_fee_has_no_product() -> None:
    assert fees_of(trade(1, Fee=0, FeeProductId=0)) == (ZERO, {})


def test_a_rebate_is_a_negative_fee() -> None:
    assert fees_of(trade(1, Fee="-0.25")) == (Money("-0.25"), {})


@pytest.mark.parametrize(
    "trades",
    [
        *([], [trade(1, Quantity="0.122")], [trade(1, Quantity="0.124")], [trade(1), trade(2)]),
        [trade(1, OrderId=7)],
    ],
)
def test_while_the_trades_are_not_the_orders_nothing_is_told(trades: list[str]) -> None:
    pages: list[Scripted] = [array(*trades), NOTHING]
    assert unavailable(looked_up, {"GetOrderStatus": order(), "GetAccountTrades": pages})[0] == {"what": "unsettled"}


@pytest.mark.parametrize(
    "bad", [trade(1, TradeId="null"), trade(1, Quantity="null"), trade(1, Fee='"1"'), trade(1, FeeProductId=0), "5"]
)
def test_a_trade_that_can_not_be_read_is_not_passed_over(bad: str) -> None:
    assert unavailable(looked_up, {"GetOrderStatus": order(), "GetAccountTrades": array(bad)})[0] == {"what": "garbage"}


def test_trades_are_read_page_by_page_until_they_are_the_orders() -> None:
    others = [trade(n, OrderId=7) for n in range(1000, 600, -1)]
    first, second = trade(600, Quantity="0.1", Fee=1), trade(599, Quantity="0.023", Fee=2)
    pages: list[Scripted] = [
        array(*others[:200]),
        array(*others[200:399], first),
        array(first, others[399], second),  # one trade came between, and pushed the rest back
        Answer(500, "nobody needs this page"),
    ]
    with scripted({"GetOrderStatus": order(), "GetAccountTrades": pages}) as (exchange, script):
        assert exchange.order("BTC", "2543565231").fee == Money(3)
    starts = [asked.query["StartIndex"] for asked in script.asked if asked.function == "GetAccountTrades"]
    assert starts == ["0", "200", "400"]


def test_a_short_page_of_trades_is_not_the_last() -> None:
    pages: list[Scripted] = [array(trade(9, OrderId=7)), array(trade(8, OrderId=7)), array(trade(1, Fee=2))]
    with scripted({"GetOrderStatus": order(), "GetAccountTrades": pages}) as (exchange, script):
        assert exchange.order("BTC", "2543565231").fee == Money(2)
    starts = [asked.query["StartIndex"] for asked in script.asked if asked.function == "GetAccountTrades"]
    assert starts == ["0", "1", "2"]


# Finding

UNKNOWN_TO_ALL: Answers = {
    "GetOpenOrders": NOTHING,
    "GetOrdersHistory": NOTHING,
    "GetAccountTrades": NOTHING,
}
OTHERS = order(OrderId=1, ClientOrderId=0, **UNTOUCHED), order(OrderId=2, ClientOrderId=NUMBER - 1, **UNTOUCHED)
FOUND = order(**UNTOUCHED)


def test_an_open_order_is_found_at_the_first_look() -> None:
    with scripted({"GetOpenOrders": array(*OTHERS, FOUND)}) as (exchange, script):
        seen = exchange.find("BTC", OURS)
    assert (seen.exchange_order_id, seen.client_order_id, seen.state) == ("2543565231", OURS, State.WORKING)
    assert script.functions == ["GetOpenOrders"]


def test_an_order_that_is_over_is_found_in_the_history() -> None:
    over = order(OrderState='"Canceled"')
    answers = {"GetOpenOrders": array(*OTHERS), "GetOrdersHistory": array(over), "GetAccountTrades": array(trade(1))}
    with scripted(answers) as (exchange, script):
        seen = exchange.find("BTC", OURS)
    assert (seen.state, seen.executed, seen.fee) == (State.CANCELED, Quantity("0.123", "BTC"), Money("1.172762565"))
    assert seen.client_order_id == OURS
    assert script.only("GetOrdersHistory").query == {
        "OMSId": "1",
        "AccountId": "449",
        "ClientOrderId": str(NUMBER),
        "Depth": "200",
        "StartIndex": "0",
    }


def test_an_order_is_unknown_when_all_was_read_and_the_open_orders_twice() -> None:
    with scripted(UNKNOWN_TO_ALL) as (exchange, script), pytest.raises(ExchangeOrderUnknown):
        exchange.find("BTC", OURS)
    assert script.functions == ["GetOpenOrders", "GetOrdersHistory", "GetAccountTrades", "GetOpenOrders"]


def test_an_order_that_is_booked_while_we_look_is_found() -> None:
    opens: list[Scripted] = [NOTHING, array(*OTHERS, FOUND)]
    with scripted({**UNKNOWN_TO_ALL, "GetOpenOrders": opens}) as (exchange, _):
        assert exchange.find("BTC", OURS).exchange_order_id == "2543565231"


def test_an_order_that_fills_while_we_look_is_found() -> None:
    """Gone from the open ones, and not in the history yet: its trade tells of it."""
    trades = array(trade(7, OrderId=3, ClientOrderId=0), trade(1))
    full = order(OrderState='"FullyExecuted"', OrigQuantity="0.123")
    answers = {**UNKNOWN_TO_ALL, "GetAccountTrades": trades, "GetOrderStatus": full}
    with scripted(answers) as (exchange, _):
        seen = exchange.find("BTC", OURS)
    assert (seen.state, seen.executed) == (State.FULLY_EXECUTED, Quantity("0.123", "BTC"))


def test_a_trade_that_leads_to_another_order_finds_nothing() -> None:
    """Its number is ours and the order's is not: it may be anybody's."""
    trades, other = array(trade(1)), order(ClientOrderId=NUMBER - 1)
    answers = {**UNKNOWN_TO_ALL, "GetAccountTrades": trades, "GetOrderStatus": other}
    assert unavailable(found, answers)[0] == {"what": "not_believed"}


# Forgotten by GetOrderStatus

OVER = order(OrderState='"Canceled"')


def test_an_order_that_only_the_history_knows_is_told() -> None:
    others = array(order(OrderId=7, ClientOrderId=7, **UNTOUCHED))
    pages: list[Scripted] = [others, array(OVER)]
    answers: Answers = {"GetOrderStatus": NOT_FOUND, "GetOrdersHistory": pages, "GetAccountTrades": array(trade(1))}
    with scripted(answers) as (exchange, script):
        seen = looked_up(exchange)
    assert (seen.exchange_order_id, seen.state, seen.executed) == (
        "2543565231",
        State.CANCELED,
        Quantity("0.123", "BTC"),
    )
    first = next(asked for asked in script.asked if asked.function == "GetOrdersHistory")
    assert (first.query["OriginalOrderId"], first.query["Depth"]) == ("2543565231", "200")


def test_an_order_that_the_history_does_not_know_either_is_unknown() -> None:
    answers = {"GetOrderStatus": NOT_FOUND, "GetOrdersHistory": NOTHING}
    for ask in (looked_up, cancelled):
        with scripted(answers) as (exchange, _), pytest.raises(ExchangeOrderUnknown):
            ask(exchange)


def test_an_order_is_not_unknown_where_the_history_was_not_read() -> None:
    unavailable(looked_up, {"GetOrderStatus": NOT_FOUND, "GetOrdersHistory": Answer(500, "")})


def test_an_order_that_only_the_history_knows_is_over_and_left_alone() -> None:
    with scripted({"GetOrderStatus": NOT_FOUND, "GetOrdersHistory": array(OVER)}) as (exchange, script):
        cancelled(exchange)
    assert script.functions == ["GetOrderStatus", "GetOrdersHistory"]


def test_an_order_with_a_trade_is_never_unknown() -> None:
    answers = {**UNKNOWN_TO_ALL, "GetAccountTrades": array(trade(1)), "GetOrderStatus": NOT_FOUND}
    unavailable(found, answers)


@pytest.mark.parametrize("look", range(4))
@pytest.mark.parametrize(
    "trouble",
    [
        *(NOT_FOUND, no(20, "Not Authorized"), no(101, "Operation Failed"), no(102, "Server Error"), YES, "{}", "[5]"),
        array(order(ClientOrderId=None)),
        array(order(ClientOrderId=f'"{NUMBER}"')),
    ],
)
def test_an_order_is_not_unknown_when_a_part_was_not_read(look: int, trouble: Scripted) -> None:
    looks: list[Scripted] = [NOTHING, NOTHING, NOTHING, NOTHING]
    looks[look] = trouble
    answers: dict[str, Scripted | list[Scripted]] = {
        "GetOpenOrders": [looks[0], looks[3]],
        "GetOrdersHistory": [looks[1]],
        "GetAccountTrades": [looks[2]],
    }
    unavailable(found, answers)


@pytest.mark.parametrize("function", ["GetOpenOrders", "GetOrdersHistory", "GetAccountTrades"])
def test_two_orders_of_one_number_are_a_matter_for_people(function: str) -> None:
    """The exchange takes a repeat for a second order: telling one of them would hide what the other has sold."""
    entry = trade if function == "GetAccountTrades" else order
    answers = {**UNKNOWN_TO_ALL, function: array(entry(OrderId=5) if entry is order else trade(1, OrderId=5), FOUND)}
    if function == "GetAccountTrades":
        answers[function] = array(trade(1, OrderId=5), trade(2, OrderId=6))
    facts, _ = unavailable(found, answers)
    assert (facts["what"], len(facts["exchange_order_ids"])) == ("twice", 2)


def test_a_history_that_is_not_filtered_is_read_to_its_end() -> None:
    others = [order(OrderId=n, ClientOrderId=n, **UNTOUCHED) for n in range(1, 401)]
    pages: list[Scripted] = [array(*others[:200]), array(*others[200:]), array(FOUND)]
    with scripted({**UNKNOWN_TO_ALL, "GetOrdersHistory": pages}) as (exchange, script):
        assert exchange.find("BTC", OURS).exchange_order_id == "2543565231"
    starts = [asked.query["StartIndex"] for asked in script.asked if asked.function == "GetOrdersHistory"]
    assert starts == ["0", "200", "400"]


def test_only_an_empty_page_ends_the_history() -> None:
    pages: list[Scripted] = [array(OTHERS[0]), array(OTHERS[1]), NOTHING]
    with (
        scripted({**UNKNOWN_TO_ALL, "GetOrdersHistory": pages}) as (exchange, script),
        pytest.raises(ExchangeOrderUnknown),
    ):
        exchange.find("BTC", OURS)
    assert script.functions.count("GetOrdersHistory") == 3


def test_a_history_that_begins_again_and_again_is_not_read() -> None:
    assert unavailable(found, {**UNKNOWN_TO_ALL, "GetOrdersHistory": array(*OTHERS)})[0] == {"what": "garbage"}


def test_a_history_without_an_end_is_not_read_to_its_end() -> None:
    pages: list[Scripted] = [array(order(OrderId=n, ClientOrderId=n, **UNTOUCHED)) for n in range(1, 100)]
    facts, script = unavailable(found, {**UNKNOWN_TO_ALL, "GetOrdersHistory": pages})
    assert facts == {"what": "too_much"}
    assert script.functions.count("GetOrdersHistory") == PAGES_MAX


# Cancelling


def test_a_cancellation_is_sent_as_documented() -> None:
    with scripted({"GetOrderStatus": order(), "CancelOrder": YES}) as (exchange, script):
        exchange.cancel("BTC", "2543565231")
    asked = script.only("CancelOrder")
    assert asked.method == "POST"
    assert json.loads(asked.body) == {"OMSId": 1, "AccountId": 449, "OrderId": 2543565231}
    assert script.functions == ["GetOrderStatus", "CancelOrder"]


@pytest.mark.parametrize("state", ["Rejected", "Canceled", "Expired", "FullyExecuted"])
def test_an_order_that_is_over_is_left_alone(state: str) -> None:
    with scripted({"GetOrderStatus": order(OrderState=f'"{state}"')}) as (exchange, script):
        exchange.cancel("BTC", "2543565231")
    assert script.functions == ["GetOrderStatus"]


REFUSED_TO_CANCEL = [NOT_FOUND, no(20), no(100), no(101), no(102), no(106)]
NOT_ANSWERED: list[Scripted] = [YES.replace("true", "null"), "{}"]


@pytest.mark.parametrize("answer", REFUSED_TO_CANCEL)
def test_an_order_that_ends_before_its_cancellation_comes_is_as_good(answer: str) -> None:
    looks: list[Scripted] = [order(), order(OrderState='"Canceled"')]
    with scripted({"GetOrderStatus": looks, "CancelOrder": answer}) as (exchange, _):
        exchange.cancel("BTC", "2543565231")


@pytest.mark.parametrize("answer", REFUSED_TO_CANCEL)
def test_a_cancellation_that_is_refused_while_the_order_works_is_told(answer: str) -> None:
    _, script = unavailable(cancelled, {"GetOrderStatus": order(), "CancelOrder": answer})
    assert script.functions == ["GetOrderStatus", "CancelOrder", "GetOrderStatus"]


@pytest.mark.parametrize("answer", NOT_ANSWERED)
def test_a_cancellation_without_an_answer_is_not_taken_for_one(answer: Scripted) -> None:
    _, script = unavailable(cancelled, {"GetOrderStatus": order(), "CancelOrder": answer})
    assert script.functions == ["GetOrderStatus", "CancelOrder"]
