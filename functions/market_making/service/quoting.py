"""From the exchange's credit to an order that quotes, and the end of that.

A campaign is joined for what it may bring: nothing of it holds an order up. The order's machine then waits for its
token, at no cost, until the order is stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from common import keys
from common.domain import work
from common.domain.timeline import CUSTOMER, MACHINE
from common.log import count, log
from common.machines import ElsewhereNow, Machines, MachinesUnavailable, Standing
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import account_store, campaign_store, model, quotes_store, shard_store, store
from functions.market_making.model import (
    CLOSES_WITHIN,
    QUOTING_SECONDS,
    FeeCoinOwn,
    MarketMakingOrderMoved,
    NothingToWithdraw,
    NotStoppable,
    Order,
    QuotesOpen,
    Status,
)
from functions.market_making.quotes_store import OvertakenCycle
from functions.market_making.service.closing import Closing
from functions.market_making.service.crediting import Doubted, credited
from functions.market_making.service.reading import standing

OVER = frozenset({Status.STOPPING, Status.STOPPED, Status.RETURNING, Status.RETURNED})
STOPPABLE = frozenset({Status.CREATED, Status.RUNNING, Status.PAUSED})

STILL_THERE = timedelta(seconds=QUOTING_SECONDS, hours=1)  # by then a machine that lives has begun to wait anew
HALTED = "the desk has halted it; resume it once that is lifted"  # its owner reads it


@dataclass(frozen=True)
class Quoting:
    table: Table
    machines: Machines
    closing: Closing
    now: Callable[[], datetime]

    # What the machine asks. Each raises MarketMakingOrderNotFound, Busy.

    def join(self, order_id: str) -> Standing:
        """Write the local record of its campaign, and that it seeks others: they are joined by the clock."""
        order = store.existing(self.table, order_id)
        if order.status is Status.DEPOSIT_CONFIRMED:
            order = self._moved(order, Status.JOINING_CAMPAIGN, "its campaign is looked for")
        if order.status is Status.JOINING_CAMPAIGN:
            campaign_id = order.campaign_id or model.default_campaign(order)
            at = self.now()
            record = campaign_store.record(order.order_id, campaign_id, order.exchange, order.symbol, at)
            sought = campaign_store.seek(model.seeker(order), at)
            order = self._moved(order, Status.CAMPAIGN_JOINED, f"campaign {campaign_id}", record, sought)
        return standing(order)

    def start(self, order_id: str) -> Standing:
        """Open the order's own ledger with what the exchange has credited."""
        order = store.existing(self.table, order_id)
        if order.status is Status.CAMPAIGN_JOINED:
            at = self.now()
            shard = account_store.account(self.table, order.account_id).shard
            version = 1 if quotes_store.is_configured(self.table, order_id) else 0
            joined = shard_store.join_shard(order, shard, at, config=version)
            opened = quotes_store.open_ledger(order, credited(self.table, order), at), joined
            try:
                also = *opened, account_store.mark_ledgered(order), account_store.pays_no_fees_of(order)
                order = self._moved(order, Status.CREATED, "its ledger is open", *also, shard=shard)
            except FeeCoinOwn as own:
                order = self._wait_for_person(order, own.detail)
        return standing(order)

    def wait(self, order_id: str, token: str) -> None:
        """Keep the machine's token until the order is stopped; where it is, or there is no such order, send it back at
        once. The machine is due again after QUOTING_SECONDS. Raises MachinesUnavailable."""
        order = store.find(self.table, order_id)
        if order is not None and order.status in STOPPABLE:
            try:
                at = self.now()
                self.table.write(store.store_token(order, token, at, at + STILL_THERE))
                return
            except MarketMakingOrderMoved:
                order = store.existing(self.table, order_id)
        why = "there is no such order" if order is None else f"the order is {order.status}"
        self.machines.fail(token, ElsewhereNow.__name__, why)

    def cancel(self, order_id: str) -> Standing:
        """Cancel what of the order is open at the exchange. When nothing is, it is stopped, and goes home if its owner
        wants that. Where that needs operators, it waits for a person. Raises QuotesOpen: not yet; what `Closing.close`
        raises besides."""
        order = store.existing(self.table, order_id)
        if order.status is Status.STOPPING and not order.needs_person:
            try:
                also = [*self.closing.close(order), *shard_store.tell_shard(order, Status.STOPPED, self.now())]
                order = self._moved(order, Status.STOPPED, "nothing of it is open", *also, waits=order.goes_home)
            except OvertakenCycle as other:
                raise QuotesOpen(other.detail, id=order_id) from other
            except Doubted as doubt:
                order = self._wait_for_person(order, str(doubt))
        return standing(order)

    def _wait_for_person(self, order: Order, why: str) -> Order:
        """Its status stays."""
        count("MarketMakingStopped")
        log.error("order needs a person", extra={"order_id": order.order_id, "why": why})
        self.table.write(store.wait_for_person(order, why, self.now()))
        return store.existing(self.table, order.order_id)

    def _moved(
        self,
        order: Order,
        after: Status,
        why: str,
        *also: Write,
        waits: bool = True,
        shard: str | None = None,
    ) -> Order:
        at, further = self.now(), [] if shard is None else [store.in_shard(shard)]
        try:
            self.table.write(
                store.move(order, after, at, *further, waits_for=_WAITS[after] if waits else None),
                store.event(order, after, why, MACHINE, at),
                *also,
            )
        except MarketMakingOrderMoved:
            log.info("moved meanwhile", extra={"order_id": order.order_id})
        return store.existing(self.table, order.order_id)

    # What the owner asks, and an operator for him

    def stop(self, order_id: str, actor: str = CUSTOMER, *, home: bool = False, also: tuple[Write, ...] = ()) -> Order:
        """End the quoting; with `home` the money comes back to who paid it. What is stopped already stays so.

        Raises NotStoppable, MarketMakingOrderMoved.
        """
        order = store.existing(self.table, order_id)
        if order.status in OVER:
            return self._told(order_id)
        if order.status not in STOPPABLE:
            raise NotStoppable(f"the order is {order.status}: it is not quoting", id=order_id)
        at = self.now()
        # The token may be lost on its way: then its execution waits on, and the sweeper starts the next one.
        further = [*work.supersede(), *([store.send_home()] if home else [])]
        self.table.write(
            store.move(order, Status.STOPPING, at, *further, waits_for="its quotes' end", due_at=at + CLOSES_WITHIN),
            store.event(order, Status.STOPPING, "to be sent home" if home else "to be stopped", actor, at),
            *shard_store.tell_shard(order, Status.STOPPING, at),
            *also,
        )
        return self._told(order_id)

    def _told(self, order_id: str) -> Order:
        """The order as it is; its machine hears that it is stopping. The token is read after that is decided: the
        machine may have begun to wait in between. A repeat says it again, since what was sent may have been lost."""
        order = store.existing(self.table, order_id)
        if order.status is Status.STOPPING and order.token is not None:
            try:
                self.machines.fail(order.token, ElsewhereNow.__name__, "the order is stopping")
            except MachinesUnavailable as silent:
                log.warning("token not sent", extra={"order_id": order_id, "why": silent.detail})
        return order

    def bring_home(self, order_id: str, actor: str = CUSTOMER, *, also: tuple[Write, ...] = ()) -> Order:
        """Bring the money home: of an order that quotes, once it is stopped. What is on its way home stays so.

        Raises NothingToWithdraw, MarketMakingOrderMoved.
        """
        order = store.existing(self.table, order_id)
        if order.status in STOPPABLE:
            return self.stop(order_id, actor, home=True, also=also)
        if order.goes_home or order.status in (Status.RETURNING, Status.RETURNED):
            return self._told(order_id)
        if order.status not in (Status.STOPPED, Status.STOPPING):
            raise NothingToWithdraw(f"the order is {order.status}; nothing of it can be brought home", id=order_id)
        self.table.write(store.want_home(order, self.now()), *also)
        work.drive_now(self.table, self.machines, keys.MARKET_MAKING_ORDER(order_id=order_id), self.now())
        return self._told(order_id)


_WAITS = {
    Status.JOINING_CAMPAIGN: "its campaign",
    Status.CAMPAIGN_JOINED: "its ledger to be opened",
    Status.CREATED: "its owner, or the ticker",
    Status.STOPPED: "to be withdrawn from the exchange",
}
