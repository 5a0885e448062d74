"""A batch as the parent of its exchange order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from common.domain import work
from common.domain.exchange_orders.model import ExchangeOrder, Fill
from common.domain.exchange_orders.service import Commit
from common.domain.timeline import EXCHANGE, MACHINE
from common.table.transaction import Write
from functions.purchases import model, store
from functions.purchases.model import Batch, BatchResult, BatchStatus


@dataclass(frozen=True)
class Buying:
    """What each move of its exchange order, its `child`, means for the members' dollars of a batch. `batch` is as it
    was read; each write stands under the condition that it still is."""

    batch: Batch

    def on_accepted(self, child: ExchangeOrder) -> list[Write]:
        batch, at = self.batch, child.updated_at
        why = f"{child.exchange} has it as {child.name}, client order id {child.client_order_id}"
        return [
            store.accept(batch, at, child.overdue_at + work.SOON),
            store.batch_event(batch.batch_id, batch.status, BatchStatus.WORKING, why, EXCHANGE, at),
        ]

    def on_refused(self, child: ExchangeOrder) -> list[Write]:
        return self._nothing(child, f"not bought: {child.reason}")

    def on_never(self, child: ExchangeOrder) -> list[Write]:
        evidence = child.evidence
        if evidence is None:
            return self._nothing(child, f"not bought: {child.reason}")
        return self._nothing(child, f"not bought: {child.reason}", str(evidence), evidence.operators)

    def _nothing(self, child: ExchangeOrder, why: str, told: str | None = None, by: str = EXCHANGE) -> list[Write]:
        return decided(self.batch, model.nothing(self.batch.asset_id, why), child.updated_at, told, by)

    def on_lost(self, child: ExchangeOrder, why: str, by: str) -> list[Write]:
        return self._nothing(child, f"not bought: {child.reason}", why, by)

    def on_final(self, child: ExchangeOrder, fill: Fill, at: datetime, commit: Commit) -> None:
        commit(decided(self.batch, model.bought(fill, child.quantity), at, by=fill.by or EXCHANGE))

    def on_turned_up(self, child: ExchangeOrder) -> list[Write]:
        return [store.turned_up(self.batch, child.name, child.updated_at)]

    def on_absent(self, child: ExchangeOrder) -> list[Write]:
        return [store.looked(self.batch, child.updated_at)]

    def on_stopped(self, child: ExchangeOrder, why: str) -> list[Write]:
        batch, at = self.batch, child.updated_at
        event = store.batch_event(batch.batch_id, batch.status, batch.status, f"stopped: {why}", MACHINE, at)
        return [store.stop(batch, why, at), *([] if batch.needs_person else [event])]


def decided(batch: Batch, found: BatchResult, at: datetime, told: str | None = None, by: str = EXCHANGE) -> list[Write]:
    """`told` is for operators, who read more than members do."""
    told = told or found.reason or f"{found.executed} for ${found.gross}, fee ${found.fee}"
    return [
        store.decide(batch, found, at),
        store.batch_event(batch.batch_id, batch.status, BatchStatus.DECIDED, told, by, at),
    ]
