"""One cycle of an order's quotes: what the exchange says of them, what is decided, and that carried out.

    settle fills, resolve what is unknown ─▶ decide ─▶ write ─▶ cancel, and see it ─▶ place
                                                                    ▲
                                      before anything is asked for ─┘

The write stands on the fence of the quotes that were read: of two tickers one is overtaken, and does nothing. What came
of the cycle is found by the next one, by looking; only what looking can not find is written down at the end: placements
that do not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from functools import partial
from typing import Any, TypeVar

from common.frozen import dataclass, replace
from common.gateways.exchange import (
    ExchangeFull,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    ExchangeWouldTake,
    MarketUnknown,
    Side,
    not_believed,
)
from common.gateways.exchange.maker import (
    ExchangeNotReplaced,
    Maker,
    MakerOrder,
    Market,
    OwnTrade,
    Quote,
)
from common.log import count, log
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import quotes_store
from functions.market_making.planning import (
    SLOTS_OF_ALL,
    Cancel,
    Done,
    Outcome,
    Placement,
    Plan,
    Wish,
    plan,
    recorded,
)
from functions.market_making.quotes import (
    SENT_WITHIN,
    Fill,
    Question,
    Quotes,
    adopted,
    answered,
    astray,
    doubtful,
    filled,
    forgotten,
    found_out,
    is_remembered,
    listed,
    old_question,
    owned,
    questions,
    settled,
    settled_late,
    side_of,
    untold_for_long,
)
from functions.market_making.quotes_packing import to_the_millisecond
from functions.market_making.quotes_store import OvertakenCycle

TRADE_PAGES_MAX = 5  # of one look; what is more is for the next, and nothing is placed meanwhile
LEAP_MAX = 1_000_000  # between the numbers of two trades of an account, one after the other, that need no second look


class NoAnswer(Enum):
    """What an exchange has said that has not answered."""

    NO_ANSWER = auto()


NO_ANSWER = NoAnswer.NO_ANSWER

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Seen:
    """What the exchange has told of an account's market, asked at `at` or later: all its open orders, and the trades
    after the oldest cursor. `more`: there may be trades after these, which are still to be read."""

    open_orders: Sequence[MakerOrder]
    trades: Sequence[OwnTrade]
    at: datetime
    more: bool = False

    def all_looked_at(self, cursor: int) -> bool:
        """Has who has come so far seen all trades that there are?"""
        return not self.more and all(trade.trade_id <= cursor for trade in self.trades)


def look(maker: Maker, market: Market, after_trade: int | None, now: Callable[[], datetime]) -> Seen:
    """`after_trade`: None, where no trade is to be looked for. Raises ExchangeUnavailable, MarketUnknown."""
    at = now()
    trades, more = ([], False) if after_trade is None else trades_after(maker, market, after_trade)
    _hold_leaps(maker, market, after_trade or 0, trades)
    return Seen(maker.open_orders(market), trades, at, more)


def _hold_leaps(maker: Maker, market: Market, after: int, trades: Sequence[OwnTrade]) -> None:
    """The cursor never goes back, and what is told below it is not looked at again: a trade whose number is far beyond
    the last one counts when it is told twice. Raises ExchangeUnavailable, MarketUnknown."""
    for trade in trades:
        if trade.trade_id - after > LEAP_MAX and list(maker.trades_after(market, trade.trade_id - 1))[:1] != [trade]:
            raise not_believed(f"trade {trade.trade_id}, after {after}, is told once and not again")
        after = trade.trade_id


def trades_after(
    maker: Maker, market: Market, trade_id: int, pages: int = TRADE_PAGES_MAX
) -> tuple[list[OwnTrade], bool]:
    """Page by page, and whether the last page was full. Raises ExchangeUnavailable, MarketUnknown."""
    return _paged(partial(maker.trades_after, market), trade_id, maker.trades_page, pages)


def _paged(
    ask: Callable[[int], Sequence[OwnTrade]], trade_id: int, page_max: int, pages: int = TRADE_PAGES_MAX
) -> tuple[list[OwnTrade], bool]:
    found = list(page := ask(trade_id))
    while len(page) >= page_max and pages > 1:
        pages -= 1
        found += (page := ask(found[-1].trade_id))
    return found, len(page) >= page_max


@dataclass(frozen=True)
class Known:
    """An order's quotes as they are read, and as they are known now. Not all is, where the exchange was silent.
    `astray` are the client order ids of those that are open and in no slot."""

    read: Quotes
    now: Quotes
    fills: Sequence[Fill]
    astray: Sequence[str] = ()


def doubted(read: Quotes, seen: Seen) -> Known:
    """What is told can not be, and nothing of it counts. All that is open is to end, also what a cycle before has
    placed and no list had told of: a wish for the end of all its keys says nothing of that."""
    there = {read.client_order_id(name, slot.live) for name, slot in read.slots.items() if slot.live is not None}
    return Known(read, read, [], [name for name in owned(read, seen.open_orders) if name not in there])


def one_after_another(ask: Callable[[A], B], things: Iterable[A]) -> list[B]:
    return [ask(thing) for thing in things]


@dataclass(frozen=True)
class Cycling:
    """`all_of` asks for several things, perhaps at the same time. `may_send`: is there time in this tick for one more
    request?"""

    table: Table
    now: Callable[[], datetime]
    may_send: Callable[[], bool] = lambda: True
    all_of: Callable[..., list[Any]] = one_after_another

    # What the exchange says

    def find_out(self, read: Quotes, seen: Seen, maker: Maker, market: Market) -> Known:
        """Unknown outcomes are resolved before anything else. Raises FillNotBelieved."""
        coins, at = (market.base, market.quote), to_the_millisecond(seen.at)
        quotes = listed(read, seen.open_orders, at)
        open_astray = astray(quotes, seen.open_orders)
        for order in open_astray:
            quotes = adopted(quotes, order, self._booked(quotes, order), at)
        quotes, fills = settled(quotes, seen.trades, coins, self._late(quotes, seen))
        quotes = before = filled(quotes, at)
        for question in list(questions(quotes, seen.open_orders)):
            quotes = self._asked(quotes, question, maker, market)
            older = old_question(quotes, question.slot, seen.open_orders)
            if older is not None:
                quotes = self._asked(quotes, older, maker, market)
        names = [order.client_order_id for order in open_astray]
        for gone in doubtful(quotes, seen.open_orders):
            asked_at, told = to_the_millisecond(self.now()), self._found(quotes, gone.client_order_id, maker, market)
            if isinstance(told, MakerOrder):
                quotes = found_out(quotes, gone, told, asked_at)
                names += [] if told.over else [gone.client_order_id]
        if quotes is not before:  # more is known: a trade may be its own by now
            quotes, more = settled(quotes, seen.trades, coins, self._late(quotes, seen))
            fills += more
            quotes = filled(quotes, at)
        if seen.all_looked_at(quotes.cursor):  # otherwise what is still to be looked at may be its own
            if not fills:
                quotes, fills = self._looked_for(quotes, at, maker, market)
            quotes = forgotten(quotes, at)
            quotes = replace(quotes, again_until=0) if quotes.again_until else quotes
        return Known(read, quotes, fills, names)

    def _late(self, quotes: Quotes, seen: Seen) -> set[int]:
        """Trades that are told now and are booked: they were found before by their order, or are looked at again."""
        over, own = {gone.exchange_order_id for gone in quotes.ended}, quotes.exchange_order_ids
        told = [trade for trade in seen.trades if trade.trade_id > quotes.cursor and trade.exchange_order_id in own]
        again = [trade.trade_id for trade in told if trade.trade_id <= quotes.again_until]
        booked = quotes_store.booked_between(self.table, quotes.order_id, again[0], again[-1]) if again else set()
        new = (t for t in told if t.trade_id > quotes.again_until and t.exchange_order_id in over)
        return booked | {t.trade_id for t in new if quotes_store.is_booked(self.table, quotes.order_id, t.trade_id)}

    def _looked_for(self, quotes: Quotes, at: datetime, maker: Maker, market: Market) -> tuple[Quotes, list[Fill]]:
        """Trades in no list that was looked at: the exchange is asked for those of the order they are missing of."""
        for gone in untold_for_long(quotes, at):
            try:
                trades, _ = _paged(partial(maker.trades_of, market, gone.exchange_order_id), 0, maker.trades_page)
            except (ExchangeUnavailable, MarketUnknown) as silent:
                log.warning("trades not found out", extra={"order_id": quotes.order_id, "why": silent.detail})
                continue
            new = [t for t in trades if not quotes_store.is_booked(self.table, quotes.order_id, t.trade_id)]
            after, fills = settled_late(quotes, gone.exchange_order_id, new, (market.base, market.quote))
            if fills:
                count("FillsFoundLate", len(fills))
                return after, fills
        return quotes, []

    def _asked(self, quotes: Quotes, question: Question, maker: Maker, market: Market) -> Quotes:
        asked_at, told = to_the_millisecond(self.now()), self._found(quotes, question.client_order_id, maker, market)
        return quotes if told is NO_ANSWER else answered(quotes, question, told, asked_at)

    @staticmethod
    def _found(quotes: Quotes, client_order_id: str, maker: Maker, market: Market) -> MakerOrder | NoAnswer | None:
        """None: the exchange does not know it."""
        try:
            return maker.find(market, client_order_id)
        except ExchangeOrderUnknown:
            return None
        except ExchangeUnavailable as silent:
            log.warning("order not found out", extra={"order_id": quotes.order_id, "why": silent.detail})
            return NO_ANSWER

    def _booked(self, quotes: Quotes, order: MakerOrder) -> Decimal:
        """What of an order that is in no slot, and is forgotten, is in the ledger."""
        if is_remembered(quotes, order.exchange_order_id):
            return Decimal(0)
        return quotes_store.booked(self.table, quotes.order_id, order.exchange_order_id)

    # What is decided

    def planned(self, known: Known, wish: Wish, placements_max: int, open_max: int = SLOTS_OF_ALL) -> Plan:
        made = plan(known.now, wish, to_the_millisecond(self.now()), placements_max, open_max)
        return replace(made, astray=known.astray) if known.astray else made

    def write(self, known: Known, planned: Plan, *also: Write) -> None:
        """Nothing has been asked for before. Where nothing has changed, nothing is written; not so with orders that are
        astray: they may be those of another ticker, which is faster. Raises OvertakenCycle, Busy: it may be written all
        the same, and nothing may be asked for; what `also` refuses with."""
        if also or planned.astray or _is_new(known.read, planned.quotes):
            self.table.write(*quotes_store.write(known.read, planned.quotes, known.fills, self.now()), *also)

    # What is done

    def carry_out(self, planned: Plan, maker: Maker, market: Market) -> list[Done]:
        """Cancels and placements of a plan that is written."""
        act = _Act(planned, maker, market, self.now, self.may_send)
        if planned.astray:
            astray_now = {"order_id": planned.quotes.order_id, "quotes": list(planned.astray)}
            log.error("quotes that are in no slot", extra=astray_now)
            count("QuotesOrphaned", len(planned.astray))
            self.all_of(act.ended_astray, planned.astray)
        done = self.all_of(lambda side: act.together(side), planned.together)
        asks: list[Cancel | Placement] = [
            *(cancel for cancel in planned.cancels if side_of(cancel.slot) not in planned.together),
            *(placement for placement in planned.placements if placement.quote.side not in planned.together),
        ]
        return [*(one for each in done for one in each), *self.all_of(act.alone, asks)]

    def record(
        self, planned: Plan, done: Sequence[Done], remember: Callable[[Quotes], Quotes] = lambda quotes: quotes
    ) -> None:
        """What does not exist, and never will: looking would take a minute to be sure. `remember` tells the
        strategy."""
        at = to_the_millisecond(self.now())
        after = recorded(planned.quotes, done, at)
        if after == planned.quotes:
            return
        try:
            after = replace(remember(after), cycle=after.cycle + 1)
            self.table.write(*quotes_store.write(planned.quotes, after, (), at))
        except OvertakenCycle:
            log.info("overtaken", extra={"order_id": after.order_id})


def _is_new(read: Quotes, after: Quotes) -> bool:
    """That something may be forgotten is written with what is new, as long as orders are open."""
    kept = [gone for gone in read.ended if not gone.is_settled or gone in after.ended]
    if after.slots and kept == list(after.ended):
        after = replace(after, ended=read.ended)
    return replace(after, cycle=read.cycle) != read


@dataclass(frozen=True)
class _Act:
    """What is asked of the exchange for one plan. Nothing is sent later than SENT_WITHIN after the intent."""

    planned: Plan
    maker: Maker
    market: Market
    now: Callable[[], datetime]
    may_send: Callable[[], bool]

    def alone(self, one: Cancel | Placement) -> Done:
        if isinstance(one, Cancel):
            return self._cancelled(one)
        if one.old is None:
            return self._placed(one, Done(one.slot, old_ended=True))
        if one.old.settled == 0:
            done = self._replaced(one)
            if done is not None:
                return done
        ended = self._cancelled(one.old)
        if not ended.old_ended or ended.executed != one.old.settled:
            return replace(ended, outcome=Outcome.NOT_SENT)
        return self._placed(one, ended)

    def together(self, side: Side) -> list[Done]:
        placements = [one for one in self.planned.placements if one.quote.side is side]
        alone = [one for one in self.planned.cancels if side_of(one.slot) is side]
        olds = [*alone, *(one.old for one in placements if one.old is not None)]
        ended = {one.slot: self._cancelled(one) for one in olds}
        free = all(ended[one.slot].old_ended and ended[one.slot].executed == one.settled for one in olds)
        found = [ended[one.slot] for one in alone]
        for placement in placements:
            before = ended.get(placement.slot, Done(placement.slot, old_ended=True))
            found.append(self._placed(placement, before) if free else replace(before, outcome=Outcome.NOT_SENT))
        return found

    def ended_astray(self, client_order_id: str) -> None:
        """How it ended is found by the next cycle."""
        self._ended(client_order_id)

    def _cancelled(self, one: Cancel) -> Done:
        ended = self._ended(one.client_order_id)
        if ended is None:
            return Done(one.slot)
        told = (ended.client_order_id, ended.price, ended.quantity)
        if told != (one.client_order_id, one.price, one.quantity) or ended.executed < one.settled:
            return Done(one.slot)  # the next cycle asks again, and does not believe it
        return Done(one.slot, old_ended=True, executed=ended.executed)

    def _ended(self, client_order_id: str) -> MakerOrder | None:
        if not self.may_send():
            return None
        try:
            return self.maker.cancel(self.market, client_order_id)
        except (ExchangeOrderUnknown, ExchangeUnavailable) as unknown:  # "not found" is not cancelled
            log.info("not cancelled", extra={"quote": client_order_id, "why": unknown.detail})
            return None

    def _replaced(self, one: Placement) -> Done | None:
        """None: the exchange has done nothing, and never will."""
        assert one.old is not None
        if not self._in_time():
            return Done(one.slot, Outcome.NOT_SENT)
        try:
            self.maker.replace(self.market, one.old.client_order_id, one.quote)
        except ExchangeNotReplaced:
            return None
        except ExchangeRefused as no:
            return Done(one.slot, self._refusal(one.quote, no), old_ended=True, executed=one.old.settled)
        except MarketUnknown as no:  # of the old one nothing is told
            return Done(one.slot, self._refusal(one.quote, no))
        except ExchangeUnavailable as unknown:
            return None if unknown.was_not_asked else self._not_known(one, unknown)
        return Done(one.slot, Outcome.PLACED, old_ended=True)

    def _placed(self, one: Placement, ended: Done) -> Done:
        if not self._in_time():
            return replace(ended, outcome=Outcome.NOT_SENT)
        try:
            self.maker.place(self.market, one.quote)
        except (ExchangeRefused, MarketUnknown) as no:
            return replace(ended, outcome=self._refusal(one.quote, no))
        except ExchangeUnavailable as unknown:
            return replace(ended, outcome=Outcome.NOT_SENT) if unknown.was_not_asked else self._not_known(one, unknown)
        return replace(ended, outcome=Outcome.PLACED)

    def _in_time(self) -> bool:
        at = self.planned.quotes.placed_at
        return at is not None and self.may_send() and self.now() < at + SENT_WITHIN

    def _refusal(self, quote: Quote, no: ExchangeRefused | MarketUnknown) -> Outcome:
        if isinstance(no, ExchangeWouldTake):
            count("QuotesWouldTake")
            return Outcome.WOULD_TAKE
        if isinstance(no, ExchangeFull):  # of the account: no fault of this order's
            count("QuotesBeyondLimits")
            return Outcome.NOT_SENT
        log.warning("quote refused", extra={"quote": quote.client_order_id, "why": no.detail})
        count("QuotesRefused")
        return Outcome.REFUSED

    def _not_known(self, one: Placement, unknown: ExchangeUnavailable) -> Done:
        log.warning("outcome unknown", extra={"quote": one.quote.client_order_id, "why": unknown.detail})
        count("QuotesUnknown")
        return Done(one.slot)
