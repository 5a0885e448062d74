"""A batch as the parent of its exchange order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from common.domain.exchange_orders.model import ExchangeOrder, Fill
from common.domain.exchange_orders.service import Commit
from common.domain.timeline import EXCHANGE
from common.table.transaction import Write
from functions.purchases import model, store
from functions.purchases.model import PLACE_DUE, Batch, BatchStatus, Bought


@dataclass(frozen=True)
class Buying:
    """What each move of its exchange order means for the members' dollars of a batch. `batch` is as it was read; each
    write stands under the condition that it still is."""

    batch: Batch

    def on_accepted(self, order: ExchangeOrder) -> list[Write]:
        batch, at = self.batch, order.updated_at
        why = f"{order.exchange} has it as {order.exchange_order_id}, client order id {order.client_order_id}"
        return [
            store.accept(batch, at, order.overdue_at + PLACE_DUE),
            store.batch_event(batch.batch_id, batch.status, BatchStatus.WORKING, why, EXCHANGE, at),
        ]

    def on_refused(self, order: ExchangeOrder) -> list[Write]:
        return self._nothing(order, f"not bought: {order.reason}")

    def on_never(self, order: ExchangeOrder) -> list[Write]:
        return self._nothing(order, f"not bought: {order.reason}")

    def _nothing(self, order: ExchangeOrder, why: str) -> list[Write]:
        return decided(self.batch, model.nothing(self.batch.asset_id, why), order.updated_at)

    def on_final(self, order: ExchangeOrder, fill: Fill, at: datetime, commit: Commit) -> None:
        commit(decided(self.batch, model.bought(fill, order.quantity), at))

    def on_turned_up(self, order: ExchangeOrder) -> list[Write]:
        return [store.turned_up(self.batch, f"order {order.exchange_order_id}", order.updated_at)]

    def on_absent(self, order: ExchangeOrder) -> list[Write]:
        return [store.looked(self.batch, order.updated_at)]


def decided(batch: Batch, found: Bought, at: datetime) -> list[Write]:
    told = found.reason or f"{found.executed} for ${found.gross}, fee ${found.fee}"
    return [
        store.decide(batch, found, at),
        store.batch_event(batch.batch_id, batch.status, BatchStatus.DECIDED, told, EXCHANGE, at),
    ]
