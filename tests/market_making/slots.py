"""Random lives of quotes: orders at one account of the simulated exchange, whose cycles are the product's own, run by
tickers that overlap, stall, die, and lose answers, while others trade with what rests.

    python -m tests.market_making.slots 4711            replays one seed and tells what happened
    python -m tests.market_making.slots --from 0 --lives 1000
    python -m tests.market_making.faulty_cycles         counts what is played, and plays without a guard

The exchange lies besides: it does not know an order that is open; it says that one was cancelled with nothing executed,
and tells of its trades later; it tells trades at prices that can not be, for a while, or until two operators decide.

At no time has a slot two open orders, nor is one open that the table does not know; what was seen is given up only
after more than a minute in which nobody knew it. Where a trade is not believed nothing stays open. In the end the
orders are stopped as the product stops them: nothing is open, and trades and ledgers are the exchange's own, to the
last digit. Two orders of somebody else at the account are never touched. Time is virtual, and a seed gives the same
life again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from random import Random
from types import ModuleType
from typing import Any, TypeVar, cast

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from common.domain import rulings
from common.domain.rulings import WHOLE, Matter, Ruling
from common.errors import Refusal
from common.gateways.exchange import ExchangeOrderUnknown, ExchangeUnavailable, Side, State
from common.gateways.exchange.maker import TRADES_PAGE, ExchangeNotReplaced, Maker, MakerOrder, Market, OwnTrade, Quote
from common.money import Quantity, plain
from common.table.table import Table
from common.table.transaction import Patience
from functions.market_making import quotes_store
from functions.market_making.model import CLOSING_LIMIT, TICK_SECONDS_MAX, AtExchange, Order
from functions.market_making.planning import Wanted, Wish
from functions.market_making.quotes import FillNotBelieved, Placed, Quotes, side_of
from functions.market_making.service import cycling
from functions.market_making.service.closing import Closing
from functions.market_making.service.crediting import Doubted
from functions.market_making.service.cycling import Cycling, Known, Seen, doubted, look
from sandbox.exchange.fake_maker import FakeMaker
from sandbox.exchange.venue import BUY, SELL, Fees, Kind, Symbol, TimeInForce, Trade, Venue
from tests.desk import TABLE
from tests.harness.faults import (
    AnswerLost,
    Call,
    Conflict,
    Crash,
    CrashAfter,
    CrashBefore,
    FailBefore,
    Fault,
    Faults,
    InternalError,
    Throttle,
)
from tests.harness.interleave import Interleaver
from tests.harness.memory import InMemoryDynamoDB
from tests.lives import main

COMMAND = "python -m tests.market_making.slots"
MARKET = Market("BTC", "USDT")
MAKER, OTHERS, LEVELS, EVERY_SECONDS = "maker", "others", 2, 10
BUSY_SECONDS, QUIET_SECONDS = 240, 290  # with faults, and after them
LYING_FROM, NOTHING_OPEN_BY, STOPPING_FROM = 300, 334, 340
LYING_UNTIL = (NOTHING_OPEN_BY + 2, STOPPING_FROM + 60, 10**6)
HIDDEN_SECONDS = (15, 40, 60, 130)  # so long an open order is not known
GIVEN_UP_AFTER = 70  # seconds in which an order that was seen is not known
UNTOLD_SECONDS = (5, 20, 40)  # so late trades are told
ON_THE_WAY_SECONDS = 17  # a request may arrive so long after who has sent it is gone: 12 s, and it stays valid for 5
STRANGERS = {"another1": (BUY, Decimal(20)), "another2": (SELL, Decimal(900))}  # somebody else's, far away: 1 BTC each
AT_THE_TABLE: tuple[Fault, ...] = (
    Conflict(), Throttle(), FailBefore(), AnswerLost(), InternalError(after=True), CrashBefore(), CrashAfter(),
)  # fmt: skip
T = TypeVar("T")


class Violation(StrEnum):
    """What never is. The rest of what is held is trades, ledgers and balances."""

    BEYOND = "orders beyond plan"
    ORPHAN = "orphans"
    LEFT = "left after stop"
    TOUCHED = "of others touched"


class Violated(AssertionError):
    def __init__(self, kind: Violation, what: str) -> None:
        super().__init__(f"{kind}: {what}")
        self.kind = kind


@dataclass
class Count:
    """What was played: cycles of an order that have begun; those in which something went wrong (a request or a write
    failed, or the process stood still, died, was overtaken); those while another ticker was at work; orders placed and
    their fills, by the exchange's own books."""

    lives: int = 0
    cycles: int = 0
    disturbed: int = 0
    beside: int = 0
    placed: int = 0
    fills: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(*(one + another for one, another in zip(vars(self).values(), vars(other).values(), strict=True)))


class Killed(BaseException):
    """The process is no more."""


@dataclass(eq=False)
class Process:
    """A ticker's: it is killed when the tick has lasted too long, but for the time in which it was frozen: then no
    invocation runs, and nothing counts."""

    life: Life
    ends: datetime
    befallen: int = 0  # so many faults
    beside: bool = False  # another one is at work meanwhile

    @property
    def table(self) -> Table:
        return self.life.table_of(Faults(self.befalls))

    def befalls(self, call: Call) -> Fault | None:
        """What happens to a request to the table."""
        possible = [fault for fault in AT_THE_TABLE if fault.can_befall(call)]
        return self.life.chance.choice(possible) if possible and self._happens(0.02) else None

    def _happens(self, share: float) -> bool:
        happens = self.life.happens(share)
        self.befallen += happens
        return happens

    def may_send(self) -> bool:
        """Before each request. A process whose handler has ended early stands still until the next invocation."""
        if self._happens(0.02):
            seconds = self.life.chance.choice([5, 85, 100, 120])
            self.life.tell(f"a process is frozen for {seconds} s")
            self.ends += timedelta(seconds=seconds)
            self.life.world.sleep(seconds)
        return True

    def ask(self, act: Callable[[], T]) -> T:
        """A request to the exchange: it takes its time, and may not come there, or its answer not here."""
        life, chance = self.life, self.life.chance
        if self._happens(0.025):
            life.tell("a request stalls")
            self._sleep(chance.choice([11, 11, 85, 100, 120]), act)
        else:
            self._sleep(chance.choice([0.06, 0.06, 0.2]), act)
        if self._happens(0.03):
            raise ExchangeUnavailable("it was not sent", what="connection")
        answer: T | Refusal
        try:
            answer = act()
        except Refusal as no:
            answer = no
        life.check()
        if self._happens(0.04):
            raise ExchangeUnavailable("the answer was lost", what="timeout")
        if self._happens(0.006):
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

    def __init__(self, maker: Liar, process: Process) -> None:
        self._maker, self._process = maker, process

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._maker, name)
        if name == "trades_page":
            return method
        return lambda *args: self._process.ask(lambda: method(*args))


class Liar:
    """The exchange, as it tells of itself: orders that it does not know for a while, and trades that are told late, or
    at a price that can not be."""

    def __init__(self, life: Life, maker: FakeMaker, page: int) -> None:
        self._life, self._maker, self.trades_page = life, maker, page
        self.hidden: dict[str, datetime] = {}  # until when, by client order id: each once
        self.untold: tuple[int, datetime] | None = None  # from which trade on, until when
        self.lying_from: int | None = None  # from which trade on
        self.lies_until: datetime | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._maker, name)

    def hides(self, client_order_id: str) -> bool:
        return self._life.world.now() < self.hidden.get(client_order_id, self._life.began)

    def _told_trades(self) -> list[Trade]:
        trades = self._life.venue.trades(MAKER, "BTCUSDT")
        if self.untold is None or self._life.world.now() >= self.untold[1]:
            return trades
        return [trade for trade in trades if trade.trade_id < self.untold[0]]

    def is_lie(self, trade_id: int) -> bool:
        over = self.lies_until is not None and self._life.world.now() >= self.lies_until
        return self.lying_from is not None and trade_id >= self.lying_from and not over

    def _as_told(self, order: MakerOrder) -> MakerOrder:
        executed = Decimal(sum(t.quantity for t in self._told_trades() if str(t.order_id) == order.exchange_order_id))
        if executed == order.executed:
            return order
        self._life.tell(f"{order.client_order_id} is told as executed {executed}, and is {order.executed}")
        return replace(order, executed=executed, state=State.CANCELED if order.over else order.state)

    def open_orders(self, market: Market) -> list[MakerOrder]:
        orders = self._maker.open_orders(market)
        return [self._as_told(order) for order in orders if not self.hides(order.client_order_id)]

    def find(self, market: Market, client_order_id: str) -> MakerOrder:
        if self.hides(client_order_id):
            raise ExchangeOrderUnknown("it is hidden")
        return self._as_told(self._maker.find(market, client_order_id))

    def cancel(self, market: Market, client_order_id: str) -> MakerOrder:
        if self.hides(client_order_id):
            raise ExchangeOrderUnknown("it is hidden")
        return self._as_told(self._maker.cancel(market, client_order_id))

    def replace(self, market: Market, client_order_id: str, quote: Quote) -> str:
        if self.hides(client_order_id):
            raise ExchangeNotReplaced("it is hidden", ours=False)
        return self._maker.replace(market, client_order_id, quote)

    def trades_after(self, market: Market, trade_id: int) -> list[OwnTrade]:
        told = {trade.trade_id for trade in self._told_trades()}
        trades = [trade for trade in self._maker.trades_after(market, trade_id) if trade.trade_id in told][
            : self.trades_page
        ]
        return [replace(trade, price=Decimal(1)) if self.is_lie(trade.trade_id) else trade for trade in trades]


class Life:
    def __init__(self, seed: int) -> None:
        self.seed, self.chance, self.told = seed, Random(seed), list[str]()
        self.faults, self.stopping = True, False
        self.count, self.working = Count(lives=1), list[Process]()
        self.decided: set[str] = set()  # by the beginning of their client order ids
        self.given_up: set[str] = set()  # by their client order ids: nobody has known them for long enough
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
        for name, (side, price) in STRANGERS.items():
            self.venue.deposit(MAKER, *(("USDT", price) if side == BUY else ("BTC", Decimal(1))))
            self.venue.place(
                MAKER, "BTCUSDT", side, Kind.LIMIT, quantity=Decimal(1), price=price, client_order_id=name
            )  # fmt: skip
        self.venue.open_account(OTHERS, {}, endless=True)
        self.maker = Liar(self, FakeMaker(self.venue, MAKER), self.chance.choice([TRADES_PAGE, 3]))
        # At the end, until when. By small pages an order that is not believed keeps those of others from being seen.
        self.lies = None if self.maker.trades_page < TRADES_PAGE else self.chance.choice(LYING_UNTIL)
        self.mid, self.numbered = Decimal(100), 0
        self.arriving: list[tuple[datetime, Callable[[], object]]] = []
        self.dynamo = self.world.watch(InMemoryDynamoDB(TABLE))
        for order_id in self.orders:
            order = cast(Order, type("_", (), {"order_id": order_id}))
            there = AtExchange(self.began_with["BTC"], self.began_with["USDT"])
            self.table.write(quotes_store.open_ledger(order, there, self.began))

    @property
    def table(self) -> Table:
        return self.table_of(Faults())

    def table_of(self, faults: Faults) -> Table:
        patience = Patience(monotonic=self.world.monotonic, sleep=self.world.sleep, jitter=self.chance.random)
        return Table(faults.client(self.dynamo), TABLE.name, patience)

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
        for outcome in self.world.run(*works, lambda: self._others(ends), lambda: self._closer(ends)):
            outcome.result()
        self.count.placed = len(self.venue.history(MAKER)) - len(STRANGERS)
        self.count.fills = len(self.venue.trades(MAKER, "BTCUSDT"))
        self._in_the_end()

    def _ticker(self, times: list[float]) -> None:
        for at in times:
            self.world.sleep(max(0.0, at - self.world.monotonic()))
            if self.stopping:
                return
            process = Process(self, self.world.now() + timedelta(seconds=TICK_SECONDS_MAX))
            for other in self.working:
                other.beside = process.beside = True
            self.working.append(process)
            try:
                self._tick(process)
            except (Killed, Crash):
                self.tell("a tick is no more")
            except Refusal as no:
                self.tell(f"a tick fails: {type(no).__name__}")
            finally:
                self.working.remove(process)

    def _tick(self, process: Process) -> None:
        maker: Any = Asked(self.maker, process)
        of_process = Cycling(process.table, self.world.now, process.may_send)
        found = [quotes_store.find(of_process.table, order_id) for order_id in self.orders]
        read = [quotes for quotes in found if quotes is not None]
        seen = look(maker, MARKET, min(quotes.cursor for quotes in read), self.world.now)
        befallen = process.befallen
        for quotes in read:
            self.count.cycles += 1
            before, ended = process.befallen, False
            try:
                self._cycle(of_process, quotes, seen, maker)
                ended = True
            finally:
                disturbed = befallen or process.befallen > before or not ended
                self.count.disturbed += bool(disturbed)
                self.count.beside += process.beside

    def _cycle(self, of_process: Cycling, quotes: Quotes, seen: Seen, maker: Any) -> None:
        room = self.chance.choice([100, 100, 3])
        try:
            known = of_process.find_out(quotes, seen, maker, MARKET)
            wish = self._wish(known)
        except FillNotBelieved as lie:
            self.tell(f"not believed: {lie}")
            known, wish, room = doubted(quotes, seen), Wish(frozenset(quotes.keys)), 0
        planned = of_process.planned(known, wish, room)
        of_process.write(known, planned)
        done = of_process.carry_out(planned, maker, MARKET)
        of_process.record(planned, done)

    def _wish(self, known: Known) -> Wish:
        """All that is not where it should be is replaced."""
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

    def _closer(self, ends: float) -> None:
        """Stops the orders, as their machines do."""
        self.world.sleep(STOPPING_FROM)
        self.stopping = True
        waiting = {order_id: self._stopping(order_id) for order_id in self.orders}
        closing = Closing(self.table, lambda _: cast(Maker, self.maker), self.world.now)
        while waiting and self.world.monotonic() < ends:
            for order_id, order in list(waiting.items()):
                try:
                    self.table.write(*closing.close(order))
                    del waiting[order_id]
                except Doubted as doubt:
                    self.tell(f"it waits for a person: {doubt}")
                    self._decide(order_id)
                except Refusal as no:
                    self.tell(f"not closed: {no.detail}")
            self.world.sleep(EVERY_SECONDS)
        assert not waiting, f"not stopped: {list(waiting)}"

    def _stopping(self, order_id: str) -> Order:
        """It has been stopping for nearly as long as it may."""
        since = self.world.now() - CLOSING_LIMIT + timedelta(seconds=60)
        told = {"order_id": order_id, "account_id": MAKER, "coins": ("BTC", "USDT"), "updated_at": since}
        return cast(Order, type("_", (), told))

    def _decide(self, order_id: str) -> None:
        """Two operators, by the exchange's own statement."""
        quotes = quotes_store.find(self.table, order_id)
        assert quotes is not None
        assert self.maker.lying_from is not None, "nobody has lied"
        base, quote = self._true(quotes)
        terms = {"base": plain(base), "quote": plain(quote)}
        terms["ledger"] = rulings.ledger_told(quotes.base, quotes.quote)
        ruling = Ruling(order_id, Matter.FILLS, WHOLE, terms, "its statement", "olga, oleg", self.world.now())
        self.table.write(rulings.record(ruling))
        self.decided.add(quotes.client_order_id("b0", Placed(0, base, quote, self.began))[:9])

    def _true(self, quotes: Quotes) -> tuple[Decimal, Decimal]:
        """What an order has, by all that the exchange has done."""
        has = {coin: quantity.amount for coin, quantity in self.began_with.items()}
        own = {order.order_id for order in self.venue.history(MAKER) if quotes.owns(order.client_order_id)}
        for trade in self.venue.trades(MAKER, "BTCUSDT"):
            if trade.order_id in own:
                sign = 1 if trade.side == BUY else -1
                has["BTC"] += sign * trade.quantity
                has["USDT"] -= sign * trade.quote_quantity
                if trade.fee_asset in has:
                    has[trade.fee_asset] -= trade.fee
        return has["BTC"], has["USDT"]

    def _lie(self) -> None:
        now, at = self.world.now(), self.world.monotonic()
        liar = self.maker
        if at < BUSY_SECONDS - 80 and self.chance.random() < 0.02:
            self._hide()
        told_again = liar.untold is None or now >= liar.untold[1]
        if at < BUSY_SECONDS - 20 and told_again and self.chance.random() < 0.01:
            seconds = self.chance.choice(UNTOLD_SECONDS)
            last = [trade.trade_id for trade in self.venue.trades(MAKER, "BTCUSDT")][-1:]
            liar.untold = (last[0] + 1 if last else 0, now + timedelta(seconds=seconds))
            self.tell(f"trades are told {seconds} s late")
        if self.lies is not None and at >= LYING_FROM and liar.lying_from is None:
            last = [trade.trade_id for trade in self.venue.trades(MAKER, "BTCUSDT")][-1:]
            liar.lying_from = last[0] + 1 if last else 0
            liar.lies_until = self.began + timedelta(seconds=self.lies)
            self.tell("trades are told wrong from now on")
            for side in (BUY, SELL):
                self._take(side, "1")
        if self.lies is not None and NOTHING_OPEN_BY <= at < NOTHING_OPEN_BY + 1:
            self._nothing_is_open()

    def _hide(self) -> None:
        """An open order: one that is seen for long, one that is not for as long as it is not given up."""
        for quotes in self._quotes():
            for name, slot in quotes.slots.items():
                placed = slot.live if slot.coming is None else slot.coming
                assert placed is not None
                client_id = quotes.client_order_id(name, placed)
                open_ = client_id in {order.client_order_id for order in self.venue.open_orders(MAKER)}
                if not open_ or client_id in self.maker.hidden or self.chance.random() < 0.5:
                    continue
                seconds = self.chance.choice(HIDDEN_SECONDS)
                until = self.world.now() + timedelta(seconds=seconds)
                if placed is slot.coming:
                    until = min(until, placed.at + timedelta(seconds=55))
                    if slot.live is not None:
                        self.maker.hidden[quotes.client_order_id(name, slot.live)] = until
                elif seconds > GIVEN_UP_AFTER:
                    self.given_up.add(client_id)
                self.maker.hidden[client_id] = until
                self.tell(f"{client_id} is not known until {(until - self.began).total_seconds()} s")
                return

    def _nothing_is_open(self) -> None:
        """Of an order of whose trades one is told wrong: several cycles have looked since."""
        long_ago = self.began + timedelta(seconds=LYING_FROM + 2)
        trades = [trade for trade in self.venue.trades(MAKER, "BTCUSDT") if trade.at < long_ago]
        lied = {trade.order_id for trade in trades if self.maker.is_lie(trade.trade_id)}
        names = {order.client_order_id[:9] for order in self.venue.history(MAKER) if order.order_id in lied}
        left = [order for order in self.venue.open_orders(MAKER) if order.client_order_id[:9] in names]
        assert not left, f"not believed, and left open: {left}"

    def _take(self, side: str, size: str) -> None:
        price = self.mid + (3 if side == BUY else -3)
        immediate = TimeInForce.IOC
        quantity = Decimal(size)
        self.venue.place(OTHERS, "BTCUSDT", side, Kind.LIMIT, quantity=quantity, price=price, time_in_force=immediate)

    def _others(self, ends: float) -> None:
        """They trade with what rests; prices move; what was on its way arrives."""
        while self.world.monotonic() < ends:
            self.world.sleep(1)
            self.faults = self.world.monotonic() < BUSY_SECONDS
            self._lie()
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
                self._take(self.chance.choice([BUY, SELL]), self.chance.choice(["0.2", "0.7", "1", "2.5"]))

    # What always holds

    def _quotes(self) -> list[Quotes]:
        items = [item for item in self.dynamo.items() if item["SK"]["S"] == "QUOTES"]
        return [quotes_store.quotes_of(quotes_store.QuotesItem.from_raw_data(item)) for item in items]

    def check(self) -> None:
        """No slot has two open orders, and none is open that the table does not know, or has given up too early."""
        known = self._quotes()
        slots: dict[tuple[str, str], str] = {}
        for order in self.venue.open_orders(MAKER):
            name = order.client_order_id
            if name in STRANGERS:
                continue
            (owner,) = (quotes for quotes in known if quotes.owns(name))
            if name in {gone.client_order_id for gone in owner.ended}:
                hold(Violation.ORPHAN, name in self.given_up, f"{name} is open, and was given up")
                continue
            slot = (owner.order_id, name[-2:])
            hold(Violation.BEYOND, slot not in slots, f"{slot} has {slots.get(slot)} and {name}")
            slots[slot] = name
            there = {
                owner.client_order_id(at, placed)
                for at, found in owner.slots.items()
                for placed in (found.live, found.coming)
                if placed is not None
            }
            hold(Violation.ORPHAN, name in there, f"{name} is open, and unknown to {owner.slots}")

    def _in_the_end(self) -> None:
        there = {order.client_order_id for order in self.venue.open_orders(MAKER)}
        hold(Violation.LEFT, there <= STRANGERS.keys(), f"open are {there - STRANGERS.keys()}")
        hold(Violation.TOUCHED, there >= STRANGERS.keys(), f"no more open are {STRANGERS.keys() - there}")
        bases, quoted = Decimal(1), STRANGERS["another1"][1]  # what is the strangers'
        for quotes in self._quotes():
            hold(Violation.LEFT, not quotes.slots, f"slots are left: {quotes.slots}")
            assert not quotes.ended, f"of {quotes.ended} trades are missing"
            bases, quoted = bases + quotes.base, quoted + quotes.quote
        has = {coin: free + held for coin, (free, held) in self.venue.balances(MAKER).items()}
        assert (bases, quoted) == (has["BTC"], has["USDT"]), f"ledgers {bases} {quoted}, the exchange {has}"
        lines = sorted(
            int(i["SK"]["S"].removeprefix("TRADE#")) for i in self.dynamo.items() if "TRADE#" in i["SK"]["S"]
        )
        decided = {order.order_id for order in self.venue.history(MAKER) if order.client_order_id[:9] in self.decided}
        trades = {trade.trade_id: trade.order_id in decided for trade in self.venue.trades(MAKER, "BTCUSDT")}
        assert lines == sorted({*lines} & trades.keys()), "trades are not the exchange's"
        missing = [trade_id for trade_id, in_sum in trades.items() if trade_id not in lines and not in_sum]
        assert not missing, f"trades are missing: {missing}"
        for quotes in self._quotes():
            assert (quotes.base, quotes.quote) == self._true(quotes), f"{quotes.order_id} has not what is its own"


def hold(kind: Violation, is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Violated(kind, otherwise)


GUARDS: dict[str, tuple[ModuleType, str, Any]] = {
    # What was decided is then sent however late.
    "intents": (cycling, "SENT_WITHIN", timedelta(days=1)),
    # A function then goes on for as long as it likes.
    "ticks": (sys.modules[__name__], "TICK_SECONDS_MAX", 10**6),
}


if __name__ == "__main__":
    sys.exit(main(Life, COMMAND, __doc__))
