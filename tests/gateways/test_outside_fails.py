"""However an outside system fails: each call of each port, each way to fail, and what the port says must come of it.

A failing call is always `Unavailable`: never a refusal, never "unknown", and nothing is asked after it. What is
particular to one system, the answers that decide something, is in the file of its adapter.
"""

import gzip
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from common import clock
from common.errors import Unavailable
from common.gateways.bank import Bank, BankUnavailable
from common.gateways.bank.baas import BODY_BYTES_MAX as BANK_BYTES_MAX
from common.gateways.bank.baas import BaasBank
from common.gateways.custody import Address, CustodyUnavailable
from common.gateways.custody.session import BODY_BYTES_MAX as CUSTODY_BYTES_MAX
from common.gateways.exchange import NEVER_PLACED_SECONDS, Exchange, ExchangeOrderUnknown, ExchangeUnavailable
from common.gateways.exchange.alphapoint import BODY_BYTES_MAX as ALPHAPOINT_BYTES_MAX
from common.gateways.exchange.alphapoint import OPERATION_SECONDS_MAX, AlphaPointExchange
from common.gateways.exchange.binance_maker import BODY_BYTES_MAX as MAKING_BYTES_MAX
from common.gateways.exchange.binance_maker import BinanceMaker, way_to
from common.gateways.exchange.ccxt import CcxtExchange
from common.gateways.exchange.ccxt_funds import CcxtFunds
from common.gateways.exchange.ccxt_wire import BODY_BYTES_MAX as BINANCE_BYTES_MAX
from common.gateways.exchange.funds import ExchangeFunds
from common.gateways.exchange.maker import Maker
from common.gateways.prices import Prices, PriceSourceUnavailable
from common.gateways.prices.coingecko import BODY_BYTES_MAX as PRICES_BYTES_MAX
from common.gateways.prices.coingecko import CoinGeckoPrices
from common.money import Money, Quantity
from tests.depth import sampled
from tests.gateways import alphapoint, binance, mixin
from tests.gateways.test_bank_baas import GOOD
from tests.gateways.wire import Send, Wire, drip, endless, http, nobody, silence


@dataclass(frozen=True)
class System:
    """An outside system behind its adapter. whats: what it calls a fault of theirs, and a refusal of us. written: a
    whole answer of its."""

    name: str
    adapter: Callable[..., Any]
    error: type[Unavailable]
    body_bytes_max: int
    fault: str
    refused: str
    written: Callable[..., bytes] = http


BANK = System(
    "bank", lambda url, **o: BaasBank(url, "key", **o), BankUnavailable, BANK_BYTES_MAX, "bank_error", "denied"
)
PRICES = System(
    "prices",
    lambda url, **o: CoinGeckoPrices(url, {"BTC": "bitcoin"}, **o),
    PriceSourceUnavailable,
    PRICES_BYTES_MAX,
    "source_error",
    "refused",
)
BINANCE = System(
    "binance",
    lambda url, **o: CcxtExchange(url, api_key="k", secret="s", **o),
    ExchangeUnavailable,
    BINANCE_BYTES_MAX,
    "exchange_error",
    "refused",
)
FUNDS = System(
    "binance's funds",
    lambda url, **o: CcxtFunds(url, api_key="k", secret="s", **o),
    ExchangeUnavailable,
    BINANCE_BYTES_MAX,
    "exchange_error",
    "refused",
)


def _maker(url: str, *, connect_seconds: float = 1.0, read_seconds: float = 5.5, **given: Any) -> BinanceMaker:
    way = way_to(url, connect_seconds=connect_seconds, read_seconds=read_seconds)
    return BinanceMaker(way, **{"api_key": "k", "secret": "s"} | given)


MAKING = System("market making", _maker, ExchangeUnavailable, MAKING_BYTES_MAX, "exchange_error", "refused")
ALPHAPOINT = System(
    "alphapoint",
    lambda url, **o: AlphaPointExchange(url, oms_id=1, account_id=449, user_id=446, api_key="k", secret="s", **o),
    ExchangeUnavailable,
    ALPHAPOINT_BYTES_MAX,
    "exchange_error",
    "refused",
)
CUSTODY = System("mixin", mixin.wired, CustodyUnavailable, CUSTODY_BYTES_MAX, "custody_error", "refused", mixin.written)


@dataclass(frozen=True)
class Call:
    """A call of a port up to one of its requests.

    before: the good answers that come before that request's; after: those that come after it.
    good: the body that would be a good answer to it.
    """

    system: System
    name: str
    ask: Callable[[Any], object]
    good: str | object
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    good_status: str = "200 OK"

    def __str__(self) -> str:
        return f"{self.system.name} {self.name}"

    def fails(self, answer: bytes | Send, **options: Any) -> tuple[Mapping[str, Any], Wire]:
        """The facts of the error when this request is answered so."""
        http = self.system.written
        before = [http(body) for body in self.before]
        with Wire(*before, answer, http(self.good), http(self.good)) as wire, pytest.raises(Unavailable) as failed:
            self.ask(self.system.adapter(wire.url, **options))
        assert type(failed.value) is self.system.error
        assert failed.value.detail
        return failed.value.facts, wire

    def what(self, answer: bytes | Send, **options: Any) -> object:
        facts, wire = self.fails(answer, **options)
        assert len(wire.heads) == len(self.before) + 1, "asked once, and nothing after it"
        return facts["what"]


def _credit(bank: Bank) -> object:
    return bank.credit("pay-1", "a-1", Money("123.45"), "sale of 0.5 BTC")


def _rules(exchange: Exchange) -> object:
    return exchange.rules("BTC")


def _ticker(exchange: Exchange) -> object:
    return exchange.ticker("BTC")


def _place(exchange: Exchange) -> object:
    return exchange.place(binance.SELL)


def _order(exchange: Exchange) -> object:
    return exchange.order("BTC", "28")


def _find(exchange: Exchange) -> object:
    return exchange.find("BTC", binance.OURS)


def _cancel(exchange: Exchange) -> None:
    exchange.cancel("BTC", "28")


def _address(funds: ExchangeFunds) -> object:
    return funds.deposit_address("USDT", "TRC20")


def _withdraw(funds: ExchangeFunds) -> None:
    funds.withdraw("USDT", "TRC20", Address(binance.TRON), Quantity("100", "USDT"), binance.WITHDRAWAL)


def _withdrawal(funds: ExchangeFunds) -> object:
    return funds.withdrawal("USDT", binance.WITHDRAWAL, clock.now())


def _quote(maker: Maker) -> object:
    return maker.place(binance.BTC_USDT, binance.QUOTE)


def _requote(maker: Maker) -> object:
    return maker.replace(binance.BTC_USDT, "aaaaaaaaaaaaaaaaaa", binance.QUOTE)


def _end(maker: Maker) -> object:
    return maker.cancel(binance.BTC_USDT, binance.OURS)


def _looked_up(maker: Maker) -> object:
    return maker.find(binance.BTC_USDT, binance.OURS)


def _limits(maker: Maker) -> object:
    return maker.limits(binance.BTC_USDT)


def _traded(maker: Maker) -> object:
    return maker.trades_after(binance.BTC_USDT, 0)


def _traded_of(maker: Maker) -> object:
    return maker.trades_of(binance.BTC_USDT, "28", 0)


def _latest(prices: Prices) -> object:
    return prices.latest(["BTC"])


def _fee(wired: mixin.Wired) -> object:
    return wired.custody.withdrawal_fee(mixin.USDT, mixin.ELSEWHERE)


def _draft(wired: mixin.Wired) -> object:
    return wired.sender.draft(mixin.TRANSFER)


def _send(wired: mixin.Wired) -> object:
    return wired.sender.send(mixin.DRAFTS)


MARKET, FILLED = binance.info(), binance.order("FILLED", "0.34500000")
TRADES = json.dumps([binance.trade(1, "0.34500000", "6558.6225")])
LISTED, WORKING = alphapoint.INSTRUMENTS, alphapoint.order(OrderId=28)
TRADED, NOTHING = alphapoint.array(alphapoint.trade(1, OrderId=28)), alphapoint.NOTHING
ELSEWHERE = alphapoint.array(alphapoint.trade(1, OrderId=28, FeeProductId=77))
NOT_CANCELLED, OVER = alphapoint.no(101, "Operation Failed"), alphapoint.order(OrderId=28, OrderState='"Canceled"')
SNAPSHOTS, OUTPUTS = mixin.data([mixin.snapshot()]), mixin.data([mixin.output()])
FEES, KEYS = json.dumps(mixin.data([mixin.fee("0.002", mixin.ETH)])), mixin.data(mixin.keys(0, 1))
REGISTERED = json.dumps(mixin.data([mixin.registered(draft) for draft in mixin.DRAFTS]))
SENT = json.dumps(mixin.data([mixin.done(draft) for draft in mixin.DRAFTS]))
NO = json.dumps({"error": {"code": 10105, "description": "locked by another transaction"}})
CALLS = [
    Call(BANK, "credit", _credit, GOOD, good_status="201 Created"),
    Call(BANK, "find", lambda bank: bank.find("pay-1"), {"data": [GOOD]}),
    Call(PRICES, "latest", _latest, '{"bitcoin":{"usd":67187.3,"last_updated_at":1711356300}}'),
    Call(BINANCE, "rules", _rules, MARKET),
    Call(BINANCE, "ticker", _ticker, binance.TICKER),
    Call(BINANCE, "place", _place, binance.order(), (MARKET,)),
    Call(BINANCE, "order", _order, FILLED, (MARKET,), (TRADES,)),
    Call(BINANCE, "order, its trades", _order, TRADES, (MARKET, FILLED)),
    Call(BINANCE, "find", _find, FILLED, (MARKET,), (TRADES,)),
    Call(BINANCE, "cancel", _cancel, binance.order("CANCELED"), (MARKET,)),
    Call(FUNDS, "networks", lambda funds: funds.networks("USDT"), binance.coins()),
    Call(FUNDS, "deposit_address", _address, binance.address(), (binance.coins(),)),
    Call(FUNDS, "deposit_address, its network", _address, binance.coins(), (), (binance.address(),)),
    Call(FUNDS, "deposits", lambda funds: funds.deposits("USDT", clock.now()), json.dumps([binance.deposit()])),
    Call(FUNDS, "free", lambda funds: funds.free("USDT"), binance.BALANCES),
    Call(FUNDS, "withdraw", _withdraw, binance.APPLIED, ("[]",)),
    Call(FUNDS, "withdraw, the look before", _withdraw, "[]", (), (binance.APPLIED,)),
    Call(FUNDS, "withdrawal", _withdrawal, json.dumps([binance.withdrawal()])),
    Call(MAKING, "book", lambda maker: maker.book(binance.BTC_USDT, 5), binance.BOOK),
    Call(MAKING, "limits", _limits, binance.ANNOUNCED, (), (binance.ORDER_LIMITS,)),
    Call(MAKING, "limits, of the account", _limits, binance.ORDER_LIMITS, (binance.ANNOUNCED,)),
    Call(MAKING, "open_orders", lambda maker: maker.open_orders(binance.BTC_USDT), binance.OPEN),
    Call(MAKING, "find", _looked_up, binance.order()),
    Call(MAKING, "trades_after", _traded, TRADES),
    Call(MAKING, "trades_of", _traded_of, TRADES),
    Call(MAKING, "place", _quote, binance.ACCEPTED),
    Call(MAKING, "replace", _requote, binance.replaced(binance.ended("a" * 18), binance.ACCEPTED)),
    Call(MAKING, "cancel", _end, binance.ended()),
    Call(MAKING, "balances", lambda maker: maker.balances(), binance.BALANCES),
    Call(ALPHAPOINT, "rules", _rules, LISTED),
    Call(ALPHAPOINT, "ticker", _ticker, alphapoint.LEVEL_1, (LISTED,)),
    Call(ALPHAPOINT, "place", _place, alphapoint.ACCEPTED, (LISTED,)),
    Call(ALPHAPOINT, "order", _order, WORKING, (), (LISTED, TRADED)),
    Call(ALPHAPOINT, "order, its market", _order, LISTED, (WORKING,), (TRADED,)),
    Call(ALPHAPOINT, "order, its trades", _order, TRADED, (WORKING, LISTED)),
    Call(ALPHAPOINT, "order, its fee", _order, '[{"ProductId":77,"Product":"ZMT"}]', (WORKING, LISTED, ELSEWHERE)),
    *(
        Call(ALPHAPOINT, f"find, {look}", _find, NOTHING, (NOTHING,) * n, (NOTHING,) * (3 - n))
        for n, look in enumerate(("open", "over", "trades", "open once more"))
    ),
    Call(ALPHAPOINT, "cancel", _cancel, WORKING, (), (LISTED, alphapoint.YES)),
    Call(ALPHAPOINT, "cancel, itself", _cancel, alphapoint.YES, (WORKING, LISTED)),
    Call(ALPHAPOINT, "cancel, the look after a no", _cancel, OVER, (WORKING, LISTED, NOT_CANCELLED)),
    Call(CUSTODY, "snapshots", lambda wired: wired.custody.snapshots(mixin.SINCE), SNAPSHOTS),
    Call(CUSTODY, "snapshot", lambda wired: wired.custody.snapshot(mixin.uuid(1)), mixin.data(mixin.snapshot())),
    Call(CUSTODY, "outputs", lambda wired: wired.custody.outputs(mixin.BTC), OUTPUTS),
    Call(CUSTODY, "asset", lambda wired: wired.custody.asset(mixin.USDT), mixin.data(mixin.asset())),
    Call(CUSTODY, "withdrawal_fee", _fee, FEES, (), (json.dumps(mixin.data(mixin.asset())),)),
    Call(CUSTODY, "withdrawal_fee, its chain", _fee, mixin.data(mixin.asset()), (FEES,)),
    Call(
        CUSTODY, "deposit_address", lambda wired: wired.custody.deposit_address(mixin.BTC), mixin.data([mixin.entry()])
    ),
    Call(
        CUSTODY,
        "transaction",
        lambda wired: wired.custody.transaction(mixin.REQUEST),
        mixin.data(mixin.transaction()),
    ),
    Call(CUSTODY, "draft", _draft, KEYS),
    Call(CUSTODY, "send, registering", _send, REGISTERED, (), (SENT,)),
    Call(CUSTODY, "send, itself", _send, SENT, (REGISTERED,)),
    Call(CUSTODY, "send, the look after a no", _send, mixin.data(mixin.done(mixin.DRAFTS[0])), (NO,)),
]
SYSTEMS = (BANK, PRICES, BINANCE, FUNDS, MAKING, ALPHAPOINT, CUSTODY)
FIRST = [next(call for call in CALLS if call.system is system) for system in SYSTEMS]
each_call = pytest.mark.parametrize("call", CALLS, ids=str)
each_system = pytest.mark.parametrize("call", FIRST, ids=lambda call: call.system.name)


@each_call
def test_a_call_whose_answers_are_good_succeeds(call: Call) -> None:
    """Otherwise the tests below would prove nothing."""
    http = call.system.written
    answers = [*map(http, call.before), http(call.good, call.good_status), *map(http, call.after)]
    with Wire(*answers) as wire, suppress(ExchangeOrderUnknown):
        call.ask(call.system.adapter(wire.url))
    assert len(wire.heads) == len(answers)


# An answer with a status that decides nothing

REFUSED = ["400", "401", "402", "403", "404", "405", "409", "410", "413", "418", "422", "425", "429", "451"]
STATUSES = ["204", "301", "302", "307", *REFUSED, "408", "500", "501", "502", "503", "504", "599"]


def expected(system: System, status: str) -> str | None:
    """None: this status decides something there, or may."""
    particular = {
        (BANK, "400"): None,
        (BANK, "422"): None,
        (BANK, "409"): "conflict",
        (BANK, "425"): "bank_error",
        **{(system, "204"): "garbage" for system in (BINANCE, FUNDS, MAKING)},
        **{(system, "418"): "rate_limit" for system in (BINANCE, FUNDS, MAKING)},
    }
    if (system, status) in particular:
        return particular[system, status]
    if status == "429":
        return "rate_limit"
    if status == "408" or status >= "500":
        return system.fault
    lets_us_in = {
        ALPHAPOINT: ("401", "403", "404", "451"),
        BINANCE: ("401", "403", "451"),
        CUSTODY: ("401", "403", "404"),
    }
    lets_us_in[FUNDS] = lets_us_in[MAKING] = lets_us_in[BINANCE]
    if system in lets_us_in:
        return system.refused if status in lets_us_in[system] else system.fault
    return system.refused


@sampled(24)
@pytest.mark.parametrize("status", STATUSES)
@each_call
def test_a_status_that_decides_nothing_leaves_all_open(call: Call, status: str) -> None:
    """However good the body looks; and what is told in its place is never asked elsewhere."""
    what = expected(call.system, status)
    if what is None:
        pytest.skip("its adapter's own tests say what it decides")
    body = "" if status == "204" else call.good
    with Wire(http(call.good)) as elsewhere:
        told = call.system.written(body, f"{status} Whatever", f"Location: {elsewhere.url}/x")
        assert call.what(told) == what
    assert elsewhere.heads == []


@pytest.mark.parametrize(("said", "seconds"), [("119", 119), ("0", 0), ("soon", None), ("-5", None), ("9" * 7, None)])
@pytest.mark.parametrize("status", ["429", "503"])
@each_system
def test_the_wait_is_told_when_it_is_told_in_seconds(call: Call, status: str, said: str, seconds: int | None) -> None:
    facts, _ = call.fails(call.system.written("{}", f"{status} Whatever", f"Retry-After: {said}"))
    assert facts.get("retry_after_seconds") == seconds


# An answer that can not be read


def _whole(call: Call) -> bytes:
    return call.system.written(call.good, call.good_status)


def _packed(call: Call) -> bytes:
    whole = _whole(call)
    return gzip.compress(whole[whole.index(b"\r\n\r\n") + 4 :], mtime=0)


def _half(call: Call) -> bytes:
    """Cut at a place where it is still JSON."""
    whole = _whole(call)
    return whole.replace(b"Content-Length: ", b"Content-Length: 1")


UNREADABLE: dict[str, Callable[[Call], bytes | Send]] = {
    "empty": lambda call: call.system.written("", call.good_status),
    "null": lambda call: call.system.written("null", call.good_status),
    "a text": lambda call: call.system.written('"adj-9"', call.good_status),
    "not UTF-8": lambda call: call.system.written(b"\xff\xfe\xfa", call.good_status),
    "too deep": lambda call: call.system.written("[" * 60_000, call.good_status),
    "a page": lambda call: call.system.written("<!doctype html><title>Just a moment</title>", call.good_status),
    "said to be a page": lambda call: call.system.written(
        call.good, call.good_status, "Content-Type: text/html; charset=utf-8"
    ),
    "packed unasked": lambda call: call.system.written(_packed(call), call.good_status),
    "half a head": lambda call: f"HTTP/1.1 {call.good_status}\r\nContent-Le".encode(),
    "too long": lambda call: call.system.written(b" " * (call.system.body_bytes_max + 1), call.good_status),
    "endless": lambda _: endless,
}
BROKEN: dict[str, Callable[[Call], bytes]] = {
    "nothing": lambda _: b"",
    "half a body": _half,
    "half a chunk": lambda call: f"HTTP/1.1 {call.good_status}\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{{".encode(),
    "not HTTP": lambda _: b"SSH-2.0-OpenSSH_9.6\r\n",
}
SLOW: dict[str, Callable[[Call], Send]] = {
    "silent": lambda _: silence,
    "dripping": lambda call: drip(_whole(call) + b" " * 200),
}


@sampled(24)
@pytest.mark.parametrize("way", UNREADABLE)
@each_call
def test_an_answer_that_can_not_be_read_leaves_all_open(call: Call, way: str) -> None:
    assert call.what(UNREADABLE[way](call)) == "garbage"


@sampled(24)
@pytest.mark.parametrize("way", BROKEN)
@each_call
def test_an_answer_that_is_not_whole_leaves_all_open(call: Call, way: str) -> None:
    assert call.what(BROKEN[way](call)) == "connection"


@sampled(24)
@pytest.mark.parametrize("way", SLOW)
@each_call
def test_an_answer_that_is_too_slow_leaves_all_open(call: Call, way: str) -> None:
    """On a busy machine an answer before it may be too slow already: that is told in the same way."""
    began = time.monotonic()
    facts, wire = call.fails(SLOW[way](call), read_seconds=0.06)
    assert facts == {"what": "timeout"}
    assert len(wire.heads) <= len(call.before) + 1
    assert time.monotonic() - began < 3, "not to the end of what drips"


@each_call
def test_a_system_that_nobody_listens_for_leaves_all_open(call: Call) -> None:
    with pytest.raises(call.system.error) as failed:
        call.ask(call.system.adapter(nobody()))
    assert failed.value.facts == {"what": "connection"}


@pytest.mark.parametrize("call", [call for call in CALLS if call.before], ids=str)
def test_when_the_time_of_an_operation_is_over_nothing_more_is_asked(call: Call) -> None:
    """Some operations make several requests; what counts is the time of all of them together."""
    seconds = 0.0

    def slowly(caller: Any) -> None:
        nonlocal seconds
        seconds += 12.0
        caller.sendall(call.system.written(call.before[-1]))

    before = [call.system.written(body) for body in call.before[:-1]]
    with Wire(*before, slowly, call.system.written(call.good)) as wire, pytest.raises(Unavailable) as failed:
        call.ask(call.system.adapter(wire.url, monotonic=lambda: seconds))
    assert failed.value.facts == {"what": "timeout"}
    assert len(wire.heads) == len(call.before)


# Settings


@each_system
def test_settings_that_can_not_be_are_refused_at_once(call: Call) -> None:
    for address in ("", "api.bank.example", "ftp://api.bank.example", "https://x?a=b"):
        with pytest.raises(ValueError, match="is not an address"):
            call.system.adapter(address)
    for name in ("connect_seconds", "read_seconds"):
        with pytest.raises(ValueError, match="must be above 0"):
            call.system.adapter("https://api.bank.example", **{name: 0})


@pytest.mark.parametrize("call", [call for call in FIRST if call.system is not CUSTODY], ids=lambda c: c.system.name)
def test_a_key_that_would_break_its_header_is_not_shown(call: Call) -> None:
    kinds: dict[str, Callable[[str], object]] = {
        "bank": lambda key: BaasBank("https://x.example", key),
        "prices": lambda key: CoinGeckoPrices("https://x.example", {}, api_key=key),
        "binance": lambda key: CcxtExchange("https://x.example", api_key=key, secret="s"),
        "binance's funds": lambda key: CcxtFunds("https://x.example", api_key=key, secret="s"),
        "market making": lambda key: _maker("https://x.example", api_key=key),
        "alphapoint": lambda key: AlphaPointExchange(
            "https://x.example", oms_id=1, account_id=2, user_id=3, api_key=key, secret="s"
        ),
    }
    for key in ("hush\n", "hu sh", "húsh"):
        with pytest.raises(ValueError, match="API key") as refusal:
            kinds[call.system.name](key)
        assert "sh" not in str(refusal.value).split()


@pytest.mark.parametrize("system", [BINANCE, FUNDS, ALPHAPOINT, CUSTODY], ids=lambda system: system.name)
def test_the_time_outs_of_a_call_fit_into_an_operation(system: System) -> None:
    """And an operation ends long before its order is given up."""
    assert OPERATION_SECONDS_MAX + 30 < NEVER_PLACED_SECONDS
    with pytest.raises(ValueError, match="must be within 12 s"):
        system.adapter("https://x.example", connect_seconds=6.0, read_seconds=6.1)
