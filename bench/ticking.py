"""One tick after another over a shard, run as a process of its own by `bench.tick`, which gives it a share of a CPU.

A tick reads each account's market once (book, open orders, own trades), and runs the cycles that are due. A cycle
decides, writes the order's QUOTES item, and replaces each of its quotes: a cancel, and the successor's placement. So a
tick of n orders makes 12 n requests and 3 for each account, or 6 n where the two are asked for in one.

Real: the wires, signing, parsing, threads, botocore's `UpdateItem`. Not: the table, which answers after 10 ms by a
hook, and the decision, which is a loop of so much CPU.

Waits for a line on standard input; prints `ready`, and then JSON: of each tick what `Ticked` says.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from io import BytesIO
from itertools import count
from statistics import median
from threading import Lock
from typing import Any, Protocol

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from common.gateways import transport
from common.gateways.exchange import Side, client_order_id
from common.gateways.exchange.binance_answers import told_amount
from common.gateways.exchange.binance_maker import BinanceMaker, way_to
from common.gateways.exchange.ccxt_wire import CcxtWire
from common.gateways.exchange.maker import Market, Quote
from common.gateways.transport import Transport
from tests import settled

MARKET = Market("BTC", "USDT")
LEVELS = 3
CALLS, THREADS = 150, 8  # of each kind, where calls are measured by themselves
BOOK_LEVELS = 50
TABLE_SECONDS = 0.010
IN_ONE = "own, in one"  # a cancel and its successor's placement are one request
WIRES = (IN_ONE, "own", "ccxt, kept", "ccxt")
CONNECT_SECONDS, READ_SECONDS = 3.0, 9.0
QUOTES_BYTES = 5_000
ORDERS_PER_10_SECONDS = 100
PRICE, STEP, SIZE = Decimal(60_000), Decimal("0.01"), Decimal("0.001")


_OPENED: list[object] = []  # connections


class _Counted(transport._Connecting):
    def __init__(self, *given: Any) -> None:
        _OPENED.append(None)
        super().__init__(*given)


transport._Connecting = _Counted  # type: ignore[assignment, misc]


class Wire(Protocol):
    """What a cycle asks of an exchange."""

    def book(self) -> object: ...
    def open_orders(self) -> object: ...
    def trades(self) -> object: ...
    def place(self, quote: Quote) -> None: ...
    def cancel(self, client_order_id: str) -> None: ...
    def replace(self, client_order_id: str, quote: Quote) -> None: ...


class OwnWire:
    def __init__(self, way: Transport, api_key: str, secret: str) -> None:
        self._maker = BinanceMaker(way, api_key=api_key, secret=secret)

    def book(self) -> object:
        return self._maker.book(MARKET, BOOK_LEVELS)

    def open_orders(self) -> object:
        return self._maker.open_orders(MARKET)

    def trades(self) -> object:
        return self._maker.trades_after(MARKET, 0)

    def place(self, quote: Quote) -> None:
        self._maker.place(MARKET, quote)

    def cancel(self, client_order_id: str) -> None:
        self._maker.cancel(MARKET, client_order_id)

    def replace(self, client_order_id: str, quote: Quote) -> None:
        self._maker.replace(MARKET, client_order_id, quote)


class ByCcxt:
    """The same calls by the client that orders of customers use, read as exactly. way: None keeps no connections."""

    def __init__(self, url: str, way: Transport | None, api_key: str, secret: str) -> None:
        self._wire = CcxtWire(
            url, api_key=api_key, secret=secret, connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS
        )
        if way is not None:
            self._wire._transport = way
        self._client = self._wire.client
        self._client.set_markets(self._ask(self._client.fetch_markets, {"symbol": "BTCUSDT"}))

    def _ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        self._wire.begin()
        return self._wire.ask(_as_it_is, call, *arguments)

    def book(self) -> object:
        told = self._ask(self._client.public_get_depth, {"symbol": "BTCUSDT", "limit": str(BOOK_LEVELS)})
        return [[(Decimal(price), Decimal(size)) for price, size in told[side]] for side in ("bids", "asks")]

    def open_orders(self) -> object:
        names = ("price", "origQty", "executedQty")
        orders = self._ask(self._client.fetch_open_orders, "BTC/USDT")
        return [[told_amount(order["info"], name) for name in names] for order in orders]

    def trades(self) -> object:
        names = ("price", "qty", "quoteQty", "commission")
        trades = self._ask(self._client.fetch_my_trades, "BTC/USDT", None, 1000, {"fromId": "1"})
        return [[told_amount(trade["info"], name) for name in names] for trade in trades]

    def place(self, quote: Quote) -> None:
        besides = {"newClientOrderId": quote.client_order_id, "postOnly": True}
        side, quantity, price = quote.side.value.lower(), str(quote.quantity), str(quote.price)
        self._ask(self._client.create_order, "BTC/USDT", "limit", side, quantity, price, besides)

    def cancel(self, client_order_id: str) -> None:
        self._ask(self._client.cancel_order, "", "BTC/USDT", {"origClientOrderId": client_order_id})

    def replace(self, client_order_id: str, quote: Quote) -> None:
        raise NotImplementedError("not asked of this wire")


def _as_it_is(trouble: Exception, _: object) -> Any:
    return trouble


def wires(kind: str) -> Callable[[str, str, str], Wire]:
    """By the address of the exchange, and a key of it. What can be kept is shared by all accounts."""
    ways: dict[str, Transport] = {}

    def made(url: str, api_key: str, secret: str) -> Wire:
        way = ways.setdefault(url, way_to(url, connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS))
        if kind in ("own", IN_ONE):
            return OwnWire(way, api_key, secret)
        return ByCcxt(url, way if kind == "ccxt, kept" else None, api_key, secret)

    return made


class OrderRate:
    """At most so many placements of an account within any ten seconds."""

    def __init__(self) -> None:
        self._sent: deque[float] = deque()
        self._lock = Lock()

    def wait(self) -> None:
        while True:
            with self._lock:
                now = time.monotonic()
                while self._sent and self._sent[0] < now - 10.0:
                    self._sent.popleft()
                if len(self._sent) < ORDERS_PER_10_SECONDS:
                    self._sent.append(now)
                    return
                free_at = self._sent[0] + 10.0
            time.sleep(max(0.001, free_at - now))


@dataclass
class Account:
    wire: Wire
    orders: list[str]
    rate: OrderRate = field(default_factory=OrderRate)


@dataclass(frozen=True)
class Ticked:
    """Seconds. late: from the tick's begin to that of each cycle; intents: from an order's write to the sending of its
    last placement; waits: of each request to the exchange. connections: those that were opened."""

    late: list[float]
    length: float
    cpu: float
    intents: list[float]
    calls: int
    waits: list[float]
    connections: int


class Shard:
    """threads: so many requests are on their way at the same time."""

    def __init__(self, accounts: Sequence[Account], threads: int, decide_seconds: float, in_one: bool) -> None:
        self._in_one = in_one
        self._accounts = accounts
        self._decide_seconds = decide_seconds
        self._slots = ThreadPoolExecutor(threads)
        self._cycles = ThreadPoolExecutor(max(1, threads // (2 * LEVELS)))
        self._table = _table()
        self._placed: dict[str, list[str]] = {}  # by order: the client ids of its quotes
        self._waits: list[float] = []

    def tick(self, number: int) -> Ticked:
        began, cpu, opened = time.monotonic(), time.process_time(), len(_OPENED)
        self._waits = []
        looks = [
            (account, [self._slots.submit(self._timed, look) for look in (wire.book, wire.open_orders, wire.trades)])
            for account in self._accounts
            for wire in (account.wire,)
        ]
        running = []
        for account, asked in looks:
            for look in asked:
                look.result()
            running += [self._cycles.submit(self._cycle, account, order, number, began) for order in account.orders]
        done = [cycle.result() for cycle in running]
        length = time.monotonic() - began
        late, intents = [late for late, _ in done], [intent for _, intent in done]
        cpu, opened = time.process_time() - cpu, len(_OPENED) - opened
        return Ticked(late, length, cpu, intents, len(self._waits), self._waits, opened)

    def _cycle(self, account: Account, order: str, number: int, began: float) -> tuple[float, float]:
        late = time.monotonic() - began
        quotes = self._decided(order, number)
        self._write(order, number)
        written = time.monotonic()
        old: list[str | None] = [*self._placed.get(order, [None] * len(quotes))]
        replacing = [
            self._slots.submit(self._replace, account, gone, quote) for gone, quote in zip(old, quotes, strict=True)
        ]
        last = max(replaced.result() for replaced in replacing)
        self._placed[order] = [quote.client_order_id for quote in quotes]
        return late, last - written

    def _decided(self, order: str, number: int) -> list[Quote]:
        """After so much CPU as a decision may take."""
        until = time.thread_time() + self._decide_seconds
        while time.thread_time() < until:
            pass
        away = [(side, level) for side in Side for level in range(LEVELS)]
        return [
            Quote(
                side,
                PRICE + STEP * (number % 50 + 100 * (level + 1)) * (-1 if side is Side.BUY else 1),
                SIZE,
                client_order_id(order, str(number), side, str(level)),
            )
            for side, level in away
        ]

    def _write(self, order: str, number: int) -> None:
        self._table.update_item(
            TableName="desk",
            Key={"PK": {"S": order}, "SK": {"S": "QUOTES"}},
            UpdateExpression="SET #q = :q, #c = :c",
            ConditionExpression="#c = :b",
            ExpressionAttributeNames={"#q": "quotes", "#c": "cycle"},
            ExpressionAttributeValues={
                ":q": {"S": "x" * QUOTES_BYTES},
                ":c": {"N": str(number)},
                ":b": {"N": str(number - 1)},
            },
        )

    def _replace(self, account: Account, gone: str | None, quote: Quote) -> float:
        """When the placement was sent."""
        if gone is not None and not self._in_one:
            self._timed(lambda: account.wire.cancel(gone))
        account.rate.wait()
        sent = time.monotonic()
        if gone is not None and self._in_one:
            self._timed(lambda: account.wire.replace(gone, quote))
        else:
            self._timed(lambda: account.wire.place(quote))
        return sent

    def _timed(self, ask: Callable[[], object]) -> None:
        began = time.monotonic()
        ask()
        self._waits.append(time.monotonic() - began)


class _Raw(BytesIO):
    def stream(self) -> Any:
        yield self.read()


def _table() -> Any:
    """The table's client as it ships; the wire answers after TABLE_SECONDS."""
    from common import aws

    def answered(request: Any, **_: Any) -> AWSResponse:
        time.sleep(TABLE_SECONDS)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Raw(b"{}"))

    client: Any = aws.table().client
    client.meta.events.register("before-send.dynamodb", answered)
    return client


def cpu_of_calls(wire: Wire, in_one: bool) -> dict[str, float]:
    """Median milliseconds of CPU of each call, one after another; and of a cancel and a placement where several threads
    make them."""
    ids = (client_order_id("calls", str(n)) for n in count())
    quotes = (Quote(Side.BUY, PRICE - 100, SIZE, name) for name in ids)
    placed: deque[str] = deque()

    def place() -> None:
        quote = next(quotes)
        wire.place(quote)
        placed.append(quote.client_order_id)

    def replace() -> None:
        quote = next(quotes)
        wire.replace(placed.popleft(), quote)
        placed.append(quote.client_order_id)

    def both(name: str) -> None:
        wire.place(Quote(Side.BUY, PRICE - 100, SIZE, name))
        wire.cancel(name)

    kinds: dict[str, Callable[[], object]] = {"place": place, "cancel": lambda: wire.cancel(placed.popleft())}
    kinds |= {"book": wire.book, "open orders": wire.open_orders, "own trades": wire.trades}
    if in_one:
        kinds = {"place": place, "replace": replace}
    found = {kind: median(_cpu(call) for _ in range(CALLS)) * 1000 for kind, call in kinds.items()}
    if not in_one:
        names = [next(ids) for _ in range(CALLS)]
        with ThreadPoolExecutor(THREADS) as threads:
            began = time.process_time()
            deque(threads.map(both, names), maxlen=0)
            found[f"place, cancel by {THREADS} threads"] = (time.process_time() - began) / (2 * CALLS) * 1000
    return found


def _cpu(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def main() -> None:
    os.environ |= settled.ENVIRONMENT
    asked = json.loads(sys.argv[1])
    if "calls" in asked:
        key = asked["calls"]
        wire = wires(asked["wire"])(key["url"], key["api_key"], key["secret"])
        print(json.dumps(cpu_of_calls(wire, asked["wire"] == IN_ONE)), flush=True)
        return
    make = wires(asked["wire"])
    accounts = [Account(make(one["url"], one["api_key"], one["secret"]), one["orders"]) for one in asked["accounts"]]
    shard = Shard(accounts, asked["threads"], asked["decide_seconds"], asked["wire"] == IN_ONE)
    print("ready", flush=True)
    sys.stdin.readline()
    ticked, began = [], time.monotonic()
    for number in range(asked["ticks"] + 1):
        time.sleep(max(0.0, began + number * asked["interval_seconds"] - time.monotonic()))
        tick = shard.tick(number)
        if number:  # the first one only places
            ticked.append(asdict(tick))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"ticks": ticked, "mib": peak}), flush=True)


if __name__ == "__main__":
    main()
