"""Random lives of quotes: orders at one account of the simulated exchange, whose cycles are the product's own, run by
tickers that overlap, stall, die, and lose answers, while others trade with what rests.

    python -m tests.market_making.slots 4711            replays one seed and tells what happened
    python -m tests.market_making.slots --from 0 --lives 1000

At no time has a slot two open orders, nor is one open that the table does not know. In the end nothing is open, and
trades and ledgers are the exchange's own, to the last digit. Time is virtual, and a seed gives the same life again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, TypeVar, cast

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from common.errors import Refusal
from common.gateways.exchange import ExchangeUnavailable, Side
from common.gateways.exchange.maker import Market
from common.money import Quantity
from common.table.table import Table
from common.table.transaction import Patience
from functions.market_making import quotes_store, store
from functions.market_making.model import TICK_SECONDS_MAX, AtExchange, Order
from functions.market_making.planning import Wanted, Wish
from functions.market_making.quotes import Quotes, side_of
from functions.market_making.service.cycling import Cycling, Known, Seen
from sandbox.exchange.fake_maker import FakeMaker
from sandbox.exchange.venue import BUY, SELL, Fees, Kind, Symbol, TimeInForce, Venue
from tests.desk import TABLE
from tests.harness.interleave import Interleaver
from tests.harness.memory import InMemoryDynamoDB
from tests.lives import main

COMMAND = "python -m tests.market_making.slots"
MARKET = Market("BTC", "USDT")
MAKER, OTHERS, LEVELS, EVERY_SECONDS = "maker", "others", 2, 10
BUSY_SECONDS, QUIET_SECONDS = 240, 260  # with faults, and after them
ON_THE_WAY_SECONDS = 17  # a request may arrive so long after who has sent it is gone: 12 s, and it stays valid for 5
T = TypeVar("T")


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Process:
    """A ticker's: it is killed when the tick has lasted too long, but for the time in which it was frozen: then no
    invocation runs, and nothing counts."""

    life: Life
    ends: datetime

    def may_send(self) -> bool:
        """Before each request. A process whose handler has ended early stands still until the next invocation."""
        if self.life.happens(0.02):
            seconds = self.life.chance.choice([5, 85, 100, 120])
            self.life.tell(f"a process is frozen for {seconds} s")
            self.ends += timedelta(seconds=seconds)
            self.life.world.sleep(seconds)
        return True

    def ask(self, act: Callable[[], T]) -> T:
        """A request to the exchange: it takes its time, and may not come there, or its answer not here."""
        life, chance = self.life, self.life.chance
        if life.happens(0.025):
            life.tell("a request stalls")
            self._sleep(chance.choice([11, 11, 85, 100, 120]), act)
        else:
            self._sleep(chance.choice([0.06, 0.06, 0.2]), act)
        if life.happens(0.03):
            raise ExchangeUnavailable("it was not sent", what="connection")
        answer: T | Refusal
        try:
            answer = act()
        except Refusal as no:
            answer = no
        life.check()
        if life.happens(0.04):
            raise ExchangeUnavailable("the answer was lost", what="timeout")
        if life.happens(0.006):
            life.tell("a process dies")
            raise Killed
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def _sleep(self, seconds: float, act: Callable[[], object]) -> None:
        left = (self.ends - self.life.world.now()).total_seconds()
        if seconds < left:
            self.life.world.sleep(seconds)
            return
        self.life.world.sleep(max(left, 0))
        if self.life.happens(0.5):
            self.life.later(self.life.chance.uniform(0, ON_THE_WAY_SECONDS), act)
        raise Killed


class Asked:
    """The exchange, as a process asks it."""

    def __init__(self, maker: FakeMaker, process: Process) -> None:
        self._maker, self._process = maker, process

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._maker, name)
        return lambda *args: self._process.ask(lambda: method(*args))


class Life:
    def __init__(self, seed: int) -> None:
        self.seed, self.chance, self.told = seed, Random(seed), list[str]()
        self.faults, self.stopping = True, False
        self.world = Interleaver(self.chance.choice)
        self.began = self.world.now()
        self.venue = Venue(self.world.now, seed, fees=Fees(Decimal(10), Decimal(8), self.chance.choice([None, "BNB"])))
        step = Decimal("0.001")
        self.venue.list_symbol(Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), step, step, Decimal(1), 1))
        self.orders = [f"MORDER{seed}X{n}" for n in range(self.chance.choice([1, 1, 2]))]
        share = {"BTC": Decimal(3), "USDT": Decimal(300)}
        has = {coin: amount * len(self.orders) for coin, amount in share.items()}
        self.began_with = {coin: Quantity(amount, coin) for coin, amount in share.items()}
        self.venue.open_account(MAKER, has | {"BNB": Decimal(1000)})
        self.venue.open_account(OTHERS, {}, endless=True)
        self.maker = FakeMaker(self.venue, MAKER, trades_page=self.chance.choice([1000, 3]))
        self.mid, self.numbered = Decimal(100), 0
        self.arriving: list[tuple[datetime, Callable[[], object]]] = []
        self.dynamo = self.world.watch(InMemoryDynamoDB(TABLE))
        for order_id in self.orders:
            order = cast(Order, type("_", (), {"order_id": order_id}))
            there = AtExchange(self.began_with["BTC"], self.began_with["USDT"])
            self.table.write(store.open_ledger(order, there, self.began))

    @property
    def table(self) -> Table:
        patience = Patience(monotonic=self.world.monotonic, sleep=self.world.sleep, jitter=self.chance.random)
        client: Any = self.dynamo
        return Table(client, TABLE.name, patience)

    def tell(self, what: str) -> None:
        self.told.append(f"{self.world.monotonic():6.1f} {what}")

    def happens(self, share: float) -> bool:
        return self.faults and self.chance.random() < share

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        self.arriving.append((self.world.now() + timedelta(seconds=seconds), act))

    def live(self) -> None:
        """Raises AssertionError when something that always holds does not."""
        ends = BUSY_SECONDS + QUIET_SECONDS
        ticks = list(range(0, ends, EVERY_SECONDS))
        twice = [at + self.chance.random() * 3 for at in ticks if at < BUSY_SECONDS and self.chance.random() < 0.25]
        late = [at + 5 for at in ticks if at < BUSY_SECONDS and self.chance.random() < 0.1]
        works = [lambda at=at: self._ticker(at) for at in (ticks[0::3], ticks[1::3], ticks[2::3], twice, late)]
        for outcome in self.world.run(*works, lambda: self._others(ends)):
            outcome.result()
        self._in_the_end()

    def _ticker(self, times: list[float]) -> None:
        for at in times:
            self.world.sleep(max(0.0, at - self.world.monotonic()))
            process = Process(self, self.world.now() + timedelta(seconds=TICK_SECONDS_MAX))
            try:
                self._tick(process)
            except Killed:
                self.tell("a tick is no more")
            except Refusal as no:
                self.tell(f"a tick fails: {type(no).__name__}")

    def _tick(self, process: Process) -> None:
        maker: Any = Asked(self.maker, process)
        cycling = Cycling(self.table, self.world.now, process.may_send)
        read = [quotes for order_id in self.orders if (quotes := quotes_store.find(self.table, order_id)) is not None]
        asked_at = self.world.now()
        open_orders = maker.open_orders(MARKET)
        trades = maker.trades_after(MARKET, min(quotes.cursor for quotes in read))
        for quotes in read:
            known = cycling.known(quotes, Seen(open_orders, trades, asked_at), maker, MARKET)
            planned = cycling.planned(known, self._wish(known), self.chance.choice([100, 100, 3]))
            cycling.write(known, planned)
            done = cycling.carry_out(planned, maker, MARKET)
            cycling.record(planned, done)

    def _wish(self, known: Known) -> Wish:
        """All that is not where it should be is replaced."""
        if self.stopping:
            return Wish(frozenset(known.now.keys))
        levels = range(1, LEVELS + 1)
        wanted = {(Side.BUY, self.mid - n) for n in levels} | {(Side.SELL, self.mid + n) for n in levels}
        cancels, placed = set(), set()
        for name, slot in known.now.slots.items():
            for one in (slot.live, slot.coming):
                if one is None:
                    continue
                where = side_of(name), one.price
                if where in wanted and self.chance.random() < 0.9:
                    placed.add(where)
                else:
                    cancels.add(one.key)
        creates = []
        for side, price in sorted(wanted - placed):
            self.numbered += 1
            size = Decimal(self.chance.choice(["0.5", "1", "1.4"]))
            creates.append(Wanted(side, price, size, f"{side[0].lower()}{self.numbered}"))
        return Wish(frozenset(cancels), creates)

    def _others(self, ends: float) -> None:
        """They trade with what rests; prices move; what was on its way arrives."""
        while self.world.monotonic() < ends:
            self.world.sleep(1)
            self.faults = self.world.monotonic() < BUSY_SECONDS
            self.stopping = self.world.monotonic() >= BUSY_SECONDS + 100
            for at, act in list(self.arriving):
                if at <= self.world.now():
                    self.arriving.remove((at, act))
                    self.tell("a request of who is no more arrives")
                    try:
                        act()
                    except Refusal as no:
                        self.tell(f"  {type(no).__name__}")
                    self.check()
            if self.chance.random() < 0.08:
                self.mid += self.chance.choice([-2, -1, 1, 2])
            if self.chance.random() < 0.06:
                side = self.chance.choice([BUY, SELL])
                price = self.mid + (3 if side == BUY else -3)
                size = Decimal(self.chance.choice(["0.2", "0.7", "1", "2.5"]))
                immediate = TimeInForce.IOC
                self.venue.place(
                    OTHERS, "BTCUSDT", side, Kind.LIMIT, quantity=size, price=price, time_in_force=immediate
                )

    # What always holds

    def _quotes(self) -> list[Quotes]:
        items = [item for item in self.dynamo.items() if item["SK"]["S"] == "QUOTES"]
        return [quotes_store.quotes_of(store.QuotesItem.from_raw_data(item)) for item in items]

    def check(self) -> None:
        """No slot has two open orders, and none is open that the table does not know."""
        known = self._quotes()
        slots: dict[tuple[str, str], str] = {}
        for order in self.venue.open_orders(MAKER):
            name = order.client_order_id
            (owner,) = (quotes for quotes in known if quotes.owns(name))
            slot = (owner.order_id, name[-2:])
            assert slot not in slots, f"{slot} has {slots[slot]} and {name}"
            slots[slot] = name
            there = {
                owner.client_order_id(at, placed)
                for at, found in owner.slots.items()
                for placed in (found.live, found.coming)
                if placed is not None
            }
            assert name in there, f"{name} is open, and unknown to {owner.slots}"

    def _in_the_end(self) -> None:
        assert not self.venue.open_orders(MAKER), "left open"
        bases, quoted = Decimal(0), Decimal(0)
        for quotes in self._quotes():
            assert not quotes.slots, f"slots are left: {quotes.slots}"
            assert not quotes.ended, f"of {quotes.ended} trades are missing"
            bases, quoted = bases + quotes.base, quoted + quotes.quote
        has = {coin: free + held for coin, (free, held) in self.venue.balances(MAKER).items()}
        assert (bases, quoted) == (has["BTC"], has["USDT"]), f"ledgers {bases} {quoted}, the exchange {has}"
        lines = sorted(
            int(i["SK"]["S"].removeprefix("TRADE#")) for i in self.dynamo.items() if "TRADE#" in i["SK"]["S"]
        )
        assert lines == [trade.trade_id for trade in self.venue.trades(MAKER, "BTCUSDT")], (
            "trades are not the exchange's"
        )


if __name__ == "__main__":
    sys.exit(main(Life, COMMAND, __doc__))
