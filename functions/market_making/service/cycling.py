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
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from common.gateways.exchange import (
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    ExchangeWouldTake,
    MarketUnknown,
    Side,
)
from common.gateways.exchange.maker import ExchangeNotReplaced, Maker, MakerOrder, Market, OwnTrade, Quote
from common.log import count, log
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import quotes_store
from functions.market_making.planning import Cancel, Done, Outcome, Placement, Plan, Wish, plan, recorded
from functions.market_making.quotes import (
    SENT_WITHIN,
    Fill,
    Question,
    Quotes,
    answered,
    filled,
    forgotten,
    listed,
    old_question,
    questions,
    settled,
    side_of,
)
from functions.market_making.quotes_packing import to_the_millisecond
from functions.market_making.quotes_store import OvertakenCycle

TRADE_PAGES_MAX = 5  # of one look; what is more is for the next, and nothing is placed meanwhile

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


def look(maker: Maker, market: Market, after_trade: int | None, now: Callable[[], datetime]) -> Seen:
    """`after_trade`: None, where no trade is to be looked for. Raises ExchangeUnavailable, MarketUnknown."""
    at = now()
    trades, more = ([], False) if after_trade is None else trades_after(maker, market, after_trade)
    return Seen(maker.open_orders(market), trades, at, more)


def trades_after(
    maker: Maker, market: Market, trade_id: int, pages: int = TRADE_PAGES_MAX
) -> tuple[list[OwnTrade], bool]:
    """Page by page, and whether the last page was full. Raises ExchangeUnavailable, MarketUnknown."""
    found, more = list[OwnTrade](), True
    for _ in range(pages):
        page = maker.trades_after(market, found[-1].trade_id if found else trade_id)
        found += page
        more = len(page) >= maker.trades_page
        if not more:
            break
    return found, more


@dataclass(frozen=True)
class Known:
    """An order's quotes as they are read, and as they are known now. Not all is, where the exchange was silent."""

    read: Quotes
    now: Quotes
    fills: Sequence[Fill]


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

    def known(self, read: Quotes, seen: Seen, maker: Maker, market: Market) -> Known:
        """Unknown outcomes are resolved before anything else. Raises FillNotBelieved."""
        coins = (market.base, market.quote)
        quotes, fills = settled(listed(read, seen.open_orders, seen.at), seen.trades, coins)
        quotes = filled(quotes, seen.at)
        for question in list(questions(quotes, seen.open_orders)):
            quotes = self._asked(quotes, question, maker, market)
            older = old_question(quotes, question.slot, seen.open_orders)
            if older is not None:
                quotes = self._asked(quotes, older, maker, market)
        quotes, more = settled(quotes, seen.trades, coins)
        quotes = forgotten(filled(quotes, seen.at), seen.at)
        return Known(read, quotes, [*fills, *more])

    def _asked(self, quotes: Quotes, question: Question, maker: Maker, market: Market) -> Quotes:
        asked_at, told = self.now(), None
        try:
            told = maker.find(market, question.client_order_id)
        except ExchangeOrderUnknown:
            pass
        except ExchangeUnavailable as silent:
            log.warning("order not found out", extra={"order_id": quotes.order_id, "why": silent.detail})
            return quotes
        return answered(quotes, question, told, asked_at)

    # What is decided

    def planned(self, known: Known, wish: Wish, placements_max: int) -> Plan:
        return plan(known.now, wish, to_the_millisecond(self.now()), placements_max)

    def write(self, known: Known, planned: Plan, *also: Write) -> None:
        """Nothing has been asked for before. Where nothing has changed, nothing is written. Raises OvertakenCycle,
        Busy: it may be written all the same, and nothing may be asked for; what `also` refuses with."""
        if also or replace(planned.quotes, cycle=known.read.cycle) != known.read:
            self.table.write(*quotes_store.write(known.read, planned.quotes, known.fills, self.now()), *also)

    # What is done

    def carry_out(self, planned: Plan, maker: Maker, market: Market) -> list[Done]:
        """Cancels and placements of a plan that is written."""
        act = _Act(planned, maker, market, self.now, self.may_send)
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

    def _cancelled(self, one: Cancel) -> Done:
        if not self.may_send():
            return Done(one.slot)
        try:
            ended = self.maker.cancel(self.market, one.client_order_id)
        except (ExchangeOrderUnknown, ExchangeUnavailable) as unknown:  # "not found" is not cancelled
            log.info("not cancelled", extra={"slot": one.slot, "why": unknown.detail})
            return Done(one.slot)
        return Done(one.slot, old_ended=True, executed=ended.executed)

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
            return self._not_known(one, unknown)
        return Done(one.slot, Outcome.PLACED, old_ended=True)

    def _placed(self, one: Placement, ended: Done) -> Done:
        if not self._in_time():
            return replace(ended, outcome=Outcome.NOT_SENT)
        try:
            self.maker.place(self.market, one.quote)
        except (ExchangeRefused, MarketUnknown) as no:
            return replace(ended, outcome=self._refusal(one.quote, no))
        except ExchangeUnavailable as unknown:
            return self._not_known(one, unknown)
        return replace(ended, outcome=Outcome.PLACED)

    def _in_time(self) -> bool:
        at = self.planned.quotes.placed_at
        return at is not None and self.may_send() and self.now() < at + SENT_WITHIN

    def _refusal(self, quote: Quote, no: ExchangeRefused | MarketUnknown) -> Outcome:
        if isinstance(no, ExchangeWouldTake):
            count("QuotesWouldTake")
            return Outcome.WOULD_TAKE
        log.warning("quote refused", extra={"quote": quote.client_order_id, "why": no.detail})
        count("QuotesRefused")
        return Outcome.REFUSED

    def _not_known(self, one: Placement, unknown: ExchangeUnavailable) -> Done:
        log.warning("outcome unknown", extra={"quote": one.quote.client_order_id, "why": unknown.detail})
        count("QuotesUnknown")
        return Done(one.slot)
