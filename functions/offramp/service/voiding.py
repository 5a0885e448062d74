"""What operators do about a sale that can not go on: they void it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from common.domain import acts, audit
from common.domain.audit import AuditEntry, Link
from common.domain.exchange_orders import store as exchange_orders
from common.domain.exchange_orders.model import FORGOTTEN, ExchangeOrder, ExchangeOrderMoved
from common.domain.exchange_orders.model import Status as AtExchange
from common.operator_outcome import OperatorOutcome
from common.table.transaction import Busy, Write
from functions.offramp import store
from functions.offramp.model import SellOrder, SellOrderNotOpen, Status
from functions.offramp.service import Offramp
from functions.offramp.service.selling import Selling

ACT = "offramp void"
ENTRY_TRIES = 5  # to write the entry behind those of others


@dataclass(frozen=True)
class Voiding:
    """Each act is audited, in the words of its command, in the transaction that does it."""

    offramp: Offramp

    def void(self, order_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """End an order of which the exchange has executed nothing, and give the coins back; cancel it there first.
        For one that turned up after all: a person has dealt with it at the exchange. A repeat changes nothing.

        Raises SellOrderNotFound; SellOrderNotOpen: it was executed, or is over; ExchangeUnavailable, Busy.
        """
        order = store.existing(self.offramp.table, order_id)
        if order.status is Status.BASE_TXN_FAILED and not order.waits:
            return OperatorOutcome.repeat(order_id, order.status, "nothing of it was sold already; nothing to do")
        exchange_order = self._exchange_order(order)
        if not acts.may_void_sell_order(order.status, exchange_order):
            raise SellOrderNotOpen(f"the order is {order.status}", id=order_id, order_status=order.status)
        if exchange_order.status is AtExchange.TURNED_UP:
            return self._void_turned_up(order, exchange_order, reason, operator, dry_run=dry_run)
        if self.offramp.at_exchange.answers.is_lost(exchange_order, self.offramp.now()):
            return self._void_lost(order, exchange_order, reason, operator, dry_run=dry_run)
        executed = self.offramp.at_exchange.answers.executed(exchange_order)
        if executed.amount:
            raise SellOrderNotOpen(
                f"the exchange has executed {executed} of it: that is the customer's to be paid", id=order_id
            )
        if dry_run:
            says = f"cancelled at the exchange; {order.quantity} are the customer's again"
            return OperatorOutcome(order_id, order.status, Status.BASE_TXN_FAILED, done=False, says=says)
        link = self._cancel(order_id, AuditEntry(self.offramp.now(), operator, ACT, order_id, reason))
        after = store.existing(self.offramp.table, order_id)
        says = f"is {after.status}, {after.executed} of it were sold"
        if link is None or not audit.is_written(self.offramp.table, link):
            return OperatorOutcome.repeat(order_id, after.status, f"{says}: it was ended by another meanwhile")
        return OperatorOutcome(order_id, order.status, after.status, done=True, says=says)

    def _cancel(self, order_id: str, done: AuditEntry) -> Link | None:
        """The entry's place in the chain; None: others have ended the order. The exchange has cancelled it by the time
        that another operator's act takes that place: his name would be missing, so it is written behind that one.
        Raises ExchangeUnavailable, ExchangeOrderNotFilled; Busy, where others were first each time."""
        links: list[Link] = []

        def entry() -> Sequence[Write]:
            links.append(audit.next_link(self.offramp.table, done))
            return audit.writes(links[-1])

        for left in reversed(range(ENTRY_TRIES)):
            try:
                self.offramp.cancel(order_id, entry)
                break
            except Busy:
                if not left:
                    raise
        return links[-1] if links else None

    def _void_turned_up(
        self, order: SellOrder, exchange_order: ExchangeOrder, reason: str, operator: str, *, dry_run: bool
    ) -> OperatorOutcome:
        at = self.offramp.now()
        dealt_with = replace(exchange_order, status=AtExchange.DEALT_WITH, updated_at=at)
        writes = [
            store.looked(order, at),
            exchange_orders.follow_up(exchange_order, dealt_with),
            store.event(order, order.status, reason, operator, at),
        ]
        says = "nothing of it is looked for any more"
        return self._done(order, order.status, says, writes, reason, operator, dry_run=dry_run)

    def _void_lost(
        self, order: SellOrder, exchange_order: ExchangeOrder, reason: str, operator: str, *, dry_run: bool
    ) -> OperatorOutcome:
        selling = Selling(self.offramp.table, order)
        writes = self.offramp.at_exchange.lost(exchange_order, selling, f"void: {reason}", operator)
        says = f"{FORGOTTEN}; {order.quantity} go back, and were they sold, the desk bears it"
        return self._done(order, Status.BASE_TXN_FAILED, says, writes, reason, operator, dry_run=dry_run)

    def _done(
        self,
        order: SellOrder,
        after: Status,
        says: str,
        writes: list[Write],
        reason: str,
        operator: str,
        *,
        dry_run: bool,
    ) -> OperatorOutcome:
        if not dry_run:
            entry = audit.entry(
                self.offramp.table, AuditEntry(self.offramp.now(), operator, ACT, order.order_id, reason)
            )
            try:
                self.offramp.table.write(*writes, *entry)
            except ExchangeOrderMoved:
                raise SellOrderNotOpen("the order has moved meanwhile; look at it again", id=order.order_id) from None
        return OperatorOutcome(order.order_id, order.status, after, done=not dry_run, says=says)

    def _exchange_order(self, order: SellOrder) -> ExchangeOrder:
        return self.offramp.at_exchange.existing(order.order_id, order.exchange_orders)
