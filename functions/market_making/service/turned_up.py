"""Quotes that are open of orders that are not quoted for any more: an exchange did not know them for a while. They are
cancelled, and an order that was stopped stops once more, so that what they have traded is its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common.domain import work
from common.domain.timeline import CLOCK
from common.errors import Refusal
from common.gateways.exchange.maker import MakerOrder
from common.log import count, log
from common.table.table import Table
from functions.market_making import quotes_store, store
from functions.market_making.model import Status
from functions.market_making.quotes import FillNotBelieved, adopted
from functions.market_making.quotes_packing import to_the_millisecond
from functions.market_making.service.shard import Group, owns
from functions.market_making.service.withdrawing import named


@dataclass(frozen=True)
class TurnedUp:
    table: Table
    now: Callable[[], datetime]

    def end(self, group: Group) -> list[str]:
        """The client order ids of what is to be cancelled."""
        for order_id in group.of.stopped:
            turned_up = [order for order in group.seen.open_orders if owns(order_id, order)]
            if not turned_up:
                continue
            log.error("open though stopped", extra={"order_id": order_id})
            count("QuotesOrphaned", len(turned_up))
            try:
                self._stop_once_more(order_id, turned_up, to_the_millisecond(group.seen.at))
            except (Refusal, FillNotBelieved) as no:  # what is open is cancelled all the same
                log.error("not stopped once more", extra={"order_id": order_id, "why": str(no)})
        return named(group.seen.open_orders, [*group.of.leaving, *group.of.stopped])

    def _stop_once_more(self, order_id: str, turned_up: Sequence[MakerOrder], seen_at: datetime) -> None:
        """Raises FillNotBelieved, OvertakenCycle, MarketMakingOrderMoved; TableUnavailable, Busy."""
        order, at = store.existing(self.table, order_id), self.now()
        read = quotes_store.find(self.table, order_id)
        if order.status is Status.STOPPED and read is not None:
            after = replace(read, cycle=read.cycle + 1, clear_at=None)
            for told in turned_up:
                booked = quotes_store.booked(self.table, order_id, told.exchange_order_id)
                after = adopted(after, told, booked, seen_at)
            self.table.write(
                *quotes_store.write(read, after, (), at),
                store.move(order, Status.STOPPING, at, *work.supersede(), waits_for="its quotes' end"),
                store.event(order, Status.STOPPING, "a quote of it is open that was taken for over", CLOCK, at),
                *store.tell_shard(order, Status.STOPPING, at),
            )
