"""An order's cycle within a tick: planned, cut down to what the exchange's limits leave, and carried out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from common.domain import work
from common.domain.timeline import CLOCK, MACHINE
from common.errors import Refusal
from common.gateways.exchange import Side
from common.gateways.exchange.maker import Book, MakerOrder
from common.log import count, log
from common.money import plain
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import configuration, quotes_store, risk, shard_store, store
from functions.market_making.model import Member, Status
from functions.market_making.planning import Plan, Wanted, Wish
from functions.market_making.quotes import FillNotBelieved, Quotes
from functions.market_making.quotes_packing import to_the_millisecond
from functions.market_making.quotes_store import OvertakenCycle
from functions.market_making.service import deciding
from functions.market_making.service.cycling import Cycling, Known, doubted
from functions.market_making.service.deciding import Decided
from functions.market_making.service.quoting import HALTED, STILL_THERE
from functions.market_making.service.shard import Crew, Group, Kept, MarketNow, Ticked
from functions.market_making.strategy import Book as StrategyBook
from functions.market_making.strategy import Market as StrategyMarket
from functions.market_making.strategy import Rules

DATA_AGE_MAX = timedelta(seconds=8)  # nothing is placed by what was asked for earlier


@dataclass
class OrderCycle:
    """What it is done with; then what it is about, as it was before: `time` is the tick's own, `group` what the
    exchange has told of the account's orders in this market, `prices` that of the market itself, `read` the order's
    quotes as they were in the table. The rest is what has come of it by now: `known`, `decided` and `planned` in this
    order, and what is written `also`."""

    table: Table
    now: Callable[[], datetime]
    kept: Kept
    crew: Crew
    may_send: Callable[[], bool]

    time: datetime
    group: Group
    prices: MarketNow
    member: Member
    read: Quotes

    known: Known | None = field(default=None, init=False)
    rules: Rules | None = field(default=None, init=False)
    decided: Decided | None = field(default=None, init=False)
    planned: Plan | None = field(default=None, init=False)
    also: list[Write] = field(default_factory=list, init=False)
    failed: bool = field(default=False, init=False)
    overtaken: bool = field(default=False, init=False)
    doubted: bool = field(default=False, init=False)

    @property
    def cursor(self) -> int | None:
        """How far it has looked at the account's trades; None where none of them is its own."""
        if self.known is None or self.failed or self.doubted:
            return self.read.cursor if self.read.is_out else None
        return self.known.now.cursor if self.read.is_out else None

    @property
    def exchange_order_ids(self) -> set[str]:
        """Of its orders at the exchange, as far as they are known."""
        found: set[str] = set()
        for quotes in (self.read, *([] if self.known is None else [self.known.now])):
            found |= quotes.exchange_order_ids
        return found | {fill.trade.exchange_order_id for fill in (self.known.fills if self.known else ())}

    @property
    def _coins(self) -> tuple[str, str]:
        return self.group.market.base, self.group.market.quote

    @property
    def _cycling(self) -> Cycling:
        return Cycling(self.table, self.now, self.may_send, self.crew.requests)

    def plan(self) -> int:
        """How many placements it wants."""
        with log.append_context_keys(order_id=self.member.order_id):
            try:
                self.known = self._known()
                self.decided = self._decide(self.known)
                self._plan_with(len(self.decided.wish.creates))
            except FillNotBelieved as lie:
                log.error("fill not believed", extra={"why": str(lie)})
                count("FillsNotBelieved")
                self._cancel_all()
            except Refusal as no:
                self._fail(no)
            except Exception:
                log.exception("cycle failed")
                count("Bugs")
                self.failed = True
        return 0 if self.planned is None else len(self.planned.placements)

    def _known(self) -> Known:
        """Raises FillNotBelieved."""
        known = self._cycling.find_out(self.read, self.group.seen, self.group.maker, self.group.market)
        if known.now.degraded_at is None or self.group.seen.more:
            return known
        log.info("the exchange tells again", extra={"silent_since": str(known.now.degraded_at)})
        return replace(known, now=replace(known.now, degraded_at=None))

    def _cancel_all(self) -> None:
        """What can not be settled is not quoted with: nothing is booked or placed, and all that is open ends."""
        self.doubted, self.also = True, []
        self.known = doubted(self.read, self.group.seen)
        self.decided = Decided(self.read.memory, Wish(frozenset(self.read.keys)))
        self._plan_with(0)

    def limit(self, room: int) -> None:
        """Place no more than there is room for. Where there is none, what would have been replaced stays."""
        if self.planned is None or len(self.planned.placements) <= room:
            return
        if not room:
            assert self.known is not None
            assert self.decided is not None
            assert self.rules is not None
            self.decided = deciding.waiting(self.rules, self.known, self._coins, self.decided, self.now())
        self._plan_with(room)

    def act(self) -> Ticked:
        planned, known = self.planned, self.known
        if planned is None or known is None or self.failed:
            return Ticked(failed=1)
        with log.append_context_keys(order_id=self.member.order_id):
            try:
                cycling = self._cycling
                cycling.write(known, planned, *self.also)
                done = cycling.carry_out(planned, self.group.maker, self.group.market)
                cycling.record(planned, done, self._remember)
                if planned.left_out:
                    count("QuotesLeftOut", len(planned.left_out))
                placed, left_out = len(planned.placements), len(planned.left_out)
                return Ticked(failed=int(self.doubted), placements=placed, left_out=left_out)
            except OvertakenCycle:
                log.info("overtaken")
                self.overtaken = True
            except Refusal as no:
                self._fail(no)
            except Exception:
                log.exception("cycle failed")
                count("Bugs")
            self.failed = True
            return Ticked(failed=1)

    def _fail(self, no: Refusal) -> None:
        log.warning("cycle not finished", extra={"why": no.detail})
        count("CyclesUnfinished")
        self.failed = True

    # What it wants

    def _decide(self, known: Known) -> Decided:
        coins, halt = self._coins, self.group.halt
        killed = halt is not None and halt.by != CLOCK
        if killed and self.member.status is Status.CREATED:
            return Decided(known.read.memory, Wish())
        rules = self.rules = self._rules(known)
        if rules is None:
            return Decided(known.read.memory, Wish())
        if self.member.status is Status.PAUSED:  # whatever its market is like
            known = self.known = replace(known, now=_sided(known.now, self.now()))
            return deciding.cancel_all(rules, known, coins)
        if halt is not None and killed:
            self.also = self._paused(HALTED)
            return deciding.cancel_all(rules, known, coins)
        book = None if self.prices.book is None else _without_ours(self.prices.book, self.prices.ours)
        middle = None if book is None else book.middle
        result = None if middle is None else risk.result(known.now, middle)
        if middle is not None and result is not None:
            known = self.known = replace(known, now=_told_price(known.now, middle, result, self.now()))
        if why := risk.verdict(known.now, result):
            self.also = self._pause(why)
            return deciding.cancel_all(rules, known, coins)
        if why := self._reached(known.now):
            self.also = self._stop(why)
            return deciding.cancel_all(rules, known, coins)
        if self.prices.is_off or halt is not None:
            return deciding.cancel_all(rules, known, coins)
        if book is None or self.now() - self.group.seen.at > DATA_AGE_MAX:
            return Decided(deciding.told(rules, known, coins), Wish())
        decided = deciding.decide(rules, known, coins, StrategyMarket(book), self.time)
        return self._unmet(deciding.widened(decided, known.now.would_take, rules.terms.tick), known)

    def _rules(self, known: Known) -> Rules | None:
        """None: it has not begun, and can not yet."""
        limits, kept = self.group.limits, self.kept.configurations
        key = (self.member.order_id, self.member.config)
        if key in kept and self.member.status is not Status.CREATED:
            return configuration.rules(kept[key], limits)
        if self.member.config:
            kept[key] = quotes_store.configuration(self.table, *key)
            if self.member.status is Status.CREATED:
                self.also = self._begin(None)
            return configuration.rules(kept[key], limits)
        middle = None if self.prices.book is None else self.prices.book.middle
        if middle is None:
            return None
        written = configuration.written(configuration.usual(known.now, limits, middle))
        self.also = self._begin(written)
        return configuration.rules(written, limits)

    def _begin(self, written: str | None) -> list[Write]:
        """The order runs: by the configuration that is written with its first cycle, or by its owner's."""
        order, at = store.existing(self.table, self.member.order_id), self.now()
        return [
            store.move(order, Status.RUNNING, at, waits_for="its owner", due_at=at + STILL_THERE),
            store.event(order, Status.RUNNING, "it quotes", MACHINE, at),
            *shard_store.tell_shard(order, Status.RUNNING, at, config=None if written is None else 1),
            *([] if written is None else [quotes_store.configure(order.order_id, 1, written, at)]),
        ]

    def _pause(self, why: str) -> list[Write]:
        """All of it is cancelled, and it waits for who may resume it."""
        log.error("paused", extra={"why": why})
        count("QuotesPaused")
        return self._paused(why)

    def _paused(self, why: str) -> list[Write]:
        order, at = store.existing(self.table, self.member.order_id), self.now()
        return [
            store.move(
                order, Status.PAUSED, at, store.why(why), waits_for=f"its owner: {why}", due_at=at + STILL_THERE
            ),
            store.event(order, Status.PAUSED, why, MACHINE, at),
            *shard_store.tell_shard(order, Status.PAUSED, at),
        ]

    def _reached(self, quotes: Quotes) -> str | None:
        """Why it ends by its owner's wish; None while it does not."""
        configured = self.kept.configurations.get((self.member.order_id, self.member.config))
        target = None if configured is None else configuration.stop_at_volume(configured)
        if target is None or quotes.tally.traded < target:
            return None
        return (
            f"it has traded {plain(quotes.tally.traded)} {self.group.market.quote}, of {plain(target)} that were wanted"
        )

    def _stop(self, why: str) -> list[Write]:
        """Its machine is started anew by the sweeper, and closes its quotes: the money stays at the exchange."""
        order, at = store.existing(self.table, self.member.order_id), self.now()
        count("QuotesReachedVolume")
        return [
            store.move(order, Status.STOPPING, at, *work.supersede(), waits_for="its quotes' end"),
            store.event(order, Status.STOPPING, why, MACHINE, at),
            *shard_store.tell_shard(order, Status.STOPPING, at),
        ]

    def _unmet(self, decided: Decided, known: Known) -> Decided:
        """Without what would meet an order of ours: of an account with itself nobody earns anything."""
        ending = decided.wish.cancels
        mine = {
            known.now.client_order_id(name, placed)
            for name, slot in known.now.slots.items()
            for placed in (slot.live,)
            if placed is not None and placed.key in ending
        }
        others = [order for order in self.prices.ours if order.client_order_id not in mine]
        met = [one for one in decided.wish.creates if any(_meets(one, order) for order in others)]
        if not met:
            return decided
        count("QuotesMeetOurs", len(met))
        wish = Wish(decided.wish.cancels, [one for one in decided.wish.creates if one not in met])
        return replace(decided, wish=wish, state=decided.state.unplaced(*(one.key for one in met)))

    def _plan_with(self, room: int) -> None:
        assert self.known is not None
        assert self.decided is not None
        planned = self._cycling.planned(self.known, self.decided.wish, room, self.group.open_max)
        self.planned = deciding.remembered(self.decided, planned)

    def _remember(self, recorded: Quotes) -> Quotes:
        assert self.planned is not None
        state = deciding.after(recorded.memory, self.planned.quotes, recorded)
        return deciding.with_memory(recorded, state)


def _meets(one: Wanted, order: MakerOrder) -> bool:
    if one.side is order.side:
        return False
    return one.price >= order.price if one.side is Side.BUY else one.price <= order.price


def _without_ours(book: Book, ours: Sequence[MakerOrder]) -> StrategyBook:
    whole = StrategyBook([(p, q) for p, q in book.bids], [(p, q) for p, q in book.asks])
    return whole.without((deciding.STRATEGY_SIDES[order.side], order.price, _left(order)) for order in ours)


def _told_price(quotes: Quotes, price: Decimal, result: Decimal, at: datetime) -> Quotes:
    at = to_the_millisecond(at)
    begun = replace(quotes, tally=quotes.tally.begun(quotes.base, price, at))
    return risk.marked(_sided(begun, at), result, at)


def _sided(quotes: Quotes, at: datetime) -> Quotes:
    return replace(quotes, tally=quotes.tally.sided(quotes.has_both_sides, to_the_millisecond(at)))


def _left(order: MakerOrder) -> Decimal:
    return order.quantity - order.executed
