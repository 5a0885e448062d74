"""What the machine `purchase` and operators can ask of batches: placing, polling, sharing out, voiding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from common import keys
from common.domain import acts, audit, flow_halts, work
from common.domain.audit import AuditEntry
from common.domain.catalogue.model import Asset, AssetInactive, PriceUnavailable, Quote
from common.domain.catalogue.store import Catalogue
from common.domain.exchange_orders import store as exchange_orders
from common.domain.exchange_orders.model import ExchangeOrder, ExchangeOrderMoved
from common.domain.exchange_orders.model import Status as AtExchange
from common.domain.exchange_orders.service import ExchangeOrders
from common.domain.flow_halts import Flow, Halted
from common.domain.ledger import store as ledger
from common.domain.timeline import MACHINE
from common.errors import Refusal, Unavailable
from common.gateways.exchange import ExchangeUnavailable, MarketUnknown, Side
from common.log import log
from common.machines import Machines, Standing
from common.operator_outcome import OperatorOutcome
from common.table.table import Table
from common.table.transaction import Write
from functions.purchases import model, store
from functions.purchases.model import (
    PLACE_LIMIT,
    Batch,
    BatchNotStuck,
    BatchResult,
    BatchStatus,
    Plan,
    Stage,
)
from functions.purchases.service.sharing import Shared, sharing
from functions.purchases.service.trading import Trading, settled
from functions.purchases.store import AlreadyAllocated, BatchMoved


@dataclass(frozen=True)
class Batches:
    table: Table
    catalogue: Catalogue
    at_exchange: ExchangeOrders
    machines: Machines
    now: Callable[[], datetime]

    # What the machine asks. All of it may be asked at any time, and again. Each raises BatchNotFound, Busy.

    def read(self, batch_id: str) -> Standing:
        """Where the batch stands. Raises ExchangeOrderNotFound, as do the others where they need one."""
        batch = store.batch(self.table, batch_id)
        if batch.status in (BatchStatus.PLACED, BatchStatus.WORKING):
            self._exchange_order(batch)  # if it is missing, the hub ends: it would lead back to the poll for ever
        return self._standing(batch)

    def _standing(self, batch: Batch) -> Standing:
        stage, wait_seconds = self._stage(batch)
        return Standing(stage, wait_seconds, model.facts(batch))

    def _stage(self, batch: Batch) -> tuple[Stage, int]:
        if batch.needs_person:
            return Stage.STOPPED, 0
        match batch.status:
            case BatchStatus.CLOSED:
                return Stage.PLACE, 0
            case BatchStatus.PLACED:
                return Stage.RESOLVE, 0
            case BatchStatus.WORKING:
                return Stage.POLL, 0
            case BatchStatus.DECIDED:
                return Stage.ALLOCATE, 0
            case BatchStatus.ALLOCATED if batch.waits:
                look_at = self._exchange_order(batch).look_at
                return Stage.LOOK_AGAIN, max(1, int((look_at - self.now()).total_seconds()) + 1)
            case _:
                return Stage.DONE, 0

    def place(self, batch_id: str) -> Standing:
        """Ask the exchange for what the members want, once: what is asked, and under which id, is written before.

        A batch that is too small for the exchange is refunded; so is one for which there is no price, or no exchange,
        or that a halt has kept, an hour after it was closed.
        Raises Halted, PriceUnavailable, ExchangeUnavailable: nothing was asked of the exchange.
        """
        batch = store.batch(self.table, batch_id)
        if batch.status is not BatchStatus.CLOSED:
            return self._standing(store.batch(self.table, batch_id))
        plan = self._plan(batch)
        try:
            if isinstance(plan, BatchResult):
                limit = self.catalogue.listing(batch.asset_id).asset.desk_buys_max
                settled(batch, plan, limit, self.now(), lambda writes: self.table.write(*writes))
            else:
                self._place(batch, plan)
        except ExchangeOrderMoved:
            log.info("placed or decided meanwhile", extra={"batch_id": batch_id})
        return self._standing(store.batch(self.table, batch_id))

    def _place(self, batch: Batch, plan: Plan) -> None:
        side, reach = (Side.BUY, "or less") if batch.buys else (Side.SELL, "or more")
        order = self.at_exchange.draft(
            batch.batch_id,
            store.EXCHANGE_ORDER,
            side,
            plan.quantity,
            plan.limit_price,
            price=plan.quote.price,
            band_bps=self.catalogue.listing(batch.asset_id).asset.fill_band_bps,
        )
        at, placed = order.sent_at, BatchStatus.PLACED
        why = f"{plan.quantity} at ${plan.limit_price} {reach}, price ${plan.quote.price} of {plan.quote.source}"
        intent = [
            store.place(batch, plan, at, at + work.SOON),
            store.batch_event(batch.batch_id, batch.status, placed, why, MACHINE, at),
        ]
        self.at_exchange.place(order, Trading(replace(batch, status=placed, plan=plan)), intent)

    def _plan(self, batch: Batch) -> Plan | BatchResult:
        """Raises Halted, PriceUnavailable, ExchangeUnavailable, unless it is too late for them."""
        members = sharing(self.table, batch)
        try:
            listing, now = self.catalogue.listing(batch.asset_id), self.now()
            listing.must_be_active()
            told, rules = self._told(batch, listing.asset, now), self.at_exchange.rules(batch.asset_id)
            planned = members.plan(listing.asset, told or members.quote(listing, now), rules)
            if told is not None and isinstance(planned, BatchResult) and planned.desk_buys is not None:
                # Where no market says what it is worth, the desk's own book buys at no price that is over.
                planned = members.plan(listing.asset, members.quote(listing, now), rules)
            if isinstance(planned, Plan) or planned.desk_buys is not None:  # otherwise all of it is given back
                flow_halts.must_run(self.table, Flow.PURCHASES, batch.asset_id)
            return planned
        except (AssetInactive, MarketUnknown) as no:
            return model.nothing(batch.asset_id, f"not {batch.traded}: {no.detail}")
        except (Halted, PriceUnavailable, ExchangeUnavailable) as silent:
            if self.now() < batch.created_at + PLACE_LIMIT:
                raise
            return model.nothing(batch.asset_id, f"not {batch.traded}: {silent.detail}")

    @staticmethod
    def _told(batch: Batch, asset: Asset, now: datetime) -> Quote | None:
        """The price that the customer of a direct purchase was told, while it may be traded on."""
        quote = batch.quote
        return quote if quote is not None and quote.age_seconds(now) <= asset.price_age_max_seconds else None

    def resolve(self, batch_id: str) -> Standing:
        """Find out whether the exchange has an order that it has not answered for. Where it does not, everybody is
        refunded.

        Raises ExchangeOrderUnresolved: too early to tell; ExchangeUnavailable.
        """
        return self._ask(batch_id, BatchStatus.PLACED, self.at_exchange.resolve)

    def poll(self, batch_id: str) -> Standing:
        """Ask the exchange for the fill, and write it down when it is final.

        Raises ExchangeOrderNotFilled; ExchangeOrderOverdue: not filled in time; ExchangeUnavailable.
        """
        return self._ask(batch_id, BatchStatus.WORKING, self.at_exchange.poll)

    def cancel_order(self, batch_id: str) -> Standing:
        """Cancel what the exchange has not filled in time, and write down what it had.

        Raises ExchangeOrderNotFilled: the exchange has not ended it yet; ExchangeUnavailable.
        """
        return self._ask(batch_id, BatchStatus.WORKING, self.at_exchange.cancel)

    def look_again(self, batch_id: str) -> Standing:
        """The last look for an order that the exchange did not have. What turns up now is the desk's: its members have
        their dollars back.

        Raises ExchangeUnavailable.
        """
        return self._ask(batch_id, BatchStatus.ALLOCATED, self.at_exchange.look_again)

    def _ask(self, batch_id: str, where: BatchStatus, act: Callable[[ExchangeOrder, Trading], object]) -> Standing:
        batch = store.batch(self.table, batch_id)
        if batch.status is where and batch.waits:
            act(self._exchange_order(batch), Trading(batch))
        return self._standing(store.batch(self.table, batch_id))

    def _exchange_order(self, batch: Batch) -> ExchangeOrder:
        return self.at_exchange.existing(batch.batch_id, store.EXCHANGE_ORDER)

    # Allocation

    def allocate(self, batch_id: str, more_time: Callable[[], bool]) -> Standing:
        """Give every member its share, each in a transaction of its own, as long as there is time; then write down
        what is the desk's. May die anywhere and be begun again: no share is given twice.
        """
        batch = store.batch(self.table, batch_id)
        if batch.status is BatchStatus.DECIDED:
            try:
                self._allocate(batch, more_time)
            except BatchMoved:
                log.info("allocated meanwhile", extra={"batch_id": batch_id})
        return self._standing(store.batch(self.table, batch_id))

    def _allocate(self, batch: Batch, more_time: Callable[[], bool]) -> None:
        shared = sharing(self.table, batch).shared()
        refused = []
        for member in shared.due:
            if not more_time():
                return
            try:
                member.give(self.now())
            except AlreadyAllocated:
                log.info("given meanwhile", extra={"order_id": member.order_id})
            except Unavailable:
                raise
            except Refusal as refusal:  # his account is not as it was: the others do not wait for him
                log.error("share not given", extra={"order_id": member.order_id, "why": refusal.detail})
                refused.append(f"{member.order_id}: {refusal.detail}")
        if refused:
            why = f"{len(refused)} members can not get their shares: {refused[0]}"
            self.table.write(store.stop(batch, why, self.now()))
        else:
            self._finish(batch, shared)

    def _finish(self, batch: Batch, shared: Shared) -> None:
        at = self.now()
        lines = [ledger.desk_line(amount, "its part of a batch", batch.batch_id, at) for amount in shared.left]
        why = f"{shared.served} of {shared.number} members have got {'coins' if batch.buys else 'dollars'}"
        allocated = store.batch_event(batch.batch_id, batch.status, BatchStatus.ALLOCATED, why, MACHINE, at)
        self.table.write(store.finish(batch, at, self._look_at(batch)), *lines, allocated)

    def _look_at(self, batch: Batch) -> datetime | None:
        """When to look once more for the batch's exchange order, which the exchange did not have."""
        assert batch.bought is not None
        if batch.plan is None or batch.bought.executed.amount:
            return None
        order = self._exchange_order(batch)
        return order.look_at if order.status in (AtExchange.NEVER, AtExchange.LOST) else None

    # What operators ask

    def void(
        self, batch_id: str, reason: str, operator: str, *, public_reason: str | None = None, dry_run: bool
    ) -> OperatorOutcome:
        """Refund a batch that was not sent, or whose order the exchange has lost; or be done with an order that turned
        up after all, once a person has dealt with it at the exchange. Members of one that was not sent read
        `public_reason`.

        Raises BatchNotFound; BatchNotStuck: the exchange has the order, or may have, or the batch is decided
        already, by an earlier void as well; ExchangeUnavailable, Busy.
        """
        batch = store.batch(self.table, batch_id)
        after, says, writes = self._void(batch, reason, operator, public_reason or model.CALLED_OFF)
        if not dry_run:
            entry = audit.entry(self.table, AuditEntry(self.now(), operator, "batches void", batch_id, reason))
            try:
                self.table.write(*writes, *entry)
            except ExchangeOrderMoved:
                raise BatchNotStuck("the batch has moved meanwhile; look at it again", id=batch_id) from None
            work.drive_now(self.table, self.machines, keys.BATCH(batch_id=batch_id), self.now())
        return OperatorOutcome(batch_id, batch.status, after, done=not dry_run, says=says)

    def _void(
        self, batch: Batch, reason: str, operator: str, public_reason: str
    ) -> tuple[BatchStatus, str, list[Write]]:
        at, placed = self.now(), batch.plan is not None
        order = self._exchange_order(batch) if placed else None
        not_stuck = BatchNotStuck(f"the batch is {batch.status}: there is nothing to void", id=batch.batch_id)
        if not acts.may_void_batch(batch.status, order, at):
            raise not_stuck
        if order is not None and order.status is AtExchange.TURNED_UP:
            dealt_with = replace(order, status=AtExchange.DEALT_WITH, updated_at=at)
            seen_to = store.batch_event(batch.batch_id, batch.status, batch.status, reason, operator, at)
            writes = [store.looked(batch, at), exchange_orders.follow_up(order, dealt_with), seen_to]
            return batch.status, "nothing of it is looked for any more", writes
        if order is None:
            found = model.nothing(batch.asset_id, f"not {batch.traded}: {public_reason}")
            event = store.batch_event(
                batch.batch_id, batch.status, BatchStatus.DECIDED, f"void: {reason}", operator, at
            )
            return BatchStatus.DECIDED, "its members are refunded", [store.decide(batch, found, at), event]
        if self.at_exchange.answers.is_lost(order, at):
            writes = self.at_exchange.lost(order, Trading(batch), f"void: {reason}", operator)
            says = "its members are refunded, and were anything bought, it is the desk's"
            return BatchStatus.DECIDED, says, writes
        raise not_stuck
