"""The end of an order's quotes: they are cancelled, and the exchange is asked until it has none of them.

Closed they are by a write under the fence: no ticker places anything for the order afterwards, and one that has written
an intent before sends it within SENT_WITHIN. They are gone when the exchange's own list of open orders shows none of
the order's, twice, the second time NEVER_PLACED_SECONDS after the last intent, and what is over is remembered no more.

What the exchange tells of its trades may hold that up: one that can not be, or none for what was executed. Then two
operators decide what the order has. Where the exchange tells by then what can be believed, that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common.domain import rulings, trade_cursors
from common.domain.rulings import WHOLE, Matter, Ruling
from common.frozen import replace
from common.gateways.exchange import ExchangeOrderUnknown, ExchangeUnavailable
from common.gateways.exchange.maker import Maker, Market
from common.log import count, log
from common.money import plain
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import quotes_store
from functions.market_making.model import CLOSING_LIMIT, MarketMakingOrderMoved, Order, QuotesOpen
from functions.market_making.planning import Plan, Wish
from functions.market_making.quotes import (
    MISSED_AGAIN,
    NEVER_PLACED,
    FillNotBelieved,
    Quotes,
    following,
    may_be_there,
    most_quote,
    owned,
    with_nothing_out,
)
from functions.market_making.quotes_packing import to_the_millisecond
from functions.market_making.service.cancelling import names
from functions.market_making.service.crediting import Doubted
from functions.market_making.service.cycling import Cycling, Known, Seen, look


@dataclass(frozen=True)
class Closing:
    """`maker` is that of a trading account, by its id."""

    table: Table
    maker: Callable[[str], Maker]
    now: Callable[[], datetime]

    def close(self, order: Order) -> list[Write]:
        """What goes with the write by which the order is stopped. Raises QuotesOpen: not yet; Doubted: it will not be,
        without operators; ExchangeUnavailable, NoTradingKey, MarketUnknown, OvertakenCycle, MarketMakingOrderMoved."""
        read = quotes_store.find(self.table, order.order_id)
        if read is None:
            raise MarketMakingOrderMoved("its ledger is not open", id=order.order_id)
        if read.placed_at is None and not read.is_out:  # nothing of it ever was at the exchange
            return quotes_store.write(read, replace(read, cycle=read.cycle + 1, closed=True), (), self.now())
        market, maker = Market(*order.coins), self.maker(order.account_id)
        read = following(read, trade_cursors.find(self.table, order.account_id, str(market)))
        seen = look(maker, market, read.cursor, self.now)
        cycling = Cycling(self.table, self.now)
        try:
            known = cycling.find_out(read, seen, maker, market)
        except FillNotBelieved as lie:
            log.error("fill not believed", extra={"order_id": order.order_id, "why": str(lie)})
            count("FillsNotBelieved")
            self._cancel(maker, market, {*owned(read, seen.open_orders), *names(read)})
            return self._held_up(order, self._closed(read), seen, str(lie))
        known = replace(known, now=_cleared(known, seen))
        planned = cycling.planned(known, Wish(frozenset(known.now.keys)), 0)
        if _is_clear(planned.quotes, seen):
            return quotes_store.write(known.read, planned.quotes, known.fills, self.now())
        after = self._go_on(cycling, known, planned, maker, market)
        if not after.slots and after.untold and not seen.more:
            gone = after.untold[0]
            told = "an unknown part" if gone.executed is None else plain(gone.executed)
            why = f"of order {gone.exchange_order_id} {told} is executed, and trades tell of {plain(gone.settled)}"
            return self._held_up(order, after, seen, why)
        still = f"{len(after.slots)} quotes may be open" if after.slots else "what was sent last may still come to be"
        raise QuotesOpen(f"of the order {still}", id=order.order_id)

    def _go_on(self, cycling: Cycling, known: Known, planned: Plan, maker: Maker, market: Market) -> Quotes:
        """The quotes as they are in the table afterwards."""
        cycling.write(known, planned)
        cycling.record(planned, cycling.carry_out(planned, maker, market))
        after = quotes_store.find(self.table, known.read.order_id)
        assert after is not None
        return after

    def _closed(self, read: Quotes) -> Quotes:
        """Raises OvertakenCycle."""
        if read.closed:
            return read
        closed = replace(read, cycle=read.cycle + 1, closed=True)
        self.table.write(*quotes_store.write(read, closed, (), self.now()))
        return closed

    def _cancel(self, maker: Maker, market: Market, client_order_ids: Iterable[str]) -> None:
        for name in client_order_ids:
            try:
                maker.cancel(market, name)
            except (ExchangeOrderUnknown, ExchangeUnavailable) as no:
                log.warning("not cancelled", extra={"quote": name, "why": no.detail})

    # What only operators know

    def _held_up(self, order: Order, quotes: Quotes, seen: Seen, why: str) -> list[Write]:
        """What they have decided is so, once nothing of it can be open. Raises QuotesOpen, Doubted."""
        placed_at = quotes.placed_at or seen.at
        if owned(quotes, seen.open_orders) or seen.at < placed_at + NEVER_PLACED + MISSED_AGAIN:
            raise QuotesOpen(why, id=order.order_id)
        ruling = rulings.of(self.table, order.order_id).get((Matter.FILLS, WHOLE))
        if ruling is not None and ruling.terms["ledger"] == rulings.ledger_told(quotes.base, quotes.quote):
            return self._decided(order, quotes, ruling)
        if self.now() < order.updated_at + CLOSING_LIMIT:
            raise QuotesOpen(why, id=order.order_id)
        raise Doubted(f"{why}; {_bounds(quotes, order)} may be its own")

    def _decided(self, order: Order, quotes: Quotes, ruling: Ruling) -> list[Write]:
        """Raises Doubted: what they have decided can not be."""
        has = Decimal(ruling.terms["base"]), Decimal(ruling.terms["quote"])
        for amount, (least, most) in zip(has, may_be_there(quotes), strict=True):
            if not least <= amount <= most:
                raise Doubted(f"{plain(amount)} was decided, and {_bounds(quotes, order)} may be its own")
        base, quote = has
        if quote > (most := most_quote(quotes, base)):
            both = f"{plain(base)} {order.coins[0]} and {plain(quote)} {order.coins[1]}"
            raise Doubted(f"{both} were decided, and with that base no more than {plain(most)} may be there")
        log.warning("fills decided", extra={"order_id": order.order_id, "reference": ruling.reference})
        after = replace(with_nothing_out(quotes, *has), cycle=quotes.cycle + 1, closed=True)
        at = self.now()
        line = quotes_store.decided(quotes, after, ruling.reference or "", ruling.operators, at)
        return [*quotes_store.write(quotes, after, (), at), line]


def _bounds(quotes: Quotes, order: Order) -> str:
    each = zip(may_be_there(quotes), order.coins, strict=True)
    return " and ".join(f"{plain(least)} to {plain(most)} {coin}" for (least, most), coin in each)


def _cleared(known: Known, seen: Seen) -> Quotes:
    """Closed, and when it was first seen that nothing is there."""
    quotes = known.now
    there = quotes.slots or quotes.untold or known.astray or owned(quotes, seen.open_orders)
    first = quotes.clear_at or to_the_millisecond(seen.at)
    tally = quotes.tally.sided(quotes.has_both_sides, to_the_millisecond(seen.at))
    return replace(quotes, closed=True, tally=tally, clear_at=None if there else first, degraded_at=None)


def _is_clear(quotes: Quotes, seen: Seen) -> bool:
    if quotes.clear_at is None or quotes.is_out:
        return False
    placed_at = quotes.placed_at or quotes.clear_at
    return seen.at >= max(quotes.clear_at + MISSED_AGAIN, placed_at + NEVER_PLACED)
