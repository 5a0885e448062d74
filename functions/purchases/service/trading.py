"""A batch as the parent of its exchange order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from common.domain import work
from common.domain.desk_book import store as desk_book
from common.domain.desk_book.model import DeskLimitReached
from common.domain.exchange_orders.model import ExchangeOrder, Fill
from common.domain.exchange_orders.service import Commit
from common.domain.timeline import EXCHANGE, MACHINE
from common.log import log
from common.money import ZERO, Money
from common.table.transaction import Write
from functions.purchases import model, sale_allocation, store
from functions.purchases.model import Batch, BatchResult, BatchStatus


@dataclass(frozen=True)
class Trading:
    """What each move of its exchange order, its `child`, means for what the members of a batch have given. `batch` is
    as it was read; each write stands under the condition that it still is."""

    batch: Batch

    def on_accepted(self, child: ExchangeOrder) -> list[Write]:
        batch, at = self.batch, child.updated_at
        why = f"{child.exchange} has it as {child.name}, client order id {child.client_order_id}"
        return [
            store.accept(batch, at, child.overdue_at + work.SOON),
            store.batch_event(batch.batch_id, batch.status, BatchStatus.WORKING, why, EXCHANGE, at),
        ]

    def on_refused(self, child: ExchangeOrder) -> list[Write]:
        return self._nothing(child, f"not {self.batch.traded}: {child.reason}")

    def on_never(self, child: ExchangeOrder) -> list[Write]:
        evidence = child.evidence
        if evidence is None:
            return self._nothing(child, f"not {self.batch.traded}: {child.reason}")
        return self._nothing(child, f"not {self.batch.traded}: {child.reason}", str(evidence), evidence.operators)

    def _nothing(self, child: ExchangeOrder, why: str, told: str | None = None, by: str = EXCHANGE) -> list[Write]:
        return decided(self.batch, model.nothing(self.batch.asset_id, why), child.updated_at, told, by)

    def on_lost(self, child: ExchangeOrder, why: str, by: str) -> list[Write]:
        return self._nothing(child, f"not {self.batch.traded}: {child.reason}", why, by)

    def on_final(self, child: ExchangeOrder, fill: Fill, at: datetime, commit: Commit) -> None:
        batch, by = self.batch, fill.by or EXCHANGE
        if batch.buys:
            return commit(decided(batch, model.bought(fill, child.quantity), at, by=by))
        assert batch.plan is not None
        sold = sale_allocation.sold(fill, batch.plan)
        limit = ZERO if batch.plan.rest is None else batch.plan.rest.desk_buys_max
        return settled(batch, sold, limit, at, commit, by=by)

    def on_turned_up(self, child: ExchangeOrder) -> list[Write]:
        return [store.turned_up(self.batch, child.name, child.updated_at)]

    def on_absent(self, child: ExchangeOrder) -> list[Write]:
        return [store.looked(self.batch, child.updated_at)]

    def on_stopped(self, child: ExchangeOrder, why: str) -> list[Write]:
        batch, at = self.batch, child.updated_at
        event = store.batch_event(batch.batch_id, batch.status, batch.status, f"stopped: {why}", MACHINE, at)
        return [store.stop(batch, why, at), *([] if batch.needs_person else [event])]


def settled(batch: Batch, found: BatchResult, limit: Money, at: datetime, commit: Commit, by: str = EXCHANGE) -> None:
    """`commit` what a batch of sales has come to, with what the desk's own book buys of it: all within its limit of the
    day, or nothing."""
    if found.desk_buys is None:
        return commit(decided(batch, found, at, by=by))
    try:
        return commit([*decided(batch, found, at, by=by), desk_book.buy(found.desk_buys, limit, at)])
    except DeskLimitReached as reached:
        log.info("not for the desk", extra={"batch_id": batch.batch_id, "why": reached.detail})
        return commit(decided(batch, sale_allocation.without_desk(found), at, by=by))


def decided(batch: Batch, found: BatchResult, at: datetime, told: str | None = None, by: str = EXCHANGE) -> list[Write]:
    """`told` is for operators, who read more than members do."""
    desk = "" if found.desk_buys is None else f"; the desk buys {found.desk_buys.quantity} at ${found.desk_buys.price}"
    told = told or found.reason or f"{found.executed} for ${found.gross}, fee ${found.fee}{desk}"
    fails = not found.executed.amount and found.desk_buys is None
    return [
        store.decide(batch, found, at),
        store.batch_event(batch.batch_id, batch.status, BatchStatus.DECIDED, told, by, at, fails=fails),
    ]
