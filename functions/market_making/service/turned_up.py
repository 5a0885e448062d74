"""Quotes that are open of orders that are not quoted for any more: an exchange did not know them for a while. They are
cancelled, and an order that was stopped stops once more, so that what they have traded is its own. The ticker sees them
where it quotes for another order of that account and market; and whoever brings the order home, before anything
leaves."""

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
from common.table.transaction import Write
from functions.market_making import quotes_store, shard_store, store
from functions.market_making.model import Order, Status
from functions.market_making.quotes import FillNotBelieved, adopted
from functions.market_making.quotes_packing import to_the_millisecond
from functions.market_making.service.cancelling import named
from functions.market_making.service.shard import Group, owns


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
                order = store.existing(self.table, order_id)
                seen_at, at = to_the_millisecond(group.seen.at), self.now()
                writes = stopped_once_more(self.table, order, turned_up, seen_at, at, CLOCK, supersedes=True)
                if writes:
                    self.table.write(*writes)
            except (Refusal, FillNotBelieved) as no:  # what is open is cancelled all the same
                log.error("not stopped once more", extra={"order_id": order_id, "why": str(no)})
        return named(group.seen.open_orders, [*group.of.stopping, *group.of.stopped])


def stopped_once_more(
    table: Table,
    order: Order,
    turned_up: Sequence[MakerOrder],
    seen_at: datetime,
    at: datetime,
    actor: str,
    *,
    supersedes: bool,
) -> list[Write]:
    """A stopped order stops anew, with what has turned up to be ended and booked; nothing of one that is not stopped.
    `supersedes`: its machine is over, and the next execution moves it.
    Refused with OvertakenCycle, MarketMakingOrderMoved. Raises FillNotBelieved; TableUnavailable, Busy."""
    read = quotes_store.find(table, order.order_id)
    if order.status is not Status.STOPPED or read is None:
        return []
    after = replace(read, cycle=read.cycle + 1, clear_at=None)
    for told in turned_up:
        booked = quotes_store.booked(table, order.order_id, told.exchange_order_id)
        after = adopted(after, told, booked, seen_at)
    further = work.supersede() if supersedes else []
    return [
        *quotes_store.write(read, after, (), at),
        store.move(order, Status.STOPPING, at, *further, waits_for="its quotes' end"),
        store.event(order, Status.STOPPING, "a quote of it is open that was taken for over", actor, at),
        *shard_store.tell_shard(order, Status.STOPPING, at),
    ]
