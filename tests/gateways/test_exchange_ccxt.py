"""The Binance adapter: what it sends, what it makes of each answer, and that it never calls an order a refusal."""

import gzip
import hashlib
import hmac
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, Underflow, getcontext, localcontext
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qsl

import pytest

from common.gateways.exchange import (
    NEVER_PLACED_SECONDS,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    MarketUnknown,
    OrderReport,
    Side,
    State,
    Ticket,
)
from common.gateways.exchange.ccxt import MARKET_AGE_MAX, CcxtExchange
from common.gateways.exchange.ccxt_days import TRADES_PAGE
from common.gateways.exchange.ccxt_wire import OPERATION_SECONDS_MAX, RECEIVE_WINDOW_MS
from common.money import Money, Price, Quantity
from sandbox.serving import Answer, Drop, Request, serve
from tests.gateways.binance import OURS, SELL, info, order, said, trade
from tests.gateways.wire import Wire, row

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 1, tzinfo=UTC)

Scripted = str | Answer | type[Exception]


@dataclass
class Stub:
    """A Binance that says what it was told to, and remembers what it was asked."""

    scripts: dict[str, list[Scripted]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    exchange: CcxtExchange = field(init=False)

    def script(self, call: str, *answers: Scripted) -> None:
        """The answers to `GET order` or the like, one after the other; the last one for ever."""
        self.scripts[call] = list(answers)

    def decide(self, request: Request) -> Answer:
        self.asked.append(request)
        answers = self.scripts[self.called(request)]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, type):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(200, answer)

    @staticmethod
    def called(request: Request) -> str:
        assert request.path[:2] == ["api", "v3"]
        return f"{request.method} {'/'.join(request.path[2:])}"

    @property
    def calls(self) -> list[str]:
        return [self.called(request) for request in self.asked]

    @staticmethod
    def parameters(request: Request) -> dict[str, str]:
        return dict(parse_qsl(request.query or request.body.decode(), keep_blank_values=True))

    def parameters_of(self, call: str) -> list[dict[str, str]]:
        return [self.parameters(request) for request in self.asked if self.called(request) == call]


class Time:
    def __init__(self) -> None:
        self.now = NOW
        self.seconds = 0.0

    def clock(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def stub(time: Time) -> Iterator[Stub]:
    stub = Stub()
    stub.script("GET exchangeInfo", info())
    with serve(stub.decide, name="binance") as face:
        stub.exchange = CcxtExchange(
            face.url, api_key="our-key", secret="our-secret", clock=time.clock, monotonic=time.monotonic
        )
        yield stub


def what_of(ask: Callable[[], object]) -> object:
    """What the error says, when the exchange is unavailable."""
    with pytest.raises(ExchangeUnavailable) as unavailable:
        ask()
    return unavailable.value.facts["what"]


# What it sends


def test_an_order_is_sent_as_binance_asks_for_it(stub: Stub) -> None:
    stub.script("POST order", order())
    assert stub.exchange.place(SELL) == "28"
    assert stub.calls == ["GET exchangeInfo", "POST order"]
    asked, placed = stub.asked
    assert asked.query == "symbol=BTCUSDT"
    parameters = stub.parameters(placed)
    assert placed.query == ""
    assert placed.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert placed.headers["Connection"] == "close", "one that was kept may be dead after a freeze of the Lambda"
    assert parameters.pop("timestamp").isdigit()
    assert len(parameters.pop("signature")) == 64
    assert parameters == {
        **row("symbol side type timeInForce quantity price", "BTCUSDT", "SELL", "LIMIT", "GTC", "0.345", "19010.5"),
        **row("newClientOrderId newOrderRespType recvWindow", OURS, "FULL", "5000"),
    }


def test_every_question_about_us_is_signed_over_all_that_it_asks(stub: Stub) -> None:
    stub.script("POST order", order())
    stub.script("GET order", order("FILLED", "0.34500000"))
    stub.script("GET myTrades", json.dumps([trade(1, "0.34500000", "6558.62250000")]))
    stub.script("DELETE order", order("CANCELED"))
    stub.exchange.place(SELL)
    stub.exchange.order("BTC", "28")
    stub.exchange.find("BTC", OURS)
    stub.exchange.cancel("BTC", "28")
    assert set(stub.calls) == {"GET exchangeInfo", "POST order", "GET order", "GET myTrades", "DELETE order"}
    for request in stub.asked:
        if stub.called(request) == "GET exchangeInfo":
            assert "X-MBX-APIKEY" not in request.headers
            continue
        assert request.headers["X-MBX-APIKEY"] == "our-key"
        payload, _, signature = (request.query or request.body.decode()).rpartition("&signature=")
        assert signature == hmac.new(b"our-secret", payload.encode(), hashlib.sha256).hexdigest()
        assert stub.parameters(request)["recvWindow"] == str(RECEIVE_WINDOW_MS)


def test_a_request_is_invalid_long_before_its_order_is_given_up() -> None:
    assert OPERATION_SECONDS_MAX + RECEIVE_WINDOW_MS / 1000 + 30 <= NEVER_PLACED_SECONDS


@pytest.mark.parametrize(
    ("quantity", "price", "sent"),
    [
        ("0.00001", "0.01", ("0.00001", "0.01")),
        ("0.34500", "19010.50", ("0.345", "19010.5")),
        ("100", "200", ("100", "200")),
        ("1E+2", "2E+2", ("100", "200")),
        ("8999.99999", "999999.99", ("8999.99999", "999999.99")),
        ("1234567890.12345", "9876543210.98", ("1234567890.12345", "9876543210.98")),
    ],
)
def test_amounts_are_sent_to_the_last_digit(stub: Stub, quantity: str, price: str, sent: tuple[str, str]) -> None:
    stub.script("POST order", order())
    stub.exchange.place(Ticket(Side.BUY, Quantity(quantity, "BTC"), Price(price), OURS))
    (parameters,) = stub.parameters_of("POST order")
    assert (parameters["quantity"], parameters["price"], parameters["side"]) == (*sent, "BUY")


@pytest.mark.parametrize(
    ("step", "quantity"),
    [("0.00001000", "1234567890.12345"), ("1.00000000", "5000"), ("10.00000000", "5000"), ("1E-8", "0.12345678")],
)
def test_amounts_are_sent_to_the_last_digit_whatever_the_step(stub: Stub, step: str, quantity: str) -> None:
    stub.script("GET exchangeInfo", info(step=step))
    stub.script("POST order", order())
    stub.exchange.place(Ticket(Side.BUY, Quantity(quantity, "BTC"), Price("1"), OURS))
    assert stub.parameters_of("POST order")[0]["quantity"] == quantity


@pytest.mark.parametrize(
    ("quantity", "price"),
    [
        ("0.000001", "100"),
        ("0.123456", "100"),
        ("0.1234500000000000001", "100"),
        ("1", "100.001"),
        ("1", "100.005"),
        ("1", "0.009"),
        ("0", "100"),
        ("-1", "100"),
        ("1", "0"),
        ("1", "-100"),
    ],
)
def test_an_amount_off_its_step_is_refused_and_never_sent(stub: Stub, quantity: str, price: str) -> None:
    with pytest.raises(ExchangeRefused, match="must be a multiple of"):
        stub.exchange.place(Ticket(Side.SELL, Quantity(quantity, "BTC"), Price(price), OURS))
    assert stub.calls == ["GET exchangeInfo"]


def test_what_ccxt_would_send_otherwise_is_not_sent(stub: Stub) -> None:
    """It formats once more by its own idea of a step; should that ever differ from ours, nothing goes out."""
    client: Any = stub.exchange._client
    client.amount_to_precision = lambda *_: "0.34"
    with pytest.raises(ExchangeRefused, match=r"0\.345 would have been sent as 0\.34"):
        stub.exchange.place(SELL)
    assert stub.calls == ["GET exchangeInfo"]


def test_the_threads_own_decimal_context_stays_as_it_was(stub: Stub) -> None:
    """ccxt sets its rounding and a trap in whatever context it finds."""
    stub.script("POST order", order())
    with localcontext(Context(rounding=ROUND_HALF_EVEN, traps=[])):
        stub.exchange.place(SELL)
        assert (getcontext().rounding, getcontext().traps[Underflow]) == (ROUND_HALF_EVEN, False)


# Rules


@pytest.mark.parametrize("off", ["step", "tick"])
def test_a_step_of_0_is_a_rule_that_is_off_and_any_digit_goes(stub: Stub, off: str) -> None:
    stub.script("GET exchangeInfo", info(**{off: "0.00000000"}))
    stub.script("POST order", order())
    assert stub.exchange.place(SELL) == "28"
    rules = stub.exchange.rules("BTC")
    assert {"step": rules.quantity_step, "tick": rules.price_step}[off] == Decimal("0.00000001")


def test_a_market_without_a_least_amount_has_none(stub: Stub) -> None:
    told = json.loads(info())
    filters = told["symbols"][0]["filters"]
    told["symbols"][0]["filters"] = [one for one in filters if one["filterType"] != "NOTIONAL"]
    stub.script("GET exchangeInfo", json.dumps(told))
    assert stub.exchange.rules("BTC").min_notional == Money(0)


def test_a_market_is_read_again_when_it_is_ten_minutes_old(stub: Stub, time: Time) -> None:
    stub.script("POST order", order())
    stub.exchange.rules("BTC")
    stub.exchange.place(SELL)
    time.now += MARKET_AGE_MAX
    stub.exchange.rules("BTC")
    assert stub.calls.count("GET exchangeInfo") == 1
    time.now += timedelta(seconds=1)
    stub.script("GET exchangeInfo", info(step="0.10000000"))
    assert stub.exchange.rules("BTC").quantity_step == Decimal("0.1")
    with pytest.raises(ExchangeRefused):
        stub.exchange.place(SELL)
    assert stub.calls.count("GET exchangeInfo") == 2


def test_an_orders_state_needs_no_fresh_rules(stub: Stub, time: Time) -> None:
    stub.script("GET order", order())
    stub.exchange.order("BTC", "28")
    time.now += timedelta(days=1)
    stub.exchange.order("BTC", "28")
    assert stub.calls == ["GET exchangeInfo", "GET order", "GET order"]


def test_markets_do_not_crowd_each_other_out(stub: Stub) -> None:
    stub.script("GET exchangeInfo", info(), info("ETH", step="0.00100000"))
    steps = {asset_id: stub.exchange.rules(asset_id).quantity_step for asset_id in ("BTC", "ETH", "BTC")}
    assert steps == {"BTC": Decimal("0.00001"), "ETH": Decimal("0.001")}
    assert [request.query for request in stub.asked] == ["symbol=BTCUSDT", "symbol=ETHUSDT"]


@pytest.mark.parametrize("status", ["BREAK", "HALT", "PRE_TRADING", "END_OF_DAY"])
def test_a_market_that_does_not_trade_is_none_but_its_orders_are_there(stub: Stub, status: str) -> None:
    stub.script("GET exchangeInfo", info(status=status))
    stub.script("GET order", order())
    stub.script("DELETE order", order("CANCELED"))
    with pytest.raises(MarketUnknown):
        stub.exchange.rules("BTC")
    with pytest.raises(MarketUnknown):
        stub.exchange.place(SELL)
    assert stub.exchange.order("BTC", "28").state is State.WORKING
    stub.exchange.cancel("BTC", "28")
    assert "POST order" not in stub.calls


def test_a_market_of_another_pair_with_the_same_letters_is_not_ours(stub: Stub) -> None:
    stub.script("GET exchangeInfo", info("BTCU", "SDT", symbol="BTCUSDT"))
    with pytest.raises(MarketUnknown):
        stub.exchange.place(SELL)


@pytest.mark.parametrize(
    "answer",
    ["{}", "[]", "", "<html>", '{"symbols": []}', '{"symbols": [{}]}', info(step="-0.00000001"), info(tick="x")],
)
def test_rules_that_can_not_be_read_are_no_rules(stub: Stub, answer: str) -> None:
    """Least of all that there is no market: a purchase would be given up over it."""
    stub.script("GET exchangeInfo", answer)
    for ask in (lambda: stub.exchange.rules("BTC"), lambda: stub.exchange.place(SELL)):
        assert what_of(ask) == "garbage"
    assert "POST order" not in stub.calls


@pytest.mark.parametrize(
    "answer", [said(-1121, "Invalid symbol."), said(-1100, "Illegal characters found in parameter 'symbol'")]
)
def test_of_orders_in_a_market_that_is_gone_nothing_is_known(stub: Stub, answer: Answer) -> None:
    """A market may be delisted after its orders were filled: so not even that they are unknown."""
    stub.script("GET exchangeInfo", answer)
    with pytest.raises(MarketUnknown):
        stub.exchange.rules("BTC")
    asks: list[Callable[[], object]] = [
        lambda: stub.exchange.order("BTC", "28"),
        lambda: stub.exchange.find("BTC", OURS),
        lambda: stub.exchange.cancel("BTC", "28"),
    ]
    for ask in asks:
        assert what_of(ask) == "no_market"
    stub.script("GET exchangeInfo", info())
    stub.script("GET order", answer)
    for ask in asks[:2]:
        with pytest.raises(ExchangeUnavailable):
            ask()


# What becomes of an order that is placed

OURS_TO_MEND = [  # the desk's account and key, whatever the order is
    said(-2010, "Account has insufficient balance for requested action."),
    said(-1010, "Account has insufficient balance for requested action."),
    said(-2010, "This symbol is not permitted for this account."),
    said(-2010, "This symbol is restricted for this account."),
    said(-2010, "This account may not place or cancel orders."),
    said(-2010, "This action is disabled on this account."),
    said(-2010, "Rest API trading is not enabled."),
    said(-2010, "Filter failure: MAX_NUM_ORDERS"),
    said(-1013, "Filter failure: EXCHANGE_MAX_NUM_ORDERS"),
    said(-1013, "Filter failure: MAX_POSITION"),
    said(-1022, "Signature for this request is not valid."),
    said(-1002, "You are not authorized to execute this request.", 401),
    said(-2014, "API-key format invalid.", 401),
    said(-2015, "Invalid API-key, IP, or permissions for action.", 401),
    said(-2015, "Invalid API-key, IP, or permissions for action."),
]
NO_ORDER = [
    *OURS_TO_MEND,
    said(-2010, "Iceberg orders are not supported for this symbol."),
    said(-1013, "Filter failure: LOT_SIZE"),
    said(-1013, "Filter failure: PRICE_FILTER"),
    said(-1013, "Filter failure: NOTIONAL"),
    said(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    said(-1013, "Invalid quantity."),
    said(-1014, "Unsupported order combination."),
    said(-1020, "This operation is not supported."),
    said(
        -1100, "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[.A-Z\\:/a-z0-9_-]{1,36}$'."
    ),
    said(-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
    said(-1111, "Parameter 'quantity' has too much precision."),
    said(-1116, "Invalid orderType."),
]
NO_MARKET = [
    said(-1121, "Invalid symbol."),
    said(-1013, "Market is closed."),
    said(-2010, "Market is closed."),
    said(-1010, "Market is closed."),
]
# Answer, and `what` goes with the error.
MAYBE: list[tuple[Scripted, str]] = [
    # it exists
    (said(-2010, "Duplicate order sent."), "duplicate"),
    # the matching engine's, and nothing that we know
    (said(-2010, "Something new."), "exchange_error"),
    (said(-1010, "Unknown order sent."), "exchange_error"),
    (said(-2010, ""), "exchange_error"),
    (said(-2021, "Order cancel-replace partially failed.", 409), "exchange_error"),
    (said(-2013, "Order does not exist."), "exchange_error"),
    # the gate does not know
    (said(-1000, "An unknown error occurred while processing the request."), "exchange_error"),
    (said(-1001, "Internal error; unable to process your request. Please try again."), "exchange_error"),
    (said(-1006, "An unexpected response was received. Execution status unknown."), "exchange_error"),
    (said(-1007, "Timeout waiting for response from backend server. Send status unknown."), "exchange_error"),
    (said(-1007, "Timeout waiting for response from backend server. Send status unknown.", 504), "exchange_error"),
    # a fault there, whatever it says
    (said(-1000, "An unknown error occurred while processing the request.", 500), "exchange_error"),
    (said(-2010, "Account has insufficient balance for requested action.", 500), "exchange_error"),
    (said(-1013, "Filter failure: LOT_SIZE", 503), "exchange_error"),
    # nothing was placed, but over nothing that is the order's
    (said(-1008, "Server is currently overloaded with other requests."), "exchange_error"),
    (said(-1016, "This service is no longer available.", 503), "exchange_error"),
    (said(-1021, "Timestamp for this request is outside of the recvWindow."), "clock"),
    (said(-1021, "Timestamp for this request was 1000ms ahead of the server's time."), "clock"),
    (said(0, "", 401), "refused"),
    (said(0, "Service unavailable from a restricted location", 451), "refused"),
    (Answer(401, ""), "refused"),
    (Answer(403, "<html>Request blocked: LOT_SIZE</html>", content_type="text/html"), "refused"),
    (said(-1003, "Too many requests queued.", 429), "rate_limit"),
    (said(-1003, "Way too much request weight used; IP banned until 1767225600000.", 418), "rate_limit"),
    (said(-1015, "Too many new orders; current limit is 100 orders per TEN SECONDS."), "rate_limit"),
    (Answer(429, "<html>LOT_SIZE</html>"), "rate_limit"),
    # a proxy's, or nobody's
    (Answer(400, "<html>Bad Request: PRICE_FILTER</html>", content_type="text/html"), "exchange_error"),
    (
        Answer(400, '{"code": "-2010", "msg": "Account has insufficient balance for requested action."}'),
        "exchange_error",
    ),
    (Answer(400, '["code", -2010]'), "exchange_error"),
    # done, perhaps, and not understood
    (Answer(200, '{"code": -2010, "msg": "Account has insufficient balance for requested action."}'), "garbage"),
    ("{}", "garbage"),
    ("[]", "garbage"),
    ('{"orderId": 28', "garbage"),
    ('{"symbol": "BTCUSDT", "clientOrderId": "abc"}', "garbage"),
]


@pytest.mark.parametrize("answer", NO_ORDER, ids=lambda answer: answer.body[:60])
def test_what_can_not_go_together_with_an_order_is_a_refusal(stub: Stub, answer: Answer) -> None:
    stub.script("POST order", answer)
    with pytest.raises(ExchangeRefused) as refused:
        stub.exchange.place(SELL)
    told = json.loads(answer.body)
    assert refused.value.ours is (answer in OURS_TO_MEND)
    assert refused.value.facts == {"reason": told["msg"], "code": told["code"]}
    assert told["msg"] in refused.value.detail


@pytest.mark.parametrize("answer", NO_MARKET, ids=lambda answer: answer.body[:60])
def test_a_market_that_is_not_there_or_closed_is_told_as_such(stub: Stub, answer: Answer) -> None:
    stub.script("POST order", answer)
    with pytest.raises(MarketUnknown):
        stub.exchange.place(SELL)


@pytest.mark.parametrize(("answer", "what"), MAYBE)
def test_what_may_go_together_with_an_order_leaves_it_open(stub: Stub, answer: Scripted, what: str) -> None:
    """It is asked once, and nothing is asked after it."""
    stub.script("POST order", answer)
    assert what_of(lambda: stub.exchange.place(SELL)) == what
    assert stub.calls.count("POST order") == 1
    assert stub.calls[-1] == "POST order", "and nothing after it"


@pytest.mark.parametrize("answer", [Drop, "<html>", "", Answer(500, "")])
def test_what_an_earlier_call_was_told_says_nothing_about_this_one(stub: Stub, answer: Scripted) -> None:
    """Python chains an exception to the one that is being handled; theirs was a refusal, ours is not."""
    stub.script("POST order", NO_ORDER[0], answer)
    stub.script("GET order", UNKNOWN[0], answer)
    with pytest.raises(ExchangeRefused) as refused:
        stub.exchange.place(SELL)
    try:
        raise refused.value
    except ExchangeRefused:
        with pytest.raises(ExchangeUnavailable):
            stub.exchange.place(SELL)
    with pytest.raises(ExchangeOrderUnknown) as unknown:
        stub.exchange.find("BTC", OURS)
    try:
        raise unknown.value
    except ExchangeOrderUnknown:
        with pytest.raises(ExchangeUnavailable):
            stub.exchange.find("BTC", OURS)


def test_an_answer_is_that_of_the_caller_who_asked(stub: Stub) -> None:
    """While one waits, and is told nothing in the end, another is refused."""
    asked, refused = Event(), Event()

    def decide(request: Request) -> Answer:
        if request.method == "GET":
            return Answer(200, info())
        if stub.parameters(request)["newClientOrderId"] == OURS:
            asked.set()
            refused.wait(10)
            raise Drop
        return NO_ORDER[0]

    with serve(decide, name="binance") as face, ThreadPoolExecutor(1) as thread:
        exchange = CcxtExchange(face.url, api_key="k", secret="s")
        waiting = thread.submit(exchange.place, SELL)
        assert asked.wait(10)
        with pytest.raises(ExchangeRefused):
            exchange.place(replace(SELL, client_order_id="other"))
        refused.set()
        with pytest.raises(ExchangeUnavailable):
            waiting.result(10)


def test_a_body_in_chunks_and_packed_is_read_as_binance_sends_it() -> None:
    packed = gzip.compress(info().encode())
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (packed[:10], packed[10:200], packed[200:]))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    with Wire(head + chunks + b"0\r\n\r\n") as wire:
        assert CcxtExchange(wire.url, api_key="k", secret="s").rules("BTC").min_notional == Money(5)


# An order as it is told


@pytest.mark.parametrize(
    ("status", "executed", "state"),
    [
        ("NEW", "0.00000000", State.WORKING),
        ("PENDING_NEW", "0.00000000", State.WORKING),
        ("PARTIALLY_FILLED", "0.10000000", State.WORKING),
        ("PENDING_CANCEL", "0.00000000", State.WORKING),
        ("FILLED", "0.34500000", State.FULLY_EXECUTED),
        ("CANCELED", "0.00000000", State.CANCELED),
        ("CANCELED", "0.10000000", State.CANCELED),
        ("REJECTED", "0.00000000", State.REJECTED),
        ("EXPIRED", "0.00000000", State.EXPIRED),
        ("EXPIRED", "0.10000000", State.EXPIRED),
        ("EXPIRED_IN_MATCH", "0.10000000", State.EXPIRED),
    ],
)
def test_every_state_of_binances_is_one_of_ours(stub: Stub, status: str, executed: str, state: State) -> None:
    stub.script("GET order", order(status, executed))
    stub.script("GET myTrades", json.dumps([trade(1, executed, "1234.50000000")]))
    for told in (stub.exchange.order("BTC", "28"), stub.exchange.find("BTC", OURS)):
        assert (told.state, told.executed) == (state, Quantity(executed, "BTC"))
        assert told.gross == Money("1234.5" if Decimal(executed) else 0)
    assert ("GET myTrades" in stub.calls) is (Decimal(executed) > 0), "trades are only asked for where there are some"


def test_an_order_is_told_with_what_its_trades_came_to(stub: Stub) -> None:
    stub.script("GET order", order("FILLED", "0.34500000", cummulativeQuoteQty="-1.00000000"))
    stub.script(
        "GET myTrades",
        json.dumps(
            [
                trade(1, "0.10000000", "1901.05000000", "1.90105000"),
                trade(2, "0.20000000", "3802.10000001", "0.00012345", "BNB"),
                trade(3, "0.04500000", "855.47250000", "0.00000001", "BNB"),
            ]
        ),
    )
    assert stub.exchange.order("BTC", "28") == OrderReport(
        exchange_order_id="28",
        client_order_id=OURS,
        side=Side.SELL,
        quantity=Quantity("0.345", "BTC"),
        state=State.FULLY_EXECUTED,
        executed=Quantity("0.345", "BTC"),
        gross=Money("6558.62250001"),
        fee=Money("1.90105"),
        fees_elsewhere={"BNB": Decimal("0.00012346")},
    )


def test_a_fee_of_nothing_is_none(stub: Stub) -> None:
    stub.script("GET order", order("FILLED", "0.34500000"))
    stub.script("GET myTrades", json.dumps([trade(1, "0.34500000", "6558.62250000", "0.00000000", "BNB")]))
    told = stub.exchange.order("BTC", "28")
    assert (told.fee, told.fees_elsewhere) == (Money(0), {})


def test_all_trades_of_an_order_are_read_from_the_first_one_on(stub: Stub) -> None:
    """Without fromId Binance tells the newest, and what came before them would be lost."""
    trades = [trade(7 + 3 * n, "0.00010000", "1.90000000", "0.00190000") for n in range(TRADES_PAGE + 1)]
    stub.script("GET order", order("CANCELED", "0.10010000"))
    stub.script("GET myTrades", json.dumps(trades[:TRADES_PAGE]), json.dumps(trades[TRADES_PAGE:]))
    told = stub.exchange.order("BTC", "28")
    assert (told.gross, told.fee) == (Money("1901.9"), Money("1.9019"))
    pages = stub.parameters_of("GET myTrades")
    last = 7 + 3 * (TRADES_PAGE - 1)
    assert [(p["symbol"], p["orderId"], p["fromId"], p["limit"]) for p in pages] == [
        ("BTCUSDT", "28", "0", "1000"),
        ("BTCUSDT", "28", str(last + 1), "1000"),
    ]


def test_a_full_page_that_is_all_asks_for_no_other(stub: Stub) -> None:
    trades = [trade(n, "0.00010000", "1.90000000") for n in range(1, TRADES_PAGE + 1)]
    stub.script("GET order", order("CANCELED", "0.10000000"))
    stub.script("GET myTrades", json.dumps(trades))
    assert stub.exchange.order("BTC", "28").gross == Money("1900")
    assert stub.calls.count("GET myTrades") == 1


@pytest.mark.parametrize(
    "trades",
    [
        pytest.param([], id="none yet"),
        pytest.param([trade(1, "0.30000000", "5703.15000000")], id="not all yet"),
        pytest.param([trade(1, "0.34500001", "6558.62250000")], id="more than the order tells"),
    ],
)
def test_fees_are_not_told_before_all_trades_are_there(stub: Stub, trades: list[Mapping[str, Any]]) -> None:
    stub.script("GET order", order("FILLED", "0.34500000"))
    stub.script("GET myTrades", json.dumps(trades))
    asks: list[Callable[[], object]] = [
        lambda: stub.exchange.order("BTC", "28"),
        lambda: stub.exchange.find("BTC", OURS),
    ]
    for ask in asks:
        assert what_of(ask) == "unsettled"


def test_trades_without_end_are_read_until_the_time_is_up(stub: Stub, time: Time) -> None:
    def endless(request: Request) -> Answer:
        if "myTrades" not in request.path:
            return stub.decide(request)
        time.seconds += 2.0
        first = int(stub.parameters(request)["fromId"]) + 1
        page = [trade(n, "0.00000001", "0.00000001") for n in range(first, first + TRADES_PAGE)]
        return Answer(200, json.dumps(page))

    stub.script("GET order", order("FILLED", "0.34500000"))
    with serve(endless, name="binance") as face:
        exchange = CcxtExchange(face.url, api_key="k", secret="s", monotonic=time.monotonic)
        assert what_of(lambda: exchange.order("BTC", "28")) == "timeout"


# The orders of a day

DAY = date(2026, 1, 1)
MIDNIGHT = 1767225600000  # of that day


def placed(order_id: int, after_ms: int, **told: object) -> Any:
    """One of the list of a day, with which nobody has traded unless said."""
    at = MIDNIGHT + after_ms
    return json.loads(order("CANCELED", orderId=order_id)) | {"time": at, "updateTime": at} | told


def test_a_day_is_asked_for_as_binance_takes_it(stub: Stub) -> None:
    """The first part by its hours, which may be 24 at most, the next ones by ids; and the trades of all together."""
    stub.exchange._orders_page = 2
    sold = {"executedQty": "0.34500000", "status": "FILLED"}
    first = json.dumps([placed(28, 5, **sold), placed(31, 9)])
    stub.script("GET allOrders", first, "[]", json.dumps([placed(32, 11), placed(40, 24 * 60 * 60 * 1000)]))
    stub.script("GET myTrades", json.dumps([trade(1, "0.34500000", "6558.62", "1", time=MIDNIGHT + 5)]))
    part = stub.exchange.orders("BTC", DAY)
    assert [(one.exchange_order_id, one.gross) for one in part.items] == [("28", Money("6558.62")), ("31", Money(0))]
    rest = stub.exchange.orders("BTC", DAY, part.after)
    assert ([one.exchange_order_id for one in rest.items], rest.after) == (["32"], None)
    asked = stub.parameters_of("GET allOrders")
    assert [one.get("startTime") for one in asked] == [str(MIDNIGHT), str(MIDNIGHT), None]
    assert [one.get("endTime") for one in asked] == [str(MIDNIGHT + 86_399_999), str(MIDNIGHT + 4), None]
    assert [one.get("orderId") for one in asked] == [None, None, "32"]
    (trades,) = stub.parameters_of("GET myTrades")
    assert (trades["startTime"], "orderId" in trades) == (str(MIDNIGHT + 5), False)


def test_a_list_of_a_day_that_does_not_begin_at_its_beginning_is_not_used(stub: Stub) -> None:
    stub.exchange._orders_page = 2
    stub.script("GET allOrders", json.dumps([placed(28, 5), placed(31, 9)]), json.dumps([placed(7, 1)]))
    assert what_of(lambda: stub.exchange.orders("BTC", DAY)) == "garbage"


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ([placed(28, -1)], "garbage"),
        ([placed(28, 24 * 60 * 60 * 1000)], "garbage"),
        ([placed(28, 5), placed(28, 6)], "garbage"),
        ([placed(28, 5, time=None)], "garbage"),
        ([placed(28, 5, symbol="ETHUSDT")], "not_believed"),
        ([placed(28, 5, executedQty="9")], "unsettled"),
        ([placed(n, n) for n in range(1, 502)], "garbage"),
        ([placed(28, 5, executedQty="0.3")], "unsettled"),
        ({}, "garbage"),
    ],
)
def test_a_list_of_a_day_that_can_not_be_is_not_used(stub: Stub, answer: Any, what: str) -> None:
    stub.script("GET allOrders", json.dumps(answer))
    stub.script("GET myTrades", json.dumps([trade(1, "0.1", "1901.05", time=MIDNIGHT + 5)]))
    assert what_of(lambda: stub.exchange.orders("BTC", DAY)) == what


def test_of_orders_that_traded_for_long_few_are_told_in_a_part(stub: Stub) -> None:
    """Each is asked for by itself, so that a part ends in time."""
    long = [placed(n, n, executedQty="0.345", status="FILLED", updateTime=MIDNIGHT + 10**7) for n in range(1, 31)]
    stub.script("GET allOrders", json.dumps(long), json.dumps(long[20:]))

    def traded(request: Request) -> Answer:
        if "myTrades" not in request.path:
            return stub.decide(request)
        told = trade(1, "0.345", "6558.62", orderId=int(stub.parameters(request)["orderId"]))
        return Answer(200, json.dumps([told]))

    with serve(traded, name="binance") as face:
        exchange = CcxtExchange(face.url, api_key="k", secret="s")
        part = exchange.orders("BTC", DAY)
        assert (len(part.items), part.after) == (20, "21")
        assert len(exchange.orders("BTC", DAY, part.after).items) == 10


def test_a_page_that_comes_again_is_not_counted_again(stub: Stub) -> None:
    page = json.dumps([trade(n, "0.00010000", "1") for n in range(1, TRADES_PAGE + 1)])
    stub.script("GET order", order("FILLED", "0.20000000", origQty="0.20000000"))
    stub.script("GET myTrades", page)
    assert what_of(lambda: stub.exchange.order("BTC", "28")) == "garbage"


@pytest.mark.parametrize(
    "answer",
    [
        *("{}", "[]", order("AGREED"), order(status="")),
        *(order("NEW", executed) for executed in ("NaN", "Infinity", "lots")),  # ccxt gives up
        *(order("NEW", "1E+999999999"), order().replace('"0.00000000"', "1E-999999999", 1)),  # ccxt never would
        *(order(origQty=None), order(origQty=0.345), order("CANCELED", executedQty=None), order(executedQty=0)),
        *(order(side="SHORT"), order(orderId=None), order(symbol=None)),
    ],
)
def test_an_order_that_can_not_be_read_is_no_order(stub: Stub, answer: str) -> None:
    stub.script("GET order", answer)
    stub.script("GET myTrades", json.dumps([trade(1, "0.34500000", "6558.62250000")]))
    assert what_of(lambda: stub.exchange.order("BTC", "28")) == "garbage"


@pytest.mark.parametrize(
    "answer",
    [
        *(order("FILLED", "0.34400000"), order("NEW", "0.34600000")),
        *(order("NEW", executed) for executed in ("-0.10000000", "1E-5", "1E+70", "1E+999")),
        order("NEW", executed="0.0000000000000000001"),
        order("NEW", origQty="1000000000000000.00000000"),
        order("NEW", origQty="1" * 39),
        *(order(orderId=29), order(symbol="ETHUSDT")),
    ],
)
def test_an_order_that_can_not_be_is_not_believed(stub: Stub, answer: str) -> None:
    stub.script("GET order", answer)
    stub.script("GET myTrades", "[]")
    assert what_of(lambda: stub.exchange.order("BTC", "28")) == "not_believed"


@pytest.mark.parametrize("other", [{"clientOrderId": "somebodyelsesorder"}, {"symbol": "ETHUSDT"}])
def test_another_order_is_not_taken_for_ours(stub: Stub, other: dict[str, str]) -> None:
    stub.script("GET order", order(**other))
    assert what_of(lambda: stub.exchange.find("BTC", OURS)) == "not_believed"
    stub.script("POST order", order(**other))
    assert what_of(lambda: stub.exchange.place(SELL)) == "not_believed"


@pytest.mark.parametrize("other", [{"orderId": 29}, {"symbol": "ETHUSDT"}])
def test_the_end_of_another_order_is_not_that_of_ours(stub: Stub, other: dict[str, Any]) -> None:
    stub.script("DELETE order", order("CANCELED", **other))
    assert what_of(lambda: stub.exchange.cancel("BTC", "28")) == "not_believed"


def test_an_order_found_by_binances_id_bears_the_name_that_it_tells(stub: Stub) -> None:
    stub.script("GET order", order(clientOrderId="whoever"))
    assert stub.exchange.order("BTC", "28").client_order_id == "whoever"


AMOUNTS = ("-0.34500000", "1E-5", "1E+99", "0.0000000000000000001", "1000000000000000", "9" * 39)


@pytest.mark.parametrize("told", [{name: amount} for name in ("qty", "quoteQty", "commission") for amount in AMOUNTS])
def test_trades_of_amounts_that_can_not_be_are_not_believed(stub: Stub, told: dict[str, Any]) -> None:
    stub.script("GET order", order("FILLED", "0.34500000"))
    stub.script("GET myTrades", json.dumps([trade(1, "0.34500000", "6558.62250000") | told]))
    assert what_of(lambda: stub.exchange.order("BTC", "28")) == "not_believed"


def test_trades_that_add_up_to_more_than_can_be_are_not_believed(stub: Stub) -> None:
    trades = [trade(n, "0.17250000", "999999999999999") for n in (1, 2)]
    stub.script("GET order", order("FILLED", "0.34500000"))
    stub.script("GET myTrades", json.dumps(trades))
    assert what_of(lambda: stub.exchange.order("BTC", "28")) == "not_believed"


UNREADABLE = {
    "orderId": (29,),
    "qty": (None, "-0.34500000"),
    "quoteQty": ("x", None, 1.0),
    "commission": ("x", "-1"),
    "id": (None, "x", -1),
}


@pytest.mark.parametrize("told", [{name: value} for name, values in UNREADABLE.items() for value in values], ids=str)
def test_trades_that_can_not_be_read_are_no_fees(stub: Stub, told: dict[str, Any]) -> None:
    stub.script("GET order", order("FILLED", "0.34500000"))
    whole = [trade(n, "0.00010000", "1", **told) for n in range(1, TRADES_PAGE + 1)]  # so that its ids are needed
    stub.script("GET myTrades", json.dumps(whole))
    with pytest.raises(ExchangeUnavailable):
        stub.exchange.order("BTC", "28")


NO_FEE: tuple[dict[str, Any], ...] = (
    {"commissionAsset": None},
    {"commissionAsset": ""},
    {"commission": None, "commissionAsset": None},
    {"commission": "0"},
)


@pytest.mark.parametrize("told", NO_FEE, ids=str)
def test_a_trade_may_cost_nothing_and_name_no_coin_for_it(stub: Stub, told: dict[str, Any]) -> None:
    stub.script("GET order", order("FILLED", "0.34500000"))
    stub.script("GET myTrades", json.dumps([trade(1, "0.34500000", "6558.62250000", **told)]))
    settled = stub.exchange.order("BTC", "28")
    assert (settled.fee, settled.fees_elsewhere, settled.gross) == (Money(0), {}, Money("6558.6225"))


@pytest.mark.parametrize("coin", [None, ""])
def test_a_fee_above_0_of_no_coin_is_not_read(stub: Stub, coin: str | None) -> None:
    stub.script("GET order", order("FILLED", "0.34500000"))
    stub.script("GET myTrades", json.dumps([trade(1, "0.34500000", "6558.62250000", fee="1.5", commissionAsset=coin)]))
    assert what_of(lambda: stub.exchange.order("BTC", "28")) == "garbage"


# What is asked about an order, and goes wrong

UNKNOWN = [
    said(-2013, "Order does not exist."),
    said(-2026, "Order was canceled or expired with no executed qty over 90 days ago and has been archived."),
]
FAULTS: list[tuple[Scripted, str]] = [
    (said(-2013, "Order does not exist.", 500), "exchange_error"),
    (said(-1021, "Timestamp for this request is outside of the recvWindow."), "clock"),
    (said(-2010, "Account has insufficient balance for requested action."), "exchange_error"),
]


@pytest.mark.parametrize("answer", UNKNOWN)
def test_an_order_that_binance_does_not_know_is_unknown(stub: Stub, answer: Answer) -> None:
    stub.script("GET order", answer)
    with pytest.raises(ExchangeOrderUnknown):
        stub.exchange.find("BTC", OURS)
    with pytest.raises(ExchangeOrderUnknown):
        stub.exchange.order("BTC", "28")


@pytest.mark.parametrize(("answer", "what"), FAULTS)
def test_a_fault_is_never_taken_for_an_order_that_is_not_there(stub: Stub, answer: Scripted, what: str) -> None:
    stub.script("GET order", answer)
    stub.script("DELETE order", answer)
    asks: list[Callable[[], object]] = [
        lambda: stub.exchange.find("BTC", OURS),
        lambda: stub.exchange.order("BTC", "28"),
        lambda: stub.exchange.cancel("BTC", "28"),
    ]
    for ask in asks:
        assert what_of(ask) == what


@pytest.mark.parametrize("message", ["Unknown order sent.", "Order was not canceled due to cancel restrictions."])
def test_an_order_that_works_on_has_not_been_cancelled(stub: Stub, message: str) -> None:
    stub.script("DELETE order", said(-2011, message))
    stub.script("GET order", order("PARTIALLY_FILLED", "0.1"))
    with pytest.raises(ExchangeUnavailable) as unavailable:
        stub.exchange.cancel("BTC", "28")
    assert unavailable.value.facts["code"] == -2011


def test_a_cancellation_that_is_refused_is_not_believed_without_a_look(stub: Stub) -> None:
    stub.script("DELETE order", said(-2011, "Unknown order sent."))
    stub.script("GET order", Drop)
    with pytest.raises(ExchangeUnavailable):
        stub.exchange.cancel("BTC", "28")


# Secrets, settings, imports


def test_neither_key_nor_secret_is_written_down(stub: Stub, written_down: io.StringIO) -> None:
    stub.script("POST order", order())
    stub.script("GET order", said(-2015, "Invalid API-key, IP, or permissions for action.", 401))
    stub.exchange.place(SELL)
    with pytest.raises(ExchangeUnavailable) as unavailable:
        stub.exchange.order("BTC", "28")
    assert "our-key" not in written_down.getvalue()
    assert "our-secret" not in written_down.getvalue()
    assert not re.search("our-key|our-secret|signature", str(unavailable.value) + str(unavailable.value.facts))


@pytest.mark.parametrize("secret", ["", "-----BEGIN PRIVATE KEY-----"])
def test_a_secret_of_another_kind_is_refused_at_once(secret: str) -> None:
    with pytest.raises(ValueError, match="the exchange's secret is empty, or of another kind"):
        CcxtExchange("https://api.binance.com", api_key="k", secret=secret)


def test_against_binance_itself_only_the_host_differs(stub: Stub) -> None:
    """Every path is ccxt's own; nothing but spot is asked for."""
    ours: Any = stub.exchange._client
    theirs: Any = type(ours)()
    assert ours.urls["api"].keys() == theirs.urls["api"].keys()
    for name, url in theirs.urls["api"].items():
        assert re.sub(r"^https://[^/]+", stub.exchange._wire._base_url, url) == ours.urls["api"][name]
    real: Any = CcxtExchange("https://api.binance.com/", api_key="k", secret="s")._client
    for name in ("public", "private"):
        assert real.urls["api"][name] == theirs.urls["api"][name] == "https://api.binance.com/api/v3"


IMPORTS = """
import sys, types

from common.gateways.exchange.ccxt import CcxtExchange
from common.gateways.exchange.ccxt_wire import ccxt_binance
assert not [name for name in sys.modules if name.partition(".")[0] in ("ccxt", "requests")], "not before it is needed"
light = ccxt_binance()
assert light is ccxt_binance()
brought = {name.partition(".")[0] for name in sys.modules}
assert not brought & {"aiohttp", "yarl", "uvloop", "coincurve", "multidict", "frozenlist", "propcache"}, brought
assert {name for name in sys.modules if name.startswith("ccxt.") and name.count(".") == 1} == {
    "ccxt.base", "ccxt.abstract", "ccxt.binance"
}
import ccxt
assert "ccxt.kraken" in sys.modules and isinstance(ccxt.kraken, type), "all of it, for whoever wants that"
assert ccxt.binance is light is ccxt_binance()
"""


def test_only_binance_is_imported_and_the_rest_can_be_later() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
