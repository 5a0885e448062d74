"""The end of an order's quotes: they are cancelled, and the exchange is asked until it has none of them.

Closed they are by a write under the fence: no ticker places anything for the order afterwards, and one that has written
an intent before sends it within SENT_WITHIN. They are gone when the exchange's own list of open orders shows none of
the order's, twice, the second time NEVER_PLACED_SECONDS after the last intent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from common.gateways.exchange import ExchangeOrderUnknown, ExchangeUnavailable
from common.gateways.exchange.maker import Maker, Market
from common.log import count, log
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import quotes_store
from functions.market_making.model import MarketMakingOrderMoved, Order, QuotesOpen
from functions.market_making.planning import Plan, Wish
from functions.market_making.quotes import MISSED_AGAIN, NEVER_PLACED, FillNotBelieved, Quotes
from functions.market_making.quotes_packing import to_the_millisecond
from functions.market_making.service.cycling import Cycling, Known, Seen, look


@dataclass(frozen=True)
class Closing:
    """`maker` is that of a trading account, by its id."""

    table: Table
    maker: Callable[[str], Maker]
    now: Callable[[], datetime]

    def close(self, order: Order) -> list[Write]:
        """What goes with the write by which the order is stopped. Raises QuotesOpen: not yet, or a trade is told that
        can not be; ExchangeUnavailable, MarketUnknown, OvertakenCycle, MarketMakingOrderMoved."""
        read = quotes_store.find(self.table, order.order_id)
        if read is None:
            raise MarketMakingOrderMoved("its ledger is not open", id=order.order_id)
        if read.placed_at is None and not read.is_out:  # nothing of it ever was at the exchange
            return quotes_store.write(read, replace(read, cycle=read.cycle + 1, closed=True), (), self.now())
        market, maker = Market(*order.coins), self.maker(order.account_id)
        seen = look(maker, market, read.cursor, self.now)
        cycling = Cycling(self.table, self.now)
        try:
            known = cycling.known(read, seen, maker, market)
        except FillNotBelieved as lie:
            log.error("fill not believed", extra={"order_id": order.order_id, "why": str(lie)})
            count("FillsNotBelieved")
            self._cancel(maker, market, [o.client_order_id for o in seen.open_orders if read.owns(o.client_order_id)])
            raise QuotesOpen(str(lie), id=order.order_id) from lie
        orphans = self._orphans(known.now, seen)
        known = replace(known, now=_cleared(known.now, seen, orphans))
        planned = cycling.planned(known, Wish(frozenset(known.now.keys)), 0)
        if _is_clear(planned.quotes, seen):
            return quotes_store.write(known.read, planned.quotes, known.fills, self.now())
        self._go_on(cycling, known, planned, maker, market, orphans)
        raise QuotesOpen(f"of the order {len(planned.quotes.slots)} quotes may be open", id=order.order_id)

    def _go_on(
        self, cycling: Cycling, known: Known, planned: Plan, maker: Maker, market: Market, orphans: list[str]
    ) -> None:
        cycling.write(known, planned)
        cycling.record(planned, cycling.carry_out(planned, maker, market))
        self._cancel(maker, market, orphans)

    def _cancel(self, maker: Maker, market: Market, names: list[str]) -> None:
        for name in names:
            try:
                maker.cancel(market, name)
            except (ExchangeOrderUnknown, ExchangeUnavailable) as no:
                log.warning("not cancelled", extra={"quote": name, "why": no.detail})

    def _orphans(self, quotes: Quotes, seen: Seen) -> list[str]:
        """Open orders of it that the table does not know. There are none, unless there is a bug."""
        known = {
            quotes.client_order_id(name, placed)
            for name, slot in quotes.slots.items()
            for placed in (slot.live, slot.coming)
            if placed is not None
        }
        told = [order.client_order_id for order in seen.open_orders]
        orphans = [name for name in told if quotes.owns(name) and name not in known]
        if orphans:
            log.error("quotes that nobody knows", extra={"order_id": quotes.order_id, "quotes": orphans})
            count("QuotesOrphaned", len(orphans))
        return orphans


def _cleared(quotes: Quotes, seen: Seen, orphans: list[str]) -> Quotes:
    """Closed, and when it was first seen that nothing is there."""
    there = quotes.is_out or orphans or any(quotes.owns(order.client_order_id) for order in seen.open_orders)
    first = quotes.clear_at or to_the_millisecond(seen.at)
    return replace(quotes, closed=True, clear_at=None if there else first)


def _is_clear(quotes: Quotes, seen: Seen) -> bool:
    if quotes.clear_at is None:
        return False
    placed_at = quotes.placed_at or quotes.clear_at
    return seen.at >= max(quotes.clear_at + MISSED_AGAIN, placed_at + NEVER_PLACED)
