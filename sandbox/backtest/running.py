"""An order's cycles on a tape: the desk's own, but that nothing is written to a table.

What is asked of the exchange, in which order, and what is made of its answers is `Cycling`'s; what is wanted is the
strategy's, told by `deciding`; what is dangerous is `risk`'s.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple, Protocol, cast

from common.errors import Refusal
from common.frozen import replace
from common.gateways.exchange import Side
from common.gateways.exchange.maker import MakerOrder, Market
from common.log import log, metrics
from common.table.table import Table
from functions.market_making import risk
from functions.market_making.planning import recorded
from functions.market_making.quotes import OPEN, Quotes
from functions.market_making.service import deciding
from functions.market_making.service.cycling import Cycling, Known, Seen, look
from functions.market_making.service.deciding import Decided
from functions.market_making.strategy import Book, Quirk, Rules
from functions.market_making.strategy import Market as StrategyMarket
from sandbox.backtest.paper import Paper, Traded
from sandbox.backtest.tape import Tape

MARKET = Market("BASE", "QUOTE")
ENDING_MAX = 60  # cycles
PLACEMENTS_MAX = 40  # of a cycle
_NOTHING = Decimal(0)
Tell = Callable[[float], None]  # which part is done


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How an order is run. `interval`: of its cycles, in seconds. `guards`: is it paused where the desk would pause it?
    `fee` is a fraction; `latency` in milliseconds; `lost` a chance (`Paper`)."""

    base: Decimal
    quote: Decimal
    interval: int = 10
    fee: Decimal = Decimal("0.001")
    latency: int = 60
    lost: float = 0.0
    seed: int = 1
    guards: bool = True


class Moment(NamedTuple):
    """At the end of a cycle. `bid` and `ask` are the best of what we have open; times in milliseconds since 1970."""

    at: int
    middle: Decimal
    base: Decimal
    quote: Decimal
    bid: Decimal | None
    ask: Decimal | None


class Loop(Protocol):
    """Whoever quotes on a paper account. Once `end` is asked for, a cycle only takes back what is open, and answers
    whether it is done with that."""

    paused: str | None

    def cycle(self, at: datetime) -> None: ...

    def end(self, at: datetime, /) -> bool: ...


@dataclass(frozen=True)
class Outcome:
    """`beyond`: how many orders more than planned were open at worst. `left`: ours that are open after the end.
    `touched`: of others' orders at the account, that are no more there though nobody has traded with them."""

    setting: Setting
    paper: Paper
    loop: Loop
    moments: list[Moment] = field(repr=False)
    began: int
    ended: int
    two_sided: int  # milliseconds
    calls: dict[str, int]  # until the end
    beyond: int
    left: int
    touched: int

    @property
    def traded(self) -> Sequence[Traded]:
        return self.paper.traded

    @property
    def at_first(self) -> tuple[Decimal, Decimal]:
        return self.setting.base, self.setting.quote


@contextmanager
def _silent() -> Iterator[None]:
    """What the desk logs and counts is of real orders, and for its standard output."""
    level, name = log.log_level, "POWERTOOLS_METRICS_DISABLED"
    before = os.environ.get(name)
    log.setLevel(logging.CRITICAL)
    os.environ[name] = "true"
    try:
        yield
    finally:
        metrics.clear_metrics()
        log.setLevel(level)
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@_silent()
def run(
    tape: Tape,
    setting: Setting,
    quoting: Callable[[Paper], Loop],
    planned: int,
    strangers: Callable[[Paper], None] = lambda _: None,
    tell: Tell = lambda _: None,
) -> Outcome:
    """`planned`: so many orders are to be open at most. `tell` is told now and then which part is done."""
    paper = Paper(
        tape,
        MARKET,
        setting.base,
        setting.quote,
        fee=setting.fee,
        latency=setting.latency,
        lost=setting.lost,
        seed=setting.seed,
    )
    strangers(paper)
    there, beyond = paper.others_open, 0
    loop, step = quoting(paper), setting.interval * 1000
    moments: list[Moment] = []
    at = tape.began
    while at < tape.ended:
        paper.pass_to(at)
        loop.cycle(_moment(at))
        moments.append(Moment(at, paper.middle, paper.base, paper.quote, *paper.best))
        beyond = max(beyond, paper.open_count - planned)
        at += step
        if len(moments) % 100 == 0:
            tell((at - tape.began) / (tape.ended - tape.began))
    paper.pass_to(tape.ended)
    moments.append(Moment(paper.at, paper.middle, paper.base, paper.quote, *paper.best))
    two_sided, calls = paper.two_sided, dict(paper.calls)
    for _ in range(ENDING_MAX):
        if loop.end(_moment(at)):
            break
        at += step
        paper.pass_to(at)
    touched = there - paper.others_open
    return Outcome(
        setting, paper, loop, moments, tape.began, tape.ended, two_sided, calls, beyond, paper.open_count, touched
    )  # fmt: skip


class _Unwritten(Cycling):
    """There is no table. The tape's trades are told at once, so that none was found before by its order."""

    def _late(self, *_: object) -> set[int]:
        return set()


class Ours:
    """The desk's loop."""

    def __init__(self, rules: Rules, setting: Setting, paper: Paper, order_id: str = "backtest") -> None:
        self.paused: str | None = None
        self.quotes = Quotes(order_id, setting.base, setting.quote, began=(setting.base, setting.quote))
        self._rules, self._paper, self._guards = rules, paper, setting.guards
        self._cycling = _Unwritten(cast(Table, None), paper.now)  # it writes nothing: only `write` and `record` do
        self._middle: Decimal | None = None
        self._rest: Sequence[MakerOrder] | None = None

    def cycle(self, at: datetime) -> None:
        """Where the exchange does not tell what is open, nothing is done."""
        try:
            seen = look(self._paper, MARKET, self.quotes.cursor if self.quotes.is_out else None, self._paper.now)
        except Refusal:
            return
        known = self._known(seen)
        result = risk.result(known.now, self._paper.middle)
        marked = risk.marked(known.now, result, self._paper.now())
        known = known if marked is known.now else replace(known, now=marked)
        decided = self._decided(known, result, at)
        if not decided.wish.cancels and not decided.wish.creates and (self._rest or _is_at_rest(known.now)):
            self.quotes, self._rest = deciding.with_memory(known.now, decided.state), seen.open_orders
            return
        planned = deciding.remembered(decided, self._cycling.planned(known, decided.wish, PLACEMENTS_MAX))
        done = self._cycling.carry_out(planned, self._paper, MARKET)
        self._rest = None
        after = recorded(planned.quotes, done, self._paper.now())
        if after is not planned.quotes:
            state = deciding.after(after.memory, planned.quotes, after)
            after = deciding.with_memory(after, state)
        self.quotes = after

    def end(self, at: datetime) -> bool:
        """Closed, all of it is taken back."""
        self.quotes = replace(self.quotes, closed=True)
        self.cycle(at)
        return not self.quotes.slots

    def _known(self, seen: Seen) -> Known:
        """Where all is as it was at rest, there is nothing to be known: most cycles are so."""
        if self._rest is not None and not seen.trades and seen.open_orders == self._rest:
            return Known(self.quotes, self.quotes, ())
        self._rest = None
        return self._cycling.find_out(self.quotes, seen, self._paper, MARKET)

    def _decided(self, known: Known, result: Decimal, at: datetime) -> Decided:
        rules, coins, middle = self._rules, (MARKET.base, MARKET.quote), self._paper.middle
        jumped, self._middle = risk.has_jumped(self._middle, middle), middle
        if self._guards and self.paused is None:
            self.paused = risk.verdict(known.now, result)
        if self.quotes.closed or (self._guards and (self.paused or jumped)):
            return deciding.cancel_all(rules, known, coins)
        book = self._paper.others_book
        if rules.keeps(Quirk.Q17_OWN_IN_BOOK):
            book = with_ours(book, self._paper)
        decided = deciding.decide(rules, known, coins, StrategyMarket(book), at)
        return deciding.widened(decided, known.now.would_take, rules.terms.tick)


def _is_at_rest(quotes: Quotes) -> bool:
    """Is nothing of it on its way, nor over with trades to be told?"""
    return not quotes.untold and all(slot.state is OPEN for slot in quotes.slots.values())


def with_ours(book: Book, paper: Paper) -> Book:
    """The book as everybody sees it."""
    sides: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: dict(book.bids), Side.SELL: dict(book.asks)}
    for order in paper.own:
        levels = sides[order.side]
        levels[order.price] = levels.get(order.price, _NOTHING) + order.quantity - order.executed
    return Book(sorted(sides[Side.BUY].items(), reverse=True), sorted(sides[Side.SELL].items()))


def orders_of(rules: Rules) -> int:
    """How many orders it may have open by its rules."""
    several = len(rules.plan.buys) + len(rules.plan.sells)
    return several + (rules.plan.hanging_max or several if rules.hanging_orders_enabled else 0)


def needed(rules: Rules, price: Decimal) -> tuple[Decimal, Decimal]:
    """Base and quote that are enough for four times what it quotes."""
    selling = sum((step.size for step in rules.plan.sells), _NOTHING)
    buying = sum((step.size * step.factor for step in rules.plan.buys), _NOTHING)
    most = 4 * max(selling, buying)
    return most, (most * price).quantize(Decimal("0.01"))


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
